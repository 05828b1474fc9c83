/* What a run writes is what docs/formats.md says. */
#include "support/made_weights.h"
#include "support/run_files.h"

static char data[TEST_PATH_SIZE];

/* With a network in the cache that reconstructions and discriminators can see by. */
static void begin(void) {
  test_begin_with_data(data, 40);
  use_made_network("efficientnet_lite0");
}

TestSuite(run_formats, .init = begin, .fini = test_folder_remove, .timeout = 120);

#define STABILISED "r1", "1", "r2", "1", "gradient_penalty", "1", "augment", "ada"
static const struct {
  const char *model;
  const char *settings[16];
} kinds[] = {
    {"dcgan", {"steps", "6", "log_every", "1", "norm_d", "none", STABILISED}},
    {"sngan", {"steps", "6", "log_every", "1", STABILISED}},
    {"r3gan", {"steps", "6", "log_every", "1", STABILISED}},
    {"projected", {"steps", "6", "log_every", "1", "head_filters", "2", "augment", "ada"}},
    {"vae",
     {"steps", "6", "log_every", "1", "validate_every", "3", "likelihood", "gaussian", "dequantize", "true",
      "perceptual", "1"}},
    {"autoencoder", {"steps", "6", "log_every", "1", "validate_every", "3", "regularizer", "mmd", "perceptual", "1"}},
};
#define KIND_COUNT LIMN_MODEL_COUNT
_Static_assert(sizeof kinds / sizeof *kinds == KIND_COUNT, "a row for each model, in their order");

/* docs/formats.md; free it. */
static char *read_document(void) {
  char path[512], *text = NULL;
  size_t size = 0;
  snprintf(path, sizeof path, "%s/docs/formats.md", LIMN_SOURCE_DIR);
  cr_assert_eq(limn_read_file(path, 1 << 20, &text, &size), LIMN_OK, "%s", limn_error_message());
  return text;
}

/* Its table of metrics as an object "key": "models". */
static json_t *documented_metrics(void) {
  char *text = read_document();
  json_t *metrics = json_object();
  char *rest = strstr(text, "| key | meaning | of |");
  cr_assert_not_null(rest);
  rest = strchr(strchr(rest, '\n') + 1, '\n') + 1; /* behind the rule */
  while (*rest == '|') {
    char *line = strsep(&rest, "\n");
    *strrchr(line, '|') = '\0';
    const char *models = strrchr(line, '|') + 1;
    *strchr(line + 1, '|') = '\0'; /* the keys alone */
    for (char *key = line; (key = strchr(key, '`'));) {
      char *end = strchr(++key, '`');
      *end = '\0';
      json_object_set_new(metrics, key, json_string(models));
      key = end + 1;
    }
  }
  free(text);
  return metrics;
}

static bool is_for(json_t *models, const char *model) {
  return strstr(json_string_value(models), "all") || strstr(json_string_value(models), model);
}

/* Each key of a line is documented, and each documented one is there. */
static void expect_documented(json_t *line, json_t *metrics, const char *model, bool validation) {
  const char *key;
  json_t *models, *value;
  json_object_foreach(line, key, value) {
    const char *name = validation && strncmp(key, "validation_", 11) == 0 ? key + 11 : key;
    cr_expect(json_is_number(value), "%s: %s", model, key);
    if (strcmp(key, "step") == 0)
      continue;
    cr_expect(!validation || name != key, "%s: %s stands among the validation's", model, key);
    models = json_object_get(metrics, name);
    cr_expect(models && is_for(models, model), "%s: docs/formats.md does not have %s", model, key);
  }
  if (validation)
    return;
  json_object_foreach(metrics, key, models) if (is_for(models, model) && strncmp(key, "validation_", 11) != 0 &&
                                                strncmp(key, "evaluation_", 11) != 0 &&
                                                strncmp(key, "watch_", 6) != 0 && strcmp(key, "restored_from") != 0 &&
                                                strcmp(key, "rate_factor") != 0) /* in lines of their own */
      cr_expect_not_null(json_object_get(line, key), "%s: metrics.jsonl does not have %s", model, key);
}

Test(run_formats, metrics_have_the_documented_keys) {
  json_t *metrics = documented_metrics();
  cr_assert_geq(json_object_size(metrics), 15);
  for (size_t k = 0; k < KIND_COUNT; ++k) {
    test_train_well(kinds[k].model, kinds[k].settings, data, kinds[k].model);
    json_t *lines = test_read_metrics(kinds[k].model);
    int training = 0, validation = 0;
    json_int_t before = 0;
    for (size_t i = 0; i < json_array_size(lines); ++i) {
      json_t *line = json_array_get(lines, i);
      bool validates = json_object_get(line, "validation_loss") != NULL;
      json_int_t step = json_integer_value(json_object_get(line, "step"));
      cr_expect_eq(step, before + !validates, "%s: line %zu", kinds[k].model, i + 1);
      before = step;
      expect_documented(line, metrics, kinds[k].model, validates);
      ++*(validates ? &validation : &training);
    }
    cr_expect_eq(training, 6);
    cr_expect_eq(validation, k < LIMN_MODEL_VAE ? 0 : 2);
    json_decref(lines);
  }
  json_decref(metrics);
}

/* Numbers that hang together. */
Test(run_formats, measures_agree_with_each_other) {
  test_train_well("vae", kinds[LIMN_MODEL_VAE].settings, data, "vae");
  json_t *lines = test_read_metrics("vae");
  for (size_t i = 0; i < json_array_size(lines); ++i) {
    json_t *line = json_array_get(lines, i);
    if (json_object_get(line, "validation_loss"))
      continue;
    double reconstruction = json_number_value(json_object_get(line, "reconstruction"));
    double kl = json_number_value(json_object_get(line, "kl")), elbo = json_number_value(json_object_get(line, "elbo"));
    double loss = json_number_value(json_object_get(line, "loss"));
    double bits = json_number_value(json_object_get(line, "bits_per_dimension"));
    double active = json_number_value(json_object_get(line, "active_latents"));
    double scale = 1e-5 * (fabs(reconstruction) + fabs(kl));
    cr_expect_float_eq(elbo, -(reconstruction + kl), scale, "elbo %g", elbo);
    double perceptual = json_number_value(json_object_get(line, "perceptual"));
    cr_expect_float_eq(loss, reconstruction + kl + perceptual, scale, "loss %g with beta 1", loss);
    cr_expect_float_eq(bits, 8 - elbo / (16 * 16 * log(2)), 1e-4, "%g bits", bits);
    cr_expect(active >= 0 && active <= 8 && active == floor(active), "%g active latents", active);
    cr_expect_geq(kl, 0);
  }
  json_decref(lines);
}

/* By the importance-weighted bound, which is what is minimised. */
Test(run_formats, bits_are_those_of_the_bound) {
  static const char *const settings[] = {"steps",      "4",        "log_every",          "1", "dequantize", "true",
                                         "likelihood", "gaussian", "importance_samples", "4", NULL};
  test_train_well("vae", settings, data, "vae");
  json_t *lines = test_read_metrics("vae");
  cr_assert_geq(json_array_size(lines), 4);
  for (size_t i = 0; i < json_array_size(lines); ++i) {
    json_t *line = json_array_get(lines, i), *loss = json_object_get(line, "loss");
    const double bits = json_number_value(json_object_get(line, "bits_per_dimension"));
    if (!loss)
      continue;
    cr_expect_float_eq(bits, 8 + json_number_value(loss) / (16 * 16 * log(2)), 1e-4, "%g bits", bits);
  }
  json_decref(lines);
}

/* Settings that say where a run ran are not in its checkpoints: same run, same bytes. */
Test(run_formats, checkpoints_describe_what_was_computed) {
  char *text = read_document(), *local = strstr(text, "except those that say where");
  cr_assert_not_null(local);
  *strchr(local, '.') = '\0';
  for (size_t k = 0; k < KIND_COUNT; ++k) {
    test_train_well(kinds[k].model, kinds[k].settings, data, kinds[k].model);
    limn_safetensors *file = test_open_checkpoint(kinds[k].model, 6);
    size_t expected = 4;
    cr_expect_str_eq(limn_safetensors_metadata(file, "format"), "limn");
    cr_expect_str_eq(limn_safetensors_metadata(file, "version"), limn_version());
    cr_expect_str_eq(limn_safetensors_metadata(file, "model"), kinds[k].model);
    cr_expect_str_eq(limn_safetensors_metadata(file, "step"), "6");
    for (size_t i = 0; i < limn_setting_count(); ++i) {
      const limn_setting *setting = limn_setting_at(i);
      char quoted[64];
      snprintf(quoted, sizeof quoted, "`%s`", setting->name);
      bool kept = (setting->models >> k & 1) && !strstr(local, quoted);
      cr_expect_eq(limn_safetensors_metadata(file, setting->name) != NULL, kept, "%s: %s", kinds[k].model,
                   setting->name);
      expected += kept;
    }
    if (k >= LIMN_MODEL_VAE) {
      cr_expect_not_null(limn_safetensors_metadata(file, "best_step"));
      cr_expect_not_null(limn_safetensors_metadata(file, "best_objective"));
      cr_expect_not_null(limn_safetensors_metadata(file, "validations_since_best"));
      expected += 3;
    }
    expected += k < LIMN_MODEL_VAE;                                 /* watch */
    expected += k == LIMN_MODEL_PROJECTED;                          /* frozen_sha256 */
    expected += k == LIMN_MODEL_R3GAN || k == LIMN_MODEL_PROJECTED; /* which keep an average: ema_statistics */
    cr_expect_eq(limn_safetensors_metadata_count(file), expected);
    limn_safetensors_close(file);
  }
  free(text);
}

/* The names that the table of prefixes gives as examples. */
Test(run_formats, tensors_have_the_documented_names) {
  static const char *const names[KIND_COUNT][6] = {
      {"generator.main.0.weight", "generator.main.1.running_mean", "discriminator.main.0.weight",
       "optimizer.generator.main.0.weight.m", "ema.generator.main.0.weight", "ema.generator.main.1.running_var"},
      {"generator.l1.weight", "generator.block2.c_sc.bias", "discriminator.block1.c1.weight_orig",
       "discriminator.block1.c1.weight_u", "discriminator.l5.weight_v", "optimizer.discriminator.l5.weight_orig.m"},
      {"generator.MainLayers.0.Layers.0.Basis", "generator.MainLayers.0.Layers.1.NonLinearity1.Bias",
       "discriminator.MainLayers.0.Layers.0.LinearLayer2.Layer.weight", "discriminator.ExtractionLayer.Layer.weight",
       "ema.generator.MainLayers.0.Layers.0.Basis"},
      {"generator.main.0.weight", "discriminator.channels0.weight", "discriminator.scales3.weight",
       "discriminator.head0.0.weight_orig", "discriminator.head3.1.running_var", "ema.generator.main.0.weight"},
      {"encoder.main.0.weight", "encoder.mu.bias", "encoder.logvar.bias", "decoder.main.0.weight", "decoder.logvar",
       "optimizer.decoder.logvar.v"},
      {"encoder.main.0.weight", "encoder.code.bias", "decoder.main.0.weight", "optimizer.encoder.code.weight.m"}};
  for (size_t k = 0; k < KIND_COUNT; ++k) {
    static const char *const extra[KIND_COUNT][2] = {
        {"ema", "0.9"},  {"ema", "0"}, {"ema", "0.9"}, {"ema", "0.9"}, {"likelihood", "gaussian_learned"},
        {"noise", "0.1"}};
    limn_config *config = test_config(kinds[k].model, kinds[k].settings);
    test_set(config, "data", data);
    test_set(config, extra[k][0], extra[k][1]);
    test_run run = {0};
    test_train(&run, config, kinds[k].model, false);
    cr_assert_eq(run.status, LIMN_OK, "%s", run.message);
    limn_config_destroy(config);
    limn_safetensors *file = test_open_checkpoint(kinds[k].model, 6);
    for (size_t i = 0; i < 6 && names[k][i]; ++i)
      cr_expect_not_null(limn_safetensors_find(file, names[k][i]), "%s: %s", kinds[k].model, names[k][i]);
    limn_safetensors_close(file);
  }
}
