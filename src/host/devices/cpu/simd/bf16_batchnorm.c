#include "devices/cpu/simd/bf16_batchnorm.h"

#include "devices/cpu/simd/simd.h"

#if defined __AVX512F__ && defined __x86_64__
#include "devices/cpu/simd/vector.h"

enum { BLOCK = 16 };

/* 0 is selected, not multiplied: 0 times infinity is NaN. */
static inline vector leak(vector g, __mmask16 shrunk, float slope) {
  return slope == 0 ? _mm512_mask_mov_ps(g, shrunk, vector_of(0)) : _mm512_mask_mul_ps(g, shrunk, g, vector_of(slope));
}

static inline __mmask16 not_positive(vector y) { return (__mmask16)~_mm512_cmp_ps_mask(y, vector_of(0), _CMP_GT_OQ); }

BF16 static void normalize(limn_bf16 *y, const float *x, int pixels, const float *scale, const float *shift,
                           float slope) {
  const vector a = vector_load(scale), b = vector_load(shift);
  for (size_t i = 0; i < (size_t)pixels * BLOCK; i += BLOCK) {
    const vector v = a * vector_load(x + i) + b;
    bf16_store(y + i, leak(v, _mm512_cmp_ps_mask(v, vector_of(0), _CMP_LT_OQ), slope));
  }
}

static void gradient_sums(const float *x, const float *g, const limn_bf16 *y, int pixels, const float *mean,
                          float slope, float *sum_dy, float *sum_dyx) {
  const vector m = vector_load(mean);
  vector dy = vector_of(0), dyx = vector_of(0);
  for (size_t i = 0; i < (size_t)pixels * BLOCK; i += BLOCK) {
    const vector v = leak(vector_load(g + i), not_positive(bf16_load(y + i)), slope);
    dy += v;
    dyx += v * (vector_load(x + i) - m);
  }
  vector_store(sum_dy, vector_load(sum_dy) + dy);
  vector_store(sum_dyx, vector_load(sum_dyx) + dyx);
}

BF16 static void gradient_input(float *dx, limn_bf16 *rounded, const float *x, const float *g, const float *y,
                                const limn_bf16 *rounded_y, int pixels, const float *a, const float *b, const float *c,
                                float slope) {
  const vector a0 = vector_load(a), b0 = vector_load(b), c0 = vector_load(c);
  for (size_t i = 0; i < (size_t)pixels * BLOCK; i += BLOCK) {
    vector v = vector_load(g + i);
    if (rounded_y)
      v = leak(v, not_positive(bf16_load(rounded_y + i)), slope);
    else if (y)
      v = leak(v, not_positive(vector_load(y + i)), slope);
    v = a0 * v + b0 * vector_load(x + i) + c0;
    if (rounded)
      bf16_store(rounded + i, v);
    else
      vector_store(dx + i, v);
  }
}

const limn_bf16_batchnorm LIMN_SIMD(bf16_batchnorm) = {
    .normalize = normalize, .gradient_sums = gradient_sums, .gradient_input = gradient_input};
#else
const limn_bf16_batchnorm LIMN_SIMD(bf16_batchnorm) = {.normalize = NULL};
#endif
