/* Logarithms of sums of exponentials over channels: vectors hold pixels or, of a single one, channels. */
#include "devices/cpu/simd/functions.h"
#include "devices/cpu/simd/simd.h"

/* What is taken out of a pixel before exp: its largest, which is nothing where that is infinite. A NaN, which no
 * comparison finds, comes through exp. */
static inline float taken_out(float most) { return fabsf(most) < INFINITY ? most : 0; }

static float one_pixel(const float *x, size_t channels) {
  float most = -INFINITY, total = 0;
#pragma omp simd reduction(max : most)
  for (size_t c = 0; c < channels; ++c)
    most = x[c] > most ? x[c] : most;
  most = taken_out(most);
#pragma omp simd reduction(+ : total)
  for (size_t c = 0; c < channels; ++c)
    total += expf(x[c] - most);
  return most + logf(total);
}

void LIMN_SIMD(log_sum_exp)(float *out, const float *x, size_t channels, size_t stride, size_t pixels) {
  float most[LIMN_LOG_SUM_EXP_PIXELS], total[LIMN_LOG_SUM_EXP_PIXELS];
  if (stride == 1) {
    out[0] = one_pixel(x, channels);
    return;
  }
  for (size_t p = 0; p < pixels; ++p) {
    most[p] = -INFINITY;
    total[p] = 0;
  }
  for (size_t c = 0; c < channels; ++c) {
#pragma omp simd
    for (size_t p = 0; p < pixels; ++p)
      most[p] = x[c * stride + p] > most[p] ? x[c * stride + p] : most[p];
  }
#pragma omp simd
  for (size_t p = 0; p < pixels; ++p)
    most[p] = taken_out(most[p]);
  for (size_t c = 0; c < channels; ++c) {
#pragma omp simd
    for (size_t p = 0; p < pixels; ++p)
      total[p] += expf(x[c * stride + p] - most[p]);
  }
#pragma omp simd
  for (size_t p = 0; p < pixels; ++p)
    out[p] = most[p] + logf(total[p]);
}
