/* How runs begin and end: they diverge, start from weights and stop early as they should. */
#include "support/model_runs.h"

#include "config/settings.h"

static char data[TEST_PATH_SIZE];

static void begin(void) { begin_model_runs(data); }

TestSuite(train_ends, .init = begin, .fini = test_folder_remove, .timeout = 240);

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

Test(train_ends, divergence_leaves_the_last_good_checkpoint) {
  for (size_t k = 0; k < KIND_COUNT; ++k) {
    if (!test_takes_runs_of(k))
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
Test(train_ends, no_checkpoint_is_ever_not_finite) {
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

Test(train_ends, divergence_at_once_says_that_there_is_no_checkpoint) {
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
Test(train_ends, init_takes_the_weights) {
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

Test(train_ends, init_from_what_does_not_fit_is_refused) {
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
Test(train_ends, patience_stops_early) {
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

/* The same by the mean of three: of steps 2 to 6, then three no better. */
Test(train_ends, a_likelihood_converges) {
  const char *const settings[] = {"until",          "equilibrium", "lr",       "1e-30", "validation", "0.25",
                                  "validate_every", "2",           "patience", "3",     NULL};
  test_run run = test_train_well("vae", settings, data, "run");
  cr_expect_eq(run.result.step, 12, "stopped at step %u", (unsigned)run.result.step);
  cr_expect_eq(run.result.stopped, 0);
  cr_expect_not_null(strstr(run.notice, "converged at step 12: "), "%s", run.notice);
  cr_expect_not_null(strstr(run.notice, "the best checkpoint is that of step 2"), "%s", run.notice);
}

/* It learns: every validation is the best so far, and nothing stops. */
Test(train_ends, improvement_goes_on) {
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
