#include "reference.h"

#include <stdlib.h>

#include "base/error.h"
#include "reference_internal.h"

typedef struct reference_tensor {
  limn_tensor base;
  double *data;
} reference_tensor;

typedef struct reference_program {
  limn_program base;
  int count;
  limn_node *nodes;
  double **values; /* [count]: of this program's own; NULL for leaves and updates */
  limn_tensor **leaves;
} reference_program;

static void device_destroy(limn_device *device) { free(device); }

static limn_status tensor_create(limn_device *device, limn_role role, limn_shape shape, limn_tensor **out) {
  reference_tensor *tensor = calloc(1, sizeof *tensor);
  double *data = calloc((size_t)limn_shape_count(shape), sizeof *data);
  if (!tensor || !data) {
    free(tensor);
    free(data);
    return limn_fail_memory("a tensor of the reference device");
  }
  tensor->base = (limn_tensor){.device = device, .role = role, .shape = shape};
  tensor->data = data;
  *out = &tensor->base;
  return LIMN_OK;
}

static void tensor_destroy(limn_tensor *tensor) {
  if (!tensor)
    return;
  free(((reference_tensor *)tensor)->data);
  free(tensor);
}

static limn_status upload(limn_tensor *tensor, const float *nchw) {
  double *data = reference_tensor_data(tensor);
  for (int64_t i = 0; i < limn_shape_count(tensor->shape); ++i)
    data[i] = nchw[i];
  return LIMN_OK;
}

static limn_status upload_u8(limn_tensor *tensor, const uint8_t *nchw) {
  double *data = reference_tensor_data(tensor);
  for (int64_t i = 0; i < limn_shape_count(tensor->shape); ++i)
    data[i] = nchw[i];
  return LIMN_OK;
}

static limn_status download(const limn_tensor *tensor, float *nchw) {
  const double *data = ((const reference_tensor *)tensor)->data;
  for (int64_t i = 0; i < limn_shape_count(tensor->shape); ++i)
    nchw[i] = (float)data[i];
  return LIMN_OK;
}

static void program_destroy(limn_program *base) {
  reference_program *program = (reference_program *)base;
  if (!program)
    return;
  for (int i = 0; program->values && i < program->count; ++i)
    free(program->values[i]);
  free(program->values);
  free(program->nodes);
  free(program->leaves);
  free(program);
}

static limn_status program_fill(reference_program *program, const limn_graph *graph, limn_tensor *const *leaves) {
  size_t count = (size_t)program->count;
  program->nodes = calloc(count + 1, sizeof *program->nodes);
  program->values = calloc(count + 1, sizeof *program->values);
  program->leaves = calloc(count + 1, sizeof *program->leaves);
  if (!program->nodes || !program->values || !program->leaves)
    return limn_fail_memory("a program of the reference device");
  for (int i = 0; i < program->count; ++i) {
    limn_node node = *limn_graph_node(graph, i);
    if (node.op == LIMN_OP_LEAF) {
      if (!leaves[i])
        return limn_fail(LIMN_FAILED, "leaf %s has no tensor: bind every leaf of the graph", node.name);
      if (!limn_shape_equal(leaves[i]->shape, node.shape))
        return limn_fail(LIMN_FAILED, "leaf %s is bound to a tensor of another shape", node.name);
      program->leaves[i] = leaves[i];
    } else if (limn_shape_count(node.shape) > 0) {
      program->values[i] = calloc((size_t)limn_shape_count(node.shape), sizeof(double));
      if (!program->values[i])
        return limn_fail_memory("a value of the reference device");
    }
    node.name = NULL; /* the graph may be gone before the program */
    program->nodes[i] = node;
  }
  return LIMN_OK;
}

static limn_status program_create(limn_device *device, const limn_graph *graph, limn_tensor *const *leaves,
                                  const limn_program_options *options, limn_program **out) {
  (void)options; /* every value has an allocation of its own already */
  LIMN_TRY(limn_graph_status(graph));
  reference_program *program = calloc(1, sizeof *program);
  if (!program)
    return limn_fail_memory("a program of the reference device");
  program->base.device = device;
  program->count = limn_graph_count(graph);
  limn_status status = program_fill(program, graph, leaves);
  if (status != LIMN_OK) {
    program_destroy(&program->base);
    return status;
  }
  *out = &program->base;
  return LIMN_OK;
}

static reference_array array_of(const reference_program *program, limn_value value) {
  if (value == LIMN_NONE)
    return (reference_array){0};
  double *data = program->leaves[value] ? reference_tensor_data(program->leaves[value]) : program->values[value];
  return (reference_array){.shape = program->nodes[value].shape, .data = data};
}

limn_status reference_program_run_to(limn_program *base, uint64_t step, limn_value last) {
  reference_program *program = (reference_program *)base;
  if (last < 0 || last >= program->count)
    return limn_fail(LIMN_FAILED, "value %d is not in the program: it has %d", last, program->count);
  for (int i = 0; i <= last; ++i) {
    const limn_node *node = &program->nodes[i];
    if (node->op == LIMN_OP_LEAF)
      continue;
    reference_array inputs[LIMN_MAX_INPUTS] = {0}, targets[LIMN_MAX_TARGETS] = {0};
    for (int j = 0; j < node->input_count; ++j)
      inputs[j] = array_of(program, node->inputs[j]);
    for (int j = 0; j < node->target_count; ++j)
      targets[j] = array_of(program, node->targets[j]);
    if (node->target_count > 0)
      reference_update(node, inputs, targets, step);
    else
      reference_compute(node, inputs, base->device->seed, step, array_of(program, i));
  }
  return LIMN_OK;
}

static limn_status program_run(limn_program *program, uint64_t step) {
  int count = ((const reference_program *)program)->count;
  return count > 0 ? reference_program_run_to(program, step, count - 1) : LIMN_OK;
}

static void program_info(const limn_program *base, limn_program_info *out) {
  const reference_program *program = (const reference_program *)base;
  *out = (limn_program_info){0};
  for (int i = 0; i < program->count; ++i) {
    if (program->nodes[i].op == LIMN_OP_LEAF)
      continue;
    size_t bytes = (size_t)limn_shape_count(program->nodes[i].shape) * sizeof(double);
    out->arena_bytes += bytes;
    out->naive_bytes += bytes;
    ++out->row_count;
  }
}

static const limn_device_ops reference_ops = {
    .kind = "reference",
    .destroy = device_destroy,
    .tensor_create = tensor_create,
    .tensor_destroy = tensor_destroy,
    .upload = upload,
    .download = download,
    .upload_u8 = upload_u8,
    .program_create = program_create,
    .program_destroy = program_destroy,
    .program_run = program_run,
    .program_info = program_info,
};

limn_device *reference_device_create(uint64_t seed) {
  limn_device *device = calloc(1, sizeof *device);
  if (device)
    *device = (limn_device){.ops = &reference_ops, .seed = seed, .description = "reference, double precision"};
  return device;
}

double *reference_tensor_data(limn_tensor *tensor) { return ((reference_tensor *)tensor)->data; }

const double *reference_program_value(const limn_program *base, limn_value value) {
  const reference_program *program = (const reference_program *)base;
  return array_of(program, value).data;
}
