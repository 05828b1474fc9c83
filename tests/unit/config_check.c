/* Settings that are each in order and yet do not go together, or do nothing alone. */
#include "support/settings.h"

Test(config_check, contradictions_are_refused) {
  static const struct {
    const char *name, *value, *other, *other_value, *piece; /* piece NULL: they go together */
  } cases[] = {
      {"dequantize", "true", "likelihood", "bernoulli", "dequantize needs"},
      {"dequantize", "true", "likelihood", "l1", "dequantize needs"},
      {"dequantize", "true", "likelihood", "gaussian", NULL},
      {"dequantize", "true", "likelihood", "gaussian_learned", NULL},
      {"binarize", "threshold", "likelihood", "gaussian", "binarize needs"},
      {"binarize", "stochastic", "likelihood", "bernoulli", NULL},
      {"patience", "3", "validation", "0", "patience 3 needs"},
      {"patience", "3", "validation", "0.1", NULL},
      {"evaluate_every", "3", "patience", "3", NULL},
      {"precision", "fp16", "device", "cpu", "precision fp16 needs a CUDA device"},
      {"precision", "bf16", "device", "cpu", NULL},
      {"precision", "tf32", "device", "auto", NULL},
      {"precision", "fp16", "device", "cuda:0", NULL},
      {"precision", "fp32", "device", "cpu", NULL},
      {"autotune", "true", "deterministic", "true", "never deterministic"},
      {"autotune", "true", "deterministic", "false", NULL},
      {"schedule", "cosine", "time", "10m", "set horizon"},
      {"schedule", "constant", "time", "10m", NULL},
      {"steps", "10", "epochs", "10", NULL},
      {"importance_samples", "5", "beta", "2", "importance_samples 5 bounds"},
      {"importance_samples", "5", "free_bits", "0.1", "has no KL term to weigh"},
      {"importance_samples", "5", "beta_warmup", "10", "beta_warmup and free_bits to 0"},
      {"importance_samples", "5", "perceptual", "1", "or perceptual to 0"},
      {"importance_samples", "5", "likelihood", "gaussian", NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    limn_config *config = settings_of("vae");
    set(config, cases[i].name, cases[i].value, LIMN_FROM_FLAG);
    set(config, cases[i].other, cases[i].other_value, LIMN_FROM_FLAG);
    cr_expect_eq(limn_config_check(config), cases[i].piece ? LIMN_USAGE : LIMN_OK, "%s=%s %s=%s", cases[i].name,
                 cases[i].value, cases[i].other, cases[i].other_value);
    if (cases[i].piece)
      expect_message(cases[i].piece);
    limn_config_destroy(config);
  }
}

Test(config_check, an_autoencoder_draws_with_a_regularizer_alone) {
  limn_config *config = settings_of("autoencoder");
  set(config, "evaluate_every", "10", LIMN_FROM_FLAG);
  cr_expect_eq(limn_config_check(config), LIMN_USAGE);
  expect_message("set regularizer to mmd");
  set(config, "regularizer", "mmd", LIMN_FROM_FLAG);
  cr_expect_eq(limn_config_check(config), LIMN_OK, "%s", limn_error_message());
  set(config, "batch", "1", LIMN_FROM_FLAG);
  cr_expect_eq(limn_config_check(config), LIMN_USAGE);
  expect_message("set batch over 1");
  limn_config_destroy(config);
}

/* Each setting of config_partners.c: alone, with its partner, and at its default. */
Test(config_check, a_setting_without_its_partner_is_refused) {
  static const struct {
    const char *model, *name, *value, *way_out, *partner[4]; /* settings; NULL: ends them */
  } cases[] = {
      {"r3gan", "penalty_every", "4", "set r1, r2 or gradient_penalty over 0", {"gradient_penalty", "1"}},
      {"dcgan", "penalty_end", "0.5", "gradient_penalty over 0", {"r2", "1", "norm_d", "none"}},
      {"dcgan", "augment_kinds", "flip", "set augment to diffaugment or ada", {"augment", "diffaugment"}},
      {"dcgan", "ada_target", "0.5", "set augment to ada", {"augment", "ada"}},
      {"dcgan", "ada_pictures", "1000", "set augment to ada", {"augment", "ada"}},
      {"dcgan", "instance_noise_steps", "10", "set instance_noise over 0", {"instance_noise", "0.1"}},
      {"autoencoder", "regularizer_weight", "2", "set regularizer to mmd or l2", {"regularizer", "mmd"}},
      {"autoencoder", "decoder_decay", "0", "set regularizer to l2", {"regularizer", "l2"}},
      {"vae", "perceptual_network", "vgg11", "set perceptual over 0", {"perceptual", "1"}},
      {"vae", "perceptual_tap", "block1", "set perceptual over 0", {"perceptual", "1"}},
      {"vae", "perceptual_size", "32", "set perceptual over 0", {"perceptual", "1"}},
      {"vae", "sigma", "0.2", "set likelihood to gaussian", {"likelihood", "gaussian"}},
      {"vae", "momentum", "0.5", "set optimizer to sgd", {"optimizer", "sgd"}},
      {"vae", "lr_end", "0.5", "set schedule to linear or cosine", {"schedule", "cosine"}},
      {"vae", "until_gain", "0.1", "set until to equilibrium", {"until", "equilibrium"}},
      {"dcgan", "until_separation", "0.9", "set until to equilibrium", {"until", "equilibrium"}},
      {"vae", "label_column", "kind", "set labels", {"labels", "a.csv"}},
      {"vae", "evaluate_metrics", "kid", "set evaluate_every or evaluate_time over 0", {"evaluate_every", "9"}},
      {"vae", "evaluate_count", "500", "set evaluate_every or", {"evaluate_time", "1m"}},
      {"vae", "evaluate_share", "0", "set evaluate_every or", {"evaluate_every", "9"}},
      {"vae", "features", "vgg11", "set evaluate_every or", {"evaluate_every", "9"}},
      {"vae", "feature_size", "0", "set evaluate_every or", {"evaluate_every", "9"}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    limn_config *config = settings_of(cases[i].model);
    if (strcmp(cases[i].model, "r3gan") == 0) { /* which has penalties */
      set(config, "r1", "0", LIMN_FROM_SET);
      set(config, "r2", "0", LIMN_FROM_SET);
    }
    const char *usual = limn_setting_default(limn_setting_find(cases[i].name), config->model);
    set(config, cases[i].name, cases[i].value, LIMN_FROM_PRESET);
    expect_check(config, NULL);
    set(config, cases[i].name, usual, LIMN_FROM_FILE);
    expect_check(config, NULL);
    set(config, cases[i].name, cases[i].value, LIMN_FROM_FILE);
    expect_check(config, cases[i].name);
    expect_message(cases[i].way_out);
    for (int k = 0; k < 4 && cases[i].partner[k]; k += 2)
      set(config, cases[i].partner[k], cases[i].partner[k + 1], LIMN_FROM_FLAG);
    expect_check(config, NULL);
    limn_config_destroy(config);
  }
}

Test(config_check, an_average_is_told_by_steps_or_by_pictures) {
  limn_config *config = settings_of("r3gan");
  set(config, "ema_half_life", "500000", LIMN_FROM_SET);
  expect_check(config, NULL);
  set(config, "ema", "0.9", LIMN_FROM_SET);
  expect_check(config, "ema 0.9");
  expect_message("set ema_half_life to 0, or ema to 0.999");
  set(config, "ema_half_life", "0", LIMN_FROM_SET);
  expect_check(config, NULL);
  limn_config_destroy(config);
}

Test(config_check, moments_are_adams) {
  static const char *const names[] = {"beta1", "beta2", "beta2_end", "eps"};
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
    limn_config *config = settings_of("vae");
    set(config, names[i], "0.25", LIMN_FROM_SET);
    expect_check(config, NULL);
    set(config, "optimizer", "sgd", LIMN_FROM_SET);
    expect_check(config, "0.25 (--set) does nothing here: set optimizer to adam or adamw, or ");
    limn_config_destroy(config);
  }
}

/* One that was begun by a program that took it is not stuck. */
Test(config_check, a_run_goes_on_with_a_setting_that_does_nothing) {
  limn_config *run = settings_of("vae"), *config = settings_of("vae");
  set(run, "sigma", "0.5", LIMN_FROM_FILE);
  set(config, "sigma", "0.5", LIMN_FROM_FILE);
  expect_check(config, "sigma 0.5 (file) does nothing here: set likelihood to gaussian, or sigma to 0.1");
  cr_expect_eq(limn_config_resume(config, run), LIMN_OK, "%s", limn_error_message());
  expect_check(config, NULL);
  limn_config_destroy(config);
  limn_config_destroy(run);
}
