/* Batch normalisation: its gradient is two ops of its own, and theirs is that of what they are made of. */
#include "base/error.h"
#include "graph/gradient.h"
#include "graph/op.h"

/* Ioffe & Szegedy 2015, section 3. */
limn_status limn_batchnorm_gradient(struct limn_sweep *s, const limn_node *n, limn_value y, limn_value g) {
  (void)y;
  limn_value x = n->inputs[0], gamma = n->inputs[1], beta = n->inputs[2];
  if (s->needed[gamma])
    limn_sweep_flow(s, gamma,
                    limn_graph_append(s->graph, &(limn_node){.op = LIMN_OP_BATCHNORM_DGAMMA,
                                                             .shape = LIMN_CHANNELS(n->shape.c),
                                                             .input_count = 2,
                                                             .inputs = {x, g},
                                                             .alpha = n->alpha,
                                                             .groups = n->groups}));
  if (s->needed[x])
    limn_sweep_flow(s, x,
                    limn_graph_append(s->graph, &(limn_node){.op = LIMN_OP_BATCHNORM_BACKWARD,
                                                             .shape = n->shape,
                                                             .input_count = 3,
                                                             .inputs = {x, gamma, g},
                                                             .alpha = n->alpha,
                                                             .groups = n->groups}));
  if (s->needed[beta])
    limn_sweep_flow(s, beta, g);
  return LIMN_OK;
}

/* One group of a batch: what backward is made of. */
struct group {
  limn_value dy, hat, inverse; /* inverse: 1 / sqrt(variance + eps) */
  float share;                 /* 1 / values a channel */
};

/* The mean over all but channels. */
static limn_value mean_of(limn_graph *graph, limn_value x, float share) {
  return limn_graph_affine(graph, limn_graph_sum(graph, x, LIMN_CHANNELS(limn_graph_shape(graph, x).c)), share, 0);
}

static struct group compose_group(limn_graph *graph, const limn_node *n, int32_t k, limn_value x, limn_value dy) {
  const int32_t rows = limn_graph_shape(graph, x).n / n->groups;
  if (n->groups > 1) {
    x = limn_graph_rows(graph, x, k * rows, rows);
    dy = limn_graph_rows(graph, dy, k * rows, rows);
  }
  const limn_shape s = limn_graph_shape(graph, x);
  struct group group = {.dy = dy, .share = 1 / ((float)s.n * (float)s.h * (float)s.w)};
  const limn_value centred = limn_graph_sub(graph, x, mean_of(graph, x, group.share));
  const limn_value variance = mean_of(graph, limn_graph_unary(graph, LIMN_PW_SQUARE, centred, 0, 0), group.share);
  group.inverse = limn_graph_unary(graph, LIMN_PW_RSQRT, variance, n->alpha, 0);
  group.hat = limn_graph_mul(graph, centred, group.inverse);
  return group;
}

/* dx = gamma / sigma (dy - mean(dy) - hat mean(dy hat)) */
static limn_value compose_backward(limn_graph *graph, const limn_node *n) {
  limn_value dx = LIMN_NONE;
  for (int32_t k = 0; k < n->groups; ++k) {
    const struct group p = compose_group(graph, n, k, n->inputs[0], n->inputs[2]);
    const limn_value along = mean_of(graph, limn_graph_mul(graph, p.dy, p.hat), p.share);
    const limn_value centred = limn_graph_sub(graph, p.dy, mean_of(graph, p.dy, p.share));
    const limn_value part = limn_graph_mul(graph, limn_graph_sub(graph, centred, limn_graph_mul(graph, p.hat, along)),
                                           limn_graph_mul(graph, n->inputs[1], p.inverse));
    dx = dx == LIMN_NONE ? part : limn_graph_stack(graph, dx, part);
  }
  return dx;
}

/* sum(dy hat) over all groups */
static limn_value compose_dgamma(limn_graph *graph, const limn_node *n) {
  limn_value sum = LIMN_NONE;
  for (int32_t k = 0; k < n->groups; ++k) {
    const struct group p = compose_group(graph, n, k, n->inputs[0], n->inputs[1]);
    const limn_value part = limn_graph_sum(graph, limn_graph_mul(graph, p.dy, p.hat), n->shape);
    sum = sum == LIMN_NONE ? part : limn_graph_add(graph, sum, part);
  }
  return sum;
}

/* Into each input once, though it be two of them: x may be dy. */
static limn_status flow_through(struct limn_sweep *s, const limn_node *n, limn_value first, limn_value composed,
                                limn_value g) {
  limn_value inputs[LIMN_MAX_INPUTS] = {0}, gradients[LIMN_MAX_INPUTS];
  int count = 0;
  for (int i = 0; i < n->input_count; ++i) {
    bool wanted = s->needed[n->inputs[i]];
    for (int k = 0; k < count; ++k)
      wanted = wanted && inputs[k] != n->inputs[i];
    if (wanted)
      inputs[count++] = n->inputs[i];
  }
  LIMN_TRY(limn_sweep_through(s->graph, first, composed, g, inputs, count, gradients));
  for (int k = 0; k < count; ++k)
    if (gradients[k] != LIMN_NONE)
      limn_sweep_flow(s, inputs[k], gradients[k]);
  return LIMN_OK;
}

limn_status limn_batchnorm_backward_gradient(struct limn_sweep *s, const limn_node *n, limn_value y, limn_value g) {
  (void)y;
  const limn_value first = limn_graph_count(s->graph);
  return flow_through(s, n, first, compose_backward(s->graph, n), g);
}

limn_status limn_batchnorm_dgamma_gradient(struct limn_sweep *s, const limn_node *n, limn_value y, limn_value g) {
  (void)y;
  const limn_value first = limn_graph_count(s->graph);
  return flow_through(s, n, first, compose_dgamma(s->graph, n), g);
}
