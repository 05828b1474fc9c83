#include "comparison.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "reference/reference.h"
#include "tolerance.h"

/* Half a unit is a correct rounding; the rest is for a double formula that rounds differently before. */
#define ROUNDING_LIMIT 0.501

typedef struct comparison {
  const op_case *c;
  const comparison_options *options;
  op_setup setup;
  op_execution device, reference;
  double *units; /* (count) */
  float **first; /* (count) what leaves held after the first run */
  double worst;
  bool too_large;
} comparison;

/* Leaves of bytes cannot be read, and nothing but the host writes them. */
static bool is_compared(const comparison *k, limn_value v) {
  return k->device.leaves[v] && k->device.leaves[v]->role != LIMN_ROLE_PICTURES;
}

static int64_t leaf_count(const comparison *k, limn_value v) {
  return limn_shape_count(limn_graph_shape(k->setup.built.graph, v));
}

static limn_status compare_leaf(comparison *k, limn_value v, const float *device, const char *when) {
  const limn_node *node = limn_graph_node(k->setup.built.graph, v);
  const double *reference = reference_tensor_data(k->reference.leaves[v]);
  double allowed = k->options->constant * TOLERANCE_UNIT * k->units[v];
  double error = tolerance_error(device, reference, leaf_count(k, v));
  if (k->c->flags & CASE_ROUNDED) {
    allowed = k->units[v] > 0 ? ROUNDING_LIMIT : 0;
    error = tolerance_rounding(device, reference, leaf_count(k, v));
  }
  if (error > 0 && allowed > 0)
    k->worst = fmax(k->worst, error / allowed);
  if (error <= allowed)
    return LIMN_OK;
  if (allowed == 0)
    return limn_fail(LIMN_FAILED, "%s: %s changed, though nothing writes it", when, node->name);
  return limn_fail(LIMN_FAILED, "%s: %s is off by %.3g, allowed is %.3g", when, node->name, error, allowed);
}

/* Whether a value of the run before is finite and yet more than the device's types hold. */
static bool is_too_large(const comparison *k) {
  double largest = k->options->largest;
  for (limn_value v = 0; largest > 0 && v < k->setup.count; ++v) {
    const double *values = k->reference.leaves[v] ? reference_tensor_data(k->reference.leaves[v])
                                                  : reference_program_value(k->reference.program, v);
    for (int64_t i = 0; values && i < leaf_count(k, v); ++i)
      if (isfinite(values[i]) && fabs(values[i]) > largest)
        return true;
  }
  return false;
}

/* Runs both, compares every leaf, and keeps the device's in first[] if asked to. */
static limn_status run_and_compare(comparison *k, uint64_t step, bool keep, const char *when) {
  LIMN_TRY(limn_program_run(k->device.program, step));
  LIMN_TRY(limn_program_run(k->reference.program, step));
  k->too_large = k->too_large || is_too_large(k);
  if (k->too_large)
    return LIMN_OK;
  tolerance_advance(k->setup.built.graph, k->options->winograd, k->units);
  for (limn_value v = 0; v < k->setup.count; ++v) {
    if (!is_compared(k, v))
      continue;
    float *values = malloc((size_t)leaf_count(k, v) * sizeof *values);
    if (!values)
      return limn_fail_memory("a result to compare");
    limn_status status = limn_tensor_download(k->device.leaves[v], values);
    if (status == LIMN_OK)
      status = compare_leaf(k, v, values, when);
    if (keep)
      k->first[v] = values;
    else
      free(values);
    LIMN_TRY(status);
  }
  return LIMN_OK;
}

/* A second time from the start: nothing may be left in buffers from the runs before. */
static limn_status run_again(comparison *k) {
  LIMN_TRY(op_execution_load(&k->device));
  if (k->options->any_order) {
    LIMN_TRY(op_execution_load(&k->reference));
    return run_and_compare(k, k->c->step, false, "a repeated run");
  }
  LIMN_TRY(limn_program_run(k->device.program, k->c->step));
  for (limn_value v = 0; v < k->setup.count; ++v) {
    if (!is_compared(k, v))
      continue;
    size_t bytes = (size_t)leaf_count(k, v) * sizeof(float);
    float *values = malloc(bytes);
    if (!values)
      return limn_fail_memory("a result to compare");
    limn_status status = limn_tensor_download(k->device.leaves[v], values);
    if (status == LIMN_OK && memcmp(values, k->first[v], bytes) != 0)
      status = limn_fail(LIMN_FAILED, "a repeated run: %s has other bytes than before",
                         limn_graph_node(k->setup.built.graph, v)->name);
    free(values);
    LIMN_TRY(status);
  }
  return LIMN_OK;
}

/* Whether a run leaves anything that the next one starts from, other than results. */
static bool has_state(const comparison *k) {
  const limn_graph *graph = k->setup.built.graph;
  for (limn_value v = 0; v < k->setup.count; ++v) {
    const limn_node *node = limn_graph_node(graph, v);
    for (int i = 0; i < node->target_count; ++i)
      for (int j = 0; j < k->setup.built.leaf_count; ++j)
        if (k->setup.built.leaves[j].value == node->targets[i])
          return true;
  }
  return false;
}

static limn_status check(comparison *k, op_stage stage, limn_device *device, limn_device *reference) {
  LIMN_TRY(op_setup_init(&k->setup, k->c, stage));
  if (stage == OP_GRADIENTS && k->setup.orders == 0)
    return LIMN_OK;
  k->units = calloc((size_t)k->setup.count + 1, sizeof *k->units);
  k->first = calloc((size_t)k->setup.count + 1, sizeof *k->first);
  if (!k->units || !k->first)
    return limn_fail_memory("a comparison");
  LIMN_TRY(op_execution_init(&k->device, &k->setup, device, &k->options->program));
  LIMN_TRY(op_execution_init(&k->reference, &k->setup, reference, &k->options->program));
  LIMN_TRY(op_execution_load(&k->device));
  LIMN_TRY(op_execution_load(&k->reference));
  LIMN_TRY(run_and_compare(k, k->c->step, true, "first run"));
  if (has_state(k) && !k->too_large)
    LIMN_TRY(run_and_compare(k, k->c->step + 1, false, "second run"));
  return k->too_large ? LIMN_OK : run_again(k);
}

limn_status comparison_check(const op_case *c, op_stage stage, limn_device *device, limn_device *reference,
                             const comparison_options *options, comparison_result *result) {
  comparison k = {.c = c, .options = options};
  limn_status status = check(&k, stage, device, reference);
  *result = (comparison_result){.applies = status != LIMN_OK || (k.units && !k.too_large), .worst = k.worst};
  op_execution_release(&k.device);
  op_execution_release(&k.reference);
  for (int v = 0; k.first && v < k.setup.count; ++v)
    free(k.first[v]);
  free(k.first);
  free(k.units);
  op_setup_release(&k.setup);
  return status;
}
