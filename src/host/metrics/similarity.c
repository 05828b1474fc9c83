#include "metrics/similarity.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"

#define WINDOW LIMN_SSIM_WINDOW
#define SIGMA  1.5
#define C1     (0.01 * 0.01)
#define C2     (0.03 * 0.03)

double limn_psnr(const float *a, const float *b, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; ++i) {
    double difference = (double)a[i] - (double)b[i];
    sum += difference * difference;
  }
  return -10 * log10(sum / (double)count);
}

/* What a window says of two planes: weighted means of a, b, a^2, b^2 and ab. */
enum { A, B, AA, BB, AB, MOMENTS };

static void gaussian(double weights[WINDOW]) {
  double sum = 0;
  for (int i = 0; i < WINDOW; ++i) {
    const int from = i - WINDOW / 2;
    double t = from / SIGMA;
    sum += weights[i] = exp(-t * t / 2);
  }
  for (int i = 0; i < WINDOW; ++i)
    weights[i] /= sum;
}

/* The moments of WINDOW rows from a and b on, along the columns alone: sums[moment][column]. */
static void add_rows(const float *a, const float *b, int width, const double weights[WINDOW], double *sums) {
  for (int x = 0; x < width; ++x) {
    double m[MOMENTS] = {0};
    for (int i = 0; i < WINDOW; ++i) {
      double p = (double)a[i * width + x], q = (double)b[i * width + x], w = weights[i];
      m[A] += w * p;
      m[B] += w * q;
      m[AA] += w * p * p;
      m[BB] += w * q * q;
      m[AB] += w * p * q;
    }
    for (int k = 0; k < MOMENTS; ++k)
      sums[k * width + x] = m[k];
  }
}

/* Of the window whose columns begin at x. */
static double similarity_at(const double *sums, int width, int x, const double weights[WINDOW]) {
  double m[MOMENTS] = {0};
  for (int k = 0; k < MOMENTS; ++k)
    for (int i = 0; i < WINDOW; ++i)
      m[k] += weights[i] * sums[k * width + x + i];
  double aa = m[AA] - m[A] * m[A], bb = m[BB] - m[B] * m[B], ab = m[AB] - m[A] * m[B];
  return (2 * m[A] * m[B] + C1) * (2 * ab + C2) / ((m[A] * m[A] + m[B] * m[B] + C1) * (aa + bb + C2));
}

limn_status limn_ssim(const float *a, const float *b, int channels, int height, int width, double *out) {
  double weights[WINDOW], sum = 0;
  if (!limn_ssim_fits(height, width))
    return limn_fail(LIMN_USAGE, "structural similarity needs pictures of at least %d x %d, and they are %d x %d",
                     WINDOW, WINDOW, height, width);
  const int rows = height - WINDOW + 1, columns = width - WINDOW + 1;
  double *sums = malloc(MOMENTS * (size_t)width * sizeof *sums);
  if (!sums)
    return limn_fail_memory("structural similarity");
  gaussian(weights);
  for (int y = 0; y < channels * height; ++y) {
    if (y % height >= rows)
      continue;
    add_rows(a + (size_t)y * (size_t)width, b + (size_t)y * (size_t)width, width, weights, sums);
    for (int x = 0; x < columns; ++x)
      sum += similarity_at(sums, width, x, weights);
  }
  free(sums);
  *out = sum / ((double)channels * rows * columns);
  return LIMN_OK;
}
