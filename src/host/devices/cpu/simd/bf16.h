/* The loops of convolutions from bf16 operands (../bf16.c), for one thread: tensors in blocked layouts are brought into
 * matrices of bf16, fp32 ones rounded to the nearest and ties to even, and these are multiplied into fp32 sums.
 *
 * A 4x4 convolution of stride 2 and padding 1 is the sum over the four even/odd phases of its input of 2x2 convolutions
 * of stride 1. On a grid of (h + 1) x (w + 1) positions, a column and a row more than the output has, each tap of these
 * is a shift by a constant number of positions: rows of the matrices are positions, and no row is stored twice. */
#ifndef LIMN_DEVICES_CPU_SIMD_BF16_H
#define LIMN_DEVICES_CPU_SIMD_BF16_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint16_t limn_bf16; /* the upper half of a float */

#define LIMN_BF16_SIDE 32 /* rows, columns and depth of a product's smallest piece */
#define LIMN_BF16_TILE                                                                                                 \
  512 /* elements: a column tile of b, 32 deep by 16 wide, two neighbours along the depth adjacent */

/* Position (u, v) of the grid is pixel (top + step u, left + step v) of a picture, which may not be there. */
typedef struct limn_bf16_grid {
  int rows, columns;
  int step, top, left;
  int height, width; /* of the picture */
  bool rounded;      /* whose numbers are limn_bf16, else float */
} limn_bf16_grid;

/* c (32, 32) = sum over the depth's pieces of a b, or += with `add`. Piece (s, t): row r of a begins at
 * a + s * segment + offsets[t] + r * stride; its two tiles of b follow those of the piece before, in their order.
 * Element (r, k) of c: c[r / 16 * down + k / 16 * right + r % 16 * c_stride + k % 16]. */
typedef struct limn_bf16_product {
  const limn_bf16 *a;
  size_t stride, segment;
  int segments, offset_count;
  const size_t *offsets;
  const limn_bf16 *b;
  size_t b_right; /* from the left tile of a piece to the right one */
  float *c;
  size_t c_stride, down, right;
  bool add;
} limn_bf16_product;

typedef struct limn_bf16_loops {
  /* Whether this process can use these loops: asks the system for what they take. NULL: this instruction set has none.
   */
  bool (*usable)(void);
  /* A thread calls `begin` before its products and `end` behind them. */
  void (*begin)(void), (*end)(void);
  void (*product)(const limn_bf16_product *p);
  /* Two blocks of channels of one picture, at every position (zeros where there is no pixel): out[32 * position]. */
  void (*rows)(const void *first, const void *second, const limn_bf16_grid *grid, limn_bf16 *out);
  /* One block of channels along the positions: out[channel * stride + position], and up to 15 more behind the last. */
  void (*lines)(const void *plane, const limn_bf16_grid *grid, limn_bf16 *out, size_t stride);
  /* One block as tiles of b, the depth being the positions: out[16 * (position & ~1) + 2 * channel + (position & 1)];
   * an odd number of them is filled up with zeros. */
  void (*pairs)(const void *plane, const limn_bf16_grid *grid, limn_bf16 *out);
  /* A tile of b of two blocks (16, 16) of weights one upon the other, each transposed before if so. */
  void (*tile)(const float *upper, const float *lower, bool transposed, limn_bf16 *out);
  /* Rows of products back to two blocks of channels: c (count, 32), positions from `position` on, counted over pictures
   * that lie `picture` floats apart. bias (32) may be NULL; then activation(u) = u > 0 ? u : slope u. */
  void (*store)(const float *c, int count, size_t position, const limn_bf16_grid *grid, float *first, float *second,
                size_t picture, const float *bias, float slope);
} limn_bf16_loops;

#endif
