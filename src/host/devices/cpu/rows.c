/* Batches put together and taken apart: copies, since a picture's numbers lie together in every layout of activations.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "devices/cpu/cpu.h"

struct rows {
  size_t first, counts[2]; /* elements: where the first part begins in its operand; of the operands */
};

/* Operands: value, one part or two. */
static void run_rows(const limn_kernel *k, const struct limn_call *call) {
  const struct rows *s = k->state;
  (void)call;
  memcpy(cpu_at(k, 0), cpu_at(k, 1) + s->first, s->counts[0] * sizeof(float));
  if (k->count > 2)
    memcpy(cpu_at(k, 0) + s->counts[0], cpu_at(k, 2), s->counts[1] * sizeof(float));
}

limn_status limn_cpu_build_rows(limn_builder *b, const limn_task *task) {
  limn_shape shape = task->node.shape;
  cpu_layout layout = limn_cpu_activation_layout(cpu_device_of(b)->simd->block, shape);
  struct rows *s = calloc(1, sizeof *s);
  if (!s)
    return limn_fail_memory("a program");
  int buffers[3] = {0};
  for (int i = 0; i < task->input_count; ++i) {
    buffers[1 + i] = limn_builder_input(b, task->inputs[i], layout);
    s->counts[i] = (size_t)limn_shape_count(limn_builder_shape(b, task->inputs[i]));
  }
  if (task->kind == LIMN_TASK_ROWS) {
    s->counts[0] = (size_t)limn_shape_count(shape);
    s->first = s->counts[0] / (size_t)shape.n * (size_t)task->node.row;
  }
  buffers[0] = limn_builder_output(b, task->outputs[0], layout);
  cpu_add(b, limn_op_name(&task->node), run_rows, s, 1 + task->input_count, buffers);
  return limn_builder_status(b);
}
