#include "devices/cpu/simd/few_channels.h"

#include "devices/cpu/simd/simd.h"

#if defined __AVX2__
#include "devices/cpu/simd/vector.h"

/* 8 sums a pixel, three rows of pixels and a weight have to fit into the 32 or 16 registers. */
enum { LANES = VECTOR_LANES, VECTORS = LANES == 16 ? 2 : 1, TAPS = 4 };

static void unblock(const float *plane, int pixels, float *out, size_t stride) {
  int pixel = 0;
  for (; pixel + LANES <= pixels; pixel += LANES)
    vector_transpose(plane + (size_t)pixel * LANES, LANES, out + pixel, stride);
  for (; pixel < pixels; ++pixel)
    for (int c = 0; c < LANES; ++c)
      out[(size_t)c * stride + (size_t)pixel] = plane[pixel * LANES + c];
}

static void sums(const float *y, size_t stride, int channels, int width, const float *weights, size_t weight_stride,
                 float *out, size_t out_stride) {
  vector even[TAPS][VECTORS], odd[TAPS][VECTORS];
  UNROLL for (int k = 0; k < TAPS; ++k) {
    UNROLL for (int v = 0; v < VECTORS; ++v) even[k][v] = odd[k][v] = vector_of(0);
  }
  for (int c = 0; c < channels; ++c, y += stride, weights += weight_stride) {
    vector above[VECTORS], here[VECTORS], below[VECTORS];
    UNROLL for (int v = 0; v < VECTORS; ++v) {
      above[v] = vector_load(y - width + v * LANES);
      here[v] = vector_load(y + v * LANES);
      below[v] = vector_load(y + width + v * LANES);
    }
    /* Row 2 r of x is row 1 of the kernel on row r of y and row 3 on r - 1; row 2 r + 1: row 0 on r + 1, row 2 on r. */
    UNROLL for (int k = 0; k < TAPS; ++k) {
      vector w0 = vector_of(weights[k]), w1 = vector_of(weights[TAPS + k]), w2 = vector_of(weights[2 * TAPS + k]),
             w3 = vector_of(weights[3 * TAPS + k]);
      UNROLL for (int v = 0; v < VECTORS; ++v) {
        even[k][v] = vector_fma(w3, above[v], vector_fma(w1, here[v], even[k][v]));
        odd[k][v] = vector_fma(w0, below[v], vector_fma(w2, here[v], odd[k][v]));
      }
    }
  }
  UNROLL for (int k = 0; k < TAPS; ++k) {
    UNROLL for (int v = 0; v < VECTORS; ++v) {
      vector_store(out + (size_t)k * out_stride + v * LANES, even[k][v]);
      vector_store(out + (size_t)(TAPS + k) * out_stride + v * LANES, odd[k][v]);
    }
  }
}

/* Columns as rows above: 2 j of x is column 1 of the kernel on column j of y and 3 on j - 1, 2 j + 1: 0 on j + 1, 2 on
 * j. */
static void row(const float *s, size_t stride, int width, float bias, float *x) {
  const float *s0 = s, *s1 = s + stride, *s2 = s1 + stride, *s3 = s2 + stride;
  x[0] = s1[0] + bias;
  for (int j = 0; j + 1 < width; ++j) {
    x[2 * j + 1] = s2[j] + s0[j + 1] + bias;
    x[2 * j + 2] = s1[j + 1] + s3[j] + bias;
  }
  x[2 * width - 1] = s2[width - 1] + bias;
}

#if VECTOR_LANES == 8
static void weight_sums(const float *x, int width, const float *first, const float *second, int h, int w, float *out) {
  vector left[TAPS], right[TAPS];
  UNROLL for (int k = 0; k < TAPS; ++k) left[k] = right[k] = vector_of(0);
  for (int i = 0; i < h; ++i, x += 2 * width) {
    const float *at = x;
    for (int j = 0; j < w; ++j, at += 2, first += LANES, second += LANES) {
      vector y0 = vector_load(first), y1 = vector_load(second);
      UNROLL for (int k = 0; k < TAPS; ++k) {
        vector value = vector_of(at[k]);
        left[k] = vector_fma(value, y0, left[k]);
        right[k] = vector_fma(value, y1, right[k]);
      }
    }
  }
  UNROLL for (int k = 0; k < TAPS; ++k, out += (ptrdiff_t)2 * LANES) {
    vector_store(out, vector_load(out) + left[k]);
    vector_store(out + LANES, vector_load(out + LANES) + right[k]);
  }
}

#define WEIGHT_SUMS weight_sums
#else
#define WEIGHT_SUMS NULL
#endif

const limn_few_channels LIMN_SIMD(few_channels) = {.lanes = LANES,
                                                   .pixels = VECTORS * LANES,
                                                   .unblock = unblock,
                                                   .sums = sums,
                                                   .row = row,
                                                   .weight_sums = WEIGHT_SUMS};
#else
const limn_few_channels LIMN_SIMD(few_channels) = {0};
#endif
