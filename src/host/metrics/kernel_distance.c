#include "metrics/kernel_distance.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/philox.h"

#define ROWS 256 /* of a subset against all of another at a time: the products stay in a few MB */

typedef struct workspace {
  int width, size;
  double *x, *y;     /* (size, width): a subset of each set */
  double *products;  /* (ROWS, size) */
  uint32_t *order_a; /* of all pictures: a permutation, whose first are the subset */
  uint32_t *order_b;
} workspace;

static void release(workspace *work) {
  free(work->x);
  free(work->y);
  free(work->products);
  free(work->order_a);
  free(work->order_b);
}

static limn_status allocate(workspace *work, const limn_feature_set *a, const limn_feature_set *b, uint32_t size) {
  const size_t numbers = (size_t)size * (size_t)a->width;
  *work = (workspace){.width = a->width,
                      .size = (int)size,
                      .x = malloc(numbers * sizeof(double)),
                      .y = malloc(numbers * sizeof(double)),
                      .products = malloc((size_t)ROWS * size * sizeof(double)),
                      .order_a = malloc(a->count * sizeof(uint32_t)),
                      .order_b = malloc(b->count * sizeof(uint32_t))};
  if (work->x && work->y && work->products && work->order_a && work->order_b)
    return LIMN_OK;
  release(work);
  return limn_fail_memory("subsets of features");
}

static void gather(double *out, const limn_feature_set *set, uint32_t *order, uint32_t size, uint64_t seed,
                   uint64_t step) {
  limn_philox_permutation(seed, LIMN_STREAM_SUBSET, step, order, set->count);
  for (uint32_t i = 0; i < size; ++i)
    for (int k = 0; k < set->width; ++k)
      out[(size_t)i * (size_t)set->width + (size_t)k] = (double)limn_feature_row(set, order[i])[k];
}

static double kernel(double product, double width) {
  const double k = product / width + 1;
  return k * k * k;
}

/* The sum of the kernel over all pairs of different places of x, or over all pairs of x and y. */
static double sum_of_kernels(const limn_linear_algebra *algebra, const workspace *work, const double *x,
                             const double *y) {
  const int size = work->size, width = work->width;
  double within = 0, beyond = 0;
  for (int first = 0; first < size; first += ROWS) {
    const int rows = size - first < ROWS ? size - first : ROWS;
    const int begin = x == y ? first : 0, columns = size - begin; /* symmetric: what lies to the right counts twice */
    limn_matrix_product(
        algebra, work->products,
        (limn_matrix){.data = x + (size_t)first * (size_t)width, .rows = rows, .columns = width},
        (limn_matrix){.data = y + (size_t)begin * (size_t)width, .rows = columns, .columns = width, .transposed = true},
        0);
    for (int i = 0; i < rows; ++i)
      for (int j = 0; j < columns; ++j) {
        const double k = kernel(work->products[(size_t)i * (size_t)columns + (size_t)j], width);
        if (x != y || (j < rows && j != i))
          within += k;
        else if (j >= rows)
          beyond += k;
      }
  }
  return within + 2 * beyond;
}

limn_status limn_kernel_distance_of(limn_kernel_distance *out, const limn_linear_algebra *algebra,
                                    const limn_feature_set *a, const limn_feature_set *b,
                                    const limn_kernel_distance_options *options) {
  workspace work;
  const uint32_t size = options->subset_size, subsets = options->subsets,
                 least = a->count < b->count ? a->count : b->count;
  double mean = 0, squares = 0;
  if (subsets < 1 || size < 2)
    return limn_fail(LIMN_USAGE, "a kernel distance takes at least 1 subset of 2 pictures, not %u of %u", subsets,
                     size);
  if (size > least)
    return limn_fail(LIMN_DATA, "%s: %u pictures, but subsets for the kernel distance have %u; take smaller ones",
                     limn_feature_set_name(a->count < b->count ? a : b), least, size);
  LIMN_TRY(limn_feature_sets_check(a, b, 2));
  double *values = malloc(subsets * sizeof *values);
  if (!values)
    return limn_fail_memory("kernel distances");
  limn_status status = allocate(&work, a, b, size);
  if (status != LIMN_OK) {
    free(values);
    return status;
  }
  const double m = size;
  for (uint32_t i = 0; i < subsets; ++i) {
    gather(work.x, a, work.order_a, size, options->seed, 2 * (uint64_t)i);
    gather(work.y, b, work.order_b, size, options->seed, 2 * (uint64_t)i + 1);
    const double xx = sum_of_kernels(algebra, &work, work.x, work.x),
                 yy = sum_of_kernels(algebra, &work, work.y, work.y);
    values[i] = (xx + yy) / (m * (m - 1)) - 2 * sum_of_kernels(algebra, &work, work.x, work.y) / (m * m);
    mean += values[i] / subsets;
  }
  for (uint32_t i = 0; i < subsets; ++i)
    squares += (values[i] - mean) * (values[i] - mean);
  *out = (limn_kernel_distance){.mean = mean, .deviation = sqrt(squares / subsets)};
  release(&work);
  free(values);
  return LIMN_OK;
}
