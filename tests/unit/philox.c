/* Philox against its published test vectors, and the conversions that docs/randomness.md defines. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/box_muller.h"
#include "base/philox.h"

TestSuite(philox, .timeout = 60);

/* philox4x32, 10 rounds, of the file kat_vectors of Random123 (Salmon et al. 2011). */
Test(philox, known_answers) {
  static const struct {
    uint32_t counter[4], key[2], answer[4];
  } vectors[] = {
      {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
       {0xffffffff, 0xffffffff},
       {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, /* the digits of pi */
       {0xa4093822, 0x299f31d0},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; ++i) {
    uint32_t out[4];
    limn_philox(vectors[i].counter, vectors[i].key, out);
    cr_expect_arr_eq(out, vectors[i].answer, sizeof out, "vector %zu: %08x %08x %08x %08x", i, out[0], out[1], out[2],
                     out[3]);
  }
}

/* key = seed, low word first; counter = element / 4, stream, step, low word first. */
Test(philox, elements_are_those_of_the_definition) {
  const uint64_t seed = 0x299f31d0a4093822, step = 0x0370734413198a2e;
  float u[8], z[8];
  limn_philox_uniform(seed, 0x85a308d3, step, 4 * (uint64_t)0x243f6a88, u, 4);
  static const uint32_t words[4] = {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1};
  limn_philox_normal(seed, 0x85a308d3, step, 4 * (uint64_t)0x243f6a88, z, 4);
  for (int i = 0; i < 4; ++i)
    cr_expect_eq(u[i], (float)(words[i] >> 8) / 16777216, "element %d is %a", i, (double)u[i]);
  for (int i = 0; i < 4; i += 2) {
    double radius = sqrt(-2 * log(((words[i] >> 8) + 0.5) / 16777216)),
           angle = 2 * M_PI * (words[i + 1] >> 8) / 16777216;
    cr_expect_float_eq((double)z[i], radius * cos(angle), 1e-6);
    cr_expect_float_eq((double)z[i + 1], radius * sin(angle), 1e-6);
  }
}

Test(philox, uniform_lies_in_its_range) {
  enum { COUNT = 1 << 16 };
  static float u[COUNT];
  double sum = 0, squares = 0, least = 1, most = 0;
  limn_philox_uniform(3, LIMN_STREAM_DEQUANTIZE, 9, 0, u, COUNT);
  for (int i = 0; i < COUNT; ++i) {
    double x = (double)u[i];
    cr_assert(x >= 0 && x < 1, "element %d is %g", i, x);
    sum += x;
    squares += x * x;
    least = fmin(least, x);
    most = fmax(most, x);
  }
  /* Five standard errors: 5 sqrt(1/12 / COUNT), 5 sqrt(4/45 / COUNT). */
  cr_expect_float_eq(sum / COUNT, 0.5, 0.0057);
  cr_expect_float_eq(squares / COUNT, 1 / 3.0, 0.0059);
  cr_expect_lt(least, 2e-4);
  cr_expect_gt(most, 1 - 2e-4);
}

Test(philox, normal_has_the_moments_of_the_normal) {
  enum { COUNT = 1 << 16 };
  static float z[COUNT];
  double m1 = 0, m2 = 0, m3 = 0, m4 = 0, neighbours = 0;
  limn_philox_normal(3, LIMN_STREAM_LATENT, 9, 0, z, COUNT);
  for (int i = 0; i < COUNT; ++i) {
    double x = (double)z[i];
    m1 += x / COUNT;
    m2 += x * x / COUNT;
    m3 += x * x * x / COUNT;
    m4 += x * x * x * x / COUNT;
    neighbours += i % 2 ? x * (double)z[i - 1] * 2 / COUNT : 0;
  }
  /* Five standard errors: the variances of x, x^2, x^3, x^4 and x y are 1, 2, 15, 96 and 1. */
  cr_expect_float_eq(m1, 0, 0.0195, "mean %g", m1);
  cr_expect_float_eq(m2, 1, 0.0277, "second moment %g", m2);
  cr_expect_float_eq(m3, 0, 0.0757, "third moment %g", m3);
  cr_expect_float_eq(m4, 3, 0.1914, "fourth moment %g", m4);
  cr_expect_float_eq(neighbours, 0, 0.0277, "covariance within a pair %g", neighbours);
}

/* A part of a tensor is the same numbers, wherever it starts. */
Test(philox, parts_agree_with_the_whole) {
  float whole[700], part[600];
  void (*const fill[])(uint64_t, uint32_t, uint64_t, uint64_t, float *, size_t) = {limn_philox_uniform,
                                                                                   limn_philox_normal};
  for (size_t f = 0; f < 2; ++f) {
    fill[f](7, 1, 2, 0, whole, 700);
    fill[f](7, 1, 2, 3, part, 600); /* over more than what is made at a time */
    cr_assert_arr_eq(part, whole + 3, sizeof part);
    for (size_t first = 0; first <= 16; ++first)
      for (size_t count = 1; count <= 23; ++count) {
        part[count] = -123;
        fill[f](7, 1, 2, first, part, count);
        cr_assert_arr_eq(part, whole + first, count * sizeof *part);
        cr_assert_eq(part[count], -123.0f, "nothing is written behind the end");
      }
  }
}

Test(philox, seed_stream_step_and_element_all_matter) {
  float numbers[6][4];
  limn_philox_uniform(1, 2, 3, 0, numbers[0], 4);
  limn_philox_uniform(1 | 1ull << 32, 2, 3, 0, numbers[1], 4);
  limn_philox_uniform(2, 2, 3, 0, numbers[2], 4);
  limn_philox_uniform(1, 3, 3, 0, numbers[3], 4);
  limn_philox_uniform(1, 2, 3 | 1ull << 32, 0, numbers[4], 4);
  limn_philox_uniform(1, 2, 3, 4, numbers[5], 4);
  for (int i = 0; i < 6; ++i)
    for (int j = 0; j < i; ++j)
      cr_expect_neq(memcmp(numbers[i], numbers[j], sizeof *numbers), 0, "%d and %d", i, j);
}

Test(philox, permutation_is_a_permutation) {
  enum { MOST = 1000 };
  uint32_t order[MOST + 1], again[MOST];
  static const uint32_t counts[] = {0, 1, 2, 3, 10, MOST};
  for (size_t k = 0; k < sizeof counts / sizeof *counts; ++k) {
    bool seen[MOST] = {false};
    order[counts[k]] = 4711;
    limn_philox_permutation(5, LIMN_STREAM_SHUFFLE, 1, order, counts[k]);
    cr_expect_eq(order[counts[k]], 4711);
    for (uint32_t i = 0; i < counts[k]; ++i) {
      cr_assert_lt(order[i], counts[k]);
      cr_assert(!seen[order[i]], "%u appears twice", order[i]);
      seen[order[i]] = true;
    }
  }
  limn_philox_permutation(5, LIMN_STREAM_SHUFFLE, 1, again, MOST);
  cr_expect_arr_eq(order, again, sizeof again);
  limn_philox_permutation(5, LIMN_STREAM_SHUFFLE, 2, again, MOST);
  cr_expect_neq(memcmp(order, again, sizeof again), 0, "another epoch, another order");
}

/* Each of the 6 orders of 3 comes up about as often. */
Test(philox, permutations_are_even) {
  int counts[27] = {0};
  enum { EPOCHS = 6000 };
  for (uint64_t step = 0; step < EPOCHS; ++step) {
    uint32_t order[3];
    limn_philox_permutation(11, LIMN_STREAM_SHUFFLE, step, order, 3);
    ++counts[order[0] * 9 + order[1] * 3 + order[2]];
  }
  double chi2 = 0;
  for (int i = 0; i < 27; ++i)
    chi2 += counts[i] ? (counts[i] - EPOCHS / 6.0) * (counts[i] - EPOCHS / 6.0) / (EPOCHS / 6.0) : 0;
  cr_expect_lt(chi2, 20.5, "chi squared with 5 degrees of freedom is %g; 20.5 is its 99.9th percentile", chi2);
}

/* In units of the float nearest to what the C library's functions come to: half of one is a correct rounding. */
static double distance(float made, double wanted) {
  const float nearest = fabsf((float)wanted);
  return fabs(wanted) < 1e-12 ? fabs((double)made - wanted) > 1e-12
                              : fabs((double)made - wanted) / ((double)nextafterf(nearest, INFINITY) - (double)nearest);
}

Test(philox, normals_are_those_of_the_formula) {
  enum { WORDS = 4 * LIMN_BOX_MULLER_BLOCKS };
  uint32_t words[WORDS];
  float normals[WORDS];
  double worst = 0;
  for (uint64_t round = 0; round < 2000; ++round) {
    const uint32_t key[2] = {7, 11};
    for (uint32_t i = 0; i < WORDS; i += 4)
      limn_philox((const uint32_t[4]){i, (uint32_t)round, 0, 0}, key, words + i);
    for (uint32_t i = 0; round < 2 && i < WORDS; ++i) /* both ends of the logarithm, and of a turn */
      words[i] = round == 0 ? i / 2 << 8 : UINT32_MAX - (i / 2 << 8);
    for (uint32_t i = 1; round == 2 && i < WORDS; i += 2) /* around the eighths of a turn, where series change */
      words[i] = (i / 32 << 29) + ((i / 2 % 16 - 8) << 8);
    limn_box_muller(words, normals);
    for (int i = 0; i < WORDS; i += 2) {
      const double radius = sqrt(-2 * log(((double)(words[i] >> 8) + 0.5) * 0x1p-24)),
                   angle = 6.283185307179586 * ((double)(words[i + 1] >> 8) * 0x1p-24);
      worst =
          fmax(worst, fmax(distance(normals[i], radius * cos(angle)), distance(normals[i + 1], radius * sin(angle))));
    }
  }
  cr_expect_lt(worst, 0.5001, "%g units", worst);
}

/* Not one bit may depend on the CPU, the compiler or the vectors that it finds. */
Test(philox, normals_are_the_same_bits_everywhere) {
  enum { ALL = 1 << 18 };
  static float normals[ALL];
  uint64_t hash = 0xcbf29ce484222325U; /* FNV-1a */
  limn_philox_normal(1, LIMN_STREAM_LATENT, 0, 0, normals, ALL);
  for (size_t i = 0; i < sizeof normals; ++i)
    hash = (hash ^ ((const unsigned char *)normals)[i]) * 0x100000001b3U;
  cr_expect_eq(hash, 0xd69c890b2361d249U, "%#" PRIx64, hash);
}
