/* The measure probe: what discriminators and encoders make of pictures, how well classes are read from it, and what is
 * refused. scripts/probe-check holds whole networks to PyTorch and scikit-learn. */
#include <sys/stat.h>

#include "infer/discriminator.h"
#include "limn/export.h"
#include "support/evaluations.h"

static char data[TEST_PATH_SIZE], held_out[TEST_PATH_SIZE];

/* Noise on dark or bright ground: which of both a linear classifier reads off nearly anything. */
static void write_class(const char *folder, int level, int count, uint64_t first, int side) {
  const test_png png = {.width = side, .height = side, .depth = 8, .color = PNG_COLOR_TYPE_GRAY};
  uint8_t *pixels = malloc((size_t)(side * side));
  float *u = malloc((size_t)(side * side) * sizeof *u);
  cr_assert(pixels && u);
  mkdir(test_path("%s", folder), 0777);
  for (int i = 0; i < count; ++i) {
    limn_philox_uniform(4, 4001, first + (uint64_t)i, 0, u, (size_t)(side * side));
    for (int k = 0; k < side * side; ++k)
      pixels[k] = (uint8_t)((float)level + 60 * u[k]);
    test_write_png(test_path("%s/%03d.png", folder, i), &png, pixels, (size_t)side);
  }
  free(pixels);
  free(u);
}

static void begin(void) {
  test_folder_create();
  snprintf(data, sizeof data, "%s", test_path("data"));
  snprintf(held_out, sizeof held_out, "%s", test_path("held-out"));
  mkdir(data, 0777);
  mkdir(held_out, 0777);
  write_class("data/bright", 150, 30, 0, 16);
  write_class("data/dark", 20, 20, 100, 16);
  write_class("held-out/dark", 25, 6, 200, 16); /* its number 0 is the data's 1: names count */
}

TestSuite(probe, .init = begin, .fini = test_folder_remove, .timeout = 240);

static limn_evaluate_options of(const char *run) {
  return (limn_evaluate_options){.pictures = run, .metrics = "probe", .seed = 1, .device = test_device(), .threads = 2};
}

/* --- what is measured --- */

Test(probe, classes_are_read_from_what_runs_have_learned) {
  static const struct {
    const char *model, *what;
  } runs[] = {{"dcgan", "2 layers of D, max-pooled to 4x4: 192 numbers"},
              {"vae", "means of the codes: 8 numbers"},
              {"autoencoder", "codes: 8 numbers"}};
  static const char *const settings[] = {"steps", "6", "validation", "0.2", NULL};
  static const char *const gan[] = {"steps", "6", NULL};
  for (size_t i = 0; i < sizeof runs / sizeof *runs; ++i) {
    const bool holds_out = i > 0;
    char run[TEST_PATH_SIZE];
    snprintf(run, sizeof run, "%s", test_path("%s", runs[i].model));
    test_train_well(runs[i].model, holds_out ? settings : gan, data, runs[i].model);
    limn_evaluate_options options = of(run);
    limn_evaluation *e = test_evaluate(&options);
    cr_expect_eq(e->data.count, holds_out ? 40 : 50);
    cr_expect_eq(e->held_out.count, holds_out ? 10 : 0);
    cr_expect_eq(test_value(e, "probe accuracy"), 1, "%s: %g", runs[i].model, test_value(e, "probe accuracy"));
    cr_expect_eq(test_score(e, "probe accuracy")->deviation, 0);
    cr_expect_not_null(
        strstr(test_score(e, "probe accuracy")->protocol, holds_out ? "of 10 unseen" : "cross-validation over 50"));
    cr_expect_not_null(strstr(test_score(e, "on those it learned from")->protocol, runs[i].what), "%s",
                       test_score(e, "on those it learned from")->protocol);
    cr_expect_eq(e->note_count, !holds_out);
    if (!holds_out)
      cr_expect_float_eq(test_value(e, "largest class"), 0.6, 1e-12);
    limn_evaluation_destroy(e);
    options.held_out = held_out;
    e = test_evaluate(&options);
    cr_expect_eq(test_value(e, "probe accuracy"), 1, "%s: of named pictures", runs[i].model);
    cr_expect_eq(test_value(e, "largest class"), 1);
    limn_evaluation_destroy(e);
  }
}

/* What needs no pictures of it is measured of a run that draws none. */
Test(probe, an_autoencoder_is_measured_too) {
  static const char *const settings[] = {"steps", "2", "validation", "0.2", NULL};
  char run[TEST_PATH_SIZE];
  snprintf(run, sizeof run, "%s", test_path("run"));
  test_train_well("autoencoder", settings, data, "run");
  limn_evaluate_options options = of(run);
  options.metrics = "elbo";
  limn_evaluation *e = test_evaluate(&options);
  cr_expect_gt(test_value(e, "PSNR"), 0);
  cr_expect_str_eq(e->pictures.kind, "autoencoder at step 2");
  limn_evaluation_destroy(e);
}

/* --- a discriminator's layers --- */

#define SIDE  28
#define HALF  14
#define COUNT 67 /* more than a pass */

/* The first layer by hand: 4x4, stride 2, padded by 1, leaky ReLU; and windows of 5 every 3 pixels of its 14. */
static double first_layer(const float *weight, const uint8_t *picture, int channel, int row, int column) {
  double most = -INFINITY;
  for (int y = 3 * row; y < 3 * row + 5; ++y)
    for (int x = 3 * column; x < 3 * column + 5; ++x) {
      double sum = 0;
      for (int i = 0; i < 16; ++i) {
        const int at_y = 2 * y - 1 + i / 4, at_x = 2 * x - 1 + i % 4;
        if (at_y >= 0 && at_y < SIDE && at_x >= 0 && at_x < SIDE)
          sum += (double)weight[16 * channel + i] * (picture[at_y * SIDE + at_x] * 2 / 255.0 - 1);
      }
      most = fmax(most, sum > 0 ? sum : 0.2 * sum);
    }
  return most;
}

Test(probe, layers_are_pooled_to_four_by_four) {
  static const char *const settings[] = {"steps", "2", "size", "28", "filters", "4", NULL};
  static uint8_t pictures[COUNT * SIDE * SIDE];
  char run[TEST_PATH_SIZE];
  limn_discriminator *d = NULL;
  limn_discriminator_info info;
  snprintf(run, sizeof run, "%s", test_path("run"));
  test_train_well("dcgan", settings, data, "run");
  cr_assert_eq(limn_discriminator_open(&d, run, &(limn_discriminator_options){.device = test_device(), .threads = 2}),
               LIMN_OK, "%s", limn_error_message());
  limn_discriminator_get_info(d, &info);
  cr_assert(info.layers == 2 && info.features == (4 + 8) * 16 && info.step == 2);
  for (size_t i = 0; i < sizeof pictures; ++i)
    pictures[i] = (uint8_t)(i * 37 % 251);
  float *features = malloc(sizeof *features * COUNT * (size_t)info.features), alone[(4 + 8) * 16];
  cr_assert_eq(limn_discriminator_run(d, pictures, COUNT, features), LIMN_OK, "%s", limn_error_message());
  limn_safetensors *file = test_open_checkpoint("run", 2);
  const limn_stored_tensor *stored = limn_safetensors_find(file, "discriminator.main.0.weight");
  float weight[4 * 16];
  cr_assert(stored && stored->bytes == sizeof weight);
  memcpy(weight, stored->data, sizeof weight);
  for (int i = 0; i < COUNT; i += COUNT - 1) {
    const float *row = features + i * info.features;
    for (int k = 0; k < 4 * 16; ++k)
      cr_expect_float_eq((double)row[k], first_layer(weight, pictures + i * SIDE * SIDE, k / 16, k / 4 % 4, k % 4),
                         1e-5, "picture %d, number %d", i, k);
    cr_assert_eq(limn_discriminator_run(d, pictures + i * SIDE * SIDE, 1, alone), LIMN_OK);
    cr_expect_arr_eq(alone, row, sizeof alone, "picture %d does not depend on its company", i);
  }
  limn_safetensors_close(file);
  limn_discriminator_close(d);
  free(features);
}

/* --- what is refused --- */

Test(probe, what_cannot_be_is_said_in_a_line) {
  static const char *const settings[] = {"steps", "2", NULL};
  char run[TEST_PATH_SIZE], bare[TEST_PATH_SIZE], file[TEST_PATH_SIZE];
  limn_discriminator *d = NULL;
  snprintf(run, sizeof run, "%s", test_path("run"));
  snprintf(bare, sizeof bare, "%s", test_path("data/dark"));
  snprintf(file, sizeof file, "%s", test_path("g.safetensors"));
  test_train_well("dcgan", settings, data, "run");
  limn_evaluate_options options = of(data);
  options.data = data;
  test_expect_refusal(&options, LIMN_USAGE, "name one");
  options = of(run);
  options.data = bare;
  test_expect_refusal(&options, LIMN_USAGE, "the data have no labels");
  options = of(run);
  options.held_out = bare;
  test_expect_refusal(&options, LIMN_USAGE, "no labels to hold");
  options.held_out = held_out;
  cr_assert_eq(rename(test_path("held-out/dark"), test_path("held-out/dim")), 0);
  test_expect_refusal(&options, LIMN_DATA, "class \"dim\"");
  options = of(run);
  options.data = held_out;
  test_expect_refusal(&options, LIMN_DATA, "takes two");
  cr_assert_eq(limn_export(run, "generator", file), LIMN_OK, "%s", limn_error_message());
  options = of(file);
  options.data = data;
  test_expect_refusal(&options, LIMN_USAGE, "generator alone");
  test_train_well("vae", settings, data, "vae");
  cr_expect_eq(limn_discriminator_open(&d, test_path("vae"), &(limn_discriminator_options){0}), LIMN_USAGE);
  cr_expect_not_null(strstr(limn_error_message(), "no discriminator"));
}
