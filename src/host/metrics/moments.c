#include "metrics/moments.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define ROWS 512 /* a block: 8 MB of doubles at 2048 features, and the covariance is passed over once for each */

limn_status limn_moments_init(limn_moments *moments, int width) {
  const size_t n = (size_t)width;
  *moments = (limn_moments){.width = width,
                            .mean = calloc(n, sizeof(double)),
                            .covariance = calloc(n * n, sizeof(double)),
                            .centre = malloc(n * sizeof(double)),
                            .block = calloc((ROWS + 1) * n, sizeof(double))};
  if (moments->mean && moments->covariance && moments->centre && moments->block)
    return LIMN_OK;
  limn_moments_release(moments);
  return limn_fail_memory("the covariance of features");
}

void limn_moments_release(limn_moments *moments) {
  free(moments->mean);
  free(moments->covariance);
  free(moments->centre);
  free(moments->block);
  *moments = (limn_moments){0};
}

static void find_centre(const limn_moments *moments, const double *weights, int count, double total) {
  const size_t n = (size_t)moments->width;
  memset(moments->centre, 0, n * sizeof *moments->centre);
  for (int i = 0; i < count; ++i)
    for (size_t k = 0; k < n; ++k)
      moments->centre[k] += weights[i] * moments->block[(size_t)i * n + k];
  for (size_t k = 0; k < n; ++k)
    moments->centre[k] /= total;
}

/* Two sets of n and m rows have together the squares about their means that each has, and n m / (n + m) times those of
 * the means' difference (Chan, Golub & LeVeque 1979): one more row of the block. So no large sums are subtracted. */
static void merge(limn_moments *moments, const limn_linear_algebra *algebra, const double *weights, int count) {
  const size_t n = (size_t)moments->width;
  const double before = (double)moments->count;
  double total = 0;
  for (int i = 0; i < count; ++i)
    total += weights[i];
  find_centre(moments, weights, count, total);
  for (int i = 0; i < count; ++i) {
    const double root = sqrt(weights[i]);
    for (size_t k = 0; k < n; ++k)
      moments->block[(size_t)i * n + k] = root * (moments->block[(size_t)i * n + k] - moments->centre[k]);
  }
  const double root = sqrt(before * total / (before + total));
  for (size_t k = 0; k < n; ++k) {
    const double difference = moments->centre[k] - moments->mean[k];
    moments->block[(size_t)count * n + k] = root * difference;
    moments->mean[k] += difference * total / (before + total);
  }
  moments->count += (uint64_t)total;
  limn_gram_add(algebra, moments->covariance, moments->block, count + 1, moments->width);
}

limn_status limn_moments_add(limn_moments *moments, const limn_linear_algebra *algebra, const limn_feature_set *set,
                             const uint32_t *weights) {
  double held_weights[ROWS] = {0};
  int held = 0;
  if (!moments->block)
    return limn_fail(LIMN_USAGE, "%s: these moments are finished; begin new ones", limn_feature_set_name(set));
  if (set->width != moments->width)
    return limn_fail(LIMN_DATA, "%s: %d numbers a picture, where there were %d", limn_feature_set_name(set), set->width,
                     moments->width);
  LIMN_TRY(limn_feature_set_check(set, 0));
  for (uint32_t i = 0; i < set->count; ++i) {
    const float *row = limn_feature_row(set, i);
    double *to = moments->block + (size_t)held * (size_t)set->width;
    held_weights[held] = weights ? weights[i] : 1;
    for (int k = 0; k < set->width; ++k)
      to[k] = (double)row[k];
    held += held_weights[held] > 0;
    if (held == ROWS || (held > 0 && i + 1 == set->count)) {
      merge(moments, algebra, held_weights, held);
      held = 0;
    }
  }
  return LIMN_OK;
}

limn_status limn_moments_finish(limn_moments *moments) {
  const size_t n = (size_t)moments->width;
  const double count = (double)moments->count;
  double *covariance = moments->covariance;
  if (moments->count < 2)
    return limn_fail(LIMN_DATA, "a covariance takes at least 2 pictures; there %s %d",
                     moments->count == 1 ? "is" : "are", (int)moments->count);
  for (size_t i = 0; i < n; ++i)
    for (size_t j = i; j < n; ++j)
      covariance[j * n + i] = covariance[i * n + j] /= count - 1;
  free(moments->block);
  free(moments->centre);
  moments->block = moments->centre = NULL;
  return LIMN_OK;
}

limn_status limn_moments_of(limn_moments *out, const limn_linear_algebra *algebra, const limn_feature_set *set) {
  limn_moments moments;
  LIMN_TRY(limn_feature_set_check(set, 2));
  LIMN_TRY(limn_moments_init(&moments, set->width));
  limn_status status = limn_moments_add(&moments, algebra, set, NULL);
  if (status == LIMN_OK)
    status = limn_moments_finish(&moments);
  if (status == LIMN_OK)
    *out = moments;
  else
    limn_moments_release(&moments);
  return status;
}
