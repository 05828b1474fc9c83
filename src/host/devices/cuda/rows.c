/* Batches put together and taken apart. */
#include <stdlib.h>

#include "base/error.h"
#include "devices/cuda/cuda.h"

struct rows {
  limn_part parts[2];
  limn_type type;
};

/* Operands: value, one part or two. */
static void run_rows(const limn_kernel *k, const struct limn_call *call) {
  struct rows *s = k->state;
  for (int i = 1; i < k->count; ++i)
    s->parts[i - 1].x = k->p[i];
  cuda_call_check(call, limn_stack(s->parts, k->p[0], s->type, call->stream), k->name);
}

/* The value lies in CUDA_HALF where a part of it does, since then convolutions are likely to read it. */
static limn_status add_rows(limn_builder *b, const limn_task *task) {
  const struct cuda_device *cuda = cuda_device_of(b);
  struct rows *s = calloc(1, sizeof *s);
  if (!s)
    return limn_fail_memory("a program");
  int buffers[3] = {0}, made = CUDA_FLOAT;
  for (int i = 0; i < task->input_count; ++i) {
    limn_shape shape = limn_builder_shape(b, task->inputs[i]);
    int format = limn_builder_format(b, task->inputs[i]);
    int64_t row = (int64_t)shape.c * shape.h * shape.w;
    bool stacked = task->kind == LIMN_TASK_STACK;
    s->parts[i] = (limn_part){.type = cuda_type(cuda, format),
                              .first = stacked ? 0 : row * task->node.row,
                              .count = row * (stacked ? shape.n : task->node.shape.n)};
    buffers[1 + i] = limn_builder_input(b, task->inputs[i], format);
    made = format == CUDA_HALF ? CUDA_HALF : made;
  }
  s->type = cuda_type(cuda, made);
  buffers[0] = limn_builder_output(b, task->outputs[0], made);
  limn_builder_add(
      b, (limn_kernel){.name = limn_op_name(&task->node), .run = run_rows, .state = s, .count = 1 + task->input_count},
      buffers);
  return limn_builder_status(b);
}

limn_status limn_cuda_build_rows(limn_builder *b, const limn_task *tasks, int left, int *taken) {
  if (cuda_is_small(b, tasks))
    return limn_cuda_build_small(b, tasks, left, taken);
  *taken = 1;
  return add_rows(b, tasks);
}
