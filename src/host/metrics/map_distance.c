#include "metrics/map_distance.h"

#include <math.h>

#define EPS 1e-10 /* LPIPS's own */

double limn_map_distance(const float *a, const float *b, size_t channels, size_t pixels) {
  double sum = 0;
  for (size_t i = 0; i < pixels; ++i) {
    double aa = 0, bb = 0, difference = 0;
    for (size_t at = i; at < channels * pixels; at += pixels) {
      aa += (double)a[at] * (double)a[at];
      bb += (double)b[at] * (double)b[at];
    }
    const double to_a = 1 / (sqrt(aa) + EPS), to_b = 1 / (sqrt(bb) + EPS);
    for (size_t at = i; at < channels * pixels; at += pixels) {
      const double d = (double)a[at] * to_a - (double)b[at] * to_b;
      difference += d * d;
    }
    sum += difference;
  }
  return sum / (double)pixels;
}
