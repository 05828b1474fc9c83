#include "metrics/neighbours.h"

#include <math.h>

#include "base/error.h"
#include "base/parallel.h"
#include "metrics/distances.h"

/* What is found so far, and the pair of blocks that is looked at. */
typedef struct neighbours {
  limn_distances distances;
  uint32_t *indices; /* (rows of a, k) */
  double *squares;   /* (rows of a, k), INFINITY where nothing is found yet */
  int k;
  bool within; /* the sets are one: a block of pairs serves its rows and its columns */
} neighbours;

/* Row `row` meets row `other` at this distance: into its place. A row meets the others in their order, so that of
 * equally near ones the first stays ahead. */
static void insert(const neighbours *n, uint32_t row, uint32_t other, double square) {
  uint32_t *indices = n->indices + (size_t)row * (size_t)n->k;
  double *squares = n->squares + (size_t)row * (size_t)n->k;
  int place = n->k;
  while (place > 0 && square < squares[place - 1])
    --place;
  if (place == n->k)
    return;
  for (int i = n->k - 1; i > place; --i) {
    squares[i] = squares[i - 1];
    indices[i] = indices[i - 1];
  }
  squares[place] = square;
  indices[place] = other;
}

/* Only pairs that may be nearer than the k-th so far are measured; NaN counts as may be. */
static limn_status look_along_row(void *context, uint32_t i) {
  const neighbours *n = context;
  const limn_distances *d = &n->distances;
  const uint32_t row = d->a.first + i;
  const double *worst = n->squares + (size_t)row * (size_t)n->k + (n->k - 1);
  for (uint32_t j = 0; j < d->b.count; ++j) {
    double low, high;
    if (n->within && row == d->b.first + j)
      continue;
    limn_distances_bound(d, i, j, &low, &high);
    if (!(low > *worst))
      insert(n, row, d->b.first + j, limn_distances_exact(d, i, j));
  }
  return LIMN_OK;
}

/* The same for the rows of b's block, where both sets are one. */
static limn_status look_along_column(void *context, uint32_t j) {
  const neighbours *n = context;
  const limn_distances *d = &n->distances;
  const uint32_t row = d->b.first + j;
  const double *worst = n->squares + (size_t)row * (size_t)n->k + (n->k - 1);
  for (uint32_t i = 0; i < d->a.count; ++i) {
    double low, high;
    limn_distances_bound(d, i, j, &low, &high);
    if (!(low > *worst))
      insert(n, row, d->a.first + i, limn_distances_exact(d, i, j));
  }
  return LIMN_OK;
}

static limn_status look(neighbours *n) {
  limn_distances *d = &n->distances;
  const uint32_t rows = d->a.set->count, columns = d->b.set->count;
  for (uint32_t i = 0; i < rows; i += LIMN_DISTANCE_BLOCK) {
    LIMN_TRY(limn_distances_take_a(d, i));
    for (uint32_t j = n->within ? i : 0; j < columns; j += LIMN_DISTANCE_BLOCK) {
      LIMN_TRY(limn_distances_take_b(d, j));
      limn_distances_multiply(d);
      LIMN_TRY(limn_parallel_for(d->a.count, d->algebra->threads, look_along_row, n));
      if (n->within && j > i)
        LIMN_TRY(limn_parallel_for(d->b.count, d->algebra->threads, look_along_column, n));
    }
  }
  return LIMN_OK;
}

static limn_status find(neighbours *n, const limn_linear_algebra *algebra, const limn_feature_set *a,
                        const limn_feature_set *b) {
  if (n->k < 1)
    return limn_fail(LIMN_USAGE, "%d neighbours are none; ask for at least 1", n->k);
  LIMN_TRY(limn_feature_sets_check(a, b, 1));
  LIMN_TRY(limn_feature_set_check(b, (uint32_t)n->k + n->within));
  for (size_t i = 0; i < (size_t)a->count * (size_t)n->k; ++i) {
    n->squares[i] = (double)INFINITY;
    n->indices[i] = UINT32_MAX;
  }
  LIMN_TRY(limn_distances_init(&n->distances, algebra, a, b));
  limn_status status = look(n);
  limn_distances_release(&n->distances);
  return status;
}

limn_status limn_neighbours_of(uint32_t *indices, double *squares, const limn_linear_algebra *algebra,
                               const limn_feature_set *a, const limn_feature_set *b, int k) {
  return find(&(neighbours){.indices = indices, .squares = squares, .k = k}, algebra, a, b);
}

limn_status limn_neighbours_within(uint32_t *indices, double *squares, const limn_linear_algebra *algebra,
                                   const limn_feature_set *set, int k) {
  return find(&(neighbours){.indices = indices, .squares = squares, .k = k, .within = true}, algebra, set, set);
}
