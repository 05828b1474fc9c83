#include "devices/cpu/simd/gemm.h"

#include "devices/cpu/simd/simd.h"

#if defined __AVX2__
#include "devices/cpu/simd/product.h"

/* The sums, and a vector of each row, have to fit into the 32 or 16 registers. */
enum { LANES = VECTOR_LANES, X_ROWS = LANES == 16 ? 4 : 2, W_ROWS = 4 };

/* As halves of halves. */
INLINE float sum_of(vector v) {
  float part[LANES];
  vector_store(part, v);
  UNROLL for (int half = LANES / 2; half > 0; half /= 2) {
    UNROLL for (int i = 0; i < half; ++i) part[i] += part[i + half];
  }
  return part[0];
}

INLINE void dots_of(int x_rows, int w_rows, size_t depth, const float *x, const float *w, float *y, size_t y_row) {
  vector sums[X_ROWS][W_ROWS];
  UNROLL for (int i = 0; i < x_rows; ++i) { UNROLL for (int j = 0; j < w_rows; ++j) sums[i][j] = vector_of(0); }
  for (size_t k = 0; k < depth; k += LANES) {
    vector right[W_ROWS];
    UNROLL for (int j = 0; j < w_rows; ++j) right[j] = vector_load(w + (size_t)j * depth + k);
    UNROLL for (int i = 0; i < x_rows; ++i) {
      vector left = vector_load(x + (size_t)i * depth + k);
      UNROLL for (int j = 0; j < w_rows; ++j) sums[i][j] = vector_fma(left, right[j], sums[i][j]);
    }
  }
  UNROLL for (int i = 0; i < x_rows; ++i) {
    UNROLL for (int j = 0; j < w_rows; ++j) y[(size_t)i * y_row + (size_t)j] = sum_of(sums[i][j]);
  }
}

static void dots(int x_rows, int w_rows, size_t depth, const float *x, const float *w, float *y, size_t y_row) {
  if (x_rows == X_ROWS && w_rows == W_ROWS)
    dots_of(X_ROWS, W_ROWS, depth, x, w, y, y_row);
  else if (x_rows == X_ROWS)
    for (int j = 0; j < w_rows; ++j)
      dots_of(X_ROWS, 1, depth, x, w + (size_t)j * depth, y + j, y_row);
  else
    for (int i = 0; i < x_rows; ++i)
      for (int j = 0; j < w_rows; ++j)
        dots_of(1, 1, depth, x + (size_t)i * depth, w + (size_t)j * depth, y + (size_t)i * y_row + j, y_row);
}

static void product(int rows, int depth, const float *a, size_t a_row, size_t a_depth, const float *b, size_t b_depth,
                    float *c, size_t c_row, bool add) {
  multiply(rows, depth, &(factors){a, a_row, a_depth, b, b_depth}, c, c_row, add);
}

static void pack(int depth, const float *b, size_t b_depth, float *c) {
  for (int k = 0; k < depth; ++k, b += b_depth, c += (ptrdiff_t)2 * LANES) {
    vector_store(c, vector_load(b));
    vector_store(c + LANES, vector_load(b + LANES));
  }
}

const limn_gemm LIMN_SIMD(gemm) = {
    .lanes = LANES,
    .x_rows = X_ROWS,
    .w_rows = W_ROWS,
    .product_rows = PRODUCT_ROWS,
    .dots = dots,
    .product = product,
    .pack = pack,
};
#else
const limn_gemm LIMN_SIMD(gemm) = {0};
#endif
