/* Vectors of the instruction set that a file is compiled for; for loops that the compiler does not find by itself. */
#ifndef LIMN_DEVICES_CPU_SIMD_VECTOR_H
#define LIMN_DEVICES_CPU_SIMD_VECTOR_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 32") /* loops over registers */

#if defined __AVX512F__
#define VECTOR_LANES 16
typedef __m512 vector;
static inline vector vector_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void vector_store(float *p, vector v) { _mm512_storeu_ps(p, v); }
static inline vector vector_of(float value) { return _mm512_set1_ps(value); }
static inline vector vector_fma(vector a, vector b, vector c) { return _mm512_fmadd_ps(a, b, c); } /* a b + c */
/* 16 numbers in bf16, which is the upper half of a float. What rounds to it needs more than AVX-512. */
static inline vector bf16_load(const void *p) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p)), 16));
}
#define BF16 __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx512bf16")))
BF16 static inline void bf16_store(void *p, vector v) {
  _mm256_storeu_si256((__m256i *)p, (__m256i)_mm512_cvtneps_pbh(v));
}
/* For each lane: whether x is larger than y, or a NaN; whether they are equal. */
typedef __mmask16 vector_mask;
static inline vector_mask vector_is_larger_or_nan(vector x, vector y) {
  return _mm512_cmp_ps_mask(x, y, _CMP_GT_OQ) | _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
}
static inline vector_mask vector_is_equal(vector x, vector y) { return _mm512_cmp_ps_mask(x, y, _CMP_EQ_OQ); }
static inline vector vector_select(vector_mask first, vector a, vector b) { return _mm512_mask_blend_ps(first, b, a); }
/* p[i] = 16 x[i] + i, x whole numbers: where lane i of the x[i]th vector lies. */
static inline void vector_store_offsets(int32_t *p, vector x) {
  const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  _mm512_storeu_si512(p, _mm512_add_epi32(_mm512_slli_epi32(_mm512_cvttps_epi32(x), 4), lanes));
}
/* x > 0 ? x : slope x */
static inline vector vector_leaky(vector x, vector slope) {
  __mmask16 positive = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_GT_OQ);
  return _mm512_mask_mul_ps(x, (__mmask16)~positive, x, slope);
}
/* out[j * out_stride + i] = in[i * in_stride + j], i and j below 16. Pairs of rows are interleaved, then pairs of
 * those, within quarters of a vector; then quarters change places. */
static inline void vector_transpose(const float *in, size_t in_stride, float *out, size_t out_stride) {
  vector a[16], b[16];
  UNROLL for (int i = 0; i < 16; ++i) a[i] = vector_load(in + (size_t)i * in_stride);
  UNROLL for (int i = 0; i < 16; i += 2) {
    b[i] = _mm512_unpacklo_ps(a[i], a[i + 1]);
    b[i + 1] = _mm512_unpackhi_ps(a[i], a[i + 1]);
  }
  UNROLL for (int i = 0; i < 16; i += 4) {
    UNROLL for (int j = 0; j < 2; ++j) {
      __m512d p = _mm512_castps_pd(b[i + j]), q = _mm512_castps_pd(b[i + j + 2]);
      a[i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(p, q));
      a[i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(p, q));
    }
  }
  /* a[4 g + j], quarter k: column 4 k + j of rows 4 g ... 4 g + 3. */
  UNROLL for (int j = 0; j < 4; ++j) {
    vector low0 = _mm512_shuffle_f32x4(a[j], a[4 + j], 0x88), high0 = _mm512_shuffle_f32x4(a[j], a[4 + j], 0xdd),
           low1 = _mm512_shuffle_f32x4(a[8 + j], a[12 + j], 0x88),
           high1 = _mm512_shuffle_f32x4(a[8 + j], a[12 + j], 0xdd);
    vector_store(out + (size_t)j * out_stride, _mm512_shuffle_f32x4(low0, low1, 0x88));
    vector_store(out + (size_t)(4 + j) * out_stride, _mm512_shuffle_f32x4(high0, high1, 0x88));
    vector_store(out + (size_t)(8 + j) * out_stride, _mm512_shuffle_f32x4(low0, low1, 0xdd));
    vector_store(out + (size_t)(12 + j) * out_stride, _mm512_shuffle_f32x4(high0, high1, 0xdd));
  }
}
#elif defined __AVX2__
#define VECTOR_LANES 8
typedef __m256 vector;
static inline vector vector_load(const float *p) { return _mm256_loadu_ps(p); }
static inline void vector_store(float *p, vector v) { _mm256_storeu_ps(p, v); }
static inline vector vector_of(float value) { return _mm256_set1_ps(value); }
static inline vector vector_fma(vector a, vector b, vector c) { return _mm256_fmadd_ps(a, b, c); }
typedef __m256 vector_mask;
static inline vector_mask vector_is_larger_or_nan(vector x, vector y) {
  return _mm256_or_ps(_mm256_cmp_ps(x, y, _CMP_GT_OQ), _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
}
static inline vector_mask vector_is_equal(vector x, vector y) { return _mm256_cmp_ps(x, y, _CMP_EQ_OQ); }
static inline vector vector_select(vector_mask first, vector a, vector b) { return _mm256_blendv_ps(b, a, first); }
/* p[i] = 8 x[i] + i */
static inline void vector_store_offsets(int32_t *p, vector x) {
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  _mm256_storeu_si256((__m256i *)p, _mm256_add_epi32(_mm256_slli_epi32(_mm256_cvttps_epi32(x), 3), lanes));
}
static inline vector vector_leaky(vector x, vector slope) {
  return _mm256_blendv_ps(_mm256_mul_ps(x, slope), x, _mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_GT_OQ));
}
/* out[j * out_stride + i] = in[i * in_stride + j], i and j below 8. */
static inline void vector_transpose(const float *in, size_t in_stride, float *out, size_t out_stride) {
  vector a[8], b[8];
  UNROLL for (int i = 0; i < 8; ++i) a[i] = vector_load(in + (size_t)i * in_stride);
  UNROLL for (int i = 0; i < 8; i += 2) {
    b[i] = _mm256_unpacklo_ps(a[i], a[i + 1]);
    b[i + 1] = _mm256_unpackhi_ps(a[i], a[i + 1]);
  }
  UNROLL for (int i = 0; i < 8; i += 4) {
    UNROLL for (int j = 0; j < 2; ++j) {
      __m256d p = _mm256_castps_pd(b[i + j]), q = _mm256_castps_pd(b[i + j + 2]);
      a[i + 2 * j] = _mm256_castpd_ps(_mm256_unpacklo_pd(p, q));
      a[i + 2 * j + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(p, q));
    }
  }
  UNROLL for (int j = 0; j < 4; ++j) {
    vector_store(out + (size_t)j * out_stride, _mm256_permute2f128_ps(a[j], a[4 + j], 0x20));
    vector_store(out + (size_t)(4 + j) * out_stride, _mm256_permute2f128_ps(a[j], a[4 + j], 0x31));
  }
}
#endif

#endif
