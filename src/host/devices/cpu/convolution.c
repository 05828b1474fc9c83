/* Which engine computes a convolution: a fixed function of the step, the instruction set and the threads, found by
 * measuring (docs/performance.md). */
#include "devices/cpu/cpu.h"

limn_status limn_cpu_build_convolution(limn_builder *b, const limn_step *step) {
  if (limn_cpu_few_channels_suits(b, step))
    return limn_cpu_build_few_channels(b, step);
  if (limn_cpu_winograd_suits(b, step))
    return limn_cpu_build_winograd(b, step);
  return limn_onednn_build_convolution(b, step);
}
