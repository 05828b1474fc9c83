/* Pointwise tasks. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "devices/cuda/cuda.h"

struct pointwise {
  limn_group group;
  limn_result results[LIMN_MAX_TASK_OUTPUTS];
  int result_count;
};

const char *cuda_pass_engine(const limn_group *group, const limn_result *results, int count) {
  return limn_pass_is_compiled(group, results, count) ? "compiled" : "interpreted";
}

/* Operands: results[], inputs[], scratch of sums. */
static void run_pointwise(const limn_kernel *k, const struct limn_call *call) {
  struct pointwise *s = k->state;
  int inputs = s->group.input_count, count = s->result_count;
  for (int o = 0; o < count; ++o)
    s->results[o].out = k->p[o];
  for (int i = 0; i < inputs; ++i)
    s->group.inputs[i].data = k->p[count + i];
  float *scratch = k->count > count + inputs ? k->p[count + inputs] : NULL;
  cuda_call_check(call, limn_run_pass(&s->group, s->results, count, scratch, call->stream), k->name);
}

/* What a task makes of its domain's size lies in CUDA_HALF if an input of that size does. */
static int map_format(const limn_builder *b, const limn_task *task) {
  for (int i = 0; i < task->input_count; ++i)
    if (limn_shape_equal(limn_builder_shape(b, task->inputs[i]), task->domain) &&
        limn_builder_format(b, task->inputs[i]) == CUDA_HALF)
      return CUDA_HALF;
  return CUDA_FLOAT;
}

static limn_status add_group(limn_builder *b, const limn_task *task) {
  struct pointwise *s = calloc(1, sizeof *s);
  if (!s)
    return limn_fail_memory("a program");
  int buffers[1 + LIMN_MAX_TASK_OUTPUTS + LIMN_MAX_TASK_INPUTS], format = map_format(b, task);
  int outputs = s->result_count = task->output_count, count = outputs + task->input_count;
  unsigned in_place = 0;
  bool summed = false;
  s->group = cuda_group_of(b, task, buffers + outputs);
  for (int o = 0; o < outputs; ++o) {
    limn_shape shape = limn_builder_shape(b, task->outputs[o]);
    bool full = limn_shape_equal(shape, task->domain);
    s->results[o] = (limn_result){.operand = task->operands[o],
                                  .to = cuda_extents(shape),
                                  .type = cuda_type(cuda_device_of(b), full ? format : CUDA_FLOAT)};
    buffers[o] = limn_builder_output(b, task->outputs[o], full ? format : CUDA_FLOAT);
    summed = summed || !full;
  }
  bool stores = limn_shape_equal(limn_builder_shape(b, task->outputs[0]), task->domain);
  for (int i = 0; stores && i < task->input_count; ++i)
    if (limn_shape_equal(limn_builder_shape(b, task->inputs[i]), task->domain) &&
        limn_builder_format(b, task->inputs[i]) == format)
      in_place |= 1u << (outputs + i);
  size_t scratch = limn_pass_scratch(&s->group, s->results, outputs);
  if (scratch)
    buffers[count++] = limn_builder_scratch(b, scratch);
  limn_builder_add(b,
                   (limn_kernel){.name = !summed  ? "pointwise"
                                         : stores ? "pointwise with sums"
                                                  : "pointwise sum",
                                 .run = run_pointwise,
                                 .state = s,
                                 .count = count,
                                 .launches = scratch ? 2 : 1,
                                 .engine = cuda_pass_engine(&s->group, s->results, outputs),
                                 .in_place = in_place},
                   buffers);
  return limn_builder_status(b);
}

limn_status limn_cuda_build_pointwise(limn_builder *b, const limn_task *tasks, int left, int *taken) {
  if (cuda_is_sum_of_squares(b, tasks))
    return limn_cuda_build_squares(b, tasks, left, taken);
  if (cuda_is_addition(b, tasks))
    return limn_cuda_build_additions(b, tasks, left, taken);
  if (cuda_is_small(b, tasks))
    return limn_cuda_build_small(b, tasks, left, taken);
  *taken = 1;
  return add_group(b, tasks);
}
