#include "metrics/vae_rows.h"

#include <math.h>
#include <stdio.h>

#include "base/error.h"
#include "metrics/vae_measures.h"

static void pass_on(void *context, uint32_t done, uint32_t all) {
  const limn_evaluate_options *o = context;
  o->on_progress(o->context, "held out", done, all);
}

static limn_status take(const limn_measured *m, int samples, limn_vae_measures *v) {
  const limn_evaluate_options *o = m->options;
  const limn_vae_measure_options options = {.samples = samples,
                                            .seed = o->seed,
                                            .device = o->device,
                                            .threads = o->threads,
                                            .on_progress = o->on_progress ? pass_on : NULL,
                                            .context = (void *)(uintptr_t)o,
                                            .stop = o->stop};
  if (!m->sets->held_out)
    return limn_fail(LIMN_USAGE, "%s held no pictures out of its training; name some with --held-out PATH",
                     o->pictures);
  return limn_vae_measures_take(o->pictures, m->sets->held_out, &options, v);
}

/* A score with its standard error, unless the model has no such number. */
static limn_status add(limn_evaluation *out, const char *metric, const char *name, double value, double error,
                       int better, const char *protocol) {
  if (isnan(value))
    return LIMN_OK;
  limn_score *score = limn_evaluation_add(out, metric, better, value);
  if (!score)
    return limn_fail_memory("scores");
  score->deviation = error;
  snprintf(score->name, sizeof score->name, "%s", name);
  snprintf(score->protocol, sizeof score->protocol, "%s", protocol);
  return LIMN_OK;
}

limn_status limn_take_elbo(const limn_measured *m, limn_evaluation *out) {
  limn_vae_measures v;
  char units[64];
  LIMN_TRY(take(m, 0, &v));
  snprintf(units, sizeof units, "of %d, whose mean varies by more than 0.01", v.latent);
  const char *bits = v.comparable ? "bound, of 8-bit pixels" : "bound; not to be compared with other likelihoods";
  LIMN_TRY(add(out, "elbo", "-ELBO", -v.elbo, v.elbo_error, -1, "nats a picture, standard error"));
  LIMN_TRY(add(out, "elbo", "reconstruction", v.reconstruction, NAN, -1, v.likelihood));
  LIMN_TRY(add(out, "elbo", "KL", v.kl, NAN, 0, "nats a picture"));
  LIMN_TRY(add(out, "elbo", "bits a dimension", v.bits_bound, NAN, -1, bits));
  LIMN_TRY(add(out, "elbo", "active units", v.active_units, NAN, 0, units));
  LIMN_TRY(add(out, "elbo", "PSNR", v.psnr, NAN, 1, "dB, of reconstructions"));
  return add(out, "elbo", "SSIM", v.ssim, NAN, 1, "of reconstructions");
}

limn_status limn_take_nll(const limn_measured *m, limn_evaluation *out) {
  limn_vae_measures v;
  char text[96];
  LIMN_TRY(take(m, m->options->importance > 0 ? m->options->importance : LIMN_IMPORTANCE_SAMPLES, &v));
  if (isnan(v.nll))
    return limn_fail(LIMN_USAGE, "%s has no likelihood: nll is for vae", m->options->pictures);
  snprintf(text, sizeof text, "nats a picture, %d importance samples, standard error", v.samples);
  LIMN_TRY(add(out, "nll", "NLL", v.nll, v.nll_error, -1, text));
  return add(out, "nll", "bits a dimension by NLL", v.bits, NAN, -1,
             v.comparable ? "of 8-bit pixels" : "not to be compared with other likelihoods");
}
