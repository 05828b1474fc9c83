/* log_sum_exp over channels, a run of pixels at a time. */
#include <stdlib.h>

#include "base/error.h"
#include "devices/cpu/cpu.h"

#define WORTH_A_TEAM 16384 /* exponentials: some ten microseconds */

struct log_sum_exp {
  size_t samples, channels, pixels, work;
};

/* Operands: result, x. */
static void run_log_sum_exp(const limn_kernel *k, const struct limn_call *call) {
  const struct log_sum_exp *s = k->state;
  const size_t runs = (s->pixels + LIMN_LOG_SUM_EXP_PIXELS - 1) / LIMN_LOG_SUM_EXP_PIXELS;
#pragma omp parallel for num_threads(call->threads) collapse(2) schedule(static) if (s->work > WORTH_A_TEAM)
  for (size_t n = 0; n < s->samples; ++n)
    for (size_t run = 0; run < runs; ++run) {
      const size_t first = run * LIMN_LOG_SUM_EXP_PIXELS, left = s->pixels - first;
      call->simd->log_sum_exp(cpu_at(k, 0) + n * s->pixels + first, cpu_at(k, 1) + n * s->channels * s->pixels + first,
                              s->channels, s->pixels, left < LIMN_LOG_SUM_EXP_PIXELS ? left : LIMN_LOG_SUM_EXP_PIXELS);
    }
}

limn_status limn_cpu_build_log_sum_exp(limn_builder *b, const limn_task *task) {
  const limn_shape x = limn_builder_shape(b, task->inputs[0]);
  struct log_sum_exp *s = malloc(sizeof *s);
  if (!s)
    return limn_fail_memory("a program");
  *s = (struct log_sum_exp){(size_t)x.n, (size_t)x.c, (size_t)x.h * (size_t)x.w, (size_t)limn_shape_count(x)};
  const int buffers[2] = {limn_builder_output(b, task->outputs[0], CPU_PLAIN),
                          limn_builder_input(b, task->inputs[0], CPU_PLAIN)};
  cpu_add(b, limn_op_name(&task->node), run_log_sum_exp, s, 2, buffers);
  return limn_builder_status(b);
}
