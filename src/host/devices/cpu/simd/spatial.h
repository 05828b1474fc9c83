/* The loops of spatial.c next door: pooling and resampling of one plane, which is `block` channels of one picture side
 * by side (1: a single one). Each function is for one thread. */
#ifndef LIMN_DEVICES_CPU_SIMD_SPATIAL_H
#define LIMN_DEVICES_CPU_SIMD_SPATIAL_H

#include "devices/taps.h"

typedef struct limn_pool_plane {
  limn_shape x, y; /* of which sides matter */
  limn_pool_attrs attrs;
  int block;
} limn_pool_plane;

typedef struct limn_spatial {
  void (*max_pool)(float *y, const float *x, const limn_pool_plane *plane);
  void (*max_pool_dx)(float *dx, const float *x, const float *dy, const limn_pool_plane *plane);
  void (*max_pool_pick)(float *y, const float *x, const float *v, const limn_pool_plane *plane);
  /* `row` has room for a row of x. */
  void (*separable)(float *y, const float *x, float *row, int block, const limn_taps *rows, const limn_taps *columns);
} limn_spatial;

#endif
