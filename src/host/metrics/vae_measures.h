/* What a VAE or an autoencoder has learned, by pictures that it was not trained on. */
#ifndef LIMN_METRICS_VAE_MEASURES_H
#define LIMN_METRICS_VAE_MEASURES_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "metrics/picture_set.h"

#define LIMN_IMPORTANCE_SAMPLES 5000 /* of Burda et al. 2016 and most papers after it */

typedef struct limn_vae_measure_options {
  int samples;        /* k of the importance-weighted likelihood; 0: it is not taken */
  int block;          /* of these at a time; 0: chosen by the memory that they take. The numbers are the same */
  uint64_t seed;      /* of these; the ELBO has the run's own numbers */
  const char *device; /* NULL: "auto" */
  int threads;        /* 0: as many as the process may use */
  /* Told now and then how many pictures of `all` are through. May be NULL. */
  void (*on_progress)(void *context, uint32_t done, uint32_t all);
  void *context;
  const volatile sig_atomic_t *stop; /* not 0: give up, with LIMN_FAILED. May be NULL */
} limn_vae_measure_options;

/* Means over the pictures, in nats a picture unless said otherwise. NaN: there is no such number of this model, or it
 * was not asked for. */
typedef struct limn_vae_measures {
  uint32_t count;
  int latent;         /* dimensions of a code */
  int64_t dimensions; /* of a picture: channels x height x width */
  int samples;        /* k of nll; 0: it was not taken */
  uint64_t step;      /* of the checkpoint */

  double
      reconstruction; /* -log p(x | z) as the training minimises it: one z from q(z | x); an autoencoder's own code */
  double kl;          /* of q(z | x) from the prior */
  double elbo;        /* -(reconstruction + kl), whatever beta is */
  double elbo_error;  /* standard error of that mean, over the pictures; NaN of one picture */
  double nll;         /* -log p(x) by importance sampling (importance.h): at most -elbo, but for chance */
  double nll_error;
  double bits_bound, bits; /* a dimension, of -elbo and of nll; NaN where the likelihood is none (l1) */
  bool comparable;         /* the likelihood is one of data, so that others' bits mean the same */
  const char *likelihood;  /* what it is, in words; static */
  double active_units;     /* latent dimensions whose mean of q(z | x) has a variance over 0.01 over the pictures */
  double psnr, ssim;       /* dB; of the decoded mean of q(z | x) against what the likelihood explains */
} limn_vae_measures;

/* path: a run's folder or a checkpoint of a vae or an autoencoder (limn_codec_open). held_out: pictures in the run's
 * form, channels, height and width; else LIMN_USAGE. They are dequantised, binarised, made noisy and encoded with the
 * numbers that a validation of the run takes for its picture 0, 1, ...: where both have the same pictures, the numbers
 * are those in metrics.jsonl but for rounding. LIMN_DATA where a picture cannot be read or a number is not finite. */
limn_status limn_vae_measures_take(const char *path, limn_picture_set *held_out,
                                   const limn_vae_measure_options *options, limn_vae_measures *out);

#endif
