/* Every choice of every setting of training trains, and does something of its own. */
#include "support/model_runs.h"

TestSuite(train_choices, .init = test_folder_create, .fini = test_folder_remove, .timeout = 240);

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

Test(train_choices, every_choice_of_a_dcgan_trains) { check_all_choices("dcgan"); }
Test(train_choices, every_choice_of_a_vae_trains) { check_all_choices("vae"); }
Test(train_choices, every_choice_of_an_autoencoder_trains) { check_all_choices("autoencoder"); }

typedef struct choice {
  const char *model, *settings[5];
} choice;

static bool is_chosen(const char *model, const choice *cases, size_t count) {
  for (size_t i = 0; i < count; ++i)
    if (strcmp(cases[i].model, model) == 0)
      return true;
  return false;
}

Test(train_choices, every_other_setting_of_training_trains) {
  static const choice cases[] = {
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
      if (test_takes_runs_of(model) && is_chosen(kinds[model].model, cases, sizeof cases / sizeof *cases))
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
