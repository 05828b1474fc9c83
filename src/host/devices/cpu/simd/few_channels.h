/* The loops of few_channels.c next door: a 4x4 convolution of stride 2 and padding 1 from so few channels that they
 * fill no vector. Each function is for one thread. In backward data, vectors hold neighbouring pixels of y instead; in
 * backward weights, channels of y. */
#ifndef LIMN_DEVICES_CPU_SIMD_FEW_CHANNELS_H
#define LIMN_DEVICES_CPU_SIMD_FEW_CHANNELS_H

#include <stddef.h>

#define LIMN_FEW_SUMS 8 /* a pixel's: 2 rows of x (even, odd) by 4 columns of the kernel */

typedef struct limn_few_channels {
  int lanes;  /* of a vector: the channels of a block of y; 0: this instruction set has no such loops */
  int pixels; /* that one call of `sums` makes */
  /* Channels apart: out[channel * stride + pixel] = plane[pixel * lanes + channel]. */
  void (*unblock)(const float *plane, int pixels, float *out, size_t stride);
  /* out[i * out_stride + pixel], i = 4 (row of x) + (column of the kernel): what the pixels of y from `y` on, and those
   * `width` before and behind them (the rows above and below), give to that row of x through that column, summed over
   * the channels. Channels lie `stride` apart, their 4x4 weights `weight_stride`. */
  void (*sums)(const float *y, size_t stride, int channels, int width, const float *weights, size_t weight_stride,
               float *out, size_t out_stride);
  /* One row of x, 2 width pixels, from 4 of those sums of a row of y, plus bias. */
  void (*row)(const float *sums, size_t stride, int width, float bias, float *x);
  /* sums (4, 2 lanes) += the gradients of one row of the kernel for two blocks of channels of y, h x w pixels each: `x`
   * is what its first tap meets at the first pixel, in a picture with its padding, `width` wide. NULL: oneDNN is the
   * faster one in this instruction set. */
  void (*weight_sums)(const float *x, int width, const float *first, const float *second, int h, int w, float *sums);
} limn_few_channels;

#endif
