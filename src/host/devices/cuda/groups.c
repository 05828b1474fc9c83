/* Tasks of pointwise functions as what kernels interpret or are compiled from. */
#include <string.h>

#include "devices/cuda/cuda.h"

void cuda_set_strides(limn_group_input *input, limn_shape domain, limn_shape s) {
  const int64_t dense[4] = {(int64_t)s.h * s.w * s.c, (int64_t)s.w * s.c, s.c, 1};
  const bool moves[4] = {s.n == domain.n, s.h == domain.h, s.w == domain.w, s.c == domain.c};
  const int32_t extents[4] = {s.n, s.h, s.w, s.c};
  for (int axis = 0; axis < 4; ++axis)
    input->stride[axis] = moves[axis] && extents[axis] > 1 ? dense[axis] : 0;
}

limn_group cuda_group_of(limn_builder *b, const limn_task *task, int *buffers) {
  const struct cuda_device *cuda = cuda_device_of(b);
  limn_group group = {.domain = cuda_extents(task->domain),
                      .input_count = task->input_count,
                      .instruction_count = task->instruction_count};
  memcpy(group.instructions, task->instructions, (size_t)task->instruction_count * sizeof *task->instructions);
  for (int i = 0; i < task->input_count; ++i) {
    int format = limn_builder_format(b, task->inputs[i]);
    group.inputs[i].type = cuda_type(cuda, format);
    cuda_set_strides(&group.inputs[i], task->domain, limn_builder_shape(b, task->inputs[i]));
    buffers[i] = limn_builder_input(b, task->inputs[i], format);
  }
  return group;
}
