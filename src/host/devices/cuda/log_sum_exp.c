/* log_sum_exp over channels, which lie side by side. */
#include <stdlib.h>

#include "base/error.h"
#include "devices/cuda/cuda.h"

struct log_sum_exp {
  limn_type type;
  int64_t rows;
  int32_t channels;
};

/* Operands: value, x. */
static void run_log_sum_exp(const limn_kernel *k, const struct limn_call *call) {
  const struct log_sum_exp *s = k->state;
  cuda_call_check(call, limn_log_sum_exp(k->p[1], s->type, k->p[0], s->rows, s->channels, call->stream), k->name);
}

/* x as it lies; the value stays in fp32, as scores and losses do. */
limn_status limn_cuda_build_log_sum_exp(limn_builder *b, const limn_task *task) {
  const limn_shape x = limn_builder_shape(b, task->inputs[0]);
  const int format = limn_builder_format(b, task->inputs[0]);
  struct log_sum_exp *s = malloc(sizeof *s);
  if (!s)
    return limn_fail_memory("a program");
  *s = (struct log_sum_exp){cuda_type(cuda_device_of(b), format), (int64_t)x.n * x.h * x.w, x.c};
  const int buffers[2] = {limn_builder_output(b, task->outputs[0], CUDA_FLOAT),
                          limn_builder_input(b, task->inputs[0], format)};
  limn_builder_add(b, (limn_kernel){.name = limn_op_name(&task->node), .run = run_log_sum_exp, .state = s, .count = 2},
                   buffers);
  return limn_builder_status(b);
}
