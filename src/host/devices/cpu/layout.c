/* How the CPU device lays tensors out. */
#include "devices/cpu/cpu.h"

cpu_layout limn_cpu_activation_layout(int block, limn_shape shape) {
  return block > 1 && shape.c % block == 0 && shape.h * shape.w > 1 ? CPU_BLOCKED : CPU_PLAIN;
}

cpu_layout limn_cpu_weight_layout(int block, limn_shape shape) {
  const cpu_layout layout = limn_cpu_activation_layout(block, shape);
  return layout == CPU_BLOCKED && shape.n % block == 0 ? CPU_BLOCKED_WEIGHT : layout;
}
