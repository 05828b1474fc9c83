#include "metrics/vae_measures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/parallel.h"
#include "base/philox.h"
#include "base/text.h"
#include "infer/codec.h"
#include "metrics/importance.h"
#include "metrics/picture_planes.h"
#include "metrics/similarity.h"

#define ACTIVE_VARIANCE 0.01 /* Burda et al. 2016, section 5.3 */
#define LN2             0.69314718055994531

/* Mean and spread of what has been added (Welford 1962). */
typedef struct tally {
  double mean, squares; /* squares: of the differences from the mean */
  uint32_t count;
} tally;

static void add(tally *t, double x) {
  double difference = x - t->mean;
  t->mean += difference / ++t->count;
  t->squares += difference * (x - t->mean);
}

static double variance(const tally *t) { return t->squares / t->count; }

/* Of the mean, taken for that of a larger whole. */
static double standard_error(const tally *t) {
  return t->count > 1 ? sqrt(t->squares / (t->count - 1) / t->count) : NAN;
}

typedef struct walk {
  const limn_vae_measure_options *options;
  limn_picture_set *held_out;
  uint32_t count;
  limn_codec *codec;
  limn_codec_info info;
  limn_importance importance;
  size_t picture, latent; /* numbers of a picture, of a code */

  /* of a batch */
  uint8_t *bytes;
  float *targets, *pixels;            /* (batch, C, H, W) */
  float *mean, *log_variance, *codes; /* (batch, latent) */
  float *nats;                        /* (batch) */
  double *psnrs, *ssims;              /* (batch) */

  tally reconstruction, kl, elbo, nll, ssim, *means; /* means: (latent) */
  double psnrs_sum;                                  /* infinite once a picture comes back exactly */
} walk;

static limn_status make_room(walk *w) {
  const size_t batch = (size_t)w->info.batch, picture = batch * w->picture, latent = batch * w->latent;
  w->bytes = malloc(picture);
  w->targets = malloc(picture * sizeof *w->targets);
  w->pixels = malloc(picture * sizeof *w->pixels);
  w->mean = malloc(latent * sizeof *w->mean);
  w->log_variance = malloc(latent * sizeof *w->log_variance);
  w->codes = malloc(latent * sizeof *w->codes);
  w->nats = malloc(batch * sizeof *w->nats);
  w->psnrs = malloc(batch * sizeof *w->psnrs);
  w->ssims = malloc(batch * sizeof *w->ssims);
  w->means = calloc(w->latent, sizeof *w->means);
  return w->bytes && w->targets && w->pixels && w->mean && w->log_variance && w->codes && w->nats && w->psnrs &&
                 w->ssims && w->means
             ? LIMN_OK
             : limn_fail_memory("pictures and their codes");
}

static void release(walk *w) {
  limn_importance_release(&w->importance);
  limn_codec_close(w->codec);
  free(w->bytes);
  free(w->targets);
  free(w->pixels);
  free(w->mean);
  free(w->log_variance);
  free(w->codes);
  free(w->nats);
  free(w->psnrs);
  free(w->ssims);
  free(w->means);
}

static limn_status begin(walk *w, const char *path) {
  const limn_vae_measure_options *o = w->options;
  limn_picture_set_info set;
  limn_picture_set_get_info(w->held_out, &set);
  w->count = set.count;
  if (o->samples < 0 || o->block < 0)
    return limn_fail(LIMN_USAGE, "%d importance samples in blocks of %d: neither can be under 0", o->samples, o->block);
  if (w->count == 0)
    return limn_fail(LIMN_DATA, "there are no pictures to measure %s by", path);
  LIMN_TRY(limn_codec_open(&w->codec, path,
                           &(limn_codec_options){.device = o->device,
                                                 .threads = o->threads,
                                                 .pictures = w->count,
                                                 .codes = o->block && o->block < o->samples ? o->block : o->samples}));
  limn_codec_get_info(w->codec, &w->info);
  w->picture = (size_t)w->info.channels * (size_t)w->info.height * (size_t)w->info.width;
  w->latent = (size_t)w->info.latent;
  LIMN_TRY(make_room(w));
  if (o->samples == 0 || !w->info.distributed)
    return LIMN_OK;
  w->importance = (limn_importance){.codec = w->codec, .samples = o->samples, .seed = o->seed, .stop = o->stop};
  return limn_importance_init(&w->importance);
}

static const char *name_of(const walk *w, uint32_t index, char *shown, size_t size) {
  char name[4096];
  return limn_text_printable(limn_picture_set_name(w->held_out, index, name, sizeof name), shown, size);
}

static limn_status read_pictures(walk *w, uint32_t first, uint32_t count) {
  const int form[3] = {w->info.channels, w->info.height, w->info.width};
  return limn_picture_set_read_planes(w->held_out, first, count, form, w->bytes);
}

static limn_status compare(void *context, uint32_t i) {
  walk *w = context;
  const float *target = w->targets + i * w->picture, *pixels = w->pixels + i * w->picture;
  w->psnrs[i] = limn_psnr(target, pixels, w->picture);
  if (!limn_ssim_fits(w->info.height, w->info.width))
    return LIMN_OK;
  return limn_ssim(target, pixels, w->info.channels, w->info.height, w->info.width, &w->ssims[i]);
}

static limn_status take_similarity(walk *w, uint32_t count) {
  LIMN_TRY(limn_codec_decode(w->codec, w->mean, (int)count, w->pixels));
  LIMN_TRY(limn_parallel_for(count, 0, compare, w));
  for (uint32_t i = 0; i < count; ++i) {
    w->psnrs_sum += w->psnrs[i];
    if (limn_ssim_fits(w->info.height, w->info.width))
      add(&w->ssim, w->ssims[i]);
  }
  return LIMN_OK;
}

/* The codes by which pictures are explained: one drawn from each q(z | x), as the validation of the run draws them. */
static void draw_codes(walk *w, uint32_t first, uint32_t count) {
  const size_t all = count * w->latent;
  if (!w->info.distributed) {
    memcpy(w->codes, w->mean, all * sizeof *w->codes);
    return;
  }
  limn_philox_normal(w->info.config->seed, LIMN_STREAM_VALIDATION, first / (uint32_t)w->info.batch, 0, w->codes, all);
  for (size_t i = 0; i < all; ++i)
    w->codes[i] = w->mean[i] + expf(0.5f * w->log_variance[i]) * w->codes[i];
}

/* KL(N(mu, sigma^2) || N(0, 1)): Kingma & Welling 2014, appendix B. */
static double divergence(const walk *w, uint32_t i) {
  double sum = 0;
  for (size_t j = i * w->latent; j < (i + 1) * w->latent; ++j) {
    double mu = (double)w->mean[j], s = (double)w->log_variance[j];
    sum += (mu * mu + exp(s) - 1 - s) / 2;
  }
  return sum;
}

static limn_status check_finite(const walk *w, uint32_t index, const char *what, double nats) {
  char shown[4096];
  if (isfinite(nats))
    return LIMN_OK;
  return limn_fail(LIMN_DATA, "%s: its %s is not finite; had the training diverged?",
                   name_of(w, index, shown, sizeof shown), what);
}

/* What is known of a picture whose code is a distribution. */
static limn_status take_distribution(walk *w, uint32_t index, uint32_t i) {
  const size_t at = i * w->latent;
  const double kl = divergence(w, i), reconstruction = (double)w->nats[i];
  double nll = 0;
  LIMN_TRY(check_finite(w, index, "KL", kl));
  add(&w->kl, kl);
  add(&w->elbo, -(reconstruction + kl));
  for (size_t j = 0; j < w->latent; ++j)
    add(&w->means[j], (double)w->mean[at + j]);
  if (w->options->samples == 0)
    return LIMN_OK;
  LIMN_TRY(limn_importance_run(&w->importance, index, w->targets + i * w->picture, w->mean + at, w->log_variance + at,
                               &nll));
  LIMN_TRY(check_finite(w, index, "likelihood", nll));
  add(&w->nll, nll);
  return LIMN_OK;
}

static limn_status tell(const walk *w, uint32_t done) {
  const limn_vae_measure_options *o = w->options;
  if (o->on_progress)
    o->on_progress(o->context, done, w->count);
  if (o->stop && *o->stop)
    return limn_fail(LIMN_FAILED, "stopped after %u of %u pictures", done, w->count);
  return LIMN_OK;
}

static limn_status take_batch(walk *w, uint32_t first, uint32_t count) {
  LIMN_TRY(read_pictures(w, first, count));
  LIMN_TRY(
      limn_codec_encode(w->codec, w->bytes, first, (int)count, &(limn_codes){w->mean, w->log_variance, w->targets}));
  LIMN_TRY(take_similarity(w, count));
  draw_codes(w, first, count);
  LIMN_TRY(limn_codec_explain(w->codec, w->targets, w->codes, (int)count, w->nats));
  for (uint32_t i = 0; i < count; ++i) {
    LIMN_TRY(check_finite(w, first + i, "reconstruction", (double)w->nats[i]));
    add(&w->reconstruction, (double)w->nats[i]);
    if (w->info.distributed)
      LIMN_TRY(take_distribution(w, first + i, i));
    if (w->options->samples)
      LIMN_TRY(tell(w, first + i + 1));
  }
  return w->options->samples ? LIMN_OK : tell(w, first + count);
}

/* What the likelihood of the run is, and whether it is one of data. */
static const char *describe(const limn_config *c, bool *comparable) {
  *comparable = c->binarize != LIMN_BINARIZE_NONE || c->dequantize;
  switch ((limn_likelihood)c->likelihood) {
  case LIMN_LIKELIHOOD_BERNOULLI:
    return c->binarize == LIMN_BINARIZE_THRESHOLD    ? "bernoulli, of pixels binarised at one half"
           : c->binarize == LIMN_BINARIZE_STOCHASTIC ? "bernoulli, of pixels binarised at random"
                                                     : "bernoulli of grey values: a cross-entropy, no likelihood";
  case LIMN_LIKELIHOOD_L1:
    return "absolute differences: laplace without its constant, no likelihood";
  default:
    return c->dequantize ? "gaussian density of dequantised bytes"
                         : "gaussian density at whole grey levels, which has no bound";
  }
}

/* nats a picture in bits a dimension. A density over [0, 1) is one over 256 bytes: 8 bits more. */
static double to_bits(const walk *w, double nats) {
  const limn_config *c = w->info.config;
  if (c->likelihood == LIMN_LIKELIHOOD_L1)
    return NAN;
  return nats / ((double)w->picture * LN2) + (c->dequantize ? 8 : 0);
}

static double mean_or_nan(const tally *t) { return t->count ? t->mean : NAN; }

static double active_units(const walk *w) {
  double active = 0;
  for (size_t j = 0; j < w->latent; ++j)
    active += variance(&w->means[j]) > ACTIVE_VARIANCE;
  return active;
}

static void fill(const walk *w, limn_vae_measures *out) {
  *out = (limn_vae_measures){.count = w->count,
                             .latent = w->info.latent,
                             .dimensions = (int64_t)w->picture,
                             .samples = w->info.distributed ? w->options->samples : 0,
                             .step = w->info.step,
                             .reconstruction = w->reconstruction.mean,
                             .kl = mean_or_nan(&w->kl),
                             .elbo = mean_or_nan(&w->elbo),
                             .elbo_error = standard_error(&w->elbo),
                             .nll = mean_or_nan(&w->nll),
                             .nll_error = standard_error(&w->nll),
                             .active_units = w->info.distributed ? active_units(w) : NAN,
                             .psnr = w->psnrs_sum / w->count,
                             .ssim = mean_or_nan(&w->ssim)};
  out->bits_bound = to_bits(w, -out->elbo);
  out->bits = to_bits(w, out->nll);
  out->likelihood = describe(w->info.config, &out->comparable);
}

limn_status limn_vae_measures_take(const char *path, limn_picture_set *held_out,
                                   const limn_vae_measure_options *options, limn_vae_measures *out) {
  walk w = {.options = options, .held_out = held_out};
  limn_status status = begin(&w, path);
  for (uint32_t first = 0, some; status == LIMN_OK && first < w.count; first += some) {
    some = w.count - first < (uint32_t)w.info.batch ? w.count - first : (uint32_t)w.info.batch;
    status = take_batch(&w, first, some);
  }
  if (status == LIMN_OK)
    fill(&w, out);
  release(&w);
  return status;
}
