/* Gradients of the weights of depthwise convolutions with large kernels, for which oneDNN has vector code in no layout.
 * Vectors hold a block of channels. A thread takes a block over the whole batch: each picture's plane of x is laid into
 * a frame of zeros, so that no tap has to look for an edge. */
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "devices/cpu/cpu.h"

#define MOST_LANES 16
#define MOST_SIDE  7

struct depthwise {
  const limn_depthwise *loops;
  limn_shape x, y;
  limn_conv_attrs attrs;
  int side, threads;
  int frame_h, frame_w;
  size_t frame; /* floats of a thread's */
};

static void lay_into_frame(const struct depthwise *d, const float *x, float *frame) {
  const size_t lanes = (size_t)d->loops->lanes, row = (size_t)d->x.w * lanes, framed = (size_t)d->frame_w * lanes;
  float *to = frame + (size_t)d->attrs.pad_h * framed + (size_t)d->attrs.pad_w * lanes;
  for (int h = 0; h < d->x.h; ++h)
    memcpy(to + (size_t)h * framed, x + (size_t)h * row, row * sizeof *x);
}

/* dw of a block's channels, (C, 1, side, side) as it lies plain. */
static void sum_block(const struct depthwise *d, const limn_kernel *k, int block, float *frame) {
  const int lanes = d->loops->lanes, blocks = d->x.c / lanes, taps = d->side * d->side;
  const size_t x_plane = (size_t)d->x.h * (size_t)d->x.w * (size_t)lanes;
  const size_t y_plane = (size_t)d->y.h * (size_t)d->y.w * (size_t)lanes;
  float sums[MOST_SIDE * MOST_SIDE * MOST_LANES] = {0}, *dw = cpu_at(k, 0) + (size_t)(block * lanes * taps);
  for (int n = 0; n < d->x.n; ++n) {
    const size_t plane = (size_t)(n * blocks + block);
    lay_into_frame(d, cpu_at(k, 1) + plane * x_plane, frame);
    d->loops->weight_sums(d->side,
                          &(limn_depthwise_planes){.x = frame,
                                                   .y = cpu_at(k, 2) + plane * y_plane,
                                                   .width = d->frame_w,
                                                   .h = d->y.h,
                                                   .w = d->y.w,
                                                   .stride_h = d->attrs.stride_h,
                                                   .stride_w = d->attrs.stride_w},
                          sums);
  }
  for (int c = 0; c < lanes; ++c)
    for (int tap = 0; tap < taps; ++tap)
      dw[c * taps + tap] = sums[tap * lanes + c];
}

/* Operands: dw, x, y, frames. */
static void run_weights(const limn_kernel *k, const struct limn_call *call) {
  const struct depthwise *d = k->state;
  (void)call;
#pragma omp parallel num_threads(d->threads)
  {
    float *frame = cpu_at(k, 3) + (size_t)omp_get_thread_num() * d->frame;
    memset(frame, 0, d->frame * sizeof *frame);
#pragma omp for schedule(static)
    for (int block = 0; block < d->x.c / d->loops->lanes; ++block)
      sum_block(d, k, block, frame);
  }
}

bool limn_cpu_depthwise_suits(const limn_builder *b, const limn_task *task) {
  const limn_depthwise *loops = cpu_device_of(b)->simd->depthwise;
  const limn_conv_shapes s = limn_builder_conv_shapes(b, task);
  return task->kind == LIMN_TASK_CONV_DW && loops->lanes && s.w.c == 1 && s.w.n == s.x.c && s.x.c % loops->lanes == 0 &&
         s.w.h == s.w.w && loops->has_kernel(s.w.h) && s.x.h * s.x.w > 1 && s.y.h * s.y.w > 1;
}

limn_status limn_cpu_build_depthwise(limn_builder *b, const limn_task *task) {
  const struct cpu_device *cpu = cpu_device_of(b);
  const limn_conv_shapes s = limn_builder_conv_shapes(b, task);
  const limn_conv_attrs a = task->node.conv;
  struct depthwise *d = malloc(sizeof *d);
  if (!d)
    return limn_fail_memory("a program");
  *d = (struct depthwise){.loops = cpu->simd->depthwise,
                          .x = s.x,
                          .y = s.y,
                          .attrs = a,
                          .side = s.w.h,
                          .threads = cpu->threads,
                          .frame_h = s.x.h + 2 * a.pad_h + a.more_h,
                          .frame_w = s.x.w + 2 * a.pad_w + a.more_w};
  d->frame = cpu_odd_lines((size_t)d->frame_h * (size_t)d->frame_w * (size_t)d->loops->lanes);
  const int x = limn_builder_input(b, task->inputs[0], CPU_BLOCKED),
            y = limn_builder_input(b, task->inputs[1], CPU_BLOCKED);
  const int dw = limn_builder_output(b, task->outputs[0], CPU_PLAIN);
  const int frames = limn_builder_scratch(b, (size_t)d->threads * d->frame * sizeof(float));
  return limn_cpu_add_convolution(b, task, &(cpu_convolution_kernel){CPU_DEPTHWISE, d, run_weights}, 4,
                                  (const int[]){dw, x, y, frames});
}
