/* Channels put together and taken apart. */
#include <stdlib.h>

#include "base/error.h"
#include "devices/cuda/cuda.h"

_Static_assert(LIMN_MAX_PARTS >= LIMN_MAX_INPUTS, "a launch has no place for so many parts");

struct channels {
  limn_channels parts[LIMN_MAX_INPUTS];
  int64_t pixels;
  limn_type type;
};

/* Operands: value, parts. */
static void run_channels(const limn_kernel *k, const struct limn_call *call) {
  struct channels *s = k->state;
  for (int i = 1; i < k->count; ++i)
    s->parts[i - 1].x = k->p[i];
  cuda_call_check(call, limn_join_channels(s->parts, k->count - 1, s->pixels, k->p[0], s->type, call->stream), k->name);
}

/* The value lies in CUDA_HALF where a part of it does, as that of rows. */
limn_status limn_cuda_build_channels(limn_builder *b, const limn_task *task) {
  const struct cuda_device *cuda = cuda_device_of(b);
  const limn_shape shape = limn_builder_shape(b, task->outputs[0]);
  struct channels *s = calloc(1, sizeof *s);
  if (!s)
    return limn_fail_memory("a program");
  s->pixels = (int64_t)shape.n * shape.h * shape.w;
  int buffers[1 + LIMN_MAX_INPUTS] = {0}, made = CUDA_FLOAT;
  for (int i = 0; i < task->input_count; ++i) {
    const int32_t channels = limn_builder_shape(b, task->inputs[i]).c;
    const int format = limn_builder_format(b, task->inputs[i]);
    s->parts[i] = (limn_channels){.type = cuda_type(cuda, format),
                                  .channels = channels,
                                  .first = task->node.channel,
                                  .count = task->kind == LIMN_TASK_SLICE ? shape.c : channels};
    buffers[1 + i] = limn_builder_input(b, task->inputs[i], format);
    made = format == CUDA_HALF ? CUDA_HALF : made;
  }
  s->type = cuda_type(cuda, made);
  buffers[0] = limn_builder_output(b, task->outputs[0], made);
  limn_builder_add(
      b,
      (limn_kernel){.name = limn_op_name(&task->node), .run = run_channels, .state = s, .count = 1 + task->input_count},
      buffers);
  return limn_builder_status(b);
}
