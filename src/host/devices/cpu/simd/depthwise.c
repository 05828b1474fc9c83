#include "devices/cpu/simd/depthwise.h"

#include "devices/cpu/simd/simd.h"

#if defined __AVX2__
#include "devices/cpu/simd/vector.h"

enum { LANES = VECTOR_LANES, MOST_TAPS = 14 };

/* The sums of `rows` rows of the kernel stay in registers; a pixel of y is read once for all of them. */
INLINE void sum_rows(int rows, int side, const limn_depthwise_planes *p, const float *x, float *sums) {
  vector sum[MOST_TAPS];
  const size_t row = (size_t)p->width * LANES, right = (size_t)p->stride_w * LANES;
  const float *y = p->y;
  UNROLL for (int k = 0; k < rows * side; ++k) sum[k] = vector_load(sums + k * LANES);
  for (int i = 0; i < p->h; ++i, x += (size_t)p->stride_h * row) {
    const float *at = x;
    for (int j = 0; j < p->w; ++j, at += right, y += LANES) {
      const vector value = vector_load(y);
      UNROLL for (int r = 0; r < rows; ++r) {
        UNROLL for (int k = 0; k < side; ++k) sum[r * side + k] =
            vector_fma(value, vector_load(at + (size_t)r * row + k * LANES), sum[r * side + k]);
      }
    }
  }
  UNROLL for (int k = 0; k < rows * side; ++k) vector_store(sums + k * LANES, sum[k]);
}

/* Two rows at a time: what hides the latency of additions and fits into 16 registers. */
INLINE void sum_kernel(int side, const limn_depthwise_planes *p, float *sums) {
  const size_t row = (size_t)p->width * LANES;
  int r = 0;
  for (; r + 2 <= side; r += 2)
    sum_rows(2, side, p, p->x + (size_t)r * row, sums + (size_t)(r * side) * LANES);
  if (r < side)
    sum_rows(1, side, p, p->x + (size_t)r * row, sums + (size_t)(r * side) * LANES);
}

/* Of 3x3 oneDNN's are as fast. */
static bool has_kernel(int side) { return side == 5 || side == 7; }

static void weight_sums(int side, const limn_depthwise_planes *p, float *sums) {
  if (side == 5)
    sum_kernel(5, p, sums);
  else
    sum_kernel(7, p, sums);
}

const limn_depthwise LIMN_SIMD(depthwise) = {.lanes = LANES, .has_kernel = has_kernel, .weight_sums = weight_sums};
#else
const limn_depthwise LIMN_SIMD(depthwise) = {0};
#endif
