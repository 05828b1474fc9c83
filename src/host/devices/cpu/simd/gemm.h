/* The loops of gemm.c next door: the products of a dense layer, for one thread. Rows of x and of the weights are D long
 * and lie along the vectors. */
#ifndef LIMN_DEVICES_CPU_SIMD_GEMM_H
#define LIMN_DEVICES_CPU_SIMD_GEMM_H

#include <stdbool.h>
#include <stddef.h>

typedef struct limn_gemm {
  int lanes;          /* of a vector; 0: this instruction set has no such loops */
  int x_rows, w_rows; /* of a call of `dots`, at most */
  int product_rows;   /* that `product` does at a time */
  /* y[i * y_row + j] = x row i times w row j, i below `x_rows`, j below `w_rows`. depth: D, a multiple of lanes; so far
   * apart rows lie. */
  void (*dots)(int x_rows, int w_rows, size_t depth, const float *x, const float *w, float *y, size_t y_row);
  /* c (rows, 2 lanes) = a (rows, depth) b (depth, 2 lanes), or += with `add`, with the distances given between
   * neighbours along them. */
  void (*product)(int rows, int depth, const float *a, size_t a_row, size_t a_depth, const float *b, size_t b_depth,
                  float *c, size_t c_row, bool add);
  /* c (depth, 2 lanes) without gaps = b with b_depth between its rows. */
  void (*pack)(int depth, const float *b, size_t b_depth, float *c);
} limn_gemm;

#endif
