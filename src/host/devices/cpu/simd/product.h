/* A product of matrices two vectors wide, for the files of this folder that have vectors. */
#ifndef LIMN_DEVICES_CPU_SIMD_PRODUCT_H
#define LIMN_DEVICES_CPU_SIMD_PRODUCT_H

#include <stdbool.h>

#include "devices/cpu/simd/vector.h"

/* a (rows, depth) and b (depth, 2 vectors): the distances of what neighbours along an index. */
typedef struct factors {
  const float *a;
  size_t a_row, a_depth;
  const float *b;
  size_t b_depth;
} factors;

/* The innermost product: `rows` x 2 vectors of c stay in registers. */
INLINE void multiply_rows(int rows, int depth, const float *a, size_t a_row, size_t a_depth, const float *b,
                          size_t b_depth, float *c, size_t c_row, bool add) {
  vector left[16], right[16];
  UNROLL for (int r = 0; r < rows; ++r) {
    left[r] = add ? vector_load(c + (size_t)r * c_row) : vector_of(0);
    right[r] = add ? vector_load(c + (size_t)r * c_row + VECTOR_LANES) : vector_of(0);
  }
  for (int k = 0; k < depth; ++k, a += a_depth, b += b_depth) {
    vector b0 = vector_load(b), b1 = vector_load(b + VECTOR_LANES);
    UNROLL for (int r = 0; r < rows; ++r) {
      vector value = vector_of(a[(size_t)r * a_row]);
      left[r] = vector_fma(value, b0, left[r]);
      right[r] = vector_fma(value, b1, right[r]);
    }
  }
  UNROLL for (int r = 0; r < rows; ++r) {
    vector_store(c + (size_t)r * c_row, left[r]);
    vector_store(c + (size_t)r * c_row + VECTOR_LANES, right[r]);
  }
}

/* 2 accumulators a row, two vectors of b and a broadcast have to fit into the 32 or 16 registers. */
enum { PRODUCT_ROWS = VECTOR_LANES == 16 ? 14 : 6 };

#define PRODUCT_CASE(n_)                                                                                               \
  case n_:                                                                                                             \
    multiply_rows((n_) <= PRODUCT_ROWS ? (n_) : 1, depth, a, f->a_row, f->a_depth, f->b, f->b_depth, c, c_row, add);   \
    break;

/* c (rows, 2 vectors), c_row between its rows, = a b, or += with `add`. */
INLINE void multiply(int rows, int depth, const factors *f, float *c, size_t c_row, bool add) {
  const float *a = f->a;
  /* Divides the rows evenly, so that no call is left with a few. */
  for (int calls = (rows + PRODUCT_ROWS - 1) / PRODUCT_ROWS; calls > 0; --calls) {
    int some = (rows + calls - 1) / calls;
    switch (some) {
      PRODUCT_CASE(1)
      PRODUCT_CASE(2)
      PRODUCT_CASE(3)
      PRODUCT_CASE(4)
      PRODUCT_CASE(5)
      PRODUCT_CASE(6)
      PRODUCT_CASE(7)
      PRODUCT_CASE(8)
      PRODUCT_CASE(9)
      PRODUCT_CASE(10)
      PRODUCT_CASE(11)
      PRODUCT_CASE(12)
      PRODUCT_CASE(13)
      PRODUCT_CASE(14)
    }
    a += (size_t)some * f->a_row;
    c += (size_t)some * c_row;
    rows -= some;
  }
}

#endif
