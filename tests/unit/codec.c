/* What is said of runs of VAEs and autoencoders, against what they logged themselves; and what is refused. */
#include "limn/export.h"
#include "metrics/similarity.h"
#include "support/vaes.h"
#include "train/training_data.h"

#define FASHION_MNIST "/usr/share/datasets/fashion-mnist"

static char data[TEST_PATH_SIZE];

static void begin(void) { test_begin_with_data(data, 48); }

TestSuite(codec, .init = begin, .fini = test_folder_remove, .timeout = 240);

/* --- what a run logs --- */

static double logged(const char *run, const char *name) {
  json_t *lines = test_read_metrics(run);
  double value = NAN;
  for (size_t i = 0; i < json_array_size(lines); ++i) {
    const json_t *found = json_object_get(json_array_get(lines, i), name);
    if (found)
      value = json_number_value(found);
  }
  json_decref(lines);
  return value;
}

static void expect_logged(const char *run, const char *name, double got) {
  double want = logged(run, name);
  cr_expect(fabs(got - want) <= 2e-6 * fmax(1, fabs(want)), "%s: %s is %.9g, and the run logged %.9g", run, name, got,
            want);
}

static void expect_run(const char *name, const char *model, const char *const *settings, const char *from) {
  limn_config *config = test_config(model, settings);
  limn_training_data held;
  test_set(config, "data", from);
  test_train_well(model, settings, from, name);
  cr_assert_eq(limn_training_data_open(&held, config, NULL, NULL), LIMN_OK, "%s", limn_error_message());
  /* Training leaves out what does not fill a batch. */
  const uint32_t whole = held.held_out_count - held.held_out_count % (uint32_t)config->batch;
  test_memory_set set = test_make_set(held.held_out, whole, config->channels, config->height, config->width);
  limn_vae_measures m = test_take(test_path("%s", name), &set, &(limn_vae_measure_options){0});
  cr_expect_eq(m.count, whole);
  cr_expect_eq(m.dimensions, config->channels * config->height * config->width);
  expect_logged(name, "validation_reconstruction", m.reconstruction);
  cr_expect(isfinite(m.psnr) && m.ssim > -1 && m.ssim < 1, "%s: PSNR %g, SSIM %g", name, m.psnr, m.ssim);
  cr_expect(isnan(m.nll) && isnan(m.bits) && m.samples == 0, "%s: no samples were asked for", name);
  if (strcmp(model, "vae") == 0) {
    expect_logged(name, "validation_kl", m.kl);
    expect_logged(name, "validation_elbo", m.elbo);
    if (config->dequantize)
      expect_logged(name, "validation_bits_per_dimension", m.bits_bound);
    else if (config->likelihood != LIMN_LIKELIHOOD_L1)
      cr_expect_float_eq(m.bits_bound, -m.elbo / (log(2) * (double)m.dimensions), 1e-9, "%s", name);
    else
      cr_expect(isnan(m.bits_bound), "%s: no likelihood, no bits", name);
  } else {
    cr_expect(isnan(m.kl) && isnan(m.elbo) && isnan(m.active_units) && isnan(m.bits_bound), "%s", name);
  }
  limn_training_data_close(&held);
  limn_config_destroy(config);
}

#define RUN "steps", "8", "validation", "0.25", "validate_every", "4", "lr", "0.01"

Test(codec, measures_are_what_the_validation_says) {
  static const struct {
    const char *name, *model;
    const char *settings[20];
  } runs[] = {
      {"bernoulli", "vae", {RUN, "beta", "2", NULL}},
      {"threshold", "vae", {RUN, "binarize", "threshold", NULL}},
      {"stochastic", "vae", {RUN, "binarize", "stochastic", "batch", "8", NULL}},
      {"gaussian", "vae", {RUN, "likelihood", "gaussian", NULL}},
      {"dequantized", "vae", {RUN, "likelihood", "gaussian", "dequantize", "true", "free_bits", "1", NULL}},
      {"learned", "vae", {RUN, "likelihood", "gaussian_learned", "dequantize", "true", NULL}},
      {"l1", "vae", {RUN, "likelihood", "l1", NULL}},
      {"autoencoder", "autoencoder", {RUN, "noise", "0.3", NULL}},
  };
  for (size_t i = 0; i < sizeof runs / sizeof *runs; ++i)
    expect_run(runs[i].name, runs[i].model, runs[i].settings, data);
}

Test(codec, measures_are_what_a_run_on_fashion_mnist_says) {
  static const char *const settings[] = {"size",           "28",    "steps",    "6",          "batch",   "16",
                                         "validation",     "0.002", "lr",       "0.01",       "filters", "8",
                                         "validate_every", "6",     "binarize", "stochastic", NULL};
  if (access(FASHION_MNIST, R_OK) != 0)
    cr_skip_test("the package dataset-fashion-mnist is not installed");
  expect_run("fashion", "vae", settings, FASHION_MNIST);
}

/* --- codes --- */

/* A code is its picture's: however many are encoded together, and whoever is beside it. */
Test(codec, codes_do_not_depend_on_their_company) {
  static const char *const settings[] = {RUN, NULL};
  enum { COUNT = 11, SIZE = 16 * 16, CODE = 8 };
  uint8_t bytes[COUNT * SIZE];
  float mean[COUNT * CODE], alone[CODE], log_variance[COUNT * CODE], pixels[COUNT * SIZE], targets[COUNT * SIZE];
  limn_codec_info info;
  for (int i = 0; i < COUNT * SIZE; ++i)
    bytes[i] = (uint8_t)(i * 37 % 251);
  test_train_well("vae", settings, data, "run");
  limn_codec *codec = test_open_codec(test_path("run"), 0);
  limn_codec_get_info(codec, &info);
  cr_expect(info.distributed && info.latent == CODE && info.batch == 4 && info.step == 8);
  cr_assert_eq(limn_codec_encode(codec, bytes, 0, COUNT, &(limn_codes){mean, log_variance, targets}), LIMN_OK);
  for (int i = 0; i < COUNT; ++i) {
    cr_assert_eq(limn_codec_encode(codec, bytes + i * SIZE, 0, 1, &(limn_codes){.mean = alone}), LIMN_OK);
    cr_expect_arr_eq(alone, mean + i * CODE, sizeof alone, "code %d", i);
  }
  cr_assert_eq(limn_codec_decode(codec, mean, COUNT, pixels), LIMN_OK);
  for (int i = 0; i < COUNT * SIZE; ++i)
    cr_assert(pixels[i] >= 0 && pixels[i] <= 1);
  float nats[COUNT], one;
  cr_expect_eq(limn_codec_encode(codec, bytes, 2, 1, &(limn_codes){.mean = alone}), LIMN_USAGE);
  cr_expect_eq(limn_codec_explain_one(codec, targets, mean, 1, &one), LIMN_USAGE);
  cr_assert_eq(limn_codec_explain(codec, targets, mean, COUNT, nats), LIMN_OK);
  limn_codec_close(codec);
  codec = test_open_codec(test_path("run"), 3);
  for (int i = 0; i < COUNT; ++i) { /* picture i by the code of each */
    float by[COUNT];
    cr_assert_eq(limn_codec_explain_one(codec, targets + i * SIZE, mean, COUNT, by), LIMN_OK);
    cr_expect_float_eq((double)by[i], (double)nats[i], 1e-5 * (double)nats[i]);
  }
  limn_codec_close(codec);
}

/* What is random about a picture is that of its place in a batch of the run's. */
Test(codec, pictures_of_several_batches_are_those_of_each) {
  static const char *const settings[] = {RUN, "binarize", "stochastic", NULL};
  enum { COUNT = 10, BATCH = 4, SIZE = 16 * 16 };
  uint8_t bytes[COUNT * SIZE];
  float whole[COUNT * SIZE], part[COUNT * SIZE];
  memset(bytes, 128, sizeof bytes);
  test_train_well("vae", settings, data, "run");
  limn_codec *codec = test_open_codec(test_path("run"), 0);
  cr_assert_eq(limn_codec_encode(codec, bytes, 0, COUNT, &(limn_codes){.targets = whole}), LIMN_OK);
  for (int first = 0; first < COUNT; first += BATCH) {
    const int some = COUNT - first < BATCH ? COUNT - first : BATCH;
    cr_assert_eq(limn_codec_encode(codec, bytes + first * SIZE, (uint64_t)first, some,
                                   &(limn_codes){.targets = part + first * SIZE}),
                 LIMN_OK);
  }
  limn_codec_close(codec);
  cr_expect_arr_eq(part, whole, sizeof part);
  for (int i = 1; i < COUNT; ++i)
    cr_expect_neq(memcmp(whole, whole + i * SIZE, SIZE * sizeof *whole), 0, "picture %d", i);
}

/* --- reconstructions --- */

Test(codec, reconstructions_are_of_the_mean) {
  static const char *const settings[] = {RUN, NULL};
  enum { COUNT = 7, SIZE = 16 * 16 };
  limn_config *config = test_config("vae", settings);
  limn_training_data held;
  float targets[COUNT * SIZE], pixels[COUNT * SIZE], mean[COUNT * 8];
  double psnr = 0, ssim = 0, one;
  test_set(config, "data", data);
  test_train_well("vae", settings, data, "run");
  cr_assert_eq(limn_training_data_open(&held, config, NULL, NULL), LIMN_OK);
  limn_codec *codec = test_open_codec(test_path("run"), 0);
  cr_assert_eq(limn_codec_encode(codec, held.held_out, 0, COUNT, &(limn_codes){.mean = mean, .targets = targets}),
               LIMN_OK);
  cr_assert_eq(limn_codec_decode(codec, mean, COUNT, pixels), LIMN_OK);
  limn_codec_close(codec);
  for (int i = 0; i < COUNT; ++i) {
    for (int k = 0; k < SIZE; ++k)
      cr_assert_float_eq((double)targets[i * SIZE + k], held.held_out[i * SIZE + k] / 255.0, 1e-6);
    psnr += limn_psnr(targets + i * SIZE, pixels + i * SIZE, SIZE) / COUNT;
    cr_assert_eq(limn_ssim(targets + i * SIZE, pixels + i * SIZE, 1, 16, 16, &one), LIMN_OK);
    ssim += one / COUNT;
  }
  test_memory_set set = test_make_set(held.held_out, COUNT, 1, 16, 16);
  limn_vae_measures m = test_take(test_path("run"), &set, &(limn_vae_measure_options){0});
  cr_expect_float_eq(m.psnr, psnr, 1e-4, "%g, not %g", m.psnr, psnr);
  cr_expect_float_eq(m.ssim, ssim, 1e-5, "%g, not %g", m.ssim, ssim);
  limn_training_data_close(&held);
  limn_config_destroy(config);
}

/* --- what is refused --- */

static void expect_refusal(const char *path, test_memory_set *set, const limn_vae_measure_options *options,
                           limn_status status, const char *says) {
  limn_vae_measures m;
  limn_vae_measure_options with = *options;
  with.device = test_device();
  cr_expect_eq(limn_vae_measures_take(path, &set->set, &with, &m), status, "%s", says);
  cr_expect_not_null(strstr(limn_error_message(), says), "\"%s\" does not say \"%s\"", limn_error_message(), says);
}

static void count_progress(void *context, uint32_t done, uint32_t all) {
  uint32_t *last = context;
  cr_expect(done > *last && done <= all, "%u of %u after %u", done, all, *last);
  *last = done;
}

Test(codec, what_cannot_be_is_refused) {
  static const char *const settings[] = {RUN, NULL};
  static const char *const gan[] = {"steps", "2", NULL};
  static const uint8_t pictures[3 * 16 * 16] = {0};
  const limn_vae_measure_options usual = {0};
  char run[TEST_PATH_SIZE];
  test_memory_set set = test_make_set(pictures, 3, 1, 16, 16), small = test_make_set(pictures, 3, 1, 12, 16),
                  colour = test_make_set(pictures, 1, 3, 16, 16), none = test_make_set(pictures, 0, 1, 16, 16);
  test_train_well("vae", settings, data, "run");
  test_train_well("dcgan", gan, data, "gan");
  snprintf(run, sizeof run, "%s", test_path("run"));
  cr_assert_eq(limn_export(run, "decoder", test_path("decoder.safetensors")), LIMN_OK, "%s", limn_error_message());
  expect_refusal(test_path("gan"), &set, &usual, LIMN_USAGE, "which has no encoder");
  expect_refusal(test_path("decoder.safetensors"), &set, &usual, LIMN_USAGE, "holds a decoder alone");
  expect_refusal(test_path("nothing"), &set, &usual, LIMN_DATA, "does not exist");
  expect_refusal(run, &small, &usual, LIMN_USAGE, "picture 0 is of 1x12x16, and the run's pictures are of 1x16x16");
  expect_refusal(run, &colour, &usual, LIMN_USAGE, "picture 0 is of 3x16x16");
  expect_refusal(run, &none, &usual, LIMN_DATA, "there are no pictures");
  expect_refusal(run, &set, &(limn_vae_measure_options){.samples = -1}, LIMN_USAGE, "-1 importance samples");
  const sig_atomic_t stop = 1;
  expect_refusal(run, &set, &(limn_vae_measure_options){.stop = &stop}, LIMN_FAILED, "stopped after 3 of 3 pictures");
  expect_refusal(run, &set, &(limn_vae_measure_options){.stop = &stop, .samples = 50}, LIMN_FAILED, "of 50 samples");
  for (int samples = 0; samples < 2; ++samples) {
    uint32_t last = 0;
    test_take(run, &set,
              &(limn_vae_measure_options){.on_progress = count_progress, .context = &last, .samples = samples});
    cr_expect_eq(last, 3);
  }
}
