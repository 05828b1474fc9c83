/* Batch normalisation over planes. The block is a compile-time constant inside each loop, so that one group of channels
 * is one vector register. */
#include "devices/cpu/simd/simd.h"

#define INLINE    static inline __attribute__((always_inline))
#define MAX_BLOCK 16

/* 0 is selected, not multiplied: 0 times infinity is NaN. A NaN itself passes through. */
INLINE float activate(float v, float slope) { return v < 0 ? (slope == 0 ? 0 : slope * v) : v; }
INLINE float leak(float g, float y, float slope) { return y > 0 ? g : slope == 0 ? 0 : slope * g; }

INLINE void moments_b(const float *x, int pixels, const int block, float *mean, float *m2) {
  float sum[MAX_BLOCK] = {0}, squares[MAX_BLOCK] = {0}, centre[MAX_BLOCK];
  for (int p = 0; p < pixels; ++p)
    for (int c = 0; c < block; ++c)
      sum[c] += x[p * block + c];
  for (int c = 0; c < block; ++c)
    centre[c] = sum[c] / (float)pixels;
  /* The plane is still in cache: a second pass costs no memory traffic and loses no digits. */
  for (int p = 0; p < pixels; ++p)
    for (int c = 0; c < block; ++c) {
      float d = x[p * block + c] - centre[c];
      squares[c] += d * d;
    }
  for (int c = 0; c < block; ++c) {
    mean[c] = centre[c];
    m2[c] = squares[c];
  }
}

static void moments_plain(const float *x, int pixels, float *mean, float *m2) {
  float sum = 0, squares = 0;
#pragma omp simd reduction(+ : sum)
  for (int p = 0; p < pixels; ++p)
    sum += x[p];
  float centre = sum / (float)pixels;
#pragma omp simd reduction(+ : squares)
  for (int p = 0; p < pixels; ++p)
    squares += (x[p] - centre) * (x[p] - centre);
  *mean = centre;
  *m2 = squares;
}

void LIMN_SIMD(moments)(const float *x, int pixels, int block, float *mean, float *m2) {
  if (block == 16)
    moments_b(x, pixels, 16, mean, m2);
  else if (block == 8)
    moments_b(x, pixels, 8, mean, m2);
  else
    moments_plain(x, pixels, mean, m2);
}

INLINE void normalize_b(float *y, const float *x, int pixels, const int block, const float *scale, const float *shift,
                        float slope) {
  for (int p = 0; p < pixels; ++p)
#pragma omp simd
    for (int c = 0; c < block; ++c) {
      float v = scale[c] * x[p * block + c] + shift[c];
      y[p * block + c] = activate(v, slope);
    }
}

void LIMN_SIMD(normalize)(float *y, const float *x, int pixels, int block, const float *scale, const float *shift,
                          float slope) {
  if (block == 16) {
    normalize_b(y, x, pixels, 16, scale, shift, slope);
  } else if (block == 8) {
    normalize_b(y, x, pixels, 8, scale, shift, slope);
  } else {
    float a = *scale, b = *shift;
#pragma omp simd
    for (int p = 0; p < pixels; ++p) {
      float v = a * x[p] + b;
      y[p] = activate(v, slope);
    }
  }
}

INLINE void gradient_sums_b(const float *x, const float *g, const float *y, int pixels, const int block,
                            const float *mean, float slope, float *sum_dy, float *sum_dyx) {
  float dy[MAX_BLOCK] = {0}, dyx[MAX_BLOCK] = {0};
  for (int p = 0; p < pixels; ++p)
    for (int c = 0; c < block; ++c) {
      int i = p * block + c;
      float v = y ? leak(g[i], y[i], slope) : g[i];
      dy[c] += v;
      dyx[c] += v * (x[i] - mean[c]);
    }
  for (int c = 0; c < block; ++c) {
    sum_dy[c] += dy[c];
    sum_dyx[c] += dyx[c];
  }
}

static void gradient_sums_plain(const float *x, const float *g, const float *y, int pixels, float mean, float slope,
                                float *sum_dy, float *sum_dyx) {
  float dy = 0, dyx = 0;
#pragma omp simd reduction(+ : dy, dyx)
  for (int p = 0; p < pixels; ++p) {
    float v = y ? leak(g[p], y[p], slope) : g[p];
    dy += v;
    dyx += v * (x[p] - mean);
  }
  *sum_dy += dy;
  *sum_dyx += dyx;
}

void LIMN_SIMD(gradient_sums)(const float *x, const float *g, const float *y, int pixels, int block, const float *mean,
                              float slope, float *sum_dy, float *sum_dyx) {
  if (block == 16 && y)
    gradient_sums_b(x, g, y, pixels, 16, mean, slope, sum_dy, sum_dyx);
  else if (block == 16)
    gradient_sums_b(x, g, NULL, pixels, 16, mean, slope, sum_dy, sum_dyx);
  else if (block == 8 && y)
    gradient_sums_b(x, g, y, pixels, 8, mean, slope, sum_dy, sum_dyx);
  else if (block == 8)
    gradient_sums_b(x, g, NULL, pixels, 8, mean, slope, sum_dy, sum_dyx);
  else
    gradient_sums_plain(x, g, y, pixels, *mean, slope, sum_dy, sum_dyx);
}

INLINE void gradient_input_b(float *dx, const float *x, const float *g, const float *y, int pixels, const int block,
                             const float *a, const float *b, const float *c, float slope) {
  for (int p = 0; p < pixels; ++p)
#pragma omp simd
    for (int k = 0; k < block; ++k) {
      int i = p * block + k;
      float v = y ? leak(g[i], y[i], slope) : g[i];
      dx[i] = a[k] * v + b[k] * x[i] + c[k];
    }
}

void LIMN_SIMD(gradient_input)(float *dx, const float *x, const float *g, const float *y, int pixels, int block,
                               const float *a, const float *b, const float *c, float slope) {
  if (block == 16 && y)
    gradient_input_b(dx, x, g, y, pixels, 16, a, b, c, slope);
  else if (block == 16)
    gradient_input_b(dx, x, g, NULL, pixels, 16, a, b, c, slope);
  else if (block == 8 && y)
    gradient_input_b(dx, x, g, y, pixels, 8, a, b, c, slope);
  else if (block == 8)
    gradient_input_b(dx, x, g, NULL, pixels, 8, a, b, c, slope);
  else {
    float a0 = *a, b0 = *b, c0 = *c;
#pragma omp simd
    for (int p = 0; p < pixels; ++p) {
      float v = y ? leak(g[p], y[p], slope) : g[p];
      dx[p] = a0 * v + b0 * x[p] + c0;
    }
  }
}

INLINE void channel_sums_b(const float *x, int pixels, const int block, float *sum) {
  float total[MAX_BLOCK] = {0};
  for (int p = 0; p < pixels; ++p)
    for (int c = 0; c < block; ++c)
      total[c] += x[p * block + c];
  for (int c = 0; c < block; ++c)
    sum[c] += total[c];
}

void LIMN_SIMD(channel_sums)(const float *x, int pixels, int block, float *sum) {
  if (block == 16)
    channel_sums_b(x, pixels, 16, sum);
  else if (block == 8)
    channel_sums_b(x, pixels, 8, sum);
  else
    *sum += LIMN_SIMD(sum)(x, (size_t)pixels);
}
