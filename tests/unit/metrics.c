/* Measures of sets of pictures against torch-fidelity's and prdc's, from tests/fixtures/metrics/, and where the answer
 * is known without them: Gaussian clouds, a set against itself, one picture again and again. */
#include <stdio.h>
#include <stdlib.h>

#include "base/philox.h"
#include "metrics/frechet.h"
#include "metrics/inception_score.h"
#include "metrics/kernel_distance.h"
#include "metrics/manifold.h"
#include "support/metrics_fixture.h"

TestSuite(metrics, .init = open_fixture, .fini = close_fixture, .timeout = 120);

static double distance_of(const limn_feature_set *a, const limn_feature_set *b, double *trace) {
  limn_moments of_a, of_b;
  double distance;
  OK(limn_moments_of(&of_a, &algebra, a));
  OK(limn_moments_of(&of_b, &algebra, b));
  OK(limn_frechet_distance(&distance, &algebra, &of_a, &of_b));
  if (trace)
    *trace = 0;
  for (int k = 0; k < a->width && trace; ++k)
    *trace += of_a.covariance[(size_t)k * (size_t)a->width + (size_t)k];
  limn_moments_release(&of_a);
  limn_moments_release(&of_b);
  return distance;
}

/* mean[k] + N(0, deviation[k]^2); deviation NULL: 1. Yours to free. */
static float *cloud(uint32_t count, int width, uint64_t step, const double *mean, const double *deviation) {
  const size_t numbers = (size_t)count * (size_t)width;
  float *rows = malloc(numbers * sizeof *rows);
  cr_assert_not_null(rows);
  limn_philox_normal(3, 1003, step, 0, rows, numbers);
  for (size_t i = 0; i < numbers; ++i)
    rows[i] = (float)((mean ? mean[i % (size_t)width] : 0) +
                      (deviation ? deviation[i % (size_t)width] : 1) * (double)rows[i]);
  return rows;
}

Test(metrics, moments_are_numpys) {
  const limn_feature_set set = features_of("real");
  limn_moments moments;
  OK(limn_moments_of(&moments, &algebra, &set));
  for (int k = 0; k < set.width; ++k)
    NEAR(moments.mean[k], number("real.mean", (size_t)k), 1e-13, "a mean");
  for (size_t k = 0; k < (size_t)set.width * (size_t)set.width; ++k)
    cr_expect_float_eq(moments.covariance[k], number("real.covariance", k), 1e-14, "covariance %zu is %.17g", k,
                       moments.covariance[k]);
  limn_moments_release(&moments);
}

/* In parts, the first of which lies apart; far from 0; and each row as often as its weight says. */
Test(metrics, moments_add_up) {
  const double mean[4] = {1e4, -1e4, 0, 5};
  float *rows = cloud(1500, 4, 1, mean, NULL);
  for (int i = 0; i < 40; ++i)
    rows[i] += 30;
  limn_moments whole, parts, weighted, repeated;
  OK(limn_moments_of(&whole, &algebra, &(limn_feature_set){.rows = rows, .count = 1500, .width = 4}));
  OK(limn_moments_init(&parts, 4));
  for (uint32_t first = 0, count = 10; first < 1500; first += count, count = 745)
    OK(limn_moments_add(&parts, &algebra, &(limn_feature_set){.rows = rows + 4 * first, .count = count, .width = 4},
                        NULL));
  OK(limn_moments_finish(&parts));
  cr_assert_eq(parts.count, 1500);
  const uint32_t weights[4] = {2, 0, 1, 3};
  float again[24];
  for (int i = 0, to = 0; i < 4; ++i)
    for (uint32_t j = 0; j < weights[i]; ++j, to += 4)
      memcpy(again + to, rows + 4 * i, 4 * sizeof *rows);
  OK(limn_moments_init(&weighted, 4));
  OK(limn_moments_add(&weighted, &algebra, &(limn_feature_set){.rows = rows, .count = 4, .width = 4}, weights));
  OK(limn_moments_finish(&weighted));
  OK(limn_moments_of(&repeated, &algebra, &(limn_feature_set){.rows = again, .count = 6, .width = 4}));
  for (int k = 0; k < 16; ++k) {
    cr_expect_float_eq(parts.covariance[k], whole.covariance[k], 1e-12);
    cr_expect_float_eq(weighted.covariance[k], repeated.covariance[k], 1e-12);
    cr_expect_float_eq(weighted.mean[k / 4], repeated.mean[k / 4], 1e-11);
  }
  limn_moments_release(&whole);
  limn_moments_release(&parts);
  limn_moments_release(&weighted);
  limn_moments_release(&repeated);
  free(rows);
}

Test(metrics, frechet_distances_are_torch_fidelitys) {
  const limn_feature_set real = features_of("real"), fake = features_of("fake"), few_real = features_of("few_real"),
                         few_fake = features_of("few_fake");
  NEAR(distance_of(&real, &fake, NULL), number("real.fd", 0), 1e-12, "the distance");
  NEAR(distance_of(&fake, &real, NULL), number("real.fd", 0), 1e-12, "the distance back");
  NEAR(distance_of(&few_real, &few_fake, NULL), number("few_real.fd", 0), 1e-12, "with fewer pictures than features");
}

/* Of N(0, 1) and N(m, s^2): |m|^2 + sum (1 - s)^2, but for the chance in 200,000 pictures. */
Test(metrics, distance_of_known_clouds) {
  const double mean[3] = {0.5, 0, -1}, deviation[3] = {2, 0.25, 1};
  const double want = 0.25 + 1 + 1 + 0.75 * 0.75;
  float *a = cloud(200000, 3, 2, NULL, NULL), *b = cloud(200000, 3, 3, mean, deviation);
  NEAR(distance_of(&(limn_feature_set){.rows = a, .count = 200000, .width = 3},
                   &(limn_feature_set){.rows = b, .count = 200000, .width = 3}, NULL),
       want, 0.02, "the distance");
  free(a);
  free(b);
}

Test(metrics, no_distance_to_oneself) {
  static const char *const names[] = {"real", "few_real", "tied_real", "train"}; /* train: a constant feature */
  for (int i = 0; i < 4; ++i) {
    const limn_feature_set set = features_of(names[i]);
    double trace;
    const double distance = distance_of(&set, &set, &trace);
    cr_expect_leq(fabs(distance), 1e-12 * trace, "%s: %g of %g", names[i], distance, trace);
  }
}

/* A single picture, again and again: nothing of the real set's spread is there. */
Test(metrics, distance_of_a_collapse) {
  const limn_feature_set real = features_of("real");
  float *rows = calloc(50 * (size_t)real.width, sizeof *rows);
  double trace, squares = 0;
  distance_of(&real, &real, &trace);
  for (int k = 0; k < real.width; ++k)
    squares += number("real.mean", (size_t)k) * number("real.mean", (size_t)k);
  NEAR(distance_of(&real, &(limn_feature_set){.rows = rows, .count = 50, .width = real.width}, NULL), trace + squares,
       1e-13, "the distance");
  free(rows);
}

/* The interval of a mean's distance, which is known: of d = |m|^2 with n pictures, 2 |m| / sqrt(n). */
Test(metrics, bootstrap_has_the_spread) {
  const double mean[2] = {3, 0};
  float *a = cloud(2000, 2, 4, mean, NULL), *b = cloud(50000, 2, 5, NULL, NULL);
  limn_moments to;
  limn_interval interval, again, other;
  const limn_feature_set set = {.rows = a, .count = 2000, .width = 2};
  limn_bootstrap_options options = {.resamples = 3000, .confidence = 0.95, .seed = 1};
  OK(limn_moments_of(&to, &algebra, &(limn_feature_set){.rows = b, .count = 50000, .width = 2}));
  OK(limn_frechet_bootstrap(&interval, &algebra, &set, &to, &options));
  NEAR(interval.deviation, 6 / sqrt(2000), 0.15, "the deviation");
  NEAR(interval.value - interval.low, 1.96 * interval.deviation, 0.05, "the interval below");
  NEAR(interval.high - interval.value, 1.96 * interval.deviation, 0.05, "the interval above");
  options.resamples = 100;
  OK(limn_frechet_bootstrap(&again, &algebra, &set, &to, &options));
  OK(limn_frechet_bootstrap(&interval, &algebra, &set, &to, &options));
  cr_expect_eq(again.low, interval.low);
  options.seed = 2;
  OK(limn_frechet_bootstrap(&other, &algebra, &set, &to, &options));
  cr_expect_neq(other.low, interval.low);
  options.resamples = 1;
  FAILS(limn_frechet_bootstrap(&other, &algebra, &set, &to, &options), LIMN_USAGE, "2 resamples");
  limn_moments_release(&to);
  free(a);
  free(b);
}

Test(metrics, kernel_distances_are_torch_fidelitys) {
  limn_feature_set real = features_of("real"), fake = features_of("fake");
  limn_kernel_distance found;
  for (uint32_t subsets = 7; subsets <= 50; subsets += 43) { /* few: one after the other; many: out of all kernels */
    char wanted[32];
    snprintf(wanted, sizeof wanted, "kid.subsets_%u", subsets);
    OK(limn_kernel_distance_of(&found, &algebra, &real, &fake,
                               &(limn_kernel_distance_options){.subsets = subsets, .subset_size = 40, .seed = 11}));
    NEAR(found.mean, number(wanted, 0), 1e-11, "the mean over subsets");
    NEAR(found.deviation, number(wanted, 1), 1e-11, "the deviation over subsets");
  }
  real.count = fake.count = 100;
  OK(limn_kernel_distance_of(&found, &algebra, &real, &fake,
                             &(limn_kernel_distance_options){.subsets = 1, .subset_size = 100, .seed = 1}));
  NEAR(found.mean, number("kid.whole", 0), 1e-11, "of the whole");
  cr_expect_eq(found.deviation, 0);
}

/* More rows than are multiplied at a time: against the sum over pairs itself. Two halves of one cloud are 0 apart. */
Test(metrics, kernel_distance_in_blocks) {
  enum { COUNT = 600, WIDTH = 5 };
  float *a = cloud(COUNT, WIDTH, 6, NULL, NULL), *b = cloud(COUNT, WIDTH, 7, NULL, NULL);
  limn_kernel_distance found;
  double sums[3] = {0};
  for (int i = 0; i < COUNT; ++i)
    for (int j = 0; j < COUNT; ++j) {
      const float *pairs[3][2] = {
          {a + WIDTH * i, a + WIDTH * j}, {b + WIDTH * i, b + WIDTH * j}, {a + WIDTH * i, b + WIDTH * j}};
      for (int p = 0; p < 3; ++p) {
        double product = 0;
        for (int k = 0; k < WIDTH; ++k)
          product += (double)pairs[p][0][k] * (double)pairs[p][1][k];
        if (p == 2 || i != j)
          sums[p] += pow(product / WIDTH + 1, 3);
      }
    }
  OK(limn_kernel_distance_of(&found, &algebra, &(limn_feature_set){.rows = a, .count = COUNT, .width = WIDTH},
                             &(limn_feature_set){.rows = b, .count = COUNT, .width = WIDTH},
                             &(limn_kernel_distance_options){.subsets = 1, .subset_size = COUNT}));
  cr_expect_float_eq(found.mean, (sums[0] + sums[1]) / (COUNT * (COUNT - 1.0)) - 2 * sums[2] / COUNT / COUNT, 1e-12);
  cr_expect_float_eq(found.mean, 0, 0.02, "two halves of one cloud are %g apart", found.mean);
  free(a);
  free(b);
}

Test(metrics, inception_scores_are_torch_fidelitys) {
  const limn_feature_set logits = features_of("logits");
  limn_inception_score found;
  OK(limn_inception_score_of(&found, &logits, &(limn_inception_score_options){.splits = 5}));
  NEAR(found.mean, number("is.ordered", 0), 1e-12, "the score");
  NEAR(found.deviation, number("is.ordered", 1), 1e-11, "its deviation");
  OK(limn_inception_score_of(&found, &logits,
                             &(limn_inception_score_options){.splits = 5, .shuffle = true, .seed = 11}));
  NEAR(found.mean, number("is.shuffled", 0), 1e-12, "the shuffled score");
  NEAR(found.deviation, number("is.shuffled", 1), 1e-11, "its deviation");
}

/* Surely one of four classes each, all as often, and never of the fifth: 4. Always the same picture: 1. Numbers that
 * exp does not hold. */
Test(metrics, inception_scores_at_their_ends) {
  float sure[20 * 5] = {0}, same[20 * 5];
  limn_inception_score found;
  for (int i = 0; i < 20; ++i)
    sure[5 * i + i % 4] = 5000;
  for (int i = 0; i < 100; ++i)
    same[i] = (float)(i % 5) * 1.3f;
  const limn_inception_score_options options = {.splits = 5};
  OK(limn_inception_score_of(&found, &(limn_feature_set){.rows = sure, .count = 20, .width = 5}, &options));
  NEAR(found.mean, 4.0, 1e-14, "of four classes");
  OK(limn_inception_score_of(&found, &(limn_feature_set){.rows = same, .count = 20, .width = 5}, &options));
  NEAR(found.mean, 1.0, 1e-14, "of one picture");
}

static void expect_overlap(const char *name, const char *fake_name, int k) {
  const limn_feature_set real = features_of(name), fake = features_of(fake_name);
  limn_manifold found;
  char wanted[32];
  snprintf(wanted, sizeof wanted, "%s.prdc_%d", name, k);
  OK(limn_prdc(&found, &algebra, &real, &fake, k));
  NEAR(found.precision, number(wanted, 0), 1e-14, wanted);
  NEAR(found.recall, number(wanted, 1), 1e-14, wanted);
  NEAR(found.density, number(wanted, 2), 1e-14, wanted);
  NEAR(found.coverage, number(wanted, 3), 1e-14, wanted);
  snprintf(wanted, sizeof wanted, "%s.pr_%d", name, k);
  OK(limn_precision_recall(&found, &algebra, &real, &fake, k));
  NEAR(found.precision, number(wanted, 0), 1e-7, wanted); /* torch-fidelity's mean is of floats */
  NEAR(found.recall, number(wanted, 1), 1e-7, wanted);
}

Test(metrics, overlaps_are_prdcs) {
  for (int k = 3; k <= 5; k += 2) {
    expect_overlap("real", "fake", k);
    expect_overlap("few_real", "few_fake", k);
    expect_overlap("tied_real", "tied_fake", k);
  }
}

/* A set against itself: all is there; and one real picture, 40 times: it lies in the balls of the real pictures that
 * have it among their nearest, while its own ball is empty. */
Test(metrics, overlaps_at_their_ends) {
  const limn_feature_set real = features_of("real");
  float *rows = malloc(40 * (size_t)real.width * sizeof *rows);
  limn_manifold found;
  OK(limn_prdc(&found, &algebra, &real, &real, 5));
  cr_expect(found.precision == 1 && found.recall == 1 && found.coverage == 1);
  for (int i = 0; i < 40; ++i)
    memcpy(rows + i * real.width, limn_feature_row(&real, 7), (size_t)real.width * sizeof *rows);
  const limn_feature_set collapsed = {.rows = rows, .count = 40, .width = real.width};
  OK(limn_prdc(&found, &algebra, &real, &collapsed, 5));
  cr_expect_eq(found.precision, 1);
  cr_expect_eq(found.recall, 0);
  cr_expect_lt(found.coverage, 0.15);
  for (int i = 0; i < 40 * real.width; ++i) /* far from all */
    rows[i] = 1000;
  OK(limn_prdc(&found, &algebra, &real, &collapsed, 5));
  cr_expect(found.precision == 0 && found.recall == 0 && found.density == 0 && found.coverage == 0);
  free(rows);
}

/* Real pictures far from each other, one of which is drawn 40 times: that one is covered, of n. */
Test(metrics, coverage_of_a_collapse_is_one_of_n) {
  enum { COUNT = 12, WIDTH = 2 };
  float real[COUNT * WIDTH], fake[40 * WIDTH];
  limn_manifold found;
  for (int i = 0; i < COUNT; ++i) { /* with k = 1 each ball ends at the next picture */
    real[2 * i] = (float)(i * i);
    real[2 * i + 1] = 0;
  }
  for (int i = 0; i < 40; ++i)
    memcpy(fake + WIDTH * i, real + WIDTH * (COUNT - 1), WIDTH * sizeof *fake);
  OK(limn_prdc(&found, &algebra, &(limn_feature_set){.rows = real, .count = COUNT, .width = WIDTH},
               &(limn_feature_set){.rows = fake, .count = 40, .width = WIDTH}, 1));
  cr_expect_eq(found.recall, 0);
  cr_expect_eq(found.coverage, 1.0 / COUNT);
}

Test(metrics, what_cannot_be_measured_is_said) {
  const limn_feature_set real = features_of("real"), tied = features_of("tied_real");
  float *rows = malloc(sizeof *rows * real.count * (size_t)real.width);
  memcpy(rows, real.rows, sizeof *rows * real.count * (size_t)real.width);
  limn_feature_set broken = {.rows = rows, .count = real.count, .width = real.width, .name = "generated"};
  limn_moments moments, of_tied;
  limn_kernel_distance kid;
  limn_inception_score score;
  limn_manifold manifold;
  double distance;
  limn_kernel_distance_options kid_options = {.subsets = 1, .subset_size = 50};
  for (int i = 0; i < 2; ++i) {
    rows[5 * real.width + 3] = i ? NAN : -INFINITY;
    FAILS(limn_moments_of(&moments, &algebra, &broken), LIMN_DATA, "generated: the features of picture 5 are not");
    FAILS(limn_kernel_distance_of(&kid, &algebra, &real, &broken, &kid_options), LIMN_DATA, "picture 5");
    FAILS(limn_inception_score_of(&score, &broken, &(limn_inception_score_options){.splits = 2}), LIMN_DATA,
          "picture 5");
    FAILS(limn_prdc(&manifold, &algebra, &broken, &real, 5), LIMN_DATA, "picture 5");
  }
  broken.count = 1;
  FAILS(limn_moments_of(&moments, &algebra, &broken), LIMN_DATA, "1 pictures are too few");
  FAILS(limn_prdc(&manifold, &algebra, &real, &broken, 5), LIMN_DATA, "at least 6");
  FAILS(limn_kernel_distance_of(&kid, &algebra, &real, &broken, &kid_options), LIMN_DATA, "generated: 1 pictures");
  FAILS(limn_inception_score_of(&score, &broken, &(limn_inception_score_options){.splits = 2}), LIMN_DATA,
        "at least 2");
  OK(limn_moments_of(&moments, &algebra, &real));
  OK(limn_moments_of(&of_tied, &algebra, &tied));
  FAILS(limn_frechet_distance(&distance, &algebra, &moments, &of_tied), LIMN_DATA, "24 features");
  moments.covariance[9] = (double)NAN;
  FAILS(limn_frechet_distance(&distance, &algebra, &moments, &moments), LIMN_DATA, "not finite");
  FAILS(limn_moments_add(&moments, &algebra, &real, NULL), LIMN_USAGE, "finished");
  FAILS(limn_prdc(&manifold, &algebra, &real, &tied, 5), LIMN_DATA, "tied_real 3");
  FAILS(limn_prdc(&manifold, &algebra, &real, &real, 0), LIMN_USAGE, "at least 1");
  FAILS(limn_kernel_distance_of(&kid, &algebra, &real, &tied, &kid_options), LIMN_DATA, "same layer");
  limn_moments_release(&moments);
  limn_moments_release(&of_tied);
  free(rows);
}

Test(metrics, a_signal_ends_what_takes_long) {
  float *rows = cloud(60, 3, 7, NULL, NULL);
  const limn_feature_set set = {.rows = rows, .count = 60, .width = 3};
  volatile sig_atomic_t stop = 1;
  limn_linear_algebra impatient = algebra;
  limn_manifold manifold;
  limn_kernel_distance kid;
  limn_interval interval;
  limn_moments moments;
  impatient.stop = &stop;
  OK(limn_moments_of(&moments, &algebra, &set));
  FAILS(limn_prdc(&manifold, &impatient, &set, &set, 5), LIMN_FAILED, "stopped while distances");
  FAILS(limn_kernel_distance_of(&kid, &impatient, &set, &set,
                                &(limn_kernel_distance_options){.subsets = 2, .subset_size = 20}),
        LIMN_FAILED, "stopped while kernels");
  FAILS(limn_frechet_bootstrap(&interval, &impatient, &set, &moments,
                               &(limn_bootstrap_options){.resamples = 9, .confidence = 0.9}),
        LIMN_FAILED, "stopped while pictures were resampled");
  limn_moments_release(&moments);
  free(rows);
}
