/* The loops of Winograd's convolution (../winograd.c): transforms of single tiles and the product in between, for one
 * thread. A vector holds a block of channels, so all tensors are in blocked layouts: activations nChwBc, weights
 * OIhwBiBo.
 *
 * A 4x4 convolution of stride 2 and padding 1 is the sum over the four even/odd phases of its input of 2x2 convolutions
 * of stride 1; each of these is F(4x4, 2x2) of Winograd (1980) and Lavin & Gray (2016), with the points 0, 1, -1, 2 and
 * infinity: 25 products for 4x4 outputs, where the direct way takes 64. Going back to the input is the transpose. */
#ifndef LIMN_DEVICES_CPU_SIMD_WINOGRAD_H
#define LIMN_DEVICES_CPU_SIMD_WINOGRAD_H

#include <stdbool.h>
#include <stddef.h>

#define LIMN_WINOGRAD_TILE   4  /* outputs of a tile, along each side */
#define LIMN_WINOGRAD_POINTS 25 /* 5 x 5 products */
#define LIMN_WINOGRAD_PHASES 4  /* 2 row + column, each even (0) or odd (1) counted from the padding */
#define LIMN_WINOGRAD_TAPS   16
#define LIMN_WINOGRAD_BLOCKS 2 /* channel blocks of a column panel: what the product makes at a time */

/* One picture's activations: `blocks` planes of h x w pixels of a block of channels. */
typedef struct limn_winograd_picture {
  float *data;
  int blocks, h, w;
} limn_winograd_picture;

/* Where a tile's row of K numbers lies in the 25 matrices: element k of point p at
 * data[p * point + k / span * slab + k % span]. span is a multiple of the vector's length. */
typedef struct limn_winograd_row {
  float *data;
  size_t point, slab;
  int span;
} limn_winograd_row;

typedef struct limn_winograd_tile {
  int y, x; /* in tiles */
} limn_winograd_tile;

typedef struct limn_winograd {
  int lanes; /* of a vector: the channels of a block */
  /* K = 4 channels: element (block, phase, lane) of the input side's tile (9x9 pixels, zeros outside of the picture).
   */
  void (*input)(const limn_winograd_picture *x, limn_winograd_tile tile, const limn_winograd_row *row);
  /* K = channels: element (block, lane) of the output side's tile (4x4 pixels, zeros outside). */
  void (*gradient)(const limn_winograd_picture *y, limn_winograd_tile tile, const limn_winograd_row *row);
  /* From products, point p of the panel at m[p * point], 2 vectors, to the output's blocks `block` and block + 1. bias
   * (channels) may be NULL; then activation(u) = u > 0 ? u : slope u. */
  void (*output)(const float *m, size_t point, const limn_winograd_picture *y, limn_winograd_tile tile, int block,
                 const float *bias, float slope);
  /* To the input's blocks `block` and block + 1, pixels of that phase: added where a tile above or to the left has
   * written already, so that a picture's tiles must come row by row. */
  void (*input_gradient)(const float *m, size_t point, const limn_winograd_picture *x, limn_winograd_tile tile,
                         int block, int phase);

  /* Rows k ... k + count - 1 of a panel: columns are the channels of weight blocks `block`, block + 1 (of O); w has
   * `inner` blocks of I. phase < 0: K is (block, phase, lane) of I; else (block, lane), the taps of that phase alone.
   * Row k of point p comes to panel[p * point + k * 2 lanes]. */
  void (*weights)(const float *w, int inner, int block, int phase, int k, int count, float *panel, size_t point);
  /* The other way, at the end of a sum over tiles: rows k ... of (block, phase, lane), points m[p * point + ...] laid
   * out as above, to all taps of their weights. */
  void (*weight_gradient)(const float *m, size_t point, float *dw, int inner, int block, int k, int count);
  /* A block of weights with the roles of its lanes exchanged: (taps, i, o) -> (taps, o, i). */
  void (*transpose)(const float *w, float *out);

  /* c (rows, 2 lanes) = a b, or += with `add`: a (rows, depth) with `stride` between rows, b (depth, 2 lanes). */
  void (*product)(int rows, int depth, const float *a, size_t stride, const float *b, float *c, bool add);
  /* The same with a (depth, rows) given: `stride` between its rows. */
  void (*product_transposed)(int rows, int depth, const float *a, size_t stride, const float *b, float *c, bool add);
} limn_winograd;

#endif
