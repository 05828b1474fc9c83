/* Settings that are each in order and yet do not go together. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "config/settings.h"

/* What "auto" turns out to be is not known here: the device then refuses what it does not have. */
static limn_status check_device(const limn_config *config) {
  bool cuda_only = strcmp(config->precision, "tf32") == 0 || strcmp(config->precision, "fp16") == 0;
  if (cuda_only && strcmp(config->device, "cpu") == 0)
    return limn_fail(LIMN_USAGE,
                     "precision %s needs a CUDA device (device is cpu): choose precision fp32 or bf16, or device cuda",
                     config->precision);
  if (config->autotune && config->deterministic)
    return limn_fail(LIMN_USAGE, "autotune lets the clock choose, which is never deterministic: set one of the two to "
                                 "false");
  return LIMN_OK;
}

static limn_status check_likelihood(const limn_config *config) {
  bool gaussian =
      config->likelihood == LIMN_LIKELIHOOD_GAUSSIAN || config->likelihood == LIMN_LIKELIHOOD_GAUSSIAN_LEARNED;
  if (config->dequantize && !gaussian)
    return limn_fail(LIMN_USAGE, "dequantize needs a density: set likelihood to gaussian or gaussian_learned, or "
                                 "dequantize to false");
  if (config->binarize != LIMN_BINARIZE_NONE && config->likelihood != LIMN_LIKELIHOOD_BERNOULLI)
    return limn_fail(LIMN_USAGE, "binarize needs the likelihood bernoulli: set likelihood to it, or binarize to none");
  return LIMN_OK;
}

/* What is said of a pretrained network wants one. */
static limn_status check_encoder(const limn_config *config) {
  if (strchr(config->encoder, '/') || strchr(config->encoder, '.'))
    return limn_fail(LIMN_USAGE,
                     "encoder names a network, and %s looks like a file of weights: set encoder to the network that it "
                     "is of, and pretrained_file to it",
                     config->encoder);
  return LIMN_OK;
}

/* Of several codes a picture, and of codes together. */
static limn_status check_codes(const limn_config *config) {
  if (config->importance_samples > 1 && (config->beta != 1 || config->beta_warmup > 0 || config->free_bits > 0))
    return limn_fail(
        LIMN_USAGE,
        "importance_samples %d bounds the likelihood as a whole and has no KL term to weigh: set it to 1, or "
        "beta to 1, beta_warmup and free_bits to 0",
        config->importance_samples);
  if (config->importance_samples > 1 && config->perceptual > 0)
    return limn_fail(LIMN_USAGE,
                     "importance_samples %d bounds the likelihood, of which perceptual is no part: set it to 1, "
                     "or perceptual to 0",
                     config->importance_samples);
  const bool own_codes = limn_setting_find("regularizer")->models >> config->model & 1; /* that follow no prior */
  if (own_codes && config->regularizer != LIMN_REGULARIZER_MMD &&
      (config->evaluate_every > 0 || config->evaluate_time > 0))
    return limn_fail(LIMN_USAGE,
                     "an autoencoder draws no pictures to evaluate while it trains: set regularizer to mmd, or "
                     "evaluate_every and evaluate_time to 0");
  if (config->regularizer == LIMN_REGULARIZER_MMD && config->batch > 0 && limn_config_micro_batch(config) == 1)
    return limn_fail(LIMN_USAGE, "the regularizer mmd compares the codes of a %s with each other: set batch over %d",
                     config->accumulate > 1 ? "micro-batch" : "batch", config->accumulate);
  return LIMN_OK;
}

static const struct {
  const char *name;
  unsigned kind;
} augmentations[] = {{"color", LIMN_AUGMENT_COLOR},
                     {"flip", LIMN_AUGMENT_FLIP},
                     {"translation", LIMN_AUGMENT_TRANSLATION},
                     {"cutout", LIMN_AUGMENT_CUTOUT}};
#define AUGMENTATIONS (sizeof augmentations / sizeof *augmentations)

/* The next word of a list with commas and blanks; its length, 0 at the end. */
static size_t next_word(const char **text) {
  *text += strspn(*text, ", ");
  return strcspn(*text, ", ");
}

/* The bit of the name that `text` begins with, of `length` letters; 0: there is none. */
static unsigned augmentation_of(const char *text, size_t length) {
  for (size_t i = 0; i < AUGMENTATIONS; ++i)
    if (strlen(augmentations[i].name) == length && strncmp(augmentations[i].name, text, length) == 0)
      return augmentations[i].kind;
  return 0;
}

unsigned limn_config_augment_kinds(const limn_config *config) {
  unsigned kinds = 0;
  size_t length;
  for (const char *word = config->augment_kinds; (length = next_word(&word)) > 0; word += length)
    kinds |= augmentation_of(word, length);
  return kinds;
}

static limn_status refuse_augmentation(const char *word, size_t length) {
  const char *names[AUGMENTATIONS], *nearest;
  char unknown[32];
  for (size_t i = 0; i < AUGMENTATIONS; ++i)
    names[i] = augmentations[i].name;
  snprintf(unknown, sizeof unknown, "%.*s", (int)length, word);
  nearest = limn_nearest(unknown, names, AUGMENTATIONS);
  return limn_fail(LIMN_USAGE, "augment_kinds knows no \"%s\" but color, flip, translation and cutout%s%s%s", unknown,
                   nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
}

static limn_status check_augment(const limn_config *config) {
  size_t length;
  for (const char *word = config->augment_kinds; (length = next_word(&word)) > 0; word += length)
    if (!augmentation_of(word, length))
      return refuse_augmentation(word, length);
  if (config->augment != LIMN_AUGMENT_NONE && limn_config_augment_kinds(config) == 0)
    return limn_fail(LIMN_USAGE, "augment has nothing to do: name some augment_kinds, or set augment to none");
  if (config->augment == LIMN_AUGMENT_ADA && config->loss == LIMN_GAN_WASSERSTEIN)
    return limn_fail(LIMN_USAGE,
                     "augment ada goes by the sign of scores, and those of loss wasserstein have none that means "
                     "something: set augment to diffaugment, or another loss");
  return LIMN_OK;
}

/* Whether the run's length in steps is known, over which something falls. */
static bool has_end(const limn_config *config) {
  return config->horizon > 0 || config->steps > 0 || config->epochs > 0;
}

/* What falls or rises over the run. */
static limn_status check_courses(const limn_config *config) {
  const struct {
    const char *what, *way_out;
    bool on;
  } courses[] = {
      {"where a schedule ends", "set horizon, or schedule to constant", config->schedule != LIMN_SCHEDULE_CONSTANT},
      {"where penalty_end is", "set horizon, or penalty_end to 1", config->penalty_end < 1},
      {"where beta2_end is", "set horizon, or beta2_end to 0", config->beta2_end > 0},
      {"until when ema_half_life rises", "set horizon, or ema_half_life to 0", config->ema_half_life > 0},
      {"where instance_noise ends", "set instance_noise_steps",
       config->instance_noise > 0 && config->instance_noise_steps == 0},
  };
  for (size_t i = 0; i < sizeof courses / sizeof *courses && !has_end(config); ++i)
    if (courses[i].on)
      return limn_fail(LIMN_USAGE, "a run by time, or until an equilibrium, does not know %s: %s", courses[i].what,
                       courses[i].way_out);
  return LIMN_OK;
}

static limn_status check_losses(const limn_config *config) {
  const bool logits = config->loss == LIMN_GAN_NON_SATURATING || config->loss == LIMN_GAN_MINIMAX;
  if (config->label_smoothing > 0 && !logits && config->loss != LIMN_GAN_LEAST_SQUARES)
    return limn_fail(LIMN_USAGE, "label_smoothing needs a loss with targets: set loss to non_saturating, minimax or "
                                 "least_squares, or label_smoothing to 0");
  if (config->loss == LIMN_GAN_WASSERSTEIN && config->gradient_penalty <= 0 && config->r1 <= 0 && config->r2 <= 0 &&
      !config->spectral_norm)
    return limn_fail(LIMN_USAGE,
                     "loss wasserstein means nothing while the discriminator may be as steep as it likes: set "
                     "gradient_penalty (10, with d_steps 5), or spectral_norm to true");
  return LIMN_OK;
}

static limn_status check_penalties(const limn_config *config) {
  const bool batch_norm =
      (limn_setting_find("norm_d")->models >> config->model & 1) && config->norm_d == LIMN_NORM_BATCH;
  const char *name = config->r1 > 0                 ? "r1"
                     : config->r2 > 0               ? "r2"
                     : config->gradient_penalty > 0 ? "gradient_penalty"
                                                    : NULL;
  if (name && batch_norm)
    return limn_fail(LIMN_USAGE,
                     "%s is of one picture's score, which batchnorm mixes with the others': set norm_d to none, "
                     "or %s to 0",
                     name, name);
  return LIMN_OK;
}

/* Groups of 4, 3 or 2 pictures, whichever divides the batch. */
static limn_status check_deviation(const limn_config *config) {
  const int inputs = limn_config_micro_batch(config) / config->pack;
  if (!config->minibatch_stddev || config->batch == 0 || inputs % 2 == 0 || inputs % 3 == 0)
    return LIMN_OK;
  return limn_fail(
      LIMN_USAGE,
      "minibatch_stddev compares pictures in groups of 2 to 4, and the discriminator sees %d at a time, which "
      "none of these divides: set batch to %d, or minibatch_stddev to false",
      inputs, config->batch + limn_config_batch_unit(config));
}

static limn_status check_stabilisers(const limn_config *config) {
  LIMN_TRY(check_deviation(config));
  LIMN_TRY(check_losses(config));
  LIMN_TRY(check_penalties(config));
  LIMN_TRY(check_augment(config));
  const int unit = limn_config_batch_unit(config);
  if (config->pack > 1 && limn_config_micro_batch(config) % config->pack)
    return limn_fail(LIMN_USAGE,
                     "pack %d puts so many pictures together, and a %s of %d is no multiple of it: set "
                     "batch to %d, or pack to 1",
                     config->pack, config->accumulate > 1 ? "micro-batch" : "batch", limn_config_micro_batch(config),
                     (config->batch + unit - 1) / unit * unit);
  return LIMN_OK;
}

/* The size is known at the latest when the data is. */
static limn_status check_augmentation(const limn_config *config) {
  int side = config->height < config->width ? config->height : config->width;
  if (side && config->shift >= side)
    return limn_fail(LIMN_USAGE, "shift %d moves pictures of %d x %d out of sight: set it under %d", config->shift,
                     config->height, config->width, side);
  return LIMN_OK;
}

static limn_status check_accumulate(const limn_config *config) {
  const int parts = config->accumulate, least = (config->batch + parts - 1) / parts * parts;
  return config->batch % parts == 0
             ? LIMN_OK
             : limn_fail(LIMN_USAGE,
                         "accumulate %d works through a batch in as many equal parts, and %d pictures are no multiple "
                         "of it: set batch to %d, or accumulate to 1",
                         parts, config->batch, least);
}

limn_status limn_config_check(const limn_config *config) {
  LIMN_TRY(check_device(config));
  LIMN_TRY(check_accumulate(config));
  LIMN_TRY(check_augmentation(config));
  if (limn_setting_find("likelihood")->models >> config->model & 1)
    LIMN_TRY(check_likelihood(config));
  if (limn_setting_find("encoder")->models >> config->model & 1)
    LIMN_TRY(check_encoder(config));
  if (limn_setting_find("loss")->models >> config->model & 1)
    LIMN_TRY(check_stabilisers(config));
  LIMN_TRY(check_codes(config));
  LIMN_TRY(limn_config_check_end(config));
  if (!config->resumed)
    LIMN_TRY(limn_config_check_partners(config));
  if (config->steps == 0 && config->epochs == 0 && config->time == 0 && config->until == LIMN_UNTIL_LENGTH)
    return limn_fail(LIMN_USAGE, "the run has no length: set steps, epochs or time over 0, or until to equilibrium");
  int64_t span = config->horizon ? config->horizon : config->steps;
  if (config->schedule != LIMN_SCHEDULE_CONSTANT && span > 0 && config->warmup >= span)
    return limn_fail(LIMN_USAGE, "warmup %" PRId64 " leaves nothing of the schedule's %" PRId64 " steps: set it lower",
                     config->warmup, span);
  return check_courses(config);
}
