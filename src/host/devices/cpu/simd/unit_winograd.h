/* The loops of unit_winograd.c next door: convolutions of stride 1 by Winograd's way, for one thread. A vector holds a
 * block of channels, so all tensors are in blocked layouts: activations nChwBc, weights OIhwBiBo.
 *
 * Along each axis an F(m, r) of Winograd (1980) and Lavin & Gray (2016): m outputs of r taps from m + r - 1 products,
 * one for each of the points 0, +a and -a of some pairs, and infinity. What belongs to a pair is computed together: the
 * even terms of its polynomials are the same, the odd ones differ in their sign. */
#ifndef LIMN_DEVICES_CPU_SIMD_UNIT_WINOGRAD_H
#define LIMN_DEVICES_CPU_SIMD_UNIT_WINOGRAD_H

#include <stdbool.h>
#include <stddef.h>

#include "devices/cpu/simd/winograd.h"

#define LIMN_UNIT_PAIRS   5 /* at most */
#define LIMN_UNIT_TAPS    7
#define LIMN_UNIT_OUTPUTS 6
#define LIMN_UNIT_POINTS  (2 * LIMN_UNIT_PAIRS + 2) /* 0, then +a and -a of each pair, then infinity */

/* The numbers of one axis; with one point it is none, and all else is 1. */
typedef struct limn_unit_axis {
  int points, outputs;
  float at[LIMN_UNIT_PAIRS];  /* a of each pair */
  float all[LIMN_UNIT_PAIRS]; /* the product of all x^2 - a^2: of x^0, x^2, ..., without the last, 1 */
  float others[LIMN_UNIT_PAIRS][LIMN_UNIT_PAIRS];  /* the same without the pair's own */
  float power[LIMN_UNIT_PAIRS][LIMN_UNIT_OUTPUTS]; /* a^i */
  float weight[LIMN_UNIT_POINTS][LIMN_UNIT_TAPS];  /* what a point's number is of the taps */
} limn_unit_axis;

/* The kernels that there are loops for. */
typedef enum limn_unit_kernel {
  LIMN_UNIT_3X3,
  LIMN_UNIT_5X5,
  LIMN_UNIT_1X3,
  LIMN_UNIT_3X1,
  LIMN_UNIT_1X7,
  LIMN_UNIT_7X1,
  LIMN_UNIT_KERNELS
} limn_unit_kernel;

typedef struct limn_unit_axes {
  limn_unit_axis y, x;
} limn_unit_axes;

typedef struct limn_unit_loops {
  /* A tile of all channels that begins at pixel `at` (y may be negative, x too), with zeros outside of the picture:
   * channel k of point p, row of points by row, to out[p * point + k]. */
  void (*input)(const limn_unit_axes *axes, const limn_winograd_picture *x, limn_winograd_tile at, float *out,
                size_t point);
  /* From products, point p at m[p * point], 2 vectors, to the pixels of blocks `block` and block + 1 from `at` on that
   * lie in the picture. bias (channels) may be NULL; then activation(u) = u > 0 ? u : slope u. */
  void (*output)(const limn_unit_axes *axes, const float *m, size_t point, const limn_winograd_picture *y,
                 limn_winograd_tile at, int block, const float *bias, float slope);
  /* Rows k ... k + count - 1, input channels, of a panel: its columns are the output channels of blocks `block` and
   * block + 1; w has `inner` blocks of input channels. Row k of point p to panel[p * point + k * 2 lanes]. */
  void (*weights)(const limn_unit_axes *axes, const float *w, int inner, int block, int k, int count, float *panel,
                  size_t point);
} limn_unit_loops;

typedef struct limn_unit_winograd {
  int lanes;        /* of a vector: the channels of a block; 0: this instruction set has no such loops */
  int product_rows; /* that `product` does at a time */
  limn_unit_loops kernels[LIMN_UNIT_KERNELS];
  /* c (rows, 2 vectors) = or += a (rows, depth) b (depth, 2 vectors): rows of a `stride` apart, of b and c without
   * gaps.
   */
  void (*product)(int rows, int depth, const float *a, size_t stride, const float *b, float *c, bool add);
} limn_unit_winograd;

#endif
