#include "train/optimizer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define PI           3.14159265358979323846
#define LONGEST_NAME 160

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

static limn_value norm_of(limn_graph *graph, const limn_value *gradients, int count) {
  limn_value total = LIMN_NONE;
  for (int i = 0; i < count; ++i) {
    limn_value squares = limn_graph_sum_all(graph, limn_graph_unary(graph, LIMN_PW_SQUARE, gradients[i], 0, 0));
    total = i ? limn_graph_add(graph, total, squares) : squares;
  }
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

limn_status limn_optimizer_minimize(limn_graph *graph, const limn_config *config, limn_value loss, const char *prefix,
                                    limn_value gate, limn_value *norm) {
  int count;
  limn_value *parameters = find_parameters(graph, prefix, &count);
  limn_value *gradients = malloc(((size_t)count + 1) * sizeof *gradients);
  limn_status status = parameters && gradients ? LIMN_OK : limn_fail_memory("a training step");
  if (status == LIMN_OK)
    status = limn_graph_gradient(graph, loss, parameters, count, gradients);
  if (status == LIMN_OK) {
    char name[LONGEST_NAME];
    snprintf(name, sizeof name, "hyper.%s", prefix);
    *norm = norm_of(graph, gradients, count);
    limn_graph_latch(graph, gate, loss);
    limn_graph_latch(graph, gate, *norm);
    limn_optimizer_inputs inputs = {.hyper = limn_graph_leaf(graph, LIMN_ROLE_INPUT, name, LIMN_CHANNELS(4)),
                                    .scale = clip_scale(graph, *norm, config->clip),
                                    .gate = gate};
    for (int i = 0; i < count; ++i) {
      inputs.gradient = gradients[i];
      add_update(graph, config, parameters[i], inputs);
    }
    status = limn_graph_status(graph);
  }
  free(parameters);
  free(gradients);
  return status;
}

static double scheduled(const limn_config *config, uint64_t step, uint64_t horizon) {
  double warm = config->warmup > 0 && step < (uint64_t)config->warmup ? (double)(step + 1) / (double)config->warmup : 1;
  double done = horizon ? (double)(step < horizon ? step : horizon) / (double)horizon : 0;
  switch (config->schedule) {
  case LIMN_SCHEDULE_LINEAR:
    return warm * (1 - done);
  case LIMN_SCHEDULE_COSINE: /* Loshchilov & Hutter 2017, equation 5, one period down to 0 */
    return warm * 0.5 * (1 + cos(PI * done));
  default:
    return warm;
  }
}

void limn_optimizer_hyper(const limn_config *config, double lr, uint64_t step, uint64_t horizon, float hyper[4]) {
  hyper[0] = (float)(lr * scheduled(config, step, horizon));
  hyper[1] = (float)(1 - pow(config->beta1, (double)(step + 1)));
  hyper[2] = (float)(1 - pow(config->beta2, (double)(step + 1)));
  hyper[3] = 0;
}
