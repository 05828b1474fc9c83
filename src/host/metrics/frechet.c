#include "metrics/frechet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/philox.h"

/* A covariance as F' F. */
typedef struct root {
  double *factor; /* (rank, width), in room for (width, width) */
  int rank;
} root;

static limn_status find_root(root *out, const limn_linear_algebra *algebra, const limn_moments *moments) {
  const size_t n = (size_t)moments->width, bytes = n * n * sizeof(double);
  double *copy = malloc(bytes);
  *out = (root){.factor = malloc(bytes)};
  limn_status status = copy && out->factor ? LIMN_OK : limn_fail_memory("a covariance's factor");
  if (status == LIMN_OK) {
    memcpy(copy, moments->covariance, bytes);
    status = limn_matrix_factor(algebra, out->factor, &out->rank, copy, moments->width);
  }
  free(copy);
  if (status != LIMN_OK) {
    free(out->factor);
    out->factor = NULL;
  }
  return status;
}

/* tr (Sa Sb)^(1/2): the eigenvalues of Sa Sb that are not 0 are those of (Fa Fb') (Fa Fb')'. */
static limn_status trace_of_root(double *out, const limn_linear_algebra *algebra, const root *a, const root *b,
                                 int width) {
  double *product = malloc(((size_t)a->rank * (size_t)b->rank + 1) * sizeof *product);
  *out = 0;
  if (!product)
    return limn_fail_memory("a product of covariances");
  limn_status status = LIMN_OK;
  if (a->rank > 0 && b->rank > 0) {
    limn_matrix_product(algebra, product, (limn_matrix){.data = a->factor, .rows = a->rank, .columns = width},
                        (limn_matrix){.data = b->factor, .rows = b->rank, .columns = width, .transposed = true}, 0);
    status = limn_nuclear_norm(algebra, out, product, a->rank, b->rank);
  }
  free(product);
  return status;
}

static limn_status check(const limn_moments *a, const limn_moments *b) {
  if (a->width != b->width)
    return limn_fail(LIMN_DATA,
                     "one set has %d features a picture and the other %d: take both from the same layer of "
                     "one network",
                     a->width, b->width);
  const size_t n = (size_t)a->width;
  double sum = 0; /* of zeros, but for what is not finite */
  for (size_t k = 0; k < n; ++k)
    sum += 0 * a->mean[k] + 0 * b->mean[k];
  for (size_t k = 0; k < n * n; ++k)
    sum += 0 * a->covariance[k] + 0 * b->covariance[k];
  return sum == 0 ? LIMN_OK : limn_fail(LIMN_DATA, "a mean or covariance of features is not finite");
}

/* What needs no factors. */
static double plain_part(const limn_moments *a, const limn_moments *b) {
  const size_t n = (size_t)a->width;
  double sum = 0;
  for (size_t k = 0; k < n; ++k) {
    const double difference = a->mean[k] - b->mean[k];
    sum += difference * difference + a->covariance[k * n + k] + b->covariance[k * n + k];
  }
  return sum;
}

/* With b's root known, for many a. */
static limn_status distance_to(double *out, const limn_linear_algebra *algebra, const limn_moments *a,
                               const limn_moments *b, const root *root_b) {
  root root_a;
  double trace;
  LIMN_TRY(find_root(&root_a, algebra, a));
  limn_status status = trace_of_root(&trace, algebra, &root_a, root_b, a->width);
  free(root_a.factor);
  if (status == LIMN_OK)
    *out = plain_part(a, b) - 2 * trace;
  return status;
}

limn_status limn_frechet_distance(double *out, const limn_linear_algebra *algebra, const limn_moments *a,
                                  const limn_moments *b) {
  root root_b;
  LIMN_TRY(check(a, b));
  LIMN_TRY(find_root(&root_b, algebra, b));
  limn_status status = distance_to(out, algebra, a, b, &root_b);
  free(root_b.factor);
  return status;
}

/* How often each picture is drawn in resample `index`. */
static void draw(uint32_t *times, uint32_t count, uint64_t seed, uint32_t index) {
  memset(times, 0, count * sizeof *times);
  for (uint32_t i = 0; i < count; i += 4) {
    uint32_t words[4];
    limn_philox((const uint32_t[]){i / 4, LIMN_STREAM_BOOTSTRAP, index, 0},
                (const uint32_t[]){(uint32_t)seed, (uint32_t)(seed >> 32)}, words);
    for (uint32_t k = 0; k < 4 && i + k < count; ++k)
      ++times[((uint64_t)words[k] * count) >> 32];
  }
}

static limn_status resample(double *out, const limn_linear_algebra *algebra, const limn_feature_set *set,
                            const uint32_t *times, const limn_moments *to, const root *root_to) {
  limn_moments moments;
  LIMN_TRY(limn_moments_init(&moments, set->width));
  limn_status status = limn_moments_add(&moments, algebra, set, times);
  if (status == LIMN_OK)
    status = limn_moments_finish(&moments);
  if (status == LIMN_OK)
    status = distance_to(out, algebra, &moments, to, root_to);
  limn_moments_release(&moments);
  return status;
}

static int compare(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Between the two nearest of sorted values, as NumPy has it. */
static double quantile(const double *values, uint32_t count, double share) {
  const double place = share * (count - 1);
  const uint32_t below = (uint32_t)place, above = below + 1 < count ? below + 1 : below;
  return values[below] + (place - below) * (values[above] - values[below]);
}

/* values: the resamples; sorted. */
static void describe(limn_interval *out, double *values, uint32_t count, double confidence) {
  double mean = 0, squares = 0;
  for (uint32_t i = 0; i < count; ++i)
    mean += values[i] / count;
  for (uint32_t i = 0; i < count; ++i)
    squares += (values[i] - mean) * (values[i] - mean);
  qsort(values, count, sizeof *values, compare);
  out->deviation = sqrt(squares / (count - 1));
  out->low = out->value + quantile(values, count, (1 - confidence) / 2) - mean;
  out->high = out->value + quantile(values, count, (1 + confidence) / 2) - mean;
}

limn_status limn_frechet_bootstrap(limn_interval *out, const limn_linear_algebra *algebra, const limn_feature_set *set,
                                   const limn_moments *to, const limn_bootstrap_options *options) {
  limn_moments moments = {0};
  limn_interval interval = {0};
  root root_to = {NULL, 0};
  double *values = NULL;
  uint32_t *times = NULL;
  limn_status status;
  if (options->resamples < 2 || !(options->confidence > 0 && options->confidence < 1))
    return limn_fail(LIMN_USAGE,
                     "an interval takes at least 2 resamples and a confidence between 0 and 1, not %u and %g",
                     options->resamples, options->confidence);
  LIMN_TRY(limn_moments_of(&moments, algebra, set));
  LIMN_TRY_OR_CLEANUP(status, limn_frechet_distance(&interval.value, algebra, &moments, to));
  LIMN_TRY_OR_CLEANUP(status, find_root(&root_to, algebra, to));
  values = malloc(options->resamples * sizeof *values);
  times = malloc(set->count * sizeof *times);
  if (!values || !times)
    LIMN_TRY_OR_CLEANUP(status, limn_fail_memory("resamples"));
  for (uint32_t i = 0; i < options->resamples; ++i) {
    LIMN_TRY_OR_CLEANUP(status, limn_linear_algebra_go_on(algebra, "pictures were resampled"));
    draw(times, set->count, options->seed, i);
    LIMN_TRY_OR_CLEANUP(status, resample(&values[i], algebra, set, times, to, &root_to));
  }
  describe(&interval, values, options->resamples, options->confidence);
  *out = interval;
cleanup:
  free(times);
  free(values);
  free(root_to.factor);
  limn_moments_release(&moments);
  return status;
}
