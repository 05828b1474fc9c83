/* Behind a convolution whose engine takes neither bias nor activation: y = act(y + bias), in one pass. */
#include <stdlib.h>

#include "base/error.h"
#include "devices/cpu/cpu.h"

struct epilogue {
  limn_shape shape;
  int block;
  limn_pointwise activation; /* LIMN_PW_COUNT: none */
  float slope;
};

#define EPILOGUE_CHUNK 1024

static void run_epilogue(const limn_kernel *k, const struct limn_call *call) {
  const struct epilogue *e = k->state;
  int planes = e->shape.n * e->shape.c / e->block;
  size_t plane = (size_t)e->shape.h * (size_t)e->shape.w * (size_t)e->block;
#pragma omp parallel for num_threads(call->threads) schedule(static)
  for (int i = 0; i < planes; ++i) {
    float *y = cpu_at(k, 0) + (size_t)i * plane;
    if (cpu_at(k, 1)) {
      const float *bias = cpu_at(k, 1) + i % (e->shape.c / e->block) * e->block;
      const float ones[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
      call->simd->normalize(y, y, e->shape.h * e->shape.w, e->block, ones, bias, 1);
    }
    for (size_t first = 0; e->activation != LIMN_PW_COUNT && first < plane; first += EPILOGUE_CHUNK) {
      size_t n = plane - first < EPILOGUE_CHUNK ? plane - first : EPILOGUE_CHUNK;
      call->simd->pointwise[e->activation](y + first, y + first, NULL, e->slope, 0, n);
    }
  }
}

limn_status limn_cpu_add_epilogue(limn_builder *b, const limn_step *step, int y) {
  bool bias = step->input_count > 2;
  if (!bias && step->activation == LIMN_PW_COUNT)
    return LIMN_OK;
  struct epilogue *e = malloc(sizeof *e);
  if (!e)
    return limn_fail_memory("a program");
  limn_shape shape = limn_builder_shape(b, step->outputs[0]);
  *e = (struct epilogue){.shape = shape,
                         .block = cpu_block(b, limn_builder_format(b, step->outputs[0])),
                         .activation = step->activation,
                         .slope = step->slope};
  cpu_add(b, "bias and activation", run_epilogue, e, 2,
          (const int[]){y, bias ? limn_builder_input(b, step->inputs[2], CPU_PLAIN) : -1});
  return limn_builder_status(b);
}
