#include "metrics/importance.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/parallel.h"
#include "base/philox.h"

#define STRIPE 32 /* samples that a thread draws at a time */

limn_status limn_importance_init(limn_importance *m) {
  limn_codec_info info;
  limn_codec_get_info(m->codec, &info);
  const size_t block = (size_t)info.codes, latent = (size_t)info.latent;
  m->latent = info.latent;
  m->block = info.codes;
  m->codes = malloc(block * latent * sizeof *m->codes);
  m->nats = malloc(block * sizeof *m->nats);
  m->ratios = malloc(block * sizeof *m->ratios);
  return m->codes && m->nats && m->ratios ? LIMN_OK : limn_fail_memory("importance samples");
}

void limn_importance_release(limn_importance *m) {
  free(m->codes);
  free(m->nats);
  free(m->ratios);
  m->codes = m->nats = NULL;
  m->ratios = NULL;
}

/* Samples `first` ... first + count - 1 of a picture. */
struct draw {
  limn_importance *importance;
  uint32_t number;
  int first, count;
  const float *mean, *log_variance;
};

/* log p(z) - log q(z | x) with z = mean + sigma epsilon; (2 pi)^(latent / 2) falls out. epsilon becomes z. */
static double to_code(const struct draw *d, float *epsilon) {
  double sum = 0;
  for (int j = 0; j < d->importance->latent; ++j) {
    double e = (double)epsilon[j], s = (double)d->log_variance[j], z = (double)d->mean[j] + exp(s / 2) * e;
    sum += (e * e + s - z * z) / 2;
    epsilon[j] = (float)z;
  }
  return sum;
}

static limn_status draw_stripe(void *context, uint32_t stripe) {
  const struct draw *d = context;
  const limn_importance *m = d->importance;
  const int from = (int)stripe * STRIPE, some = d->count - from < STRIPE ? d->count - from : STRIPE;
  const size_t latent = (size_t)m->latent;
  float *codes = m->codes + (size_t)from * latent;
  limn_philox_normal(m->seed, LIMN_STREAM_IMPORTANCE, d->number, (uint64_t)(d->first + from) * latent, codes,
                     (size_t)some * latent);
  for (int i = 0; i < some; ++i)
    m->ratios[from + i] = to_code(d, codes + (size_t)i * latent);
  return LIMN_OK;
}

/* log sum exp of what has been added, without its overflow. */
struct log_sum {
  double most, sum;
};

static void add(struct log_sum *s, double x) {
  if (x <= s->most) {
    s->sum += exp(x - s->most);
    return;
  }
  s->sum = s->sum * exp(s->most - x) + 1;
  s->most = x;
}

limn_status limn_importance_run(limn_importance *m, uint32_t number, const float *target, const float *mean,
                                const float *log_variance, double *nats) {
  struct draw d = {.importance = m, .number = number, .mean = mean, .log_variance = log_variance};
  struct log_sum weights = {.most = -INFINITY};
  for (; d.first < m->samples; d.first += d.count) {
    if (m->stop && *m->stop)
      return limn_fail(LIMN_FAILED, "stopped after %d of %d samples of a picture", d.first, m->samples);
    d.count = m->samples - d.first < m->block ? m->samples - d.first : m->block;
    LIMN_TRY(limn_parallel_for((uint32_t)((d.count + STRIPE - 1) / STRIPE), 0, draw_stripe, &d));
    LIMN_TRY(limn_codec_explain_one(m->codec, target, m->codes, d.count, m->nats));
    for (int i = 0; i < d.count; ++i)
      add(&weights, m->ratios[i] - (double)m->nats[i]);
  }
  *nats = log((double)m->samples) - weights.most - log(weights.sum);
  return LIMN_OK;
}
