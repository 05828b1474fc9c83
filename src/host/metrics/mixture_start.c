/* Where the fit of a mixture begins: clusters of codes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/philox.h"
#include "metrics/mixture_fit.h"

#define ROUNDS 30 /* of k-means, at most */

typedef struct clusters {
  const limn_feature_set *codes;
  size_t width;
  int count;
  double *centres;  /* (count, width) */
  double *distance; /* (codes), squared, from the nearest centre */
  int *nearest;     /* (codes) */
  uint32_t *sizes;  /* (count) */
} clusters;

/* Squared, in four sums that do not wait for each other. */
static double distance(const float *code, const double *centre, size_t width) {
  double sums[4] = {0};
  for (size_t j = 0; j < width; ++j) {
    const double difference = (double)code[j] - centre[j];
    sums[j % 4] += difference * difference;
  }
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

static void place(clusters *c, int k, uint32_t number) {
  for (size_t j = 0; j < c->width; ++j)
    c->centres[(size_t)k * c->width + j] = (double)limn_feature_row(c->codes, number)[j];
}

/* The code in whose part of the sum of squared distances u lies. */
static uint32_t pick(const clusters *c, double sum, double u) {
  double reached = 0;
  uint32_t last = 0;
  for (uint32_t i = 0; i < c->codes->count; ++i) {
    if (c->distance[i] <= 0)
      continue;
    last = i;
    if (u * sum < (reached += c->distance[i]))
      break;
  }
  return last;
}

/* k-means++: each further centre is a code, by the square of its distance from those there are. */
static limn_status scatter_centres(clusters *c, uint64_t seed) {
  for (int k = 0; k < c->count; ++k) {
    float u;
    double sum = 0;
    limn_philox_uniform(seed, LIMN_STREAM_MIXTURE_START, 0, (uint64_t)k, &u, 1);
    for (uint32_t i = 0; i < c->codes->count; ++i) {
      if (k > 0) {
        double d = distance(limn_feature_row(c->codes, i), c->centres + (size_t)(k - 1) * c->width, c->width);
        c->distance[i] = k == 1 || d < c->distance[i] ? d : c->distance[i];
      }
      sum += k > 0 ? c->distance[i] : 0;
    }
    if (k > 0 && !(sum > 0))
      return limn_fail(LIMN_DATA,
                       "of %u codes %d are different, and a mixture of %d components wants as many; take "
                       "fewer components",
                       c->codes->count, k, c->count);
    place(c, k, k > 0 ? pick(c, sum, (double)u) : (uint32_t)((double)u * c->codes->count));
  }
  return LIMN_OK;
}

/* Whether any code has another nearest centre than before. */
static bool assign(clusters *c) {
  bool changed = false;
  for (uint32_t i = 0; i < c->codes->count; ++i) {
    int nearest = 0;
    for (int k = 0; k < c->count; ++k) {
      double d = distance(limn_feature_row(c->codes, i), c->centres + (size_t)k * c->width, c->width);
      if (k > 0 && d >= c->distance[i])
        continue;
      c->distance[i] = d;
      nearest = k;
    }
    changed = changed || c->nearest[i] != nearest;
    c->nearest[i] = nearest;
  }
  return changed;
}

/* Centres become means; one without codes goes to the code that is farthest from its own. */
static void move(clusters *c) {
  memset(c->centres, 0, (size_t)c->count * c->width * sizeof *c->centres);
  memset(c->sizes, 0, (size_t)c->count * sizeof *c->sizes);
  for (uint32_t i = 0; i < c->codes->count; ++i) {
    double *centre = c->centres + (size_t)c->nearest[i] * c->width;
    ++c->sizes[c->nearest[i]];
    for (size_t j = 0; j < c->width; ++j)
      centre[j] += (double)limn_feature_row(c->codes, i)[j];
  }
  for (int k = 0; k < c->count; ++k) {
    uint32_t farthest = 0;
    for (size_t j = 0; j < c->width && c->sizes[k]; ++j)
      c->centres[(size_t)k * c->width + j] /= c->sizes[k];
    if (c->sizes[k])
      continue;
    for (uint32_t i = 1; i < c->codes->count; ++i)
      farthest = c->distance[i] > c->distance[farthest] ? i : farthest;
    place(c, k, farthest);
    c->distance[farthest] = 0;
  }
}

static limn_status find_clusters(clusters *c, const limn_mixture_fit *fit, uint64_t seed) {
  const size_t count = c->codes->count;
  c->centres = malloc((size_t)c->count * c->width * sizeof *c->centres);
  c->distance = calloc(count, sizeof *c->distance);
  c->nearest = malloc(count * sizeof *c->nearest);
  c->sizes = malloc((size_t)c->count * sizeof *c->sizes);
  if (!c->centres || !c->distance || !c->nearest || !c->sizes)
    return limn_fail_memory("clusters of codes");
  memset(c->nearest, 255, count * sizeof *c->nearest); /* -1 */
  LIMN_TRY(scatter_centres(c, seed));
  for (int round = 0; round < ROUNDS && assign(c); ++round) {
    if (fit->stop && *fit->stop)
      return limn_fail(LIMN_FAILED, "stopped while codes were clustered");
    move(c);
  }
  return LIMN_OK;
}

static limn_status make_mixture(limn_mixture *m, const limn_mixture_fit *fit, const clusters *c) {
  const size_t components = (size_t)c->count;
  double *members = calloc(c->codes->count * components, sizeof *members);
  if (!members)
    return limn_fail_memory("clusters of codes");
  for (uint32_t i = 0; i < c->codes->count; ++i)
    members[i * components + (size_t)c->nearest[i]] = 1;
  limn_status status = limn_mixture_estimate(m, fit, members);
  free(members);
  return status;
}

limn_status limn_mixture_start(limn_mixture *m, const limn_mixture_fit *fit, int components, uint64_t seed) {
  const limn_feature_set *codes = fit->codes;
  clusters c = {.codes = codes, .width = (size_t)codes->width, .count = components};
  *m = (limn_mixture){0};
  const int64_t least = (int64_t)components * codes->width;
  if (codes->count < least)
    return limn_fail(LIMN_DATA,
                     "%u codes are too few for %d components in %d dimensions, which want %lld at least; take fewer "
                     "components, or more pictures",
                     codes->count, components, codes->width, (long long)least);
  LIMN_TRY(limn_feature_set_check(codes, 1));
  LIMN_TRY(limn_mixture_init(m, components, codes->width));
  limn_status status = find_clusters(&c, fit, seed);
  if (status == LIMN_OK)
    status = make_mixture(m, fit, &c);
  free(c.centres);
  free(c.distance);
  free(c.nearest);
  free(c.sizes);
  return status;
}
