/* limn_evaluate, and evaluations while a run trains: what is measured of which pictures, and what is refused. The
 * network that judges has made-up weights; the measures themselves are held to others' in metrics.c. */
#include "support/evaluations.h"

#include <unistd.h>

#include "image/image.h"
#include "metrics/judge.h"

static char data[TEST_PATH_SIZE], weights_file[TEST_PATH_SIZE];

static void begin(void) {
  test_begin_with_data(data, 40);
  test_make_judge(weights_file);
}

TestSuite(evaluate, .init = begin, .fini = test_folder_remove, .timeout = 240);

static limn_evaluate_options of(const char *pictures, const char *against, const char *metrics) {
  return test_evaluation_of(weights_file, pictures, against, metrics);
}

/* --- what is measured --- */

Test(evaluate, a_set_is_at_no_distance_from_itself) {
  limn_evaluate_options options = of(data, data, "fd,prdc,pr");
  limn_evaluation *e = test_evaluate(&options);
  cr_expect_eq(e->pictures.count, 40);
  cr_expect_eq(e->data.count, 40);
  cr_expect_str_eq(e->features, "efficientnet_lite0");
  cr_expect_str_eq(e->protocol, "clean-fid");
  cr_expect_eq(e->size, 32);
  cr_expect_lt(fabs(test_value(e, "FD-lite0")), 1e-3);
  cr_expect_eq(test_value(e, "coverage"), 1);
  cr_expect_eq(test_value(e, "precision"), 1);
  cr_expect_eq(test_value(e, "improved recall"), 1);
  cr_expect_eq(e->note_count, 1, "40 pictures make no covariance of 1280 features");
  limn_evaluation_destroy(e);
}

/* Never FID: that is another network's, and these weights are not even this one's. */
Test(evaluate, another_set_is_at_some) {
  char other[TEST_PATH_SIZE];
  snprintf(other, sizeof other, "%s", test_path("other"));
  mkdir(other, 0777);
  for (int i = 0; i < 30; ++i) {
    const uint8_t bright[3] = {255, (uint8_t)(160 + 3 * i), (uint8_t)(250 - 2 * i)};
    test_write_plain(test_path("other/%02d.png", i), 24, 20, 3, bright);
  }
  limn_evaluate_options options = of(other, data, "fd,kid");
  limn_evaluation *e = test_evaluate(&options);
  cr_expect_eq(e->pictures.count, 30);
  cr_expect_gt(test_value(e, "FD-lite0"), 1);
  cr_expect_gt(test_value(e, "KID"), 0, "%g", test_value(e, "KID"));
  limn_evaluation_destroy(e);
}

/* Fewer pictures than there are: the same ones each time, others by another seed. */
Test(evaluate, a_choice_repeats) {
  limn_evaluate_options options = of(data, data, "fd");
  double values[3];
  options.count = 20;
  for (int i = 0; i < 3; ++i) {
    options.seed = i == 2 ? 2 : 1;
    options.uncached = i == 1;
    limn_evaluation *e = test_evaluate(&options);
    cr_expect_eq(e->pictures.count, 20);
    cr_expect_eq(e->pictures.available, 40);
    values[i] = test_value(e, "FD-lite0");
    limn_evaluation_destroy(e);
  }
  cr_expect_eq(values[0], values[1]);
  cr_expect_neq(values[0], values[2]);
}

Test(evaluate, features_of_data_are_kept) {
  limn_evaluate_options options = of(data, data, "fd");
  for (int i = 0; i < 2; ++i) {
    limn_evaluation *e = test_evaluate(&options);
    cr_expect_eq(e->pictures.cached, i);
    limn_evaluation_destroy(e);
  }
  options.protocol = "pytorch-fid"; /* other features */
  limn_evaluation *e = test_evaluate(&options);
  cr_expect_eq(e->pictures.cached, 0);
  cr_expect_str_eq(e->protocol, "pytorch-fid");
  limn_evaluation_destroy(e);
}

/* Pictures change under the same names: their features are taken anew. */
Test(evaluate, changed_pictures_are_seen) {
  limn_evaluate_options options = of(data, NULL, "is");
  limn_evaluation_destroy(test_evaluate(&options));
  uint8_t value[3] = {200, 200, 200};
  test_write_plain(test_path("data/0000.png"), 16, 16, 1, value);
  limn_evaluation *e = test_evaluate(&options);
  cr_expect_eq(e->pictures.cached, 0);
  limn_evaluation_destroy(e);
}

Test(evaluate, statistics_stand_for_the_data) {
  char other[TEST_PATH_SIZE], file[TEST_PATH_SIZE];
  snprintf(other, sizeof other, "%s", test_path("other"));
  snprintf(file, sizeof file, "%s", test_path("data.npz"));
  test_write_data(other, 30, 3, 24, 20);
  limn_evaluate_options write = of(data, NULL, NULL), by_file = of(other, file, NULL), direct = of(other, data, "fd");
  write.statistics = file;
  limn_evaluation *e = test_evaluate(&write);
  cr_expect_eq(e->score_count, 0);
  limn_evaluation_destroy(e);
  limn_evaluation *a = test_evaluate(&by_file), *b = test_evaluate(&direct);
  cr_expect_eq(a->score_count, 1, "what needs the pictures themselves is left out");
  cr_expect_eq(a->data.count, 40);
  cr_expect_float_eq(test_value(a, "FD-lite0"), test_value(b, "FD-lite0"), 1e-9 * test_value(b, "FD-lite0"));
  limn_evaluation_destroy(a);
  limn_evaluation_destroy(b);
  by_file.metrics = "fd,kid";
  test_expect_refusal(&by_file, LIMN_USAGE, "kid needs the pictures");
  by_file.metrics = NULL;
  by_file.size = 64;
  test_expect_refusal(&by_file, LIMN_DATA, "cannot be held against");
  by_file.size = 32;
  by_file.tap = "block4";
  test_expect_refusal(&by_file, LIMN_DATA, "cannot be held against");
}

/* Its own training pictures are copies; pictures of another kind are none. */
Test(evaluate, copies_are_found_and_shown) {
  char sheet[TEST_PATH_SIZE], other[TEST_PATH_SIZE];
  snprintf(sheet, sizeof sheet, "%s", test_path("sheet.png"));
  snprintf(other, sizeof other, "%s", test_path("other"));
  test_write_data(other, 30, 3, 24, 20);
  limn_evaluate_options options = of(data, data, "copies");
  options.sheet = sheet;
  limn_evaluation *e = test_evaluate(&options);
  cr_expect_eq(test_value(e, "copies"), 1);
  cr_expect_eq(test_value(e, "distance to the data"), 0);
  cr_assert_eq(e->pair_count, LIMN_NEAREST_PAIRS);
  cr_expect_eq(e->pairs[0].distance, 0);
  cr_expect_str_eq(e->pairs[0].picture, e->pairs[0].data);
  limn_evaluation_destroy(e);
  limn_image image;
  cr_assert_eq(limn_image_read_file(&image, sheet, 1 << 20), LIMN_OK, "%s", limn_error_message());
  cr_expect_eq(image.height, 16 * 16 + 15 * 2);
  cr_expect_eq(image.width, 5 * 16 + 4 * 2);
  limn_image_release(&image);
  options = of(other, data, "copies");
  e = test_evaluate(&options);
  cr_expect_eq(test_value(e, "copies"), 0);
  limn_evaluation_destroy(e);
}

/* pytorch-fid's numbers are of bytes from -1 to 1; TensorFlow's, torch-fidelity's and clean-fid's of (v - 128) / 128.
 */
Test(evaluate, protocols_scale_as_the_tools_do) {
  static const struct {
    limn_resize_protocol protocol;
    const char *network;
    float white;
  } cases[] = {{LIMN_PROTOCOL_PYTORCH_FID, "inception_fid", 1},
               {LIMN_PROTOCOL_TORCH_FIDELITY, "inception_fid", 127.0F / 128},
               {LIMN_PROTOCOL_CLEAN_FID, "inception_fid", 127.0F / 128},
               {LIMN_PROTOCOL_PYTORCH_FID, "efficientnet_lite0", 1}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    limn_judge judge = {.protocol = cases[i].protocol, .info.network = network_of(cases[i].network)};
    float scale[3], shift[3];
    limn_judge_scaling(&judge, scale, shift);
    for (int c = 0; c < 3; ++c)
      cr_expect_float_eq(255 * scale[c] + shift[c], cases[i].white, 1e-6, "%zu", i);
  }
}

/* --- what is refused --- */

Test(evaluate, what_cannot_be_is_said_in_a_line) {
  char single[TEST_PATH_SIZE], empty[TEST_PATH_SIZE];
  uint8_t value[3] = {1, 2, 3};
  snprintf(single, sizeof single, "%s", test_path("single"));
  snprintf(empty, sizeof empty, "%s", test_path("empty"));
  mkdir(single, 0777);
  mkdir(empty, 0777);
  test_write_plain(test_path("single/a.png"), 16, 16, 3, value);
  limn_evaluate_options options = of(data, data, "fid");
  test_expect_refusal(&options, LIMN_USAGE, "\"fid\"");
  options = of(data, data, "fd,");
  test_expect_refusal(&options, LIMN_USAGE, "\"\"");
  options = of(data, data, "fd");
  options.protocol = "clean";
  test_expect_refusal(&options, LIMN_USAGE, "clean-fid");
  options = of(data, data, "fd");
  options.tap = "layer4";
  test_expect_refusal(&options, LIMN_USAGE, "layer4");
  options = of(data, data, "fd");
  options.features = "efficientnet";
  test_expect_refusal(&options, LIMN_USAGE, "efficientnet_lite0");
  options.features = NULL;
  test_expect_refusal(&options, LIMN_DATA, "limn features get efficientnet_lite0");
  options = of(data, NULL, "fd");
  test_expect_refusal(&options, LIMN_USAGE, "--data");
  options = of(single, data, "fd");
  test_expect_refusal(&options, LIMN_DATA, "1 pictures are too few");
  options = of(empty, data, "fd");
  test_expect_refusal(&options, LIMN_DATA, "empty");
  options = of(data, data, "fd");
  options.count = 41;
  test_expect_refusal(&options, LIMN_DATA, "there are 40");
  options = of(data, data, "elbo");
  test_expect_refusal(&options, LIMN_USAGE, "--held-out");
  options = of(data, data, "copies");
  options.sheet = "sheet.gif";
  test_expect_refusal(&options, LIMN_USAGE, "sheet.gif");
  options = of(data, data, "fd");
  options.statistics = "/nonexistent/a.npz";
  test_expect_refusal(&options, LIMN_FAILED, "/nonexistent/a.npz");
}

/* --- while a run trains --- */

static const char *const evaluated[] = {"steps",
                                        "12",
                                        "evaluate_every",
                                        "4",
                                        "evaluate_count",
                                        "100",
                                        "evaluate_share",
                                        "1",
                                        "checkpoint_every",
                                        "6",
                                        "sample_every",
                                        "12",
                                        "log_every",
                                        "1",
                                        "feature_size",
                                        "32",
                                        NULL};

static limn_config *evaluated_config(const char *const *settings) {
  limn_config *config = test_config("dcgan", settings);
  test_set(config, "data", data);
  test_set(config, "features", weights_file);
  return config;
}

static size_t count_evaluations(const char *run, uint64_t *first) {
  json_t *lines = test_read_metrics(run);
  size_t count = 0;
  for (size_t i = 0; i < json_array_size(lines); ++i) {
    json_t *line = json_array_get(lines, i);
    if (!json_object_get(line, "evaluation_coverage"))
      continue;
    if (count++ == 0)
      *first = (uint64_t)json_integer_value(json_object_get(line, "step"));
  }
  json_decref(lines);
  return count;
}

Test(evaluate, a_run_is_evaluated_and_keeps_its_best) {
  uint64_t first = 0;
  test_run run = {0};
  limn_config *config = evaluated_config(evaluated);
  test_train(&run, config, "run", false);
  cr_assert_eq(run.status, LIMN_OK, "%s", run.message);
  cr_expect_eq(count_evaluations("run", &first), 3);
  cr_expect_eq(first, 4);
  char target[64] = "";
  unsigned best = 0;
  cr_assert_gt(readlink(test_path("run/checkpoints/best"), target, sizeof target - 1), 0);
  cr_assert_eq(sscanf(target, "%u", &best), 1);
  cr_expect_eq(best % 4, 0);
  cr_expect_eq(access(test_path("run/samples/%06u.png", best), F_OK), 0, "the best keeps its samples");
  limn_safetensors *file = test_open_checkpoint("run", 12);
  const char *by = limn_safetensors_metadata(file, "best_by");
  cr_assert_not_null(by);
  cr_expect(strstr(by, "fd of efficientnet_lite0 ") == by && strstr(by, " pool at 32, 100 against 40"), "%s", by);
  limn_safetensors_close(file);
  limn_config_destroy(config);
}

/* Stopped at the very step of an evaluation, or between two: the rest is as if it had not been. */
Test(evaluate, a_stopped_run_goes_on_as_if_it_had_not_been) {
  static const char *const files[] = {"checkpoints/000012.safetensors", "samples/000012.png", "samples/000004.png"};
  static const uint64_t stops[] = {8, 6};
  test_run whole = {0};
  limn_config *config = evaluated_config(evaluated);
  test_set(config, "evaluate_metrics", "prdc");
  test_train(&whole, config, "whole", false);
  cr_assert_eq(whole.status, LIMN_OK, "%s", whole.message);
  for (size_t i = 0; i < sizeof stops / sizeof *stops; ++i) {
    char name[16];
    uint64_t first;
    snprintf(name, sizeof name, "part-%zu", i);
    limn_config *part = evaluated_config(evaluated);
    test_set(part, "evaluate_metrics", "prdc");
    test_run stopped = {.stop_at = stops[i]}, rest = {0};
    test_train(&stopped, part, name, false);
    cr_assert_eq(stopped.status, LIMN_OK, "%s", stopped.message);
    cr_expect_eq(stopped.result.step, stops[i]);
    test_train(&rest, part, name, true);
    cr_assert_eq(rest.status, LIMN_OK, "%s", rest.message);
    cr_expect_eq(count_evaluations(name, &first), 3);
    for (size_t k = 0; k < sizeof files / sizeof *files; ++k)
      cr_expect(test_same_file("whole", name, files[k]), "stopped at %u: %s", (unsigned)stops[i], files[k]);
    limn_config_destroy(part);
  }
  limn_config_destroy(config);
}

/* Nothing moves, so the first evaluation stays the best: a GAN's run ends by patience too. */
Test(evaluate, patience_ends_a_gan) {
  static const char *const settings[] = {"steps",
                                         "100",
                                         "lr",
                                         "1e-30",
                                         "evaluate_every",
                                         "2",
                                         "evaluate_count",
                                         "100",
                                         "evaluate_share",
                                         "1",
                                         "patience",
                                         "2",
                                         "feature_size",
                                         "32",
                                         NULL};
  test_run run = {0};
  limn_config *config = evaluated_config(settings);
  test_train(&run, config, "run", false);
  cr_assert_eq(run.status, LIMN_OK, "%s", run.message);
  cr_expect_eq(run.result.step, 6, "the best at 2, then two no better; ended at %u", (unsigned)run.result.step);
  limn_config_destroy(config);
}

/* By arithmetic the share of 5 % wants more than four steps between two evaluations. */
Test(evaluate, a_share_is_kept) {
  static const char *const settings[] = {"steps", "12", "evaluate_every", "4", "evaluate_count", "100", "feature_size",
                                         "32",    NULL};
  uint64_t first = 0;
  test_run run = {0};
  limn_config *config = evaluated_config(settings);
  test_train(&run, config, "run", false);
  cr_assert_eq(run.status, LIMN_OK, "%s", run.message);
  cr_expect_eq(count_evaluations("run", &first), 1, "at the end alone");
  cr_expect_eq(first, 12);
  limn_config_destroy(config);
}

/* By time: so often that each step is followed by one, and once where the time is long. */
Test(evaluate, time_counts_too) {
  static const struct {
    const char *time;
    size_t times;
  } cases[] = {{"0.000001s", 12}, {"1h", 1}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    char name[16];
    uint64_t first = 0;
    test_run run = {0};
    limn_config *config = evaluated_config(evaluated);
    snprintf(name, sizeof name, "run-%zu", i);
    test_set(config, "evaluate_every", "0");
    test_set(config, "evaluate_time", cases[i].time);
    test_set(config, "evaluate_metrics", "prdc"); /* the quickest */
    test_train(&run, config, name, false);
    cr_assert_eq(run.status, LIMN_OK, "%s", run.message);
    cr_expect_eq(count_evaluations(name, &first), cases[i].times);
    limn_config_destroy(config);
  }
}

Test(evaluate, a_run_refuses_what_it_cannot_measure) {
  static const struct {
    const char *setting, *value, *piece;
    limn_status status;
  } cases[] = {
      {"evaluate_metrics", "fid", "\"fid\"", LIMN_USAGE},
      {"evaluate_metrics", "copies", "copies are for limn evaluate", LIMN_USAGE},
      {"features", "resnet18", "resnet18", LIMN_DATA},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    test_run run = {0};
    limn_config *config = evaluated_config(evaluated);
    test_set(config, cases[i].setting, cases[i].value);
    test_train(&run, config, "run", false);
    cr_expect_eq(run.status, cases[i].status, "%s", run.message);
    cr_expect_not_null(strstr(run.message, cases[i].piece), "%s", run.message);
    cr_expect_neq(access(test_path("run"), F_OK), 0, "nothing is begun");
    limn_config_destroy(config);
  }
}

/* --- codes of a mixture --- */

Test(evaluate, an_autoencoder_is_judged_by_a_mixture_of_its_codes) {
  static const char *const settings[] = {"steps", "4", "latent", "3", "validation", "0", NULL};
  test_train_well("autoencoder", settings, data, "run");
  limn_evaluate_options options = of(test_path("run"), NULL, "kid");
  options.count = 30;
  options.subset = 20;
  test_expect_refusal(&options, LIMN_USAGE, "--prior gmm");
  options.prior = LIMN_PRIOR_MIXTURE;
  options.components = 2;
  limn_evaluation *first = test_evaluate(&options), *again = test_evaluate(&options);
  cr_expect_str_eq(first->pictures.kind, "autoencoder at step 4, gmm of 2");
  cr_expect_eq(first->pictures.count, 30);
  cr_expect_eq(test_value(first, "KID"), test_value(again, "KID"), "what was fitted is found again");
  limn_evaluation_destroy(first);
  limn_evaluation_destroy(again);
  options.pictures = data;
  options.data = data;
  test_expect_refusal(&options, LIMN_USAGE, "leave --prior out");
}

static const char *const balanced[] = {"until",
                                       "equilibrium",
                                       "lr",
                                       "1e-30",
                                       "evaluate_every",
                                       "2",
                                       "evaluate_count",
                                       "100",
                                       "evaluate_share",
                                       "1",
                                       "patience",
                                       "2",
                                       "feature_size",
                                       "32",
                                       "validation",
                                       "0.3",
                                       "validate_every",
                                       "4",
                                       "until_separation",
                                       "1",
                                       NULL};

static double last_separation(const char *run, size_t *count) {
  json_t *lines = test_read_metrics(run);
  double value = NAN;
  *count = 0;
  for (size_t i = 0; i < json_array_size(lines); ++i) {
    json_t *separation = json_object_get(json_array_get(lines, i), "validation_separation");
    if (separation) {
      value = json_number_value(separation);
      ++*count;
    }
  }
  json_decref(lines);
  return value;
}

/* Nothing moves: means of the evaluations of steps 2 to 6, then two no better. The discriminator is asked each time. */
Test(evaluate, a_gan_ends_in_an_equilibrium) {
  test_run run = {0}, strict = {0}, part = {.stop_at = 7}, rest = {0};
  limn_config *config = evaluated_config(balanced);
  size_t count;
  test_set(config, "seed", "9"); /* by which an untrained discriminator happens to be right more often than not */
  test_train(&run, config, "run", false);
  cr_assert_eq(run.status, LIMN_OK, "%s", run.message);
  cr_expect_eq(run.result.step, 10, "ended at %u", (unsigned)run.result.step);
  cr_expect_not_null(strstr(run.notice, "equilibrium at step 10: the mean of 3 of fd "), "%s", run.notice);
  const double separation = last_separation("run", &count);
  cr_expect_eq(count, 5);
  cr_assert(separation > 0.5 && separation <= 1, "%g: choose another seed", separation);

  test_train(&part, config, "part", false);
  cr_assert_eq(part.status, LIMN_OK, "%s", part.message);
  test_train(&rest, config, "part", true);
  cr_assert_eq(rest.status, LIMN_OK, "%s", rest.message);
  cr_expect_eq(rest.result.step, 10, "a run that goes on ends where the unbroken one does, not at %u",
               (unsigned)rest.result.step);
  cr_expect(test_same_file("run", "part", "checkpoints/000010.safetensors"));

  test_set(config, "until_separation", "0.5");
  test_train(&strict, config, "strict", false);
  cr_assert_eq(strict.status, LIMN_OK, "%s", strict.message);
  cr_expect_eq(strict.result.step, 18, "three times the patience; ended at %u", (unsigned)strict.result.step);
  cr_expect_not_null(strstr(strict.notice, "a standstill without equilibrium"), "%s", strict.notice);
  limn_config_destroy(config);
}
