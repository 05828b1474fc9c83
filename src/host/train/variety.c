#include "train/variety.h"

#include <math.h>
#include <stdlib.h>

static double box_mean(const float *plane, int width, int top, int bottom, int left, int right) {
  double sum = 0;
  for (int h = top; h < bottom; ++h)
    for (int w = left; w < right; ++w)
      sum += (double)plane[(size_t)h * (size_t)width + (size_t)w];
  return sum / ((double)(bottom - top) * (right - left));
}

void limn_variety_describe(const float *pixels, int channels, int height, int width, float *out) {
  const int side = LIMN_VARIETY_SIDE;
  for (int c = 0; c < channels; ++c) {
    const float *plane = pixels + (size_t)c * (size_t)height * (size_t)width;
    for (int i = 0; i < side; ++i)
      for (int j = 0; j < side; ++j)
        *out++ = (float)box_mean(plane, width, i * height / side, (i + 1) * height / side, j * width / side,
                                 (j + 1) * width / side);
  }
}

static double distance(const float *a, const float *b, int length) {
  double sum = 0;
  for (int i = 0; i < length; ++i)
    sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
  return sqrt(sum);
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *values, int count) {
  qsort(values, (size_t)count, sizeof *values, ascending);
  return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

limn_variety limn_variety_take(const float *described, int count, int length, double *nearest) {
  double sum = 0;
  for (int i = 0; i < count; ++i)
    nearest[i] = INFINITY;
  for (int i = 0; i < count; ++i)
    for (int j = i + 1; j < count; ++j) {
      const double d = distance(described + (size_t)i * (size_t)length, described + (size_t)j * (size_t)length, length);
      sum += d;
      nearest[i] = fmin(nearest[i], d);
      nearest[j] = fmin(nearest[j], d);
    }
  return (limn_variety){.nearest = median(nearest, count), .mean = 2 * sum / ((double)count * (count - 1))};
}

double limn_variety_away(const float *of, int count, const float *others, int other_count, int length,
                         double *nearest) {
  for (int i = 0; i < count; ++i) {
    nearest[i] = INFINITY;
    for (int j = 0; j < other_count; ++j)
      nearest[i] =
          fmin(nearest[i], distance(of + (size_t)i * (size_t)length, others + (size_t)j * (size_t)length, length));
  }
  return median(nearest, count);
}
