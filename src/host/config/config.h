/* The settings of a run: one plain struct, and one table that says everything about its fields. Flags, --help,
 * config.yaml, validation and documentation derive from the table (settings.c). */
#ifndef LIMN_CONFIG_CONFIG_H
#define LIMN_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "limn/config.h"

typedef enum limn_model_kind {
  LIMN_MODEL_DCGAN,
  LIMN_MODEL_SNGAN,
  LIMN_MODEL_R3GAN,
  LIMN_MODEL_PROJECTED,
  LIMN_MODEL_VAE,
  LIMN_MODEL_AUTOENCODER,
  LIMN_MODEL_COUNT
} limn_model_kind;
typedef enum limn_gan_loss {
  LIMN_GAN_NON_SATURATING,
  LIMN_GAN_MINIMAX,
  LIMN_GAN_LEAST_SQUARES,
  LIMN_GAN_HINGE,
  LIMN_GAN_WASSERSTEIN,
  LIMN_GAN_RELATIVISTIC
} limn_gan_loss;
typedef enum limn_generator_kind { LIMN_GENERATOR_DCGAN, LIMN_GENERATOR_SNGAN } limn_generator_kind;
typedef enum limn_norm { LIMN_NORM_BATCH, LIMN_NORM_NONE } limn_norm;
typedef enum limn_likelihood {
  LIMN_LIKELIHOOD_BERNOULLI,
  LIMN_LIKELIHOOD_GAUSSIAN,         /* fixed variance sigma^2 */
  LIMN_LIKELIHOOD_GAUSSIAN_LEARNED, /* one learned log-variance */
  LIMN_LIKELIHOOD_L1                /* Laplace with scale 1 without its constant: |x - y| */
} limn_likelihood;
typedef enum limn_binarize { LIMN_BINARIZE_NONE, LIMN_BINARIZE_THRESHOLD, LIMN_BINARIZE_STOCHASTIC } limn_binarize;
typedef enum limn_regularizer { LIMN_REGULARIZER_NONE, LIMN_REGULARIZER_MMD, LIMN_REGULARIZER_L2 } limn_regularizer;
typedef enum limn_on_bad_image { LIMN_BAD_IMAGE_FAIL, LIMN_BAD_IMAGE_SKIP } limn_on_bad_image;
typedef enum limn_optimizer_kind { LIMN_OPTIMIZER_ADAM, LIMN_OPTIMIZER_ADAMW, LIMN_OPTIMIZER_SGD } limn_optimizer_kind;
typedef enum limn_full_disk { LIMN_FULL_DISK_STOP, LIMN_FULL_DISK_WAIT } limn_full_disk;
/* What a collapse does: docs/runs.md. */
typedef enum limn_until { LIMN_UNTIL_LENGTH, LIMN_UNTIL_EQUILIBRIUM } limn_until;
typedef enum limn_on_collapse { LIMN_COLLAPSE_WARN, LIMN_COLLAPSE_STOP, LIMN_COLLAPSE_RESTORE } limn_on_collapse;
typedef enum limn_schedule_kind {
  LIMN_SCHEDULE_CONSTANT,
  LIMN_SCHEDULE_LINEAR,
  LIMN_SCHEDULE_COSINE
} limn_schedule_kind;

typedef enum limn_augment_kind { LIMN_AUGMENT_NONE, LIMN_AUGMENT_DIFFERENTIABLE, LIMN_AUGMENT_ADA } limn_augment_kind;
/* Of the setting augment_kinds. */
enum { LIMN_AUGMENT_COLOR = 1, LIMN_AUGMENT_FLIP = 2, LIMN_AUGMENT_TRANSLATION = 4, LIMN_AUGMENT_CUTOUT = 8 };

#define LIMN_SETTING_LIMIT 128 /* room for the rows of the table of settings */

/* Text fields are owned by the config; "" means not set. Enumerations are stored as int. */
struct limn_config {
  int model;    /* limn_model_kind; set at creation, not a setting */
  bool resumed; /* limn_config_resume has made it a run's, which goes on as it began; no setting either */

  /* data */
  char *data;
  int height, width;   /* the setting `size`: "64" or "48x80" (height x width); 0: from the data */
  int channels;        /* 1, 3; 0: from the data */
  double validation;   /* part of the images held out, 0 to 0.5; 0 for GANs, 0.1 else */
  int workers;         /* loader threads, 0: chosen */
  char *background;    /* "#rrggbb" under transparent pixels and beside padded pictures */
  int fit;             /* limn_fit (image/image.h) */
  char *labels;        /* a file with labels */
  char *label_column;  /* of that file */
  bool class_balanced; /* the classes are drawn equally often */
  int64_t max_pixels;  /* of a picture */
  bool flip;           /* augmentation of the training pictures: docs/randomness.md */
  int shift, crop;     /* pixels */
  int on_bad_image;    /* limn_on_bad_image */
  char *cache;         /* of decoded pictures: "auto", "off" or a folder */

  /* network */
  int filters; /* of the layer next to the picture, or, of an SNGAN, what sngan.h says */
  int latent;
  int norm_d;            /* limn_norm: what the discriminator has behind its convolutions; dcgan */
  bool spectral_norm;    /* of the discriminator's weights */
  bool minibatch_stddev; /* in front of the discriminator's end */
  int generator;         /* limn_generator_kind: of which model; projected */
  char *projector;       /* the pretrained network that its discriminator looks through */
  int projector_size;    /* side of the pictures that it is shown */
  int head_filters;      /* of the first convolution of each small discriminator */
  int residual_blocks;   /* at each resolution; vae, autoencoder */
  char *encoder;         /* "convolutions", or a pretrained network by name; vae, autoencoder */
  char *encoder_tap;     /* "auto", or one of its maps */
  char *pretrained_file; /* of its weights; "": the one in the cache */

  /* length */
  int64_t steps;           /* 0: from epochs or time */
  double epochs;           /* 0: from steps or time */
  double time;             /* seconds, 0: no limit. Written "10m", "2h", "90s" */
  int until;               /* limn_until */
  double until_gain;       /* relative improvement of the smoothed measure that counts */
  double until_separation; /* share of pairs that the discriminator may tell apart in an equilibrium; GANs */
  int64_t horizon;         /* steps that the schedules span; 0: the run's steps */
  int batch;               /* pictures of an update; 0: auto */
  int accumulate;          /* micro-batches in which it is worked through */

  /* loss */
  int loss;                  /* limn_gan_loss; GANs */
  int d_steps;               /* discriminator steps a generator step; GANs */
  double label_smoothing;    /* how far the target of real pictures is from 1 */
  int likelihood;            /* limn_likelihood; vae, autoencoder */
  double sigma;              /* of the fixed Gaussian */
  double beta;               /* weight of the KL term; vae */
  int64_t beta_warmup;       /* steps over which beta rises linearly from 0 */
  double free_bits;          /* nats a latent dimension */
  int binarize;              /* limn_binarize */
  bool dequantize;           /* x = (byte + u) / 256 */
  double noise;              /* standard deviation of the noise on a denoising autoencoder's input */
  int importance_samples;    /* codes a picture; vae */
  int regularizer;           /* limn_regularizer, of codes; autoencoder */
  double regularizer_weight; /* what it is multiplied by */
  double perceptual;         /* weight of the distance in a map of a pretrained network; vae, autoencoder */
  char *perceptual_network, *perceptual_tap;
  int perceptual_size;  /* side of what it sees; 0: the pictures' own */
  double decoder_decay; /* of the decoder's weights, with l2 */
  int64_t patience;     /* validations without improvement before the run stops; 0: never */

  /* stabilisers of GANs */
  double r1, r2, gradient_penalty; /* weights; 0: none */
  int penalty_every;               /* steps; over 1: a penalty has a step of its own */
  double penalty_end;              /* part of the penalties that is left when the schedule ends */
  int augment;                     /* limn_augment_kind */
  char *augment_kinds;             /* names with commas */
  double ada_target, ada_pictures; /* pictures over which p may go from 0 to 1 */
  double instance_noise;           /* standard deviation at the start */
  int64_t instance_noise_steps;    /* until it is 0; 0: the run's */
  int pack;                        /* pictures that the discriminator sees at once */

  /* optimiser */
  int optimizer;     /* limn_optimizer_kind */
  double lr, lr_d;   /* lr_d: discriminator's rate, 0: lr */
  double encoder_lr; /* of a pretrained encoder; 0: it is frozen */
  double beta1, beta2, eps, weight_decay, momentum;
  double beta2_end; /* to which beta2 goes; 0: it stays */
  int schedule;     /* limn_schedule_kind */
  double lr_end;    /* part of the rates at which it ends */
  int64_t warmup;
  double clip;          /* largest gradient norm, 0: no clipping */
  double ema;           /* decay of the average of G's weights, 0: none */
  double ema_half_life; /* of the average, in pictures; 0: by ema */

  /* the run */
  uint64_t seed;
  char *device;
  int threads; /* 0: all that the process may use */
  char *isa;
  bool winograd;
  char *precision;
  bool deterministic;
  bool autotune;
  char *out;
  char *init;
  int64_t checkpoint_every, sample_every, log_every, validate_every; /* steps; 0: chosen from the length */
  int sample_count;                                                  /* images in a sample grid */
  int keep;                                                          /* newest checkpoints that stay */
  int64_t keep_every; /* checkpoints of every so many steps stay for good; 0: none */
  int on_full_disk;   /* limn_full_disk */

  /* evaluation */
  int64_t evaluate_every; /* steps; 0: not by steps */
  double evaluate_time;   /* seconds; 0: not by time */
  char *evaluate_metrics; /* names with commas; the first decides which checkpoint is the best */
  int evaluate_count;     /* pictures that are drawn each time */
  char *features;         /* a pretrained network by name, or a file of its weights */
  int feature_size;       /* side of what it sees; 0: chosen */
  double evaluate_share;  /* of the arithmetic of a run that its evaluations may take at most */

  /* the watch over a GAN's samples */
  int64_t watch_every; /* steps; 0: no watch */
  int watch_count;     /* pictures that are drawn each time */
  int on_collapse;     /* limn_on_collapse */
  double restore_rate; /* what a restore multiplies the learning rates by */
  int restore_limit;   /* restores of a run */

  /* Where the values come from, by index in the table of settings. */
  unsigned char sources[LIMN_SETTING_LIMIT]; /* limn_from */
  char *origins[LIMN_SETTING_LIMIT];         /* owned; NULL: "default" */
};

/* Refuses settings that contradict each other or that nothing here can serve yet. LIMN_USAGE; the message names both.
 */
limn_status limn_config_check(const limn_config *config);
/* Part of it, but for a run that goes on: refuses what somebody set, otherwise than it is by default, and does nothing
 * without another setting. LIMN_USAGE; the message names both. */
limn_status limn_config_check_partners(const limn_config *config);

/* The settings that are set otherwise in `config` than in the run that goes on with it, of those that make it no longer
 * bit-exact: "threads 2, then 4", into buffer, returned; "" when there are none. */
const char *limn_config_inexact_changes(const limn_config *config, const limn_config *run, char *buffer, size_t size);

/* What the setting augment_kinds names: LIMN_AUGMENT_ bits, of what is known. */
unsigned limn_config_augment_kinds(const limn_config *config);

/* The colour of the setting `background`. */
void limn_config_background(const limn_config *config, uint8_t rgb[3]);

/* The settings of the run that the path is, or lies in as its checkpoints do. *out is yours; NULL where there is no
 * such run: a file alone. */
limn_status limn_config_of_run(limn_config **out, const char *path);

/* *out is yours; free it with limn_config_destroy. */
limn_status limn_config_copy(limn_config **out, const limn_config *config);

#define LIMN_OWN_ENCODER "convolutions" /* the model's own, of the setting encoder */
/* Whether the encoder reads a map of a pretrained network; and whether that stays as it is. */
static inline bool limn_config_has_pretrained_encoder(const limn_config *config) {
  return config->encoder && strcmp(config->encoder, LIMN_OWN_ENCODER) != 0;
}
static inline bool limn_config_has_frozen_encoder(const limn_config *config) {
  return limn_config_has_pretrained_encoder(config) && config->encoder_lr <= 0;
}
/* Whether the generator's weights are averaged; and whether anything changes over the run by the step of its end. */
static inline bool limn_config_averages(const limn_config *config) {
  return config->ema > 0 || config->ema_half_life > 0;
}
static inline bool limn_config_has_course(const limn_config *config) {
  return config->schedule != LIMN_SCHEDULE_CONSTANT || config->penalty_end < 1 || config->beta2_end > 0 ||
         config->ema_half_life > 0;
}
/* Whether the discriminator looks through a pretrained network, which stays as it is; and whether anything does. */
static inline bool limn_config_has_projector(const limn_config *config) { return config->projector[0] != '\0'; }
static inline bool limn_config_has_frozen_network(const limn_config *config) {
  return limn_config_has_frozen_encoder(config) || limn_config_has_projector(config);
}

/* Pictures that are worked through at once (train/accumulation.h); 0: as many as turn out to fit. */
static inline int limn_config_micro_batch(const limn_config *config) { return config->batch / config->accumulate; }
/* What a batch has to be a multiple of. */
static inline int limn_config_batch_unit(const limn_config *config) { return config->accumulate * config->pack; }

#endif
