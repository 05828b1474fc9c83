#include "setup.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/philox.h"

static limn_value result_leaf(limn_graph *graph, const char *what, int index, limn_shape shape) {
  char name[32];
  snprintf(name, sizeof name, "%s%d", what, index);
  return limn_graph_leaf(graph, LIMN_ROLE_OUTPUT, name, shape);
}

static void assign_results(limn_graph *graph, const char *what, const limn_value *values, int count) {
  for (int i = 0; i < count; ++i)
    limn_graph_assign(graph, result_leaf(graph, what, i, limn_graph_shape(graph, values[i])), values[i]);
}

/* The outputs weighted by random constants and summed: every element of a gradient then counts by itself. */
static limn_value weighted_sum(case_graph *built) {
  limn_graph *graph = built->graph;
  limn_value loss = LIMN_NONE;
  for (int i = 0; i < built->output_count; ++i) {
    char name[32];
    snprintf(name, sizeof name, "weight_of_output%d", i);
    limn_shape shape = limn_graph_shape(graph, built->outputs[i]);
    limn_value weight = case_leaf_of(built, LIMN_ROLE_INPUT, name, shape, RANGE_SIGNED, false);
    limn_value term = limn_graph_sum_all(graph, limn_graph_mul(graph, built->outputs[i], weight));
    loss = loss == LIMN_NONE ? term : limn_graph_add(graph, loss, term);
  }
  return loss;
}

static limn_value sum_of_squares(limn_graph *graph, const limn_value *values, int count) {
  limn_value loss = LIMN_NONE;
  for (int i = 0; i < count; ++i) {
    limn_value term = limn_graph_sum_all(graph, limn_graph_unary(graph, LIMN_PW_SQUARE, values[i], 0, 0));
    loss = loss == LIMN_NONE ? term : limn_graph_add(graph, loss, term);
  }
  return loss;
}

static limn_status add_gradients(op_setup *setup, int orders) {
  case_graph *built = &setup->built;
  for (int i = 0; i < built->leaf_count; ++i)
    if (built->leaves[i].differentiable)
      setup->wrt[setup->wrt_count++] = built->leaves[i].value;
  if (setup->wrt_count == 0 || built->output_count == 0)
    return LIMN_OK;
  setup->losses[0] = weighted_sum(built);
  for (int order = 0; order < orders; ++order) {
    if (order > 0)
      setup->losses[order] = sum_of_squares(built->graph, setup->gradients[order - 1], setup->wrt_count);
    LIMN_TRY(
        limn_graph_gradient(built->graph, setup->losses[order], setup->wrt, setup->wrt_count, setup->gradients[order]));
    setup->orders = order + 1;
  }
  for (int order = 0; order < orders; ++order)
    assign_results(built->graph, order == 0 ? "gradient" : "second_gradient", setup->gradients[order],
                   setup->wrt_count);
  return LIMN_OK;
}

static float in_range(case_range range, float u) {
  switch (range) {
  case RANGE_POSITIVE:
    return 0.5f + 1.5f * u;
  case RANGE_OFF_ZERO:
    return u < 0.5f ? -0.2f - 2 * u : 0.2f + 2 * (u - 0.5f);
  case RANGE_OFF_BOUNDS:
    return u < 0.3f ? -1.2f + 2 * u : u < 0.7f ? -0.4f + 2.625f * (u - 0.3f) : 0.85f + 1.83f * (u - 0.7f);
  case RANGE_UNIT:
    return u;
  case RANGE_WIDE:
    return 240 * u - 120;
  case RANGE_LOW:
    return 6 * u - 14;
  case RANGE_BYTES:
    return floorf(256 * u);
  default:
    return 2 * u - 1;
  }
}

/* Results start as NaN, so that one that nothing writes is noticed. */
static void fill_initial(const case_graph *built, limn_value leaf, size_t count, uint64_t seed, float *out) {
  const case_leaf *known = NULL;
  for (int i = 0; i < built->leaf_count; ++i)
    if (built->leaves[i].value == leaf)
      known = &built->leaves[i];
  if (known)
    limn_philox_uniform(seed, (uint32_t)leaf, 0, 0, out, count);
  for (size_t i = 0; i < count; ++i)
    out[i] = !known ? NAN : known->range == RANGE_FIXED ? known->fixed[i % 4] : in_range(known->range, out[i]);
  if (known && known->range == RANGE_NOT_FINITE)
    out[count / 2] = INFINITY;
}

static uint64_t hash(const char *text) { /* FNV-1a: each case has numbers of its own, whatever its place in the table */
  uint64_t h = 0xCBF29CE484222325u;
  for (; *text; ++text)
    h = (h ^ (unsigned char)*text) * 0x100000001B3u;
  return h;
}

static limn_status add_initial(op_setup *setup, const op_case *c) {
  setup->count = limn_graph_count(setup->built.graph);
  setup->initial = calloc((size_t)setup->count + 1, sizeof *setup->initial);
  if (!setup->initial)
    return limn_fail_memory("the leaves of an op case");
  for (limn_value v = 0; v < setup->count; ++v) {
    if (limn_graph_node(setup->built.graph, v)->op != LIMN_OP_LEAF)
      continue;
    size_t count = (size_t)limn_shape_count(limn_graph_shape(setup->built.graph, v));
    setup->initial[v] = malloc(count * sizeof(float));
    if (!setup->initial[v])
      return limn_fail_memory("the leaves of an op case");
    fill_initial(&setup->built, v, count, hash(c->name), setup->initial[v]);
  }
  return LIMN_OK;
}

limn_status op_setup_init(op_setup *setup, const op_case *c, op_stage stage) {
  *setup = (op_setup){0};
  LIMN_TRY(limn_graph_create(&setup->built.graph));
  c->build(&setup->built, c);
  LIMN_TRY(setup->built.status);
  LIMN_TRY(limn_graph_status(setup->built.graph));
  if (stage == OP_FORWARD)
    assign_results(setup->built.graph, "output", setup->built.outputs, setup->built.output_count);
  else
    LIMN_TRY(add_gradients(setup, c->flags & CASE_NO_SECOND ? 1 : 2));
  LIMN_TRY(limn_graph_status(setup->built.graph));
  return add_initial(setup, c);
}

void op_setup_release(op_setup *setup) {
  for (int v = 0; setup->initial && v < setup->count; ++v)
    free(setup->initial[v]);
  free(setup->initial);
  limn_graph_destroy(setup->built.graph);
  *setup = (op_setup){0};
}

limn_status op_execution_init(op_execution *execution, const op_setup *setup, limn_device *device,
                              const limn_program_options *options) {
  const limn_graph *graph = setup->built.graph;
  *execution = (op_execution){.setup = setup, .leaves = calloc((size_t)setup->count + 1, sizeof(limn_tensor *))};
  if (!execution->leaves)
    return limn_fail_memory("the tensors of an op case");
  for (limn_value v = 0; v < setup->count; ++v) {
    const limn_node *node = limn_graph_node(graph, v);
    if (node->op == LIMN_OP_LEAF)
      LIMN_TRY(device->ops->tensor_create(device, node->role, node->shape, &execution->leaves[v]));
  }
  return device->ops->program_create(device, graph, execution->leaves, options, &execution->program);
}

void op_execution_release(op_execution *execution) {
  if (execution->program)
    execution->program->device->ops->program_destroy(execution->program);
  for (int v = 0; execution->leaves && v < execution->setup->count; ++v)
    if (execution->leaves[v])
      execution->leaves[v]->device->ops->tensor_destroy(execution->leaves[v]);
  free(execution->leaves);
  *execution = (op_execution){0};
}

static limn_status load_bytes(limn_tensor *leaf, const float *values) {
  size_t count = (size_t)limn_shape_count(leaf->shape);
  uint8_t *bytes = malloc(count);
  if (!bytes)
    return limn_fail_memory("the pictures of an op case");
  for (size_t i = 0; i < count; ++i)
    bytes[i] = (uint8_t)values[i];
  limn_status status = limn_tensor_upload_u8(leaf, bytes);
  free(bytes);
  return status;
}

limn_status op_execution_load(op_execution *execution) {
  for (int v = 0; v < execution->setup->count; ++v) {
    limn_tensor *leaf = execution->leaves[v];
    const float *values = execution->setup->initial[v];
    if (leaf)
      LIMN_TRY(leaf->role == LIMN_ROLE_PICTURES ? load_bytes(leaf, values) : limn_tensor_upload(leaf, values));
  }
  return LIMN_OK;
}
