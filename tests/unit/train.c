/* Whole runs: that they repeat, resume, diverge, start from weights and stop as they should. */
#include "support/made_weights.h"
#include "support/run_files.h"

#include "config/settings.h"
#include "run/run.h"

#define STEPS 12

static char data[TEST_PATH_SIZE];

static void begin(void) {
  test_begin_with_data(data, 40);
  use_made_network("efficientnet_lite0");
}

TestSuite(train, .init = begin, .fini = test_folder_remove, .timeout = 240);

static const char *const dcgan[] = {"d_steps",      "2", "steps",     "12", "ema", "0.9", "checkpoint_every", "6",
                                    "sample_every", "6", "log_every", "1",  NULL};
static const char *const sngan[] = {"steps",
                                    "12",
                                    "d_steps",
                                    "2",
                                    "minibatch_stddev",
                                    "true",
                                    "ema",
                                    "0.9",
                                    "gradient_penalty",
                                    "1",
                                    "penalty_every",
                                    "4",
                                    "checkpoint_every",
                                    "6",
                                    "sample_every",
                                    "6",
                                    "log_every",
                                    "1",
                                    NULL};
static const char *const r3gan[] = {"steps",
                                    "12",
                                    "minibatch_stddev",
                                    "true",
                                    "augment",
                                    "ada",
                                    "ada_pictures",
                                    "64",
                                    "instance_noise",
                                    "0.1",
                                    "checkpoint_every",
                                    "6",
                                    "sample_every",
                                    "6",
                                    "log_every",
                                    "1",
                                    NULL};
static const char *const projected[] = {
    "steps", "12", "head_filters", "2", "checkpoint_every", "6", "sample_every", "6", "log_every", "1", NULL};
static const char *const vae[] = {"importance_samples", "3", "steps",        "12", "validation", "0.25",
                                  "checkpoint_every",   "6", "sample_every", "6",  "log_every",  "1",
                                  "validate_every",     "4", "patience",     "50", NULL};
static const char *const autoencoder[] = {
    "steps", "12",        "noise", "0.3",        "regularizer", "mmd", "checkpoint_every", "6", "sample_every",
    "6",     "log_every", "1",     "validation", "0",           NULL};
static const struct {
  const char *model;
  const char *const *settings;
  const char *pictures[3]; /* of the last step */
} kinds[] = {
    {"dcgan", dcgan, {"samples/000012.png", "samples/000006.png", NULL}},
    {"sngan", sngan, {"samples/000012.png", "samples/000006.png", NULL}},
    {"r3gan", r3gan, {"samples/000012.png", "samples/000006.png", NULL}},
    {"projected", projected, {"samples/000012.png", "samples/000006.png", NULL}},
    {"vae", vae, {"samples/000012.png", "samples/000006-reconstructions.png", NULL}},
    {"autoencoder", autoencoder, {"samples/000012-reconstructions.png", "samples/000006.png", NULL}},
};
#define KIND_COUNT LIMN_MODEL_COUNT
_Static_assert(sizeof kinds / sizeof *kinds == KIND_COUNT, "a row for each model, in their order");

/* Whether whole runs of the model are tried: on a CUDA device, where cuDNN plans each of its many convolutions for
 * minutes, those of residual networks with LIMN_TEST_WHOLE alone. */
static bool takes_runs_of(size_t k) {
  return strcmp(test_device(), "cpu") == 0 || getenv("LIMN_TEST_WHOLE") ||
         (k != LIMN_MODEL_SNGAN && k != LIMN_MODEL_R3GAN && k != LIMN_MODEL_PROJECTED);
}

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
    if (!takes_runs_of(k))
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
    if (!takes_runs_of(k))
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
    if (!takes_runs_of(k))
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

/* --- divergence --- */

static uint64_t last_logged_step(const char *name) {
  json_t *lines = test_read_metrics(name);
  size_t count = json_array_size(lines);
  uint64_t step = count ? (uint64_t)json_integer_value(json_object_get(json_array_get(lines, count - 1), "step")) : 0;
  json_decref(lines);
  return step;
}

/* The run ended at the first step that is not finite; the checkpoint that it names is whole and finite. A validation
 * comes behind a step whose own measures are finite. */
static void expect_diverged(const test_run *run, const char *name) {
  cr_assert_eq(run->status, LIMN_DIVERGED, "status %d: %s", (int)run->status, run->message);
  char piece[TEST_PATH_SIZE];
  snprintf(piece, sizeof piece, "not finite at step %u",
           (unsigned)last_logged_step(name) + (strncmp(run->message, "validation_", 11) != 0));
  cr_expect_not_null(strstr(run->message, piece), "\"%s\" is not in: %s", piece, run->message);
  cr_assert_neq(run->result.checkpoint, 0);
  snprintf(piece, sizeof piece, "%s/checkpoints/%06u.safetensors", name, (unsigned)run->result.checkpoint);
  cr_expect_not_null(strstr(run->message, piece), "\"%s\" is not in: %s", piece, run->message);
  limn_safetensors *file = test_open_checkpoint(name, run->result.checkpoint);
  for (size_t i = 0; i < limn_safetensors_count(file); ++i)
    cr_expect(test_is_finite(limn_safetensors_at(file, i)), "%s is not finite", limn_safetensors_at(file, i)->name);
  limn_safetensors_close(file);
}

Test(train, divergence_leaves_the_last_good_checkpoint) {
  for (size_t k = 0; k < KIND_COUNT; ++k) {
    if (!takes_runs_of(k))
      continue;
    limn_config *config = test_config(kinds[k].model, kinds[k].settings);
    test_set(config, "data", data);
    test_run good = {.stop_at = 6}, bad = {0};
    test_train(&good, config, kinds[k].model, false);
    cr_assert_eq(good.status, LIMN_OK, "%s", good.message);
    test_set(config, "lr", "1e30"); /* as if somebody had written it into the run */
    cr_assert_eq(limn_config_write(config, test_path("%s/config.yaml", kinds[k].model)), LIMN_OK);
    test_train(&bad, config, kinds[k].model, true);
    expect_diverged(&bad, kinds[k].model);
    limn_config_destroy(config);
  }
}

/* A checkpoint a step: the last good one may hold no number that the step behind it would choke on. */
Test(train, no_checkpoint_is_ever_not_finite) {
  static const struct {
    const char *model, *optimizer, *lr;
  } cases[] = {{"vae", "sgd", "1"},       {"vae", "sgd", "1e30"},   {"vae", "sgd", "1e38"},   {"vae", "adam", "1e30"},
               {"vae", "adam", "1e39"},   {"vae", "adamw", "1e38"}, {"dcgan", "sgd", "1e38"}, {"dcgan", "adam", "1e38"},
               {"sngan", "adam", "1e30"}, {"sngan", "sgd", "1e38"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    char name[32];
    snprintf(name, sizeof name, "run-%zu", i);
    limn_config *config =
        test_config(cases[i].model, kinds[cases[i].model[0] == 'v' ? LIMN_MODEL_VAE : LIMN_MODEL_DCGAN].settings);
    test_set(config, "data", data);
    test_set(config, "steps", "60");
    test_set(config, "checkpoint_every", "1");
    test_set(config, "warmup", strcmp(cases[i].lr, "1") == 0 ? "0" : "2");
    test_set(config, "optimizer", cases[i].optimizer);
    test_set(config, "lr", cases[i].lr);
    test_run run = {0};
    test_train(&run, config, name, false);
    cr_expect_eq(run.status, LIMN_DIVERGED, "%s, %s, lr %s: status %d, %s", cases[i].model, cases[i].optimizer,
                 cases[i].lr, (int)run.status, run.message);
    for (uint64_t step = 1; step <= 60; ++step) {
      if (access(test_path("%s/checkpoints/%06u.safetensors", name, (unsigned)step), F_OK) != 0)
        continue;
      limn_safetensors *file = test_open_checkpoint(name, step);
      for (size_t t = 0; t < limn_safetensors_count(file); ++t)
        cr_expect(test_is_finite(limn_safetensors_at(file, t)), "%s, %s, lr %s, step %u: %s", cases[i].model,
                  cases[i].optimizer, cases[i].lr, (unsigned)step, limn_safetensors_at(file, t)->name);
      limn_safetensors_close(file);
    }
    limn_config_destroy(config);
  }
}

Test(train, divergence_at_once_says_that_there_is_no_checkpoint) {
  limn_config *config = test_config("vae", vae);
  test_set(config, "data", data);
  test_set(config, "lr", "1e30");
  test_run run = {0};
  test_train(&run, config, "run", false);
  cr_expect_eq(run.status, LIMN_DIVERGED);
  cr_expect_not_null(strstr(run.message, "before the first checkpoint"), "%s", run.message);
  cr_expect_not_null(strstr(run.message, "lower lr"), "%s", run.message);
  cr_expect_eq(run.result.checkpoint, 0);
  cr_expect_str_eq(run.result.path, test_path("run"));
  limn_config_destroy(config);
}

/* --- starting from weights --- */

/* Tensors of NAME in the checkpoint whose names begin with one of ours; how many. */
static int expect_equal_parameters(const limn_safetensors *ours, const char *prefix, const limn_safetensors *theirs,
                                   const char *their_prefix) {
  int count = 0;
  for (size_t i = 0; i < limn_safetensors_count(ours); ++i) {
    const limn_stored_tensor *t = limn_safetensors_at(ours, i);
    char name[160];
    if (strncmp(t->name, prefix, strlen(prefix)) != 0 || strstr(t->name, "running_"))
      continue;
    snprintf(name, sizeof name, "%s%s", their_prefix, t->name + strlen(prefix));
    const limn_stored_tensor *other = limn_safetensors_find(theirs, name);
    cr_assert_not_null(other, "%s", name);
    cr_assert_eq(t->bytes, other->bytes);
    cr_expect_arr_eq(t->data, other->data, t->bytes, "%s", t->name);
    ++count;
  }
  return count;
}

static void set_init(limn_config *config, const char *name, uint64_t step) {
  test_set(config, "init", test_path("%s/checkpoints/%06u.safetensors", name, (unsigned)step));
}

/* With a learning rate that moves nothing, the weights behind the first step are those that it began with. */
Test(train, init_takes_the_weights) {
  const char *const still[] = {"steps", "1", "lr", "1e-30", "seed", "8", "ema", "0.5", NULL};
  test_train_well("dcgan", dcgan, data, "first");
  limn_config *config = test_config("dcgan", still);
  test_set(config, "data", data);
  set_init(config, "first", STEPS);
  test_run run = {0};
  test_train(&run, config, "second", false);
  cr_assert_eq(run.status, LIMN_OK, "%s", run.message);
  limn_safetensors *first = test_open_checkpoint("first", STEPS), *second = test_open_checkpoint("second", 1);
  cr_expect_gt(expect_equal_parameters(second, "generator.", first, "generator."), 0);
  cr_expect_gt(expect_equal_parameters(second, "discriminator.", first, "discriminator."), 0);
  cr_expect_gt(expect_equal_parameters(second, "ema.generator.", first, "generator."), 0);
  cr_expect_str_eq(limn_safetensors_metadata(second, "step"), "1", "only the weights are taken");
  limn_safetensors_close(first);
  limn_safetensors_close(second);
  limn_config_destroy(config);
}

Test(train, init_from_what_does_not_fit_is_refused) {
  test_train_well("dcgan", dcgan, data, "first");
  static const struct {
    const char *model, *filters, *message;
  } cases[] = {{"vae", "4", "no tensor of the encoder or the decoder of a vae"},
               {"dcgan", "8", "generator.main.0.weight"}};
  for (size_t i = 0; i < 2; ++i) {
    limn_config *config = test_config(cases[i].model, kinds[i == 0 ? LIMN_MODEL_VAE : LIMN_MODEL_DCGAN].settings);
    test_set(config, "data", data);
    test_set(config, "filters", cases[i].filters);
    set_init(config, "first", STEPS);
    test_run run = {0};
    test_train(&run, config, "refused", false);
    cr_expect_eq(run.status, LIMN_DATA);
    cr_expect_not_null(strstr(run.message, cases[i].message), "%s", run.message);
    cr_expect_neq(access(test_path("refused"), F_OK), 0, "no run is made");
    limn_config_destroy(config);
  }
}

/* --- early stop --- */

/* Nothing moves, so the first validation stays the best. */
Test(train, patience_stops_early) {
  const char *const settings[] = {"steps",          "100", "lr",       "1e-30", "validation", "0.25",
                                  "validate_every", "2",   "patience", "3",     NULL};
  test_run run = test_train_well("vae", settings, data, "run");
  cr_expect_eq(run.result.step, 8, "stopped at step %u: the best at 2, then three no better",
               (unsigned)run.result.step);
  cr_expect_eq(run.validations, 4);
  cr_expect_eq(run.result.stopped, 0);
  cr_expect_not_null(strstr(run.notice, "stopped early"), "%s", run.notice);
  cr_expect_not_null(strstr(run.notice, "step 2"), "%s", run.notice);
  char target[64] = "";
  cr_expect_gt(readlink(test_path("run/checkpoints/best"), target, sizeof target - 1), 0);
  cr_expect_str_eq(target, "000002.safetensors");
  limn_safetensors *file = test_open_checkpoint("run", 8);
  cr_expect_str_eq(limn_safetensors_metadata(file, "best_step"), "2");
  cr_expect_str_eq(limn_safetensors_metadata(file, "validations_since_best"), "3");
  limn_safetensors_close(file);
}

/* It learns: every validation is the best so far, and nothing stops. */
Test(train, improvement_goes_on) {
  const char *const settings[] = {"steps",          "60", "lr",       "0.002", "validation", "0.25",
                                  "validate_every", "20", "patience", "1",     NULL};
  test_run run = test_train_well("vae", settings, data, "run");
  cr_expect_eq(run.result.step, 60);
  json_t *lines = test_read_metrics("run");
  double before = INFINITY;
  int seen = 0;
  for (size_t i = 0; i < json_array_size(lines); ++i) {
    json_t *loss = json_object_get(json_array_get(lines, i), "validation_loss");
    if (!loss)
      continue;
    cr_expect_lt(json_number_value(loss), before);
    before = json_number_value(loss);
    ++seen;
  }
  cr_expect_eq(seen, 3);
  json_decref(lines);
}

/* --- choices --- */

static const struct {
  const char *name, *channels, *size;
  int height, width;
} shapes[] = {{"grey", "1", "16", 16, 16}, {"colour", "3", "16", 16, 16}, {"wide", "1", "16x24", 16, 24}};
#define SHAPE_COUNT 3

static void write_shapes(void) {
  for (size_t i = 0; i < SHAPE_COUNT; ++i)
    test_write_data(test_path("%s", shapes[i].name), 16, atoi(shapes[i].channels), shapes[i].height, shapes[i].width);
}

static uint64_t hash_of(const void *bytes, size_t size, uint64_t hash) { /* FNV-1a */
  for (size_t i = 0; i < size; ++i)
    hash = (hash ^ ((const unsigned char *)bytes)[i]) * 0x100000001B3u;
  return hash;
}

/* Three steps with the settings on pictures of that shape; a hash of the networks' weights behind them. */
static uint64_t train_three_steps(const char *model, size_t shape, const char *const *settings) {
  static int runs;
  char name[32];
  const char *const common[] = {
      "steps", "3", "weight_decay", "0.01", "channels", shapes[shape].channels, "size", shapes[shape].size, NULL};
  limn_config *config = test_config(model, common);
  test_set_all(config, settings);
  test_set(config, "data", test_path("%s", shapes[shape].name));
  snprintf(name, sizeof name, "run-%d", runs++);
  test_run run = {0};
  test_train(&run, config, name, false);
  cr_assert_eq(run.status, LIMN_OK, "%s, %s, %s %s: %s", model, shapes[shape].name, settings[0], settings[1],
               run.message);
  cr_expect_eq(run.result.step, 3);
  limn_config_destroy(config);
  uint64_t hash = 0xCBF29CE484222325u;
  limn_safetensors *file = test_open_checkpoint(name, 3);
  for (size_t i = 0; i < limn_safetensors_count(file); ++i) {
    const limn_stored_tensor *t = limn_safetensors_at(file, i);
    if (strncmp(t->name, "optimizer.", 10) != 0)
      hash = hash_of(t->data, t->bytes, hash);
  }
  limn_safetensors_close(file);
  return hash;
}

/* Each choice of a setting trains, and does something of its own. */
static void check_choices(const char *model, const limn_setting *setting, size_t number) {
  for (size_t shape = 0; shape < SHAPE_COUNT; ++shape) {
    if (!test_takes(number + shape, SHAPE_COUNT))
      continue;
    char range[128], *rest = range;
    uint64_t hashes[8];
    int count = 0;
    snprintf(range, sizeof range, "%s", setting->range);
    for (char *choice; (choice = strtok_r(rest, "|", &rest)); ++count) {
      const bool bounded = strcmp(choice, "wasserstein") == 0; /* what it needs, and the others do without */
      hashes[count] = train_three_steps(
          model, shape, (const char *const[]){setting->name, choice, bounded ? "spectral_norm" : NULL, "true", NULL});
      for (int i = 0; i < count; ++i)
        cr_expect_neq(hashes[i], hashes[count], "%s: %s %s does what choice %d does", model, setting->name, choice, i);
    }
    cr_expect_geq(count, 2);
  }
}

static void check_all_choices(const char *name) {
  const int model = limn_model_index(name);
  int checked = 0;
  write_shapes();
  for (size_t i = 0; i < limn_setting_count(); ++i) {
    const limn_setting *setting = limn_setting_at(i);
    bool of_training = strcmp(setting->group, "loss") == 0 || strcmp(setting->group, "optimiser") == 0;
    if (!of_training || !(setting->models >> model & 1) || strcmp(setting->type, "choice") != 0)
      continue;
    check_choices(name, setting, (size_t)(model + checked++));
  }
  cr_expect_geq(checked, 3, "optimizer, schedule, and loss or likelihood");
}

Test(train, every_choice_of_a_dcgan_trains) { check_all_choices("dcgan"); }
Test(train, every_choice_of_a_vae_trains) { check_all_choices("vae"); }
Test(train, every_choice_of_an_autoencoder_trains) { check_all_choices("autoencoder"); }

Test(train, every_other_setting_of_training_trains) {
  static const struct {
    const char *model, *settings[5];
  } cases[] = {
      {"dcgan", {"d_steps", "3"}},
      {"dcgan", {"clip", "0.1"}},
      {"dcgan", {"warmup", "2"}},
      {"dcgan", {"lr_d", "0.001"}},
      {"dcgan", {"ema", "0.9"}},
      {"dcgan", {"pack", "4"}},
      {"dcgan", {"instance_noise", "0.1"}},
      {"dcgan", {"label_smoothing", "0.1"}},
      {"dcgan", {"augment", "diffaugment", "augment_kinds", "flip"}},
      {"dcgan", {"optimizer", "sgd", "momentum", "0"}},
      {"dcgan", {"flip", "true"}},
      {"dcgan", {"shift", "1"}},
      {"dcgan", {"crop", "2"}},
      {"vae", {"flip", "true"}},
      {"autoencoder", {"shift", "3"}},
      {"vae", {"free_bits", "0.1"}},
      {"vae", {"beta", "4"}},
      {"vae", {"beta_warmup", "5"}},
      {"vae", {"dequantize", "true", "likelihood", "gaussian"}},
      {"vae", {"dequantize", "true", "likelihood", "gaussian_learned"}},
      {"vae", {"sigma", "0.5", "likelihood", "gaussian"}},
      {"vae", {"validation", "0.5"}},
      {"dcgan", {"validation", "0.5"}},
      {"autoencoder", {"noise", "0.3"}},
      {"dcgan", {"norm_d", "none"}},
      {"dcgan", {"spectral_norm", "true"}},
      {"sngan", {"spectral_norm", "false"}},
      {"r3gan", {"minibatch_stddev", "true"}},
      {"autoencoder", {"noise", "0.3", "binarize", "stochastic"}},
  };
  write_shapes();
  for (size_t shape = 0; shape < SHAPE_COUNT; ++shape) {
    uint64_t plain[KIND_COUNT] = {0};
    for (size_t model = 0; model < KIND_COUNT; ++model)
      if (takes_runs_of(model))
        plain[model] = train_three_steps(kinds[model].model, shape, (const char *const[]){"warmup", "0", NULL});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
      if (!test_takes(i + shape, SHAPE_COUNT))
        continue;
      uint64_t hash = train_three_steps(cases[i].model, shape, cases[i].settings);
      for (size_t model = 0; model < KIND_COUNT; ++model)
        cr_expect_neq(hash, plain[model], "%s: %s changes nothing", cases[i].model, cases[i].settings[0]);
    }
  }
}
