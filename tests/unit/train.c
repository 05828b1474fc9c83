/* Whole runs: that they repeat, and go on as if they had not been stopped. */
#include "support/model_runs.h"

static char data[TEST_PATH_SIZE];

static void begin(void) { begin_model_runs(data); }

TestSuite(train, .init = begin, .fini = test_folder_remove, .timeout = 240);

/* All but the speed, which is the clock's. */
static void expect_same_metrics(const char *a, const char *b) {
  json_t *x = test_read_metrics(a), *y = test_read_metrics(b);
  cr_expect_eq(json_array_size(x), json_array_size(y), "%zu lines, %zu lines", json_array_size(x), json_array_size(y));
  cr_expect_geq(json_array_size(x), STEPS);
  for (size_t i = 0; i < json_array_size(x) && i < json_array_size(y); ++i) {
    json_object_del(json_array_get(x, i), "images_per_second");
    json_object_del(json_array_get(y, i), "images_per_second");
    cr_expect(json_equal(json_array_get(x, i), json_array_get(y, i)), "line %zu of metrics.jsonl", i + 1);
  }
  json_decref(x);
  json_decref(y);
}

static void expect_same_run(size_t kind, const char *a, const char *b) {
  const char *model = kinds[kind].model;
  cr_expect(test_same_file(a, b, "checkpoints/000012.safetensors"), "%s: last checkpoint", model);
  for (int i = 0; kinds[kind].pictures[i]; ++i)
    cr_expect(test_same_file(a, b, kinds[kind].pictures[i]), "%s: %s", model, kinds[kind].pictures[i]);
  expect_same_metrics(a, b);
}

Test(train, same_seed_same_bytes) {
  for (size_t k = 0; k < KIND_COUNT; ++k) {
    if (!test_takes_runs_of(k))
      continue;
    char names[3][32];
    for (int i = 0; i < 3; ++i)
      snprintf(names[i], sizeof names[i], "%s-%d", kinds[k].model, i);
    test_run run = test_train_well(kinds[k].model, kinds[k].settings, data, names[0]);
    cr_expect_eq(run.result.step, STEPS);
    cr_expect_eq(run.result.checkpoint, STEPS);
    cr_expect_eq(run.starts, 1);
    cr_expect_geq(run.checkpoints, 2);
    test_train_well(kinds[k].model, kinds[k].settings, data, names[1]);
    expect_same_run(k, names[0], names[1]);

    limn_config *other = test_config(kinds[k].model, kinds[k].settings);
    test_run third = {0};
    test_set(other, "data", data);
    test_set(other, "seed", "8");
    test_train(&third, other, names[2], false);
    cr_expect(!test_same_file(names[0], names[2], "checkpoints/000012.safetensors"), "another seed, other bytes");
    limn_config_destroy(other);
  }
}

/* How many threads decode is no part of what is computed. */
Test(train, workers_do_not_matter) {
  const char *const settings[] = {"steps", "12", "checkpoint_every", "6", "workers", "3", NULL};
  test_train_well("dcgan", settings, data, "three");
  const char *const one[] = {"steps", "12", "checkpoint_every", "6", "workers", "1", NULL};
  test_train_well("dcgan", one, data, "one");
  limn_safetensors *a = test_open_checkpoint("three", STEPS), *b = test_open_checkpoint("one", STEPS);
  cr_assert_eq(limn_safetensors_count(a), limn_safetensors_count(b));
  for (size_t i = 0; i < limn_safetensors_count(a); ++i) {
    const limn_stored_tensor *x = limn_safetensors_at(a, i), *y = limn_safetensors_at(b, i);
    cr_expect_arr_eq(x->data, y->data, x->bytes, "%s", x->name);
  }
  limn_safetensors_close(a);
  limn_safetensors_close(b);
}

/* Stopped at step `at`, with a checkpoint where none would be. */
static void stop_and_go_on(size_t k, uint64_t at, const char *name) {
  char every[8];
  limn_config *config = test_config(kinds[k].model, kinds[k].settings);
  test_set(config, "data", data);
  snprintf(every, sizeof every, "%u", (unsigned)at);
  test_set(config, "checkpoint_every", every);
  test_run first = {.stop_at = at}, second = {0};
  test_train(&first, config, name, false);
  cr_assert_eq(first.status, LIMN_OK, "%s", first.message);
  cr_expect_eq(first.result.stopped, 1);
  cr_expect_eq(first.result.step, at);
  cr_expect_eq(first.result.checkpoint, at, "it has saved itself");
  cr_expect_eq(first.validations, k == LIMN_MODEL_VAE ? (int)((at - 1) / 4) : 0, "a stop waits for no validation");
  test_set(config, "checkpoint_every", "6");
  test_train(&second, config, name, true);
  cr_assert_eq(second.status, LIMN_OK, "%s", second.message);
  cr_expect_eq(second.result.stopped, 0);
  cr_expect_eq(second.result.step, STEPS);
  limn_config_destroy(config);
}

/* At a step where a validation is due, where pictures are, where nothing is, and at the last one. */
Test(train, a_stopped_run_goes_on_as_if_it_had_not_been) {
  static const uint64_t stops[] = {4, 6, 7, STEPS};
  for (size_t k = 0; k < KIND_COUNT; ++k) {
    if (!test_takes_runs_of(k))
      continue;
    char whole[32], parted[32];
    snprintf(whole, sizeof whole, "%s-whole", kinds[k].model);
    test_train_well(kinds[k].model, kinds[k].settings, data, whole);
    for (size_t i = 0; i < sizeof stops / sizeof *stops; ++i) {
      if (!test_takes(k + i, sizeof stops / sizeof *stops))
        continue;
      snprintf(parted, sizeof parted, "%s-%u", kinds[k].model, (unsigned)stops[i]);
      stop_and_go_on(k, stops[i], parted);
      expect_same_run(k, whole, parted);
    }
  }
}

/* Stopped at step 6 and gone on with, held to a run in one go; with those settings on top. */
static void expect_exact_resume(size_t k, const char *const *more) {
  limn_config *config = test_config(kinds[k].model, kinds[k].settings);
  test_set(config, "data", data);
  test_set_all(config, more);
  test_run runs[3] = {{0}, {.stop_at = 6}, {0}};
  char whole[32], parted[32];
  snprintf(whole, sizeof whole, "%s-whole", kinds[k].model);
  snprintf(parted, sizeof parted, "%s-parted", kinds[k].model);
  test_train(&runs[0], config, whole, false);
  test_train(&runs[1], config, parted, false);
  test_train(&runs[2], config, parted, true);
  for (int i = 0; i < 3; ++i)
    cr_assert_eq(runs[i].status, LIMN_OK, "%s", runs[i].message);
  cr_expect_eq(runs[1].result.step, 6);
  expect_same_run(k, whole, parted);
  limn_config_destroy(config);
}

/* With all of the augmentation; a GAN's further discriminator steps have their own random numbers. */
Test(train, an_augmented_run_goes_on_as_if_it_had_not_been) {
  static const size_t which[] = {LIMN_MODEL_DCGAN, LIMN_MODEL_VAE};
  for (size_t i = 0; i < 2; ++i)
    expect_exact_resume(which[i], (const char *const[]){"flip", "true", "shift", "2", "crop", "4", NULL});
}

/* With every stabiliser. ADA is in the middle of its four steps, and a lazy penalty has been taken twice. */
Test(train, a_stabilised_run_goes_on_as_if_it_had_not_been) {
  expect_exact_resume(0, (const char *const[]){"norm_d",
                                               "none",
                                               "loss",
                                               "relativistic",
                                               "r1",
                                               "1",
                                               "r2",
                                               "2",
                                               "gradient_penalty",
                                               "1",
                                               "penalty_every",
                                               "4",
                                               "penalty_end",
                                               "0.5",
                                               "augment",
                                               "ada",
                                               "ada_target",
                                               "0",
                                               "ada_pictures",
                                               "32",
                                               "instance_noise",
                                               "0.1",
                                               "pack",
                                               "2",
                                               "spectral_norm",
                                               "true",
                                               "minibatch_stddev",
                                               "true",
                                               "schedule",
                                               "cosine",
                                               "lr_end",
                                               "0.1",
                                               "beta2_end",
                                               "0.9",
                                               "ema",
                                               "0.999",
                                               "ema_half_life",
                                               "32",
                                               NULL});
}

/* By micro-batches, whose sums are in no checkpoint. */
Test(train, an_accumulated_run_goes_on_as_if_it_had_not_been) {
  expect_exact_resume(LIMN_MODEL_VAE, (const char *const[]){"batch", "6", "accumulate", "3", "flip", "true", NULL});
  expect_exact_resume(LIMN_MODEL_DCGAN, (const char *const[]){"batch",
                                                              "8",
                                                              "accumulate",
                                                              "2",
                                                              "pack",
                                                              "2",
                                                              "norm_d",
                                                              "none",
                                                              "loss",
                                                              "relativistic",
                                                              "r1",
                                                              "1",
                                                              "gradient_penalty",
                                                              "1",
                                                              "penalty_every",
                                                              "4",
                                                              "augment",
                                                              "ada",
                                                              "ada_target",
                                                              "0",
                                                              "ada_pictures",
                                                              "32",
                                                              "spectral_norm",
                                                              "true",
                                                              NULL});
}

/* Classes of 30 and 6 pictures, 4 without: an order of its own, which goes on in the middle of an epoch. */
Test(train, balanced_classes_go_on_as_if_they_had_not_stopped) {
  limn_config *config = test_config("dcgan", dcgan);
  test_run runs[4] = {{0}, {.stop_at = 6}, {0}, {0}}, refused = {0};
  test_set(config, "data", data);
  test_train(&runs[0], config, "plain", false);
  test_set(config, "class_balanced", "true");
  test_train(&refused, config, "refused", false);
  cr_expect_eq(refused.status, LIMN_USAGE);
  cr_expect_not_null(strstr(refused.message, "--labels FILE"), "%s", refused.message);
  mkdir(test_path("data/many"), 0777);
  mkdir(test_path("data/rare"), 0777);
  for (int i = 0; i < 36; ++i) {
    char to[TEST_PATH_SIZE];
    snprintf(to, sizeof to, "%s", test_path("data/%s/%04d.png", i < 30 ? "many" : "rare", i));
    cr_assert_eq(rename(test_path("data/%04d.png", i), to), 0);
  }
  test_train(&runs[1], config, "parted", false);
  test_train(&runs[2], config, "parted", true);
  test_train(&runs[3], config, "whole", false);
  for (int i = 0; i < 4; ++i)
    cr_assert_eq(runs[i].status, LIMN_OK, "%s", runs[i].message);
  cr_expect_eq(runs[1].result.step, 6);
  cr_expect_not_null(strstr(runs[3].notice, "4 of 40 training pictures have no label"), "%s", runs[3].notice);
  expect_same_run(0, "whole", "parted");
  cr_expect(!test_same_file("whole", "plain", "checkpoints/000012.safetensors"), "the order is another");
  limn_config_destroy(config);
}

/* Killed after step 12, when the checkpoint of step 6 was the last: what came behind it is done again. */
Test(train, a_killed_run_repeats_what_it_lost) {
  for (size_t k = 0; k < KIND_COUNT; ++k) {
    if (!test_takes_runs_of(k))
      continue;
    char whole[32], killed[32], link[TEST_PATH_SIZE];
    snprintf(whole, sizeof whole, "%s-whole", kinds[k].model);
    snprintf(killed, sizeof killed, "%s-killed", kinds[k].model);
    test_train_well(kinds[k].model, kinds[k].settings, data, whole);
    test_train_well(kinds[k].model, kinds[k].settings, data, killed);
    snprintf(link, sizeof link, "%s", test_path("%s/checkpoints/latest", killed));
    cr_assert_eq(unlink(link), 0);
    cr_assert_eq(symlink("000006.safetensors", link), 0);
    cr_assert_eq(unlink(test_path("%s/checkpoints/000012.safetensors", killed)), 0);
    limn_config *config = test_config(kinds[k].model, kinds[k].settings);
    test_set(config, "data", data);
    test_run again = {0};
    test_train(&again, config, killed, true);
    cr_assert_eq(again.status, LIMN_OK, "%s", again.message);
    expect_same_run(k, whole, killed);
    limn_config_destroy(config);
  }
}
