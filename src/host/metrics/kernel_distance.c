#include "metrics/kernel_distance.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/parallel.h"
#include "base/philox.h"

#define ROWS       256         /* of a pool against all of another at a time: the kernels stay in a few MB */
#define MOST_SHARE (128 << 20) /* bytes of a set that all subsets share as doubles */

/* Some of a set's pictures as doubles, and where among them the pictures of each subset are. */
typedef struct pool {
  const limn_feature_set *set;
  uint32_t count;    /* pictures in it */
  double *rows;      /* (count, width) */
  uint32_t *members; /* (subsets, size): places in the pool, ascending */
  uint32_t *order;   /* (set->count): a permutation, whose first are a subset */
} pool;

/* Subsets overlap where there are many and the sets are small: then the kernels of all pictures are computed once. Else
 * the pools hold one subset after the other. */
typedef struct kernels {
  const limn_linear_algebra *algebra;
  int width;
  uint32_t size, at_once; /* pictures a subset; subsets in the pools */
  bool shared;
  pool a, b;
  double *block; /* (ROWS, pictures of a pool): products, then kernels */
  double *sums;  /* (subsets, 3): of the kernels within a, within b, and between them */
  /* what a job works on */
  const pool *left, *right;
  uint32_t first, rows, begin, columns; /* rows of the left pool, columns of the right one */
  int which;                            /* of the sums */
} kernels;

static int compare(const void *a, const void *b) {
  const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

static limn_status allocate(pool *p, const kernels *k, const limn_feature_set *set) {
  const uint32_t rows = k->shared ? set->count : k->size;
  *p = (pool){.set = set,
              .rows = malloc((size_t)rows * (size_t)set->width * sizeof(double)),
              .members = malloc((size_t)k->at_once * k->size * sizeof(uint32_t)),
              .order = malloc(set->count * sizeof(uint32_t))};
  return p->rows && p->members && p->order ? LIMN_OK : limn_fail_memory("subsets of features");
}

/* Fills the pool for `at_once` subsets from `first` on; side: 0 for the first set, 1 for the second. */
static void fill(pool *p, const kernels *k, uint32_t first, uint64_t seed, uint32_t side) {
  const size_t width = (size_t)k->width;
  for (uint32_t s = 0; s < k->at_once; ++s) {
    uint32_t *members = p->members + (size_t)s * k->size;
    limn_philox_permutation(seed, LIMN_STREAM_SUBSET, 2 * ((uint64_t)first + s) + side, p->order, p->set->count);
    qsort(p->order, k->size, sizeof *p->order, compare);
    for (uint32_t i = 0; i < k->size; ++i)
      members[i] = k->shared ? p->order[i] : i;
  }
  p->count = k->shared ? p->set->count : k->size;
  for (uint32_t i = 0; i < p->count; ++i) {
    const float *row = limn_feature_row(p->set, k->shared ? i : p->order[i]);
    for (size_t j = 0; j < width; ++j)
      p->rows[i * width + j] = (double)row[j];
  }
}

static limn_status make_kernels(void *context, uint32_t i) {
  const kernels *k = context;
  double *row = k->block + (size_t)i * k->columns;
  for (uint32_t j = 0; j < k->columns; ++j) {
    const double x = row[j] / k->width + 1;
    row[j] = x * x * x;
  }
  return LIMN_OK;
}

/* The place of the first member that is not below `least`. */
static uint32_t first_of(const uint32_t *members, uint32_t count, uint32_t least) {
  uint32_t low = 0, high = count;
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (members[middle] < least)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* Within a set each pair counts once here, and none with itself. */
static limn_status add_subset(void *context, uint32_t s) {
  const kernels *k = context;
  const uint32_t *rows = k->left->members + (size_t)s * k->size, *columns = k->right->members + (size_t)s * k->size;
  const bool within = k->left == k->right;
  double sum = 0;
  for (uint32_t i = first_of(rows, k->size, k->first); i < k->size && rows[i] < k->first + k->rows; ++i) {
    const double *row = k->block + (size_t)(rows[i] - k->first) * k->columns;
    for (uint32_t j = within ? i + 1 : 0; j < k->size; ++j)
      sum += row[columns[j] - k->begin];
  }
  k->sums[3 * (size_t)s + (size_t)k->which] += sum;
  return LIMN_OK;
}

/* Adds the kernels of all pairs of the two pools to the sums of the subsets that have both. */
static limn_status add_pairs(kernels *k, const pool *left, const pool *right, int which) {
  const size_t width = (size_t)k->width;
  k->left = left;
  k->right = right;
  k->which = which;
  for (k->first = 0; k->first < left->count; k->first += ROWS) {
    LIMN_TRY(limn_linear_algebra_go_on(k->algebra, "kernels of pictures were added"));
    k->rows = left->count - k->first < ROWS ? left->count - k->first : ROWS;
    k->begin = left == right ? k->first : 0; /* within a set, what lies to the left has been met */
    k->columns = right->count - k->begin;
    limn_matrix_product(
        k->algebra, k->block,
        (limn_matrix){.data = left->rows + k->first * width, .rows = (int)k->rows, .columns = k->width},
        (limn_matrix){
            .data = right->rows + k->begin * width, .rows = (int)k->columns, .columns = k->width, .transposed = true},
        0);
    LIMN_TRY(limn_parallel_for(k->rows, k->algebra->threads, make_kernels, k));
    LIMN_TRY(limn_parallel_for(k->at_once, k->algebra->threads, add_subset, k));
  }
  return LIMN_OK;
}

static void release(kernels *k) {
  free(k->a.rows);
  free(k->a.members);
  free(k->a.order);
  free(k->b.rows);
  free(k->b.members);
  free(k->b.order);
  free(k->block);
  free(k->sums);
}

static limn_status prepare(kernels *k, const limn_feature_set *a, const limn_feature_set *b, uint32_t subsets) {
  const double all = ((double)a->count + b->count) / 2, each = k->size;
  const uint32_t most = a->count > b->count ? a->count : b->count;
  k->shared = all * all < subsets * each * each && (double)most * k->width * (double)sizeof(double) < MOST_SHARE;
  k->at_once = k->shared ? subsets : 1;
  k->block = malloc((size_t)ROWS * (k->shared ? most : k->size) * sizeof *k->block);
  k->sums = malloc(3 * (size_t)k->at_once * sizeof *k->sums);
  if (!k->block || !k->sums)
    return limn_fail_memory("kernel distances");
  LIMN_TRY(allocate(&k->a, k, a));
  return allocate(&k->b, k, b);
}

/* values: (subsets). */
static limn_status measure(kernels *k, double *values, uint32_t subsets, uint64_t seed) {
  const double m = k->size;
  for (uint32_t first = 0; first < subsets; first += k->at_once) {
    fill(&k->a, k, first, seed, 0);
    fill(&k->b, k, first, seed, 1);
    for (size_t i = 0; i < 3 * (size_t)k->at_once; ++i)
      k->sums[i] = 0;
    LIMN_TRY(add_pairs(k, &k->a, &k->a, 0));
    LIMN_TRY(add_pairs(k, &k->b, &k->b, 1));
    LIMN_TRY(add_pairs(k, &k->a, &k->b, 2));
    for (uint32_t s = 0; s < k->at_once; ++s) {
      const double *sums = k->sums + 3 * (size_t)s;
      values[first + s] = 2 * (sums[0] + sums[1]) / (m * (m - 1)) - 2 * sums[2] / (m * m);
    }
  }
  return LIMN_OK;
}

static limn_kernel_distance describe(const double *values, uint32_t count) {
  double mean = 0, squares = 0;
  for (uint32_t i = 0; i < count; ++i)
    mean += values[i] / count;
  for (uint32_t i = 0; i < count; ++i)
    squares += (values[i] - mean) * (values[i] - mean);
  return (limn_kernel_distance){.mean = mean, .deviation = sqrt(squares / count)};
}

limn_status limn_kernel_distance_of(limn_kernel_distance *out, const limn_linear_algebra *algebra,
                                    const limn_feature_set *a, const limn_feature_set *b,
                                    const limn_kernel_distance_options *options) {
  kernels k = {.algebra = algebra, .width = a->width, .size = options->subset_size};
  const uint32_t subsets = options->subsets, least = a->count < b->count ? a->count : b->count;
  if (subsets < 1 || k.size < 2)
    return limn_fail(LIMN_USAGE, "a kernel distance takes at least 1 subset of 2 pictures, not %u of %u", subsets,
                     k.size);
  if (k.size > least)
    return limn_fail(LIMN_DATA, "%s: %u pictures, but subsets for the kernel distance have %u; take smaller ones",
                     limn_feature_set_name(a->count < b->count ? a : b), least, k.size);
  LIMN_TRY(limn_feature_sets_check(a, b, 2));
  double *values = malloc(subsets * sizeof *values);
  if (!values)
    return limn_fail_memory("kernel distances");
  limn_status status = prepare(&k, a, b, subsets);
  if (status == LIMN_OK)
    status = measure(&k, values, subsets, options->seed);
  if (status == LIMN_OK)
    *out = describe(values, subsets);
  release(&k);
  free(values);
  return status;
}
