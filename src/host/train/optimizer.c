#include "train/optimizer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "train/course.h"

#define LONGEST_NAME   160
#define SUM            "sum." /* before a parameter's name: its summed gradient */
#define SCALE_INTERVAL 2000   /* steps, as Micikevicius et al. 2018 and PyTorch's GradScaler */

/* One loss and the parameters that it is to move. */
struct minimization {
  limn_value loss, gate;
  limn_value latched;                           /* what has to be finite beside the norm; LIMN_NONE: nothing */
  limn_value scale, good_steps;                 /* of fp16; LIMN_NONE: there is no loss scale */
  limn_value *parameters, *gradients, *squares; /* (count) */
  int count;
  limn_value norm; /* of the gradient */
};

/* The parameters to train, in order of their leaves; their number in *count. The array is the caller's. */
static limn_value *find_parameters(const limn_graph *graph, const char *prefix, int *count) {
  int nodes = limn_graph_count(graph);
  limn_value *found = malloc(((size_t)nodes + 1) * sizeof *found);
  *count = 0;
  for (int v = 0; found && v < nodes; ++v) {
    const limn_node *n = limn_graph_node(graph, v);
    if (n->op == LIMN_OP_LEAF && n->role == LIMN_ROLE_PARAMETER && strncmp(n->name, prefix, strlen(prefix)) == 0)
      found[(*count)++] = v;
  }
  return found;
}

/* All sums of squares first, so that they stand side by side. */
static limn_value norm_of(limn_graph *graph, const limn_value *gradients, limn_value *squares, int count) {
  limn_value total = LIMN_NONE;
  for (int i = 0; i < count; ++i)
    squares[i] = limn_graph_sum_all(graph, limn_graph_unary(graph, LIMN_PW_SQUARE, gradients[i], 0, 0));
  for (int i = 0; i < count; ++i)
    total = i ? limn_graph_add(graph, total, squares[i]) : squares[i];
  return limn_graph_unary(graph, LIMN_PW_SQRT, total, 0, 0);
}

/* min(1, largest / norm), as 1 - relu(1 - largest / norm). */
static limn_value clip_scale(limn_graph *graph, limn_value norm, double largest) {
  if (largest == 0)
    return limn_graph_fill(graph, LIMN_SCALAR, 1);
  limn_value inverse = limn_graph_unary(graph, LIMN_PW_RECIPROCAL, limn_graph_affine(graph, norm, 1, 1e-6f), 0, 0);
  limn_value missing =
      limn_graph_unary(graph, LIMN_PW_RELU, limn_graph_affine(graph, inverse, (float)-largest, 1), 0, 0);
  return limn_graph_affine(graph, missing, -1, 1);
}

static limn_value moment(limn_graph *graph, limn_value w, const char *suffix) {
  char name[LONGEST_NAME];
  const limn_node *leaf = limn_graph_node(graph, w);
  snprintf(name, sizeof name, "optimizer.%s.%s", leaf->name, suffix);
  return limn_graph_leaf(graph, LIMN_ROLE_OPTIMIZER, name, leaf->shape);
}

/* A state of the optimiser that is one number. */
static limn_value scalar_state(limn_graph *graph, const char *name, const char *prefix) {
  char leaf[LONGEST_NAME];
  snprintf(leaf, sizeof leaf, "optimizer.%s.%s", name, prefix[0] ? prefix : "all");
  return limn_graph_leaf(graph, LIMN_ROLE_OPTIMIZER, leaf, LIMN_SCALAR);
}

limn_value limn_optimizer_loss_scale(limn_graph *graph, const limn_config *config, const char *prefix) {
  return strcmp(config->precision, "fp16") == 0 ? scalar_state(graph, LIMN_LOSS_SCALE, prefix) : LIMN_NONE;
}

/* 0 x + 1 is 1, or a NaN. */
limn_value limn_optimizer_finite(limn_graph *graph, limn_value x) {
  return limn_graph_unary(graph, LIMN_PW_STEP, limn_graph_affine(graph, x, 0, 1), 0, 0);
}

/* Halves the scale after a gradient that overflowed, doubles it after SCALE_INTERVAL that did not. */
static void add_scale_update(limn_graph *graph, limn_value scale, limn_value good_steps, limn_value fits) {
  limn_value grows =
      limn_graph_unary(graph, LIMN_PW_STEP, limn_graph_affine(graph, good_steps, 1, 1.5f - SCALE_INTERVAL), 0, 0);
  /* factor = fits (1 + grows) + (1 - fits) / 2, and not below 1 */
  limn_value factor =
      limn_graph_affine(graph, limn_graph_mul(graph, fits, limn_graph_affine(graph, grows, 1, 0.5f)), 1, 0.5f);
  limn_value above = limn_graph_affine(graph, limn_graph_mul(graph, scale, factor), 1, -1);
  limn_value next = limn_graph_affine(graph, limn_graph_unary(graph, LIMN_PW_RELU, above, 0, 0), 1, 1);
  limn_value kept = limn_graph_mul(graph, fits, limn_graph_affine(graph, grows, -1, 1));
  limn_value count = limn_graph_mul(graph, kept, limn_graph_affine(graph, good_steps, 1, 1));
  limn_graph_assign(graph, scale, next);
  limn_graph_assign(graph, good_steps, count);
}

static void add_update(limn_graph *graph, const limn_config *config, limn_value w, limn_optimizer_inputs inputs) {
  if (config->optimizer == LIMN_OPTIMIZER_SGD) {
    limn_value buffer = config->momentum != 0 ? moment(graph, w, "momentum") : LIMN_NONE;
    limn_graph_sgd(graph, w, buffer, inputs, (float)config->momentum, (float)config->weight_decay);
    return;
  }
  limn_adam_attrs attrs = {.beta1 = (float)config->beta1,
                           .beta2 = (float)config->beta2,
                           .eps = (float)config->eps,
                           .weight_decay = (float)config->weight_decay,
                           .decoupled = config->optimizer == LIMN_OPTIMIZER_ADAMW};
  limn_graph_adam(graph, w, moment(graph, w, "m"), moment(graph, w, "v"), inputs, attrs);
}

static bool is_pretrained(const limn_graph *graph, limn_value w) {
  return strncmp(limn_graph_node(graph, w)->name, LIMN_PRETRAINED ".", sizeof LIMN_PRETRAINED) == 0;
}

/* The leaves, latch and updates once the gradients are there. With a loss scale, *norm is that of the scaled gradients
 * before and of the true ones afterwards, 0 where they overflowed. */
static void add_updates(limn_graph *graph, const limn_config *config, const char *prefix, struct minimization *m) {
  char name[LONGEST_NAME];
  snprintf(name, sizeof name, "hyper.%s", prefix);
  limn_value norm = norm_of(graph, m->gradients, m->squares, m->count), unscale = LIMN_NONE, fits = LIMN_NONE,
             gate = m->gate;
  bool scaled = m->scale != LIMN_NONE;
  if (scaled) {
    fits = limn_optimizer_finite(graph, norm);
    unscale = limn_graph_unary(graph, LIMN_PW_RECIPROCAL, m->scale, 0, 0);
    norm = limn_graph_binary(graph, LIMN_PW_RELU_GRAD, limn_graph_mul(graph, norm, unscale), fits);
  }
  m->norm = norm;
  limn_value scale = clip_scale(graph, norm, config->clip);
  if (scaled)
    scale = limn_graph_mul(graph, scale, unscale);
  if (m->latched != LIMN_NONE)
    limn_graph_latch(graph, m->gate, m->latched);
  if (scaled)
    gate = limn_graph_add(graph, m->gate, limn_graph_affine(graph, fits, -1, 1));
  else
    limn_graph_latch(graph, m->gate, norm);
  limn_optimizer_inputs inputs = {
      .hyper = limn_graph_leaf(graph, LIMN_ROLE_INPUT, name, LIMN_CHANNELS(4)), .scale = scale, .gate = gate};
  const limn_value rate = inputs.hyper;
  for (int i = 0; i < m->count; ++i) {
    inputs.gradient = m->gradients[i];
    inputs.hyper = is_pretrained(graph, m->parameters[i])
                       ? limn_graph_leaf(graph, LIMN_ROLE_INPUT, LIMN_PRETRAINED_RATE, LIMN_CHANNELS(4))
                       : rate;
    add_update(graph, config, m->parameters[i], inputs);
  }
  if (scaled)
    add_scale_update(graph, m->scale, m->good_steps, fits);
}

static void release(struct minimization *m) {
  free(m->parameters);
  free(m->gradients);
  free(m->squares);
}

/* With room for `count` parameters, and the leaves of the loss scale. */
static limn_status begin(struct minimization *m, limn_graph *graph, const limn_config *config, const char *prefix) {
  const size_t room = (size_t)m->count + 1;
  m->gradients = malloc(room * sizeof *m->gradients);
  m->squares = malloc(room * sizeof *m->squares);
  if (!m->parameters || !m->gradients || !m->squares)
    return limn_fail_memory("a training step");
  m->scale = limn_optimizer_loss_scale(graph, config, prefix);
  m->good_steps = m->scale != LIMN_NONE ? scalar_state(graph, "loss_scale_steps", prefix) : LIMN_NONE;
  return LIMN_OK;
}

/* Gradients of `part` of the loss, times its scale. */
static limn_status take_gradients(struct minimization *m, limn_graph *graph, float part) {
  limn_value minimized = part == 1 ? m->loss : limn_graph_affine(graph, m->loss, part, 0);
  if (m->scale != LIMN_NONE)
    minimized = limn_graph_mul(graph, minimized, m->scale);
  return limn_graph_gradient(graph, minimized, m->parameters, m->count, m->gradients);
}

limn_status limn_optimizer_minimize(limn_graph *graph, const limn_config *config, limn_value loss, limn_value latched,
                                    const char *prefix, limn_value gate, limn_value *norm) {
  struct minimization m = {.loss = loss, .gate = gate, .latched = latched};
  m.parameters = find_parameters(graph, prefix, &m.count);
  limn_status status = begin(&m, graph, config, prefix);
  if (status == LIMN_OK)
    status = take_gradients(&m, graph, 1);
  if (status == LIMN_OK) {
    add_updates(graph, config, prefix, &m);
    *norm = m.norm;
    status = limn_graph_status(graph);
  }
  release(&m);
  return status;
}

static limn_value sum_of(limn_graph *graph, limn_value w) {
  char name[LONGEST_NAME];
  const limn_node *leaf = limn_graph_node(graph, w);
  snprintf(name, sizeof name, SUM "%s", leaf->name);
  return limn_graph_leaf(graph, LIMN_ROLE_SUM, name, leaf->shape);
}

limn_status limn_optimizer_gather(limn_graph *graph, const limn_config *config, limn_value loss, limn_value latched,
                                  const char *prefix, limn_value gate) {
  struct minimization m = {.loss = loss, .gate = gate};
  m.parameters = find_parameters(graph, prefix, &m.count);
  limn_status status = begin(&m, graph, config, prefix);
  if (status == LIMN_OK)
    status = take_gradients(&m, graph, 1.0f / (float)config->accumulate);
  if (status == LIMN_OK) {
    if (latched != LIMN_NONE)
      limn_graph_latch(graph, gate, latched);
    /* sum - (-1) gradient: in place, and all tensors in one launch */
    limn_optimizer_inputs inputs = {
        .hyper = limn_graph_fill(graph, LIMN_CHANNELS(4), -1), .scale = LIMN_NONE, .gate = LIMN_NONE};
    for (int i = 0; i < m.count; ++i) {
      inputs.gradient = m.gradients[i];
      limn_graph_sgd(graph, sum_of(graph, m.parameters[i]), LIMN_NONE, inputs, 0, 0);
    }
    status = limn_graph_status(graph);
  }
  release(&m);
  return status;
}

/* The parameters that have a sum, as leaves of a graph without networks. */
static void find_summed(struct minimization *m, limn_graph *graph, const limn_store *store, const char *prefix) {
  m->parameters = malloc((limn_store_count(store) + 1) * sizeof *m->parameters);
  for (size_t i = 0; m->parameters && i < limn_store_count(store); ++i) {
    const char *name;
    const limn_tensor *tensor = limn_store_at(store, i, &name);
    if (tensor->role != LIMN_ROLE_SUM || strncmp(name + strlen(SUM), prefix, strlen(prefix)) != 0)
      continue;
    limn_value w = limn_graph_leaf(graph, LIMN_ROLE_PARAMETER, name + strlen(SUM), tensor->shape);
    limn_graph_set_form(graph, w, limn_store_find(store, name + strlen(SUM))->form);
    m->parameters[m->count++] = w;
  }
}

limn_status limn_optimizer_apply(limn_graph *graph, const limn_config *config, const limn_store *store,
                                 const char *prefix, limn_value gate, limn_value *norm) {
  struct minimization m = {.loss = LIMN_NONE, .gate = gate, .latched = LIMN_NONE};
  find_summed(&m, graph, store, prefix);
  limn_status status = begin(&m, graph, config, prefix);
  if (status == LIMN_OK) {
    for (int i = 0; i < m.count; ++i)
      m.gradients[i] = sum_of(graph, m.parameters[i]);
    add_updates(graph, config, prefix, &m);
    *norm = m.norm;
    limn_value zero = limn_graph_fill(graph, LIMN_SCALAR, 0);
    for (int i = 0; i < m.count; ++i) /* 0 also where it has overflowed, and laid out as the sum is */
      limn_graph_assign(graph, m.gradients[i], limn_graph_binary(graph, LIMN_PW_RELU_GRAD, m.gradients[i], zero));
    status = limn_graph_status(graph);
  }
  release(&m);
  return status;
}

static double scheduled(const limn_config *config, uint64_t step, uint64_t horizon) {
  double warm = config->warmup > 0 && step < (uint64_t)config->warmup ? (double)(step + 1) / (double)config->warmup : 1;
  double done = horizon ? (double)(step < horizon ? step : horizon) / (double)horizon : 0;
  switch (config->schedule) {
  case LIMN_SCHEDULE_LINEAR:
    return warm * (1 - done * (1 - config->lr_end));
  case LIMN_SCHEDULE_COSINE:
    return warm * limn_course_cosine(1, config->lr_end, step, horizon);
  default:
    return warm;
  }
}

void limn_optimizer_hyper(const limn_config *config, double lr, uint64_t step, uint64_t index, uint64_t horizon,
                          float hyper[4]) {
  const double last = config->beta2_end > 0 ? config->beta2_end : config->beta2;
  const double beta2 = limn_course_cosine(config->beta2, last, step, horizon), updates = (double)(index + 1);
  hyper[0] = (float)(lr * scheduled(config, step, horizon));
  hyper[1] = (float)(1 - pow(config->beta1, updates));
  hyper[2] = (float)(1 - pow(beta2, updates));
  hyper[3] = (float)(beta2 - config->beta2);
}
