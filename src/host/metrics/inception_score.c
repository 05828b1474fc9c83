#include "metrics/inception_score.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/philox.h"

/* p: (classes). Returns sum p log p. */
static double softmax(double *p, const float *logits, int classes) {
  double largest = (double)logits[0], sum = 0, negative_entropy = 0;
  for (int c = 1; c < classes; ++c)
    largest = fmax(largest, (double)logits[c]);
  for (int c = 0; c < classes; ++c)
    sum += p[c] = exp((double)logits[c] - largest);
  const double log_sum = log(sum);
  for (int c = 0; c < classes; ++c) {
    p[c] /= sum;
    negative_entropy += p[c] * ((double)logits[c] - largest - log_sum);
  }
  return negative_entropy;
}

/* mean over pictures of sum p (log p - log mean p) = mean of sum p log p, less sum mean p log mean p: one pass. */
static double score(const limn_feature_set *logits, const uint32_t *order, uint32_t count, double *p, double *mean) {
  double divergence = 0;
  memset(mean, 0, (size_t)logits->width * sizeof *mean);
  for (uint32_t i = 0; i < count; ++i) {
    divergence += softmax(p, limn_feature_row(logits, order[i]), logits->width) / count;
    for (int c = 0; c < logits->width; ++c)
      mean[c] += p[c] / count;
  }
  for (int c = 0; c < logits->width; ++c)
    if (mean[c] > 0)
      divergence -= mean[c] * log(mean[c]);
  return exp(divergence);
}

limn_status limn_inception_score_of(limn_inception_score *out, const limn_feature_set *logits,
                                    const limn_inception_score_options *options) {
  const uint64_t count = logits->count, splits = options->splits;
  double mean = 0, squares = 0;
  if (splits < 1)
    return limn_fail(LIMN_USAGE, "an Inception score takes at least 1 split");
  LIMN_TRY(limn_feature_set_check(logits, options->splits));
  uint32_t *order = calloc(count, sizeof *order);
  double *p = calloc(2 * (size_t)logits->width + splits, sizeof *p), *mean_p = p + logits->width;
  if (!order || !p) {
    free(order);
    free(p);
    return limn_fail_memory("an Inception score");
  }
  double *scores = mean_p + logits->width;
  if (options->shuffle)
    limn_philox_permutation(options->seed, LIMN_STREAM_SCORE, 0, order, logits->count);
  for (uint32_t i = 0; i < logits->count && !options->shuffle; ++i)
    order[i] = i;
  for (uint64_t i = 0; i < splits; ++i) {
    const uint64_t begin = i * count / splits, end = (i + 1) * count / splits;
    scores[i] = score(logits, order + begin, (uint32_t)(end - begin), p, mean_p);
    mean += scores[i] / (double)splits;
  }
  for (uint64_t i = 0; i < splits; ++i)
    squares += (scores[i] - mean) * (scores[i] - mean);
  *out = (limn_inception_score){.mean = mean, .deviation = sqrt(squares / (double)splits)};
  free(order);
  free(p);
  return LIMN_OK;
}
