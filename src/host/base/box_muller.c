/* Logarithm, sine and cosine are our own: a C library's differ from machine to machine in the last bit, and go one by
 * one. These are sums and products of doubles in a fixed order (no fused multiply-add: CMakeLists.txt), so that vectors
 * of any length come to the same bits. They are off by so little that one float in millions is another one. */
#include "base/box_muller.h"

#include <math.h>
#include <string.h>

#include "base/for_each_cpu.h"

#define COUNT (2 * LIMN_BOX_MULLER_BLOCKS) /* pairs */

static inline uint64_t bits_of(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static inline double double_of(uint64_t bits) {
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* ln x, x normal and positive: x = 2^e m with m in [sqrt(1/2), sqrt(2)), ln m = 2 artanh((m - 1) / (m + 1)). */
static inline double logarithm(double x) {
  const uint64_t root = 0x3fe6a09e667f3bcd, one = 0x3ff0000000000000, fraction = 0x000fffffffffffff;
  const uint64_t moved = bits_of(x) + (one - root);
  /* The exponent's bits as the last ones of a double: no instruction for integers is needed. */
  const double e = double_of(moved >> 52 | 0x4330000000000000) - (0x1p52 + 1023);
  const double m = double_of((moved & fraction) + root);
  const double s = (m - 1) / (m + 1), z = s * s;
  double sum = 1.0 / 19;
  sum = sum * z + 1.0 / 17;
  sum = sum * z + 1.0 / 15;
  sum = sum * z + 1.0 / 13;
  sum = sum * z + 1.0 / 11;
  sum = sum * z + 1.0 / 9;
  sum = sum * z + 1.0 / 7;
  sum = sum * z + 1.0 / 5;
  sum = sum * z + 1.0 / 3;
  return e * 0.6931471805599453 + (2 * s + 2 * s * (z * sum));
}

/* cos and sin of 2 pi turn, 0 <= turn < 1: the nearest quarter is taken off, the rest is a Taylor series. */
static inline void cosine_and_sine(double turn, double *cosine, double *sine) {
  const double t = 4 * turn, last_bits = 0x1.8p52;
  const double moved = t + last_bits, r = (t - (moved - last_bits)) * 1.5707963267948966, z = r * r;
  const uint64_t quarter = bits_of(moved);
  double s = -1.0 / 1307674368000, c = 1.0 / 20922789888000;
  s = s * z + 1.0 / 6227020800;
  s = s * z - 1.0 / 39916800;
  s = s * z + 1.0 / 362880;
  s = s * z - 1.0 / 5040;
  s = s * z + 1.0 / 120;
  s = s * z - 1.0 / 6;
  s = r + r * (z * s);
  c = c * z - 1.0 / 87178291200;
  c = c * z + 1.0 / 479001600;
  c = c * z - 1.0 / 3628800;
  c = c * z + 1.0 / 40320;
  c = c * z - 1.0 / 720;
  c = c * z + 1.0 / 24;
  c = c * z - 1.0 / 2;
  c = 1 + z * c;
  /* By bits: quarters 1 and 3 exchange the two; the cosine is negative in 1 and 2, the sine in 2 and 3. */
  const uint64_t other = 0 - (quarter & 1), cs = bits_of(c), sn = bits_of(s);
  *cosine = double_of(((cs & ~other) | (sn & other)) ^ (((quarter + 1) & 2) << 62));
  *sine = double_of(((sn & ~other) | (cs & other)) ^ ((quarter & 2) << 62));
}

LIMN_FOR_EACH_CPU static void box_muller(const uint32_t *words, float *normals) {
  /* The half keeps the logarithm's argument away from 0 and 1. */
  for (int i = 0; i < COUNT; ++i) {
    const double u = ((double)(int32_t)(words[2 * i] >> 8) + 0.5) * 0x1p-24,
                 turn = (double)(int32_t)(words[2 * i + 1] >> 8) * 0x1p-24, radius = sqrt(-2 * logarithm(u));
    double cosine, sine;
    cosine_and_sine(turn, &cosine, &sine);
    normals[2 * i] = (float)(radius * cosine);
    normals[2 * i + 1] = (float)(radius * sine);
  }
}

void limn_box_muller(const uint32_t *words, float *normals) { box_muller(words, normals); }
