/* 4x4 convolutions of stride 2 from few channels, the image layer: backward data, a generator's last layer, and
 * backward weights. Code for blocks of channels has next to nothing to put into its vectors there.
 *
 * Backward data: vectors hold pixels, and the channels of y are summed over. A picture at a time and thread: y's
 * channels are laid apart, with a row of zeros above and below; every chunk of pixels is multiplied with the 16 taps of
 * each channel of x; and each two rows of x are put together from these.
 *
 * Backward weights, from one channel: vectors hold channels of y, each of which meets the same pixel of x. */
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "devices/cpu/cpu.h"

#define MOST_LANES 8 /* where weights are summed */

struct few_channels {
  const limn_few_channels *loops;
  limn_shape x, y;
  int threads;
  size_t stride, sum_stride, size; /* floats: of a channel apart, of the sums of one kind, of a thread's memory */
  limn_pointwise activation;       /* LIMN_PW_COUNT: none */
  float slope, limit;
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
    call->simd->pointwise[f->activation](x, x, NULL, f->slope, f->limit, plane);
}

/* Operands: x, y, weights, bias, working memory. */
static void run_data(const limn_kernel *k, const struct limn_call *call) {
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

#define KERNEL 4 /* its sides */

/* A picture's channel with its padding. */
static size_t padded(limn_shape x) { return (size_t)(x.h + 2) * (size_t)(x.w + 2); }

static void pad(limn_shape s, const float *x, float *out) {
  memset(out, 0, padded(s) * sizeof *out);
  for (int row = 0; row < s.h; ++row)
    memcpy(out + (size_t)(row + 1) * (size_t)(s.w + 2) + 1, x + (size_t)row * (size_t)s.w, (size_t)s.w * sizeof *x);
}

/* The kernels between x's one channel and two blocks of y's, over the batch. A picture's blocks stay in the first-level
 * cache for all rows of the kernel. */
static void sum_weights(const struct few_channels *f, float *dw, const float *x, const float *y, int pair) {
  const int lanes = f->loops->lanes;
  const size_t plane = (size_t)f->y.h * (size_t)f->y.w * (size_t)lanes, blocks = (size_t)(f->y.c / lanes);
  float sums[KERNEL * KERNEL * 2 * MOST_LANES] = {0};
  for (size_t n = 0; n < (size_t)f->y.n; ++n) {
    const float *at = x + n * padded(f->x);
    const float *first = y + (n * blocks + 2 * (size_t)pair) * plane;
    for (int row = 0; row < KERNEL; ++row)
      f->loops->weight_sums(at + row * (f->x.w + 2), f->x.w + 2, first, first + plane, f->y.h, f->y.w,
                            sums + row * KERNEL * 2 * lanes);
  }
  for (int o = 0; o < 2 * lanes; ++o)
    for (int k = 0; k < KERNEL * KERNEL; ++k)
      dw[(2 * pair * lanes + o) * KERNEL * KERNEL + k] = sums[k * 2 * lanes + o];
}

/* Operands: dw, x, y, working memory. */
static void run_weights(const limn_kernel *k, const struct limn_call *call) {
  const struct few_channels *f = k->state;
  float *dw = cpu_at(k, 0), *apart = cpu_at(k, 3);
  const float *x = cpu_at(k, 1), *y = cpu_at(k, 2);
  int pairs = f->y.c / (2 * f->loops->lanes);
  (void)call;
#pragma omp parallel num_threads(f->threads)
  {
#pragma omp for schedule(static)
    for (int i = 0; i < f->x.n; ++i)
      pad(f->x, x + (size_t)i * (size_t)f->x.h * (size_t)f->x.w, apart + (size_t)i * padded(f->x));
#pragma omp for schedule(static)
    for (int pair = 0; pair < pairs; ++pair)
      sum_weights(f, dw, apart, y, pair);
  }
}

bool limn_cpu_few_channels_suits(const limn_builder *b, const limn_task *task) {
  const limn_simd *simd = cpu_device_of(b)->simd;
  limn_conv_shapes s = limn_builder_conv_shapes(b, task);
  if (!cpu_conv_halves(&s, &task->node.conv) || simd->few_channels->lanes == 0 || s.y.h * s.y.w == 1)
    return false;
  /* In AVX2 oneDNN computes a whole block where there is one channel, and is the faster one everywhere else. */
  if (task->kind == LIMN_TASK_CONV_DW)
    return simd->few_channels->weight_sums && s.x.c == 1 && s.y.c % (2 * simd->block) == 0;
  return task->kind == LIMN_TASK_CONV_DX && s.x.c < simd->block && s.y.c % simd->block == 0;
}

static limn_status add_data(limn_builder *b, const limn_task *task, struct few_channels *f) {
  /* The last chunk reads and writes past the last pixel. */
  f->sum_stride = (size_t)(chunks_of(f) * f->loops->pixels);
  f->stride = cpu_odd_lines(f->sum_stride + 2 * (size_t)f->y.w);
  f->size = cpu_odd_lines((size_t)f->y.c * f->stride + LIMN_FEW_SUMS * f->sum_stride);
  int bias = task->input_count > 2 ? limn_builder_input(b, task->inputs[2], CPU_PLAIN) : LIMN_ABSENT;
  int y = limn_builder_input(b, task->inputs[0], CPU_BLOCKED), w = limn_builder_input(b, task->inputs[1], CPU_PLAIN);
  int x = limn_builder_output(b, task->outputs[0], CPU_PLAIN);
  int scratch = limn_builder_scratch(b, (size_t)f->threads * f->size * sizeof(float));
  return limn_cpu_add_convolution(b, task, &(cpu_convolution_kernel){CPU_FEW_CHANNELS, f, run_data}, 5,
                                  (const int[]){x, y, w, bias, scratch});
}

static limn_status add_weights(limn_builder *b, const limn_task *task, struct few_channels *f) {
  int x = limn_builder_input(b, task->inputs[0], CPU_PLAIN), y = limn_builder_input(b, task->inputs[1], CPU_BLOCKED);
  int dw = limn_builder_output(b, task->outputs[0], CPU_PLAIN);
  int scratch = limn_builder_scratch(b, (size_t)f->x.n * padded(f->x) * sizeof(float));
  return limn_cpu_add_convolution(b, task, &(cpu_convolution_kernel){CPU_FEW_CHANNELS, f, run_weights}, 4,
                                  (const int[]){dw, x, y, scratch});
}

limn_status limn_cpu_build_few_channels(limn_builder *b, const limn_task *task) {
  const struct cpu_device *cpu = cpu_device_of(b);
  limn_conv_shapes s = limn_builder_conv_shapes(b, task);
  struct few_channels *f = calloc(1, sizeof *f);
  if (!f)
    return limn_fail_memory("a program");
  *f = (struct few_channels){.loops = cpu->simd->few_channels,
                             .x = s.x,
                             .y = s.y,
                             .threads = cpu->threads,
                             .activation = task->activation,
                             .slope = task->slope,
                             .limit = task->limit};
  return (task->kind == LIMN_TASK_CONV_DX ? add_data : add_weights)(b, task, f);
}
