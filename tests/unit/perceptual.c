/* The measure perceptual: distances in maps by hand, maps against their means, and runs of VAEs and autoencoders. */
#include "infer/extractor.h"
#include "metrics/map_distance.h"
#include "support/evaluations.h"

static char data[TEST_PATH_SIZE], weights_file[TEST_PATH_SIZE];

static void begin(void) {
  test_begin_with_data(data, 24);
  test_make_judge(weights_file);
}

TestSuite(perceptual, .init = begin, .fini = test_folder_remove, .timeout = 240);

/* Two channels, three pixels: the same direction; at right angles; 45 degrees, one twice as long. */
Test(perceptual, distances_by_hand) {
  const float a[6] = {3, 1, 2, 0, 0, 0}, b[6] = {5, 0, 1, 0, 7, 1};
  const double diagonal = 2 - sqrt(2);
  cr_expect_float_eq(limn_map_distance(a, b, 2, 3), (0 + 2 + diagonal) / 3, 1e-9);
  cr_expect_eq(limn_map_distance(a, a, 2, 3), 0);
  const float zero[2] = {0, 0}, some[2] = {0, 4};
  cr_expect_float_eq(limn_map_distance(zero, some, 2, 1), 1, 1e-9);
}

Test(perceptual, maps_have_the_means_that_are_told_without) {
  static const char *const taps[] = {"block2", "block10", "pool"};
  enum { TAPS = 3, COUNT = 5, SIDE = 32 };
  float *pictures = malloc(sizeof *pictures * COUNT * 3 * SIDE * SIDE), *rows[2][TAPS];
  limn_extractor_info info[2];
  cr_assert_not_null(pictures);
  limn_philox_uniform(1, 4002, 0, 0, pictures, COUNT * 3 * SIDE * SIDE);
  for (int maps = 0; maps < 2; ++maps) {
    limn_extractor *e = NULL;
    const limn_extractor_options options = {.features = weights_file,
                                            .device = "cpu",
                                            .threads = 2,
                                            .size = SIDE,
                                            .batch = 2,
                                            .taps = taps,
                                            .tap_count = TAPS,
                                            .maps = maps};
    cr_assert_eq(limn_extractor_open(&e, &options), LIMN_OK, "%s", limn_error_message());
    limn_extractor_get_info(e, &info[maps]);
    for (int t = 0; t < TAPS; ++t)
      rows[maps][t] = malloc(sizeof(float) * COUNT * (size_t)info[maps].widths[t]);
    cr_assert_eq(limn_extractor_run(e, pictures, COUNT, rows[maps]), LIMN_OK, "%s", limn_error_message());
    limn_extractor_close(e);
  }
  cr_expect_eq(info[1].widths[0], 24 * 8 * 8);
  for (int t = 0; t < TAPS; ++t) {
    const int pixels = info[1].pixels[t];
    cr_assert_eq(info[1].widths[t], info[0].widths[t] * pixels);
    for (int i = 0; i < COUNT * info[0].widths[t]; ++i) {
      double sum = 0;
      for (int k = 0; k < pixels; ++k)
        sum += (double)rows[1][t][i * pixels + k];
      cr_assert_float_eq(sum / pixels, (double)rows[0][t][i], 1e-5, "%s: mean %d", taps[t], i);
    }
  }
  for (int t = 0; t < TAPS; ++t) {
    free(rows[0][t]);
    free(rows[1][t]);
  }
  free(pictures);
}

Test(perceptual, reconstructions_are_compared) {
  static const char *const models[] = {"vae", "autoencoder"};
  static const char *const settings[] = {"steps", "4", "validation", "0.5", "lr", "0.01", NULL};
  for (int i = 0; i < 2; ++i) {
    double values[2];
    test_train_well(models[i], settings, data, models[i]);
    limn_evaluate_options options = test_evaluation_of(weights_file, NULL, NULL, "perceptual");
    char run[TEST_PATH_SIZE];
    snprintf(run, sizeof run, "%s", test_path("%s", models[i]));
    options.pictures = run;
    for (int t = 0; t < 2; ++t) {
      options.tap = t ? "block4" : NULL;
      limn_evaluation *e = test_evaluate(&options);
      const limn_score *score = test_score(e, "lite0 distance");
      cr_expect_eq(e->held_out.count, 12);
      cr_expect(score->value > 0.01 && score->value < 2, "%s: %g", models[i], score->value);
      cr_expect(score->deviation > 0 && score->deviation < score->value, "%g", score->deviation);
      cr_expect_not_null(strstr(score->protocol, t ? "block4 at 32" : "all maps at 32"));
      values[t] = score->value;
      limn_evaluation_destroy(e);
    }
    cr_expect_neq(values[0], values[1]);
  }
}

Test(perceptual, what_cannot_be_is_said_in_a_line) {
  static const char *const settings[] = {"steps", "2", "validation", "0", NULL};
  char run[TEST_PATH_SIZE], gan[TEST_PATH_SIZE];
  snprintf(run, sizeof run, "%s", test_path("vae"));
  snprintf(gan, sizeof gan, "%s", test_path("gan"));
  test_train_well("vae", settings, data, "vae");
  test_train_well("dcgan", settings, data, "gan");
  limn_evaluate_options options = test_evaluation_of(weights_file, run, NULL, "perceptual");
  test_expect_refusal(&options, LIMN_USAGE, "--held-out");
  options.held_out = data;
  options.tap = "block99";
  test_expect_refusal(&options, LIMN_USAGE, "block99");
  options = test_evaluation_of(weights_file, gan, NULL, "perceptual");
  options.held_out = data;
  test_expect_refusal(&options, LIMN_USAGE, "no encoder");
}
