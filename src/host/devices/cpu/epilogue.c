/* What convolutions in blocked layouts share: their operands, and behind those whose engine takes neither bias nor
 * activation y = act(y + bias), in one pass. */
#include <stdlib.h>

#include "base/error.h"
#include "devices/cpu/cpu.h"

struct epilogue {
  limn_shape shape;
  int block;
  limn_pointwise activation; /* LIMN_PW_COUNT: none */
  float slope, limit;
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
      call->simd->pointwise[e->activation](y + first, y + first, NULL, e->slope, e->limit, n);
    }
  }
}

limn_status limn_cpu_add_epilogue(limn_builder *b, const limn_task *task, int y) {
  bool bias = task->input_count > 2;
  if (!bias && task->activation == LIMN_PW_COUNT)
    return LIMN_OK;
  struct epilogue *e = malloc(sizeof *e);
  if (!e)
    return limn_fail_memory("a program");
  limn_shape shape = limn_builder_shape(b, task->outputs[0]);
  *e = (struct epilogue){.shape = shape,
                         .block = cpu_block(b, limn_builder_format(b, task->outputs[0])),
                         .activation = task->activation,
                         .slope = task->slope,
                         .limit = task->limit};
  cpu_add(b, "bias and activation", run_epilogue, e, 2,
          (const int[]){y, bias ? limn_builder_input(b, task->inputs[2], CPU_PLAIN) : -1});
  return limn_builder_status(b);
}

const char *limn_cpu_convolution_name(limn_task_kind kind, bool dense) {
  static const char *const names[2][3] = {{"convolution", "convolution backward data", "convolution backward weights"},
                                          {"dense", "dense backward data", "dense backward weights"}};
  return names[dense][kind == LIMN_TASK_CONV ? 0 : kind == LIMN_TASK_CONV_DX ? 1 : 2];
}

limn_status limn_cpu_add_convolution(limn_builder *b, const limn_task *task, const cpu_convolution_kernel *c, int count,
                                     const int *buffers) {
  const limn_conv_shapes shapes = limn_builder_conv_shapes(b, task);
  limn_kernel *kernel =
      cpu_add(b, limn_cpu_convolution_name(task->kind, shapes.dense), c->run, c->state, count, buffers);
  if (!kernel)
    return limn_builder_status(b);
  kernel->flops = shapes.flops;
  kernel->engine = c->engine;
  kernel->workspace = buffers[count - 1] == LIMN_ABSENT ? 0 : count - 1;
  return LIMN_OK;
}

limn_status limn_cpu_add_blocked_convolution(limn_builder *b, const limn_task *task, const cpu_blocked_convolution *c) {
  const bool data = task->kind != LIMN_TASK_CONV_DW;
  const bool pieces = task->activation == LIMN_PW_RELU || task->activation == LIMN_PW_LEAKY_RELU;
  const bool fused = c->slope && (pieces || task->activation == LIMN_PW_COUNT);
  if (c->slope)
    *c->slope = !fused || !pieces ? 1 : task->activation == LIMN_PW_RELU ? 0 : task->slope;
  int weights = data ? limn_builder_input(b, task->inputs[1], CPU_BLOCKED_WEIGHT) : LIMN_ABSENT;
  const cpu_layout layouts[] = {c->rounded[0] ? CPU_BLOCKED_BF16 : CPU_BLOCKED,
                                c->rounded[1] ? CPU_BLOCKED_BF16 : CPU_BLOCKED};
  int in = limn_builder_input(b, task->inputs[0], layouts[0]);
  int bias = fused && task->input_count > 2 ? limn_builder_input(b, task->inputs[2], CPU_PLAIN) : LIMN_ABSENT;
  int other = data ? weights : limn_builder_input(b, task->inputs[1], layouts[1]);
  int out = limn_builder_output(b, task->outputs[0], data ? CPU_BLOCKED : CPU_BLOCKED_WEIGHT);
  int scratch = limn_builder_scratch(b, c->scratch_bytes);
  LIMN_TRY(data ? limn_cpu_add_convolution(b, task, &c->kernel, 5, (const int[]){out, in, other, bias, scratch})
                : limn_cpu_add_convolution(b, task, &c->kernel, 4, (const int[]){out, in, other, scratch}));
  return data && !fused ? limn_cpu_add_epilogue(b, task, out) : LIMN_OK;
}
