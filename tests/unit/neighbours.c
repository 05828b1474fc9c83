/* The nearest neighbours that blocks of products in single precision find, against all distances in double. */
#include <stdlib.h>

#include "base/philox.h"
#include "metrics/distances.h"
#include "metrics/manifold.h"
#include "metrics/neighbours.h"
#include "support/metrics_fixture.h"

TestSuite(neighbours, .init = open_fixture, .fini = close_fixture, .timeout = 120);

enum { K = 4, WIDTH = 19 };

/* Clouds whose place and size are given; every third row is another's twin, so that there are ties. */
static limn_feature_set make(uint32_t count, uint64_t step, float place, float size) {
  float *rows = malloc((size_t)count * WIDTH * sizeof *rows);
  cr_assert_not_null(rows);
  limn_philox_normal(5, 1004, step, 0, rows, (size_t)count * WIDTH);
  for (size_t i = 0; i < (size_t)count * WIDTH; ++i)
    rows[i] = place + size * rows[i];
  for (uint32_t i = 3; i < count; i += 3)
    memcpy(rows + (size_t)i * WIDTH, rows + (size_t)(i / 2) * WIDTH, WIDTH * sizeof *rows);
  return (limn_feature_set){.rows = rows, .count = count, .width = WIDTH};
}

typedef struct pair {
  double square;
  uint32_t index;
} pair;

static int compare(const void *a, const void *b) {
  const pair *x = a, *y = b;
  if (x->square != y->square)
    return x->square < y->square ? -1 : 1;
  return (x->index > y->index) - (x->index < y->index);
}

static void expect_nearest(const limn_feature_set *a, const limn_feature_set *b) {
  const bool within = a->rows == b->rows;
  uint32_t *indices = malloc(a->count * K * sizeof *indices);
  double *squares = malloc(a->count * K * sizeof *squares);
  pair *pairs = malloc(b->count * sizeof *pairs);
  if (within)
    OK(limn_neighbours_within(indices, squares, &algebra, a, K));
  else
    OK(limn_neighbours_of(indices, squares, &algebra, a, b, K));
  for (uint32_t i = 0; i < a->count; ++i) {
    uint32_t count = 0;
    for (uint32_t j = 0; j < b->count; ++j)
      if (!within || i != j)
        pairs[count++] = (pair){limn_square_distance(limn_feature_row(a, i), limn_feature_row(b, j), a->width), j};
    qsort(pairs, count, sizeof *pairs, compare);
    for (uint32_t k = 0; k < K; ++k) {
      cr_assert_eq(indices[i * K + k], pairs[k].index, "row %u, neighbour %u is %u, not %u", i, k, indices[i * K + k],
                   pairs[k].index);
      cr_assert_eq(squares[i * K + k], pairs[k].square);
    }
  }
  free(indices);
  free(squares);
  free(pairs);
}

/* More than a block, so that blocks meet in every way. */
Test(neighbours, are_the_nearest) {
  limn_feature_set a = make(LIMN_DISTANCE_BLOCK + 300, 0, 0.5f, 1), b = make(2 * LIMN_DISTANCE_BLOCK + 70, 1, 0.6f, 1);
  expect_nearest(&a, &a);
  expect_nearest(&a, &b);
  free((void *)a.rows);
  free((void *)b.rows);
}

/* Sets that single precision alone cannot tell apart, does not hold, or takes for 0. */
Test(neighbours, are_exact_where_floats_are_not) {
  static const struct {
    float place, size;
  } hard[] = {{1000, 0.01f}, {0, 1e25f}, {0, 1e-25f}, {1e30f, 1e27f}, {0, 1e-40f}};
  for (size_t i = 0; i < sizeof hard / sizeof *hard; ++i) {
    limn_feature_set a = make(200, 2, hard[i].place, hard[i].size), b = make(150, 3, hard[i].place, hard[i].size);
    expect_nearest(&a, &a);
    expect_nearest(&a, &b);
    free((void *)a.rows);
    free((void *)b.rows);
  }
}

/* All four shares, counted in double over all pairs. */
Test(neighbours, balls_are_decided_in_double) {
  limn_feature_set real = make(LIMN_DISTANCE_BLOCK + 200, 4, 100, 0.5f), fake = make(500, 5, 100.05f, 0.45f);
  uint32_t *indices = malloc(real.count * K * sizeof *indices);
  double *near_real = malloc(real.count * K * sizeof *near_real),
         *near_fake = malloc(fake.count * K * sizeof *near_fake);
  limn_manifold found;
  OK(limn_neighbours_within(indices, near_real, &algebra, &real, K));
  OK(limn_neighbours_within(indices, near_fake, &algebra, &fake, K));
  for (int closed = 0; closed < 2; ++closed) {
    uint32_t recalled = 0, covered = 0, precise = 0, inside = 0;
    bool *in_real = calloc(fake.count, sizeof *in_real);
    for (uint32_t i = 0; i < real.count; ++i) {
      bool in_fake = false, has_one = false;
      for (uint32_t j = 0; j < fake.count; ++j) {
        const double d = limn_square_distance(limn_feature_row(&real, i), limn_feature_row(&fake, j), WIDTH),
                     r = near_real[i * K + K - 1], f = near_fake[j * K + K - 1];
        const bool is_inside = closed ? d <= r : d < r;
        in_fake = in_fake || (closed ? d <= f : d < f);
        inside += is_inside;
        has_one = has_one || is_inside;
        in_real[j] = in_real[j] || is_inside;
      }
      recalled += in_fake;
      covered += has_one;
    }
    for (uint32_t j = 0; j < fake.count; ++j)
      precise += in_real[j];
    OK((closed ? limn_precision_recall : limn_prdc)(&found, &algebra, &real, &fake, K));
    cr_expect_eq(found.precision, (double)precise / fake.count);
    cr_expect_eq(found.recall, (double)recalled / real.count);
    cr_expect_eq(found.density, (double)inside / fake.count / K);
    cr_expect_eq(found.coverage, (double)covered / real.count);
    cr_expect(precise > 20 && precise < fake.count && recalled > 20 && recalled < real.count, "%u %u", precise,
              recalled);
    free(in_real);
  }
  free(indices);
  free(near_real);
  free(near_fake);
  free((void *)real.rows);
  free((void *)fake.rows);
}

Test(neighbours, too_few_are_an_error) {
  limn_feature_set a = make(5, 6, 0, 1);
  uint32_t indices[25];
  double squares[25];
  OK(limn_neighbours_of(indices, squares, &algebra, &a, &a, 5));
  FAILS(limn_neighbours_within(indices, squares, &algebra, &a, 5), LIMN_DATA, "at least 6");
  free((void *)a.rows);
}
