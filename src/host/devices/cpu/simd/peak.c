/* The most that a core computes: multiply-adds that wait for no memory. */
#include "devices/cpu/simd/simd.h"

#if defined __x86_64__
#include <immintrin.h>
#endif

/* Intrinsics, because ISO C forbids a compiler to make one operation of a product and a sum. */
#if defined __AVX512F__
#define LANES 16
typedef __m512 vector;
#define SPREAD(x)             _mm512_set1_ps(x)
#define MULTIPLY_ADD(x, y, z) _mm512_fmadd_ps(x, y, z)
#define STORE(p, x)           _mm512_storeu_ps(p, x)
#elif defined __AVX2__
#define LANES                 8
typedef __m256 vector;
#define SPREAD(x)             _mm256_set1_ps(x)
#define MULTIPLY_ADD(x, y, z) _mm256_fmadd_ps(x, y, z)
#define STORE(p, x)           _mm256_storeu_ps(p, x)
#elif defined __SSE2__
#define LANES                 4
typedef __m128 vector;
#define SPREAD(x)             _mm_set1_ps(x)
#define MULTIPLY_ADD(x, y, z) _mm_add_ps(_mm_mul_ps(x, y), z)
#define STORE(p, x)           _mm_storeu_ps(p, x)
#else
#define LANES                 1
typedef float vector;
#define SPREAD(x)             (x)
#define MULTIPLY_ADD(x, y, z) __builtin_fmaf(x, y, z)
#define STORE(p, x)           (*(p) = (x))
#endif

/* Each sum waits for its own last addition, so there are more of them than are under way at a time: two units that take
 * 4 or 5 cycles. With the two constants they still fit into the 16 registers of SSE2 and AVX2. */
#define SUMS 12

float LIMN_SIMD(multiply_adds)(size_t rounds, double *flops) {
  volatile float one = 1; /* a factor that no compiler knows: products with 1 would be left out */
  vector sums[SUMS], y = SPREAD(one), z = SPREAD(one);
  float lanes[LANES], total = 0;
  for (int i = 0; i < SUMS; ++i)
    sums[i] = SPREAD((float)i);
  for (size_t round = 0; round < rounds; ++round)
    for (int i = 0; i < SUMS; ++i)
      sums[i] = MULTIPLY_ADD(sums[i], y, z);
  for (int i = 0; i < SUMS; ++i) {
    STORE(lanes, sums[i]);
    total += lanes[0];
  }
  *flops = 2.0 * LANES * SUMS * (double)rounds;
  return total;
}
