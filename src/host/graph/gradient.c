/* Reverse-mode differentiation of graphs. Each rule adds nodes that have rules themselves. */
#include <stdlib.h>

#include "base/error.h"
#include "graph/gradient.h"
#include "graph/op.h"

void limn_sweep_flow(struct limn_sweep *s, limn_value to, limn_value g) {
  g = limn_graph_sum(s->graph, g, limn_graph_shape(s->graph, to));
  s->gradients[to] = s->gradients[to] == LIMN_NONE ? g : limn_graph_add(s->graph, s->gradients[to], g);
}

/* x <- g f'(x), expressed through x, or through y = f(x) where that is enough. */
static limn_status unary_rule(struct limn_sweep *s, const limn_node *n, limn_value y, limn_value g) {
  limn_graph *graph = s->graph;
  limn_value x = n->inputs[0], t;
  switch (n->pointwise) {
  case LIMN_PW_AFFINE:
    t = n->alpha == 1 ? g : limn_graph_affine(graph, g, n->alpha, 0);
    break;
  case LIMN_PW_RELU:
    t = limn_graph_binary(graph, LIMN_PW_RELU_GRAD, g, y);
    break;
  case LIMN_PW_LEAKY_RELU:
    t = limn_graph_binary_alpha(graph, LIMN_PW_LEAKY_GRAD, g, y, n->alpha);
    break;
  case LIMN_PW_TANH:
    t = limn_graph_binary(graph, LIMN_PW_TANH_GRAD, g, y);
    break;
  case LIMN_PW_SIGMOID:
    t = limn_graph_binary(graph, LIMN_PW_SIGMOID_GRAD, g, y);
    break;
  case LIMN_PW_SOFTPLUS:
    t = limn_graph_mul(graph, g, limn_graph_unary(graph, LIMN_PW_SIGMOID, x, 0, 0));
    break;
  case LIMN_PW_EXP:
    t = limn_graph_mul(graph, g, y);
    break;
  case LIMN_PW_LOG:
    t = limn_graph_mul(graph, g, limn_graph_unary(graph, LIMN_PW_RECIPROCAL, x, 0, 0));
    break;
  case LIMN_PW_SQUARE:
    t = limn_graph_mul(graph, limn_graph_affine(graph, x, 2, 0), g);
    break;
  case LIMN_PW_SQRT: /* g / (2 y) */
    t = limn_graph_mul(graph, g,
                       limn_graph_affine(graph, limn_graph_unary(graph, LIMN_PW_RECIPROCAL, y, 0, 0), 0.5f, 0));
    break;
  case LIMN_PW_RSQRT: /* -g y^3 / 2 */
    t = limn_graph_mul(graph, limn_graph_mul(graph, limn_graph_unary(graph, LIMN_PW_SQUARE, y, 0, 0), y),
                       limn_graph_affine(graph, g, -0.5f, 0));
    break;
  case LIMN_PW_RECIPROCAL: /* -g y^2 */
    t = limn_graph_mul(graph, limn_graph_unary(graph, LIMN_PW_SQUARE, y, 0, 0), limn_graph_affine(graph, g, -1, 0));
    break;
  case LIMN_PW_ABS:
    t = limn_graph_mul(graph, g, limn_graph_unary(graph, LIMN_PW_SIGN, x, 0, 0));
    break;
  case LIMN_PW_CLAMP:
    t = limn_graph_binary_alpha_beta(graph, LIMN_PW_CLAMP_GRAD, g, y, n->alpha, n->beta);
    break;
  case LIMN_PW_SIGN: /* flat almost everywhere */
  case LIMN_PW_STEP:
    return LIMN_OK;
  default:
    return limn_fail(LIMN_FAILED, "gradient: %s has no rule", limn_op_name(n));
  }
  limn_sweep_flow(s, x, t);
  return LIMN_OK;
}

static limn_status binary_rule(struct limn_sweep *s, const limn_node *n, limn_value g) {
  limn_graph *graph = s->graph;
  limn_value x = n->inputs[0], y = n->inputs[1];
  bool to_x = s->needed[x], to_y = s->needed[y];
  switch (n->pointwise) {
  case LIMN_PW_ADD:
  case LIMN_PW_SUB:
    if (to_x)
      limn_sweep_flow(s, x, g);
    if (to_y)
      limn_sweep_flow(s, y, n->pointwise == LIMN_PW_ADD ? g : limn_graph_affine(graph, g, -1, 0));
    break;
  case LIMN_PW_MUL:
    if (to_x)
      limn_sweep_flow(s, x, limn_graph_mul(graph, g, y));
    if (to_y)
      limn_sweep_flow(s, y, limn_graph_mul(graph, g, x));
    break;
  case LIMN_PW_RELU_GRAD: /* flat in y almost everywhere, as the two below */
  case LIMN_PW_LEAKY_GRAD:
  case LIMN_PW_CLAMP_GRAD:
    if (to_x)
      limn_sweep_flow(s, x, limn_graph_binary_alpha_beta(graph, n->pointwise, g, y, n->alpha, n->beta));
    break;
  case LIMN_PW_TANH_GRAD: /* d/dy: -2 x y */
    if (to_x)
      limn_sweep_flow(s, x, limn_graph_binary(graph, LIMN_PW_TANH_GRAD, g, y));
    if (to_y)
      limn_sweep_flow(s, y, limn_graph_mul(graph, g, limn_graph_mul(graph, limn_graph_affine(graph, x, -2, 0), y)));
    break;
  case LIMN_PW_SIGMOID_GRAD: /* d/dy: x (1 - 2 y) */
    if (to_x)
      limn_sweep_flow(s, x, limn_graph_binary(graph, LIMN_PW_SIGMOID_GRAD, g, y));
    if (to_y)
      limn_sweep_flow(s, y, limn_graph_mul(graph, g, limn_graph_mul(graph, x, limn_graph_affine(graph, y, -2, 1))));
    break;
  default:
    return limn_fail(LIMN_FAILED, "gradient: %s has no rule", limn_op_name(n));
  }
  return LIMN_OK;
}

limn_status limn_pointwise_gradient(struct limn_sweep *s, const limn_node *n, limn_value y, limn_value g) {
  return n->input_count == 1 ? unary_rule(s, n, y, g) : binary_rule(s, n, g);
}

limn_status limn_sum_gradient(struct limn_sweep *s, const limn_node *n, limn_value y, limn_value g) {
  (void)y;
  limn_sweep_flow(s, n->inputs[0], limn_graph_broadcast(s->graph, g, limn_graph_shape(s->graph, n->inputs[0])));
  return LIMN_OK;
}

/* g softmax(x), whose logarithm is x - y. */
limn_status limn_log_sum_exp_gradient(struct limn_sweep *s, const limn_node *n, limn_value y, limn_value g) {
  limn_graph *graph = s->graph;
  limn_value x = n->inputs[0], softmax = limn_graph_unary(graph, LIMN_PW_EXP, limn_graph_sub(graph, x, y), 0, 0);
  limn_sweep_flow(s, x, limn_graph_mul(graph, softmax, g));
  return LIMN_OK;
}

/* The three convolutions are one trilinear form in (x, w, y): each gradient is another of the three. */
limn_status limn_conv_gradient(struct limn_sweep *s, const limn_node *n, limn_value y, limn_value g) {
  (void)y;
  limn_graph *graph = s->graph;
  limn_value a = n->inputs[0], b = n->inputs[1];
  limn_shape sa = limn_graph_shape(graph, a), sb = limn_graph_shape(graph, b);
  bool to_a = s->needed[a], to_b = s->needed[b];
  if (n->op == LIMN_OP_CONV) { /* a = x, b = w */
    if (to_b)
      limn_sweep_flow(s, b, limn_graph_conv_dw(graph, a, g, n->conv, sb));
    if (to_a)
      limn_sweep_flow(s, a, limn_graph_conv_dx(graph, g, b, LIMN_NONE, n->conv, sa));
  } else if (n->op == LIMN_OP_CONV_DX) { /* a = y, b = w; g is like x */
    if (to_b)
      limn_sweep_flow(s, b, limn_graph_conv_dw(graph, g, a, n->conv, sb));
    if (to_a)
      limn_sweep_flow(s, a, limn_graph_conv(graph, g, b, LIMN_NONE, n->conv));
  } else { /* a = x, b = y; g is like w */
    if (to_a)
      limn_sweep_flow(s, a, limn_graph_conv_dx(graph, b, g, LIMN_NONE, n->conv, sa));
    if (to_b)
      limn_sweep_flow(s, b, limn_graph_conv(graph, a, g, LIMN_NONE, n->conv));
  }
  if (n->input_count > 2 && s->needed[n->inputs[2]])
    limn_sweep_flow(s, n->inputs[2], g);
  return LIMN_OK;
}

limn_status limn_stack_gradient(struct limn_sweep *s, const limn_node *n, limn_value y, limn_value g) {
  (void)y;
  int32_t row = 0;
  for (int i = 0; i < 2; ++i) {
    int32_t count = limn_graph_shape(s->graph, n->inputs[i]).n;
    if (s->needed[n->inputs[i]])
      limn_sweep_flow(s, n->inputs[i], limn_graph_rows(s->graph, g, row, count));
    row += count;
  }
  return LIMN_OK;
}

/* The gradient of the other rows is 0. */
limn_status limn_rows_gradient(struct limn_sweep *s, const limn_node *n, limn_value y, limn_value g) {
  (void)y;
  limn_shape before = limn_graph_shape(s->graph, n->inputs[0]), behind = before;
  behind.n -= n->row + n->shape.n;
  before.n = n->row;
  if (before.n > 0)
    g = limn_graph_stack(s->graph, limn_graph_fill(s->graph, before, 0), g);
  if (behind.n > 0)
    g = limn_graph_stack(s->graph, g, limn_graph_fill(s->graph, behind, 0));
  limn_sweep_flow(s, n->inputs[0], g);
  return LIMN_OK;
}

limn_status limn_concat_gradient(struct limn_sweep *s, const limn_node *n, limn_value y, limn_value g) {
  (void)y;
  int32_t channel = 0;
  for (int i = 0; i < n->input_count; ++i) {
    int32_t count = limn_graph_shape(s->graph, n->inputs[i]).c;
    if (s->needed[n->inputs[i]])
      limn_sweep_flow(s, n->inputs[i], limn_graph_slice(s->graph, g, channel, count));
    channel += count;
  }
  return LIMN_OK;
}

/* The gradient of the other channels is 0. */
limn_status limn_slice_gradient(struct limn_sweep *s, const limn_node *n, limn_value y, limn_value g) {
  (void)y;
  limn_shape before = limn_graph_shape(s->graph, n->inputs[0]), behind = before;
  limn_value parts[3];
  int count = 0;
  behind.c -= n->channel + n->shape.c;
  before.c = n->channel;
  if (before.c > 0)
    parts[count++] = limn_graph_fill(s->graph, before, 0);
  parts[count++] = g;
  if (behind.c > 0)
    parts[count++] = limn_graph_fill(s->graph, behind, 0);
  limn_sweep_flow(s, n->inputs[0], count > 1 ? limn_graph_concat(s->graph, parts, count) : g);
  return LIMN_OK;
}

/* Whether `leaf` was written after node `since`: then backward would read a newer value than forward did. */
static bool updated_since(const limn_graph *graph, limn_value leaf, limn_value since) {
  for (int i = since + 1; i < limn_graph_count(graph); ++i) {
    const limn_node *n = limn_graph_node(graph, i);
    for (int t = 0; t < n->target_count; ++t)
      if (n->targets[t] == leaf)
        return true;
  }
  return false;
}

static limn_status visit(struct limn_sweep *s, limn_value v) {
  limn_node n = *limn_graph_node(s->graph, v); /* a copy: rules grow the node array */
  limn_value g = s->gradients[v];
  bool leads_on = false; /* else v is itself what the gradient is wanted of, and the sweep ends here */
  for (int i = 0; i < n.input_count; ++i)
    leads_on = leads_on || s->needed[n.inputs[i]];
  if (!leads_on)
    return LIMN_OK;
  for (int i = 0; i < n.input_count; ++i) {
    const limn_node *input = limn_graph_node(s->graph, n.inputs[i]);
    if (input->op == LIMN_OP_LEAF && updated_since(s->graph, n.inputs[i], v))
      return limn_fail(LIMN_USAGE, "gradient: %s was updated after %s used it; take gradients before updates",
                       input->name, limn_op_name(&n));
  }
  const limn_op_row *row = limn_op_row_of(n.op);
  return row->gradient ? row->gradient(s, &n, v, g)
                       : limn_fail(LIMN_USAGE, "gradient: %s cannot be differentiated", limn_op_name(&n));
}

/* Nodes from `first` on, and what the gradient is wanted of. */
static void mark_needed(struct limn_sweep *s, limn_value first, int count, const limn_value *wrt, int wrt_count) {
  for (int i = 0; i < wrt_count; ++i)
    s->needed[wrt[i]] = true;
  for (limn_value v = first; v < count; ++v) {
    const limn_node *n = limn_graph_node(s->graph, v);
    for (int i = 0; i < n->input_count && !n->held; ++i)
      s->needed[v] = s->needed[v] || s->needed[n->inputs[i]];
  }
}

/* From `from`, whose gradient is `gradient` (LIMN_NONE: 1), back to node `first`. */
static limn_status sweep(limn_graph *graph, limn_value first, limn_value from, limn_value gradient,
                         const limn_value *wrt, int count, limn_value *out) {
  const int size = limn_graph_count(graph);
  struct limn_sweep s = {.graph = graph,
                         .needed = calloc((size_t)size, sizeof *s.needed),
                         .gradients = malloc((size_t)size * sizeof *s.gradients)};
  limn_status status = LIMN_OK;
  if (!s.needed || !s.gradients) {
    status = limn_fail_memory("a gradient");
    goto cleanup;
  }
  for (int i = 0; i < size; ++i)
    s.gradients[i] = LIMN_NONE;
  mark_needed(&s, first, size, wrt, count);
  if (s.needed[from])
    s.gradients[from] = gradient != LIMN_NONE ? gradient : limn_graph_fill(graph, LIMN_SCALAR, 1);
  for (limn_value v = from; v >= first; --v)
    if (s.needed[v] && s.gradients[v] != LIMN_NONE)
      LIMN_TRY_OR_CLEANUP(status, visit(&s, v));
  for (int i = 0; i < count; ++i)
    out[i] = s.gradients[wrt[i]];
  status = limn_graph_status(graph);
cleanup:
  free(s.gradients);
  free(s.needed);
  return status;
}

limn_status limn_sweep_through(limn_graph *graph, limn_value first, limn_value output, limn_value gradient,
                               const limn_value *inputs, int count, limn_value *out) {
  LIMN_TRY(limn_graph_status(graph));
  return sweep(graph, first, output, gradient, inputs, count, out);
}

/* Values of the graph, not updates. */
static limn_status check_values(const limn_graph *graph, limn_value loss, const limn_value *wrt, int count) {
  for (int i = -1; i < count; ++i) {
    limn_value v = i < 0 ? loss : wrt[i];
    if (v < 0 || v >= limn_graph_count(graph) || !limn_graph_shape(graph, v).n)
      return limn_fail(LIMN_USAGE, "gradient: %s %d is no value of this graph", i < 0 ? "the loss" : "parameter",
                       i < 0 ? v : i);
  }
  return LIMN_OK;
}

limn_status limn_graph_gradient(limn_graph *graph, limn_value loss, const limn_value *wrt, int count, limn_value *out) {
  LIMN_TRY(limn_graph_status(graph));
  LIMN_TRY(check_values(graph, loss, wrt, count));
  if (!limn_shape_equal(limn_graph_shape(graph, loss), LIMN_SCALAR))
    return limn_fail(LIMN_USAGE, "gradient: the loss has the shape " LIMN_SHAPE_FORMAT ", not a scalar's",
                     LIMN_SHAPE_ARGS(limn_graph_shape(graph, loss)));
  LIMN_TRY(sweep(graph, 0, loss, LIMN_NONE, wrt, count, out));
  for (int i = 0; i < count; ++i)
    if (out[i] == LIMN_NONE)
      out[i] = limn_graph_fill(graph, limn_graph_shape(graph, wrt[i]), 0);
  return limn_graph_status(graph);
}
