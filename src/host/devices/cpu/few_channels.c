/* Backward data of a 4x4 convolution of stride 2 into few channels: the image layer, a generator's last. Blocked code
 * has next to nothing to put into its vectors there; here they hold pixels, and the channels of y are summed over.
 *
 * A picture at a time and thread: y's channels are laid apart, with a row of zeros above and below; every chunk of
 * pixels is multiplied with the 16 taps of each channel of x; and each two rows of x are put together from these. */
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "devices/cpu/cpu.h"

struct few_channels {
  const limn_few_channels *loops;
  limn_shape x, y;
  int threads;
  size_t stride, sum_stride, size; /* floats: of a channel apart, of the sums of one kind, of a thread's memory */
  limn_pointwise activation;       /* LIMN_PW_COUNT: none */
  float slope;
};

static int chunks_of(const struct few_channels *f) {
  int pixels = f->y.h * f->y.w;
  return (pixels + f->loops->pixels - 1) / f->loops->pixels;
}

/* Picture n's rows of one channel of x. Working memory: channels of y apart, then the sums. */
static void make_channel(const struct few_channels *f, const limn_kernel *k, const struct limn_call *call, int n, int c,
                         const float *apart, float *sums) {
  const size_t taps = 16, plane = (size_t)f->x.h * (size_t)f->x.w;
  float *x = cpu_at(k, 0) + ((size_t)n * (size_t)f->x.c + (size_t)c) * plane, bias = cpu_at(k, 3) ? cpu_at(k, 3)[c] : 0;
  for (int i = 0; i < chunks_of(f); ++i)
    f->loops->sums(apart + f->y.w + i * f->loops->pixels, f->stride, f->y.c, f->y.w, cpu_at(k, 2) + (size_t)c * taps,
                   (size_t)f->x.c * taps, sums + i * f->loops->pixels, f->sum_stride);
  for (int row = 0; row < f->x.h; ++row)
    f->loops->row(sums + (size_t)(row % 2 * LIMN_FEW_SUMS / 2) * f->sum_stride + row / 2 * f->y.w, f->sum_stride,
                  f->y.w, bias, x + (size_t)row * (size_t)f->x.w);
  if (f->activation != LIMN_PW_COUNT)
    call->simd->pointwise[f->activation](x, x, NULL, f->slope, 0, plane);
}

/* Operands: x, y, weights, bias, working memory. */
static void run_few_channels(const limn_kernel *k, const struct limn_call *call) {
  const struct few_channels *f = k->state;
  int blocks = f->y.c / f->loops->lanes, pixels = f->y.h * f->y.w;
  size_t plane = (size_t)pixels * (size_t)f->loops->lanes;
#pragma omp parallel num_threads(f->threads)
  {
    float *apart = cpu_at(k, 4) + (size_t)omp_get_thread_num() * f->size;
    float *sums = apart + (size_t)f->y.c * f->stride;
    memset(apart, 0, (size_t)f->y.c * f->stride * sizeof *apart);
#pragma omp for schedule(static)
    for (int n = 0; n < f->y.n; ++n) {
      for (int b = 0; b < blocks; ++b)
        f->loops->unblock(cpu_at(k, 1) + (size_t)(n * blocks + b) * plane, pixels,
                          apart + (size_t)(b * f->loops->lanes) * f->stride + f->y.w, f->stride);
      for (int c = 0; c < f->x.c; ++c)
        make_channel(f, k, call, n, c, apart, sums);
    }
  }
}

bool limn_cpu_few_channels_suits(const limn_builder *b, const limn_step *step) {
  const limn_simd *simd = cpu_device_of(b)->simd;
  limn_conv_shapes s = limn_builder_conv_shapes(b, step);
  return step->kind == LIMN_STEP_CONV_DX && cpu_conv_halves(&s, &step->node.conv) && simd->few_channels->lanes > 0 &&
         s.y.c % simd->block == 0 && s.x.c < simd->block;
}

limn_status limn_cpu_build_few_channels(limn_builder *b, const limn_step *step) {
  const struct cpu_device *cpu = cpu_device_of(b);
  limn_conv_shapes s = limn_builder_conv_shapes(b, step);
  struct few_channels *f = calloc(1, sizeof *f);
  if (!f)
    return limn_fail_memory("a program");
  *f = (struct few_channels){.loops = cpu->simd->few_channels,
                             .x = s.x,
                             .y = s.y,
                             .threads = cpu->threads,
                             .activation = step->activation,
                             .slope = step->slope};
  /* The last chunk reads and writes past the last pixel. */
  f->sum_stride = (size_t)(chunks_of(f) * f->loops->pixels);
  f->stride = cpu_odd_lines(f->sum_stride + 2 * (size_t)f->y.w);
  f->size = cpu_odd_lines((size_t)f->y.c * f->stride + LIMN_FEW_SUMS * f->sum_stride);
  int bias = step->input_count > 2 ? limn_builder_input(b, step->inputs[2], CPU_PLAIN) : LIMN_ABSENT;
  int y = limn_builder_input(b, step->inputs[0], CPU_BLOCKED), w = limn_builder_input(b, step->inputs[1], CPU_PLAIN);
  int x = limn_builder_output(b, step->outputs[0], CPU_PLAIN);
  int scratch = limn_builder_scratch(b, (size_t)f->threads * f->size * sizeof(float));
  limn_kernel *kernel =
      cpu_add(b, "convolution backward data", run_few_channels, f, 5, (const int[]){x, y, w, bias, scratch});
  if (!kernel)
    return limn_builder_status(b);
  kernel->flops = s.flops;
  kernel->engine = CPU_FEW_CHANNELS;
  kernel->workspace = 4;
  return LIMN_OK;
}
