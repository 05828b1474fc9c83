/* The loops of depthwise.c next door: gradients of a depthwise convolution's weights, in blocks of channels. */
#ifndef LIMN_DEVICES_CPU_SIMD_DEPTHWISE_H
#define LIMN_DEVICES_CPU_SIMD_DEPTHWISE_H

#include <stdbool.h>
#include <stddef.h>

/* One block of channels of a picture: x with its padding, `width` pixels a row, and y, h x w. */
typedef struct limn_depthwise_planes {
  const float *x, *y;
  int width, h, w, stride_h, stride_w;
} limn_depthwise_planes;

typedef struct limn_depthwise {
  int lanes; /* of a vector: the channels of a block; 0: this instruction set has no such loops */
  bool (*has_kernel)(int side);
  /* sums (side, side, lanes) += the gradients of a kernel of side x side, one that it has. */
  void (*weight_sums)(int side, const limn_depthwise_planes *planes, float *sums);
} limn_depthwise;

#endif
