/* Sums that stand side by side, in fp32: of two tensors each, where a weight was used twice; of squares, behind a
 * gradient's norm.
 */
#include <stdlib.h>

#include "base/error.h"
#include "devices/cuda/cuda.h"

struct additions {
  int count;
  limn_addition tensors[]; /* (count) */
};

/* Operands of each: sum, x, y. */
static void run_additions(const limn_kernel *k, const struct limn_call *call) {
  struct additions *s = k->state;
  for (int i = 0; i < s->count; ++i) {
    s->tensors[i].out = k->p[3 * i];
    s->tensors[i].x = k->p[3 * i + 1];
    s->tensors[i].y = k->p[3 * i + 2];
  }
  cuda_call_check(call, limn_add(s->tensors, s->count, call->stream), k->name);
}

/* A block's input and what it adds to that, and their gradients, are 16-bit values of which another is made: an
 * ordinary pass does it, without a detour through fp32. Gradients of weights that were made in 16 bits are not summed
 * in them. */
static bool is_half(const limn_builder *b, const limn_task *task) {
  for (int i = 0; i < 2; ++i)
    if (limn_builder_format(b, task->inputs[i]) != CUDA_HALF || limn_builder_is_weights_gradient(b, task->inputs[i]))
      return false;
  return true;
}

bool cuda_is_addition(const limn_builder *b, const limn_task *task) {
  return limn_builder_is_addition(b, task) && !is_half(b, task);
}

limn_status limn_cuda_build_additions(limn_builder *b, const limn_task *tasks, int left, int *taken) {
  int count = 0;
  while (count < left && cuda_is_addition(b, &tasks[count]) && limn_tasks_are_apart(tasks, count))
    ++count;
  struct additions *s = calloc(1, sizeof *s + (size_t)count * sizeof *s->tensors);
  int *buffers = calloc(3 * (size_t)count, sizeof *buffers);
  if (!s || !buffers) {
    free(s);
    free(buffers);
    return limn_fail_memory("a sum");
  }
  s->count = *taken = count;
  for (int i = 0; i < count; ++i) {
    const limn_task *task = &tasks[i];
    int x = task->inputs[task->instructions[0].x], y = task->inputs[task->instructions[0].y];
    int x_format = limn_builder_format(b, x), y_format = limn_builder_format(b, y);
    s->tensors[i] = (limn_addition){.x_type = cuda_type(cuda_device_of(b), x_format),
                                    .y_type = cuda_type(cuda_device_of(b), y_format),
                                    .count = limn_shape_count(task->domain)};
    buffers[3 * i + 1] = limn_builder_input(b, x, x_format);
    buffers[3 * i + 2] = limn_builder_input(b, y, y_format);
    buffers[3 * i] = limn_builder_output(b, task->outputs[0], CUDA_FLOAT);
  }
  limn_builder_add(b, (limn_kernel){.name = "sums of two", .run = run_additions, .state = s, .count = 3 * count},
                   buffers);
  free(buffers);
  return limn_builder_status(b);
}

bool cuda_is_sum_of_squares(const limn_builder *b, const limn_task *task) {
  return task->kind == LIMN_TASK_POINTWISE && task->output_count == 1 &&
         limn_shape_count(limn_builder_shape(b, task->outputs[0])) == 1 && task->instruction_count == 1 &&
         task->instructions[0].function == LIMN_PW_SQUARE && task->input_count == 1 &&
         limn_shape_equal(task->domain, limn_builder_shape(b, task->inputs[0])) && limn_shape_count(task->domain) > 1;
}

struct squares {
  int count;
  limn_squares tensors[]; /* (count) */
};

/* Operands: the sums, then the tensors, then scratch. */
static void run_squares(const limn_kernel *k, const struct limn_call *call) {
  struct squares *s = k->state;
  for (int i = 0; i < s->count; ++i) {
    s->tensors[i].out = k->p[i];
    s->tensors[i].x = k->p[s->count + i];
  }
  cuda_call_check(call, limn_sum_squares(s->tensors, s->count, k->p[2 * s->count], call->stream), k->name);
}

limn_status limn_cuda_build_squares(limn_builder *b, const limn_task *tasks, int left, int *taken) {
  const struct cuda_device *cuda = cuda_device_of(b);
  int count = 0;
  while (count < left && cuda_is_sum_of_squares(b, &tasks[count]))
    ++count;
  struct squares *s = calloc(1, sizeof *s + (size_t)count * sizeof *s->tensors);
  int *buffers = calloc(2 * (size_t)count + 1, sizeof *buffers);
  if (!s || !buffers) {
    free(s);
    free(buffers);
    return limn_fail_memory("a norm");
  }
  s->count = *taken = count;
  for (int i = 0; i < count; ++i) {
    int format = limn_builder_format(b, tasks[i].inputs[0]);
    s->tensors[i] = (limn_squares){.type = cuda_type(cuda, format), .count = limn_shape_count(tasks[i].domain)};
    buffers[count + i] = limn_builder_input(b, tasks[i].inputs[0], format);
    buffers[i] = limn_builder_output(b, tasks[i].outputs[0], CUDA_FLOAT);
  }
  buffers[2 * count] = limn_builder_scratch(b, limn_sum_squares_scratch(s->tensors, count));
  limn_builder_add(
      b,
      (limn_kernel){.name = "sums of squares", .run = run_squares, .state = s, .count = 2 * count + 1, .launches = 2},
      buffers);
  free(buffers);
  return limn_builder_status(b);
}
