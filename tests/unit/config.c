/* The table of settings, their values and precedence, presets, and config.yaml. */
#include <criterion/criterion.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "config/settings.h"

static const char *const models[] = {"dcgan", "sngan", "r3gan", "vae", "autoencoder"};
_Static_assert(sizeof models / sizeof *models == LIMN_MODEL_COUNT, "each model, in their order");
static char folder[] = "/tmp/limn-config-XXXXXX";
static char file[256];

static void make_folder(void) {
  cr_assert_not_null(mkdtemp(folder));
  snprintf(file, sizeof file, "%s/a.yaml", folder);
}

static void remove_folder(void) {
  unlink(file);
  rmdir(folder);
}

TestSuite(config, .init = make_folder, .fini = remove_folder);

static limn_config *create(const char *model) {
  limn_config *config = NULL;
  cr_assert_eq(limn_config_create(&config, model), LIMN_OK, "%s", limn_error_message());
  return config;
}

static void write_text(const char *text) {
  FILE *stream = fopen(file, "wb");
  cr_assert_not_null(stream);
  fputs(text, stream);
  fclose(stream);
}

static const char *get(const limn_config *config, const char *name) {
  static char buffer[512];
  return limn_config_get(config, name, buffer, sizeof buffer);
}

static void expect_message(const char *piece) {
  cr_expect_not_null(strstr(limn_error_message(), piece), "\"%s\" is not in: %s", piece, limn_error_message());
}

static void set(limn_config *config, const char *name, const char *value, limn_from source) {
  cr_expect_eq(limn_config_set(config, name, value, source), LIMN_OK, "%s", limn_error_message());
}

Test(config, table_is_consistent) {
  const char *const groups[] = {"data", "network", "length", "loss", "stabilisers", "optimiser", "run", "evaluation", "watch"};
  const size_t group_count = sizeof groups / sizeof *groups;
  size_t group = 0;
  for (size_t i = 0; i < limn_setting_count(); ++i) {
    const limn_setting *setting = limn_setting_at(i);
    cr_expect_eq(limn_setting_find(setting->name), setting, "%s stands twice", setting->name);
    cr_assert(setting->help && setting->help[0] && setting->range && setting->type && setting->reference, "%s",
              setting->name);
    cr_expect(setting->models != 0, "%s", setting->name);
    while (group < group_count && strcmp(groups[group], setting->group) != 0)
      ++group;
    cr_expect_lt(group, group_count, "%s: group %s is out of order", setting->name, setting->group);
    for (int model = 0; model < LIMN_MODEL_COUNT; ++model) {
      limn_config *config = create(models[model]);
      if (setting->models & (1u << model)) {
        cr_expect_eq(limn_config_set(config, setting->name, limn_setting_default(setting, model), LIMN_FROM_FLAG),
                     LIMN_OK, "%s", limn_error_message());
      }
      cr_expect_eq(limn_config_check(config), LIMN_OK, "%s", limn_error_message());
      limn_config_destroy(config);
    }
  }
  cr_expect_null(limn_setting_at(limn_setting_count()));
  cr_expect_null(limn_setting_find("nothing"));
}

Test(config, defaults) {
  limn_config *dcgan = create("dcgan"), *vae = create("vae");
  cr_expect_eq(dcgan->filters, 64);
  cr_expect_eq(dcgan->latent, 100);
  cr_expect_eq(dcgan->batch, 128);
  cr_expect_eq(dcgan->lr, 2e-4);
  cr_expect_eq(dcgan->beta1, 0.5);
  cr_expect_eq(dcgan->eps, 1e-8);
  cr_expect_eq(dcgan->epochs, 25);
  cr_expect_eq(dcgan->validation, 0);
  cr_expect_eq(dcgan->seed, 1);
  cr_expect_eq(vae->filters, 32);
  cr_expect_eq(vae->lr, 1e-3);
  cr_expect_eq(vae->validation, 0.1);
  cr_expect_eq(vae->likelihood, LIMN_LIKELIHOOD_BERNOULLI);
  cr_expect_eq(vae->loss, LIMN_GAN_NON_SATURATING);
  cr_expect_str_eq(limn_config_origin(vae, "lr"), "default");
  cr_expect_str_eq(limn_config_model(vae), "vae");
  limn_config_destroy(dcgan);
  limn_config_destroy(vae);
  limn_config_destroy(NULL);
  cr_expect_eq(limn_config_create(&vae, "dcgna"), LIMN_USAGE);
  expect_message("did you mean dcgan?");
}

Test(config, nearest_name) {
  static const char *const names[] = {"lr", "lr_d", "filters", "beta1", "beta2", "checkpoint_every", "seed"};
  static const struct {
    const char *word, *nearest; /* NULL: none */
  } cases[] = {{"filter", "filters"},
               {"fliters", "filters"},
               {"Filters", "filters"},
               {"l", NULL},
               {"rl", "lr"},
               {"lr-d", "lr_d"},
               {"sed", "seed"},
               {"bata1", "beta1"},
               {"xyz", NULL},
               {"", NULL},
               {"checkpoint", "checkpoint_every"},
               {"banana", NULL},
               {"checkpoint-every", "checkpoint_every"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    const char *found = limn_nearest(cases[i].word, names, sizeof names / sizeof *names);
    cr_expect(cases[i].nearest ? found && strcmp(found, cases[i].nearest) == 0 : !found, "\"%s\" gave %s",
              cases[i].word, found ? found : "none");
  }
  cr_expect_null(limn_nearest("lr", NULL, 0));
  cr_expect_eq(limn_text_distance("kitten", "sitting"), 3);
  cr_expect_eq(limn_text_distance("abcd", "acbd"), 1);
  cr_expect_eq(limn_text_distance("", "abc"), 3);
}

Test(config, values_read_and_written) {
  static const struct {
    const char *model, *name, *value, *written;
  } cases[] = {
      {"vae", "lr", "2e-4", "0.0002"},
      {"vae", "eps", "1e-8", "1.0e-08"},
      {"vae", "lr", "0.1", "0.1"},
      {"vae", "lr", "0.30000000000000004", "0.30000000000000004"},
      {"vae", "time", "10m", "10m"},
      {"vae", "time", "120m", "2h"},
      {"vae", "time", "90s", "90s"},
      {"vae", "time", "1.5h", "90m"},
      {"vae", "time", "0.25s", "0.25s"},
      {"vae", "time", "0", "0"},
      {"vae", "size", "64", "64"},
      {"vae", "size", "48x80", "48x80"},
      {"vae", "size", "64x64", "64"},
      {"vae", "size", "0", "0"},
      {"vae", "dequantize", "yes", "true"},
      {"vae", "dequantize", "off", "false"},
      {"vae", "likelihood", "l1", "l1"},
      {"vae", "likelihood", "gaussian_learned", "gaussian_learned"},
      {"dcgan", "loss", "hinge", "hinge"},
      {"dcgan", "seed", "18446744073709551615", "18446744073709551615"},
      {"dcgan", "device", "cuda:1", "cuda:1"},
      {"dcgan", "channels", "3", "3"},
      {"dcgan", "background", "#00fF7f", "#00fF7f"},
      {"dcgan", "steps", "1000000000000", "1000000000000"},
      {"dcgan", "out", "", ""},
      {"dcgan", "batch", "65536", "65536"},
      {"vae", "batch", "auto", "auto"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    limn_config *config = create(cases[i].model);
    set(config, cases[i].name, cases[i].value, LIMN_FROM_FLAG);
    cr_expect_str_eq(get(config, cases[i].name), cases[i].written, "%s=%s", cases[i].name, cases[i].value);
    limn_config_destroy(config);
  }
}

Test(config, bad_values_are_refused) {
  static const struct {
    const char *name, *value, *piece;
  } cases[] = {
      {"batch", "0", "batch must be an integer (1 to 65536, or auto), not \"0\""},
      {"batch", "65537", "1 to 65536"},
      {"batch", "1.5", "an integer"},
      {"batch", "", "an integer"},
      {"batch", "99999999999999999999", "an integer"},
      {"lr", "0", "a number (over 0)"},
      {"lr", "nan", "a number"},
      {"lr", "inf", "a number"},
      {"lr", "1e999", "a number"},
      {"lr", "0x10", "a number"},
      {"lr", " 1", "a number"},
      {"lr", "1,5", "a number"},
      {"beta1", "1", "0 to under 1"},
      {"validation", "0.6", "0 to 0.5"},
      {"size", "7", "8 to 1024"},
      {"size", "64x", "a size"},
      {"size", "x64", "a size"},
      {"size", "64x64x64", "a size"},
      {"size", "0x64", "a size"},
      {"size", "+64", "a size"},
      {"size", "1025", "a size"},
      {"time", "10", "90s, 10m, 2h"},
      {"time", "-1s", "a duration"},
      {"time", "m", "a duration"},
      {"seed", "-1", "an integer"},
      {"seed", "18446744073709551616", "an integer"},
      {"channels", "2", "1 or 3"},
      {"deterministic", "maybe", "true|false"},
      {"likelihood", "bernouli", "did you mean bernoulli?"},
      {"optimizer", "lion", "adam|adamw|sgd"},
      {"precision", "fp8", "auto|fp32"},
      {"device", "cuda:", "auto|cpu|cuda|cuda:N"},
      {"device", "gpu", "auto|cpu|cuda|cuda:N"},
      {"background", "white", "#rrggbb"},
      {"background", "#12345g", "#rrggbb"},
      {"out", "\xff", "UTF-8"},
      {"loss", "hinge", "not of vae: leave it out"},
      {"noise", "1", "noise is a setting of autoencoder, not of vae"},
      {"filtres", "1", "did you mean filters?"},
      {"zzz", "1", "there is no setting \"zzz\""},
  };
  limn_config *config = create("vae");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    cr_expect_eq(limn_config_set(config, cases[i].name, cases[i].value, LIMN_FROM_SET), LIMN_USAGE, "%s=%s",
                 cases[i].name, cases[i].value);
    expect_message(cases[i].piece);
    cr_expect_str_eq(limn_config_origin(config, "batch"), "default");
  }
  limn_config_destroy(config);
}

Test(config, stronger_sources_win) {
  limn_config *config = create("vae");
  set(config, "lr", "0.5", LIMN_FROM_FLAG);
  set(config, "lr", "0.25", LIMN_FROM_FILE);
  cr_expect_eq(config->lr, 0.5);
  cr_expect_str_eq(limn_config_origin(config, "lr"), "--lr");
  cr_expect_eq(limn_config_set(config, "lr", "no", LIMN_FROM_FILE), LIMN_USAGE, "ignored, but checked");
  set(config, "lr", "0.125", LIMN_FROM_FLAG);
  cr_expect_eq(config->lr, 0.125, "of equals, the later");
  set(config, "beta2", "0.99", LIMN_FROM_SET);
  cr_expect_str_eq(limn_config_origin(config, "beta2"), "--set");
  write_text("lr: 3\nbeta1: 0.8\nbeta2: 0.5\n");
  cr_expect_eq(limn_config_load(config, file), LIMN_OK, "%s", limn_error_message());
  cr_expect_eq(config->lr, 0.125);
  cr_expect_eq(config->beta2, 0.99);
  cr_expect_eq(config->beta1, 0.8);
  cr_expect_str_eq(limn_config_origin(config, "beta1"), file);
  cr_expect_str_eq(limn_config_origin(config, "nothing"), "");
  limn_config_destroy(config);
}

Test(config, length_is_one_choice) {
  limn_config *config = create("dcgan");
  cr_expect_eq(limn_config_preset(config, "demo"), LIMN_OK, "%s", limn_error_message());
  cr_expect_gt(config->steps, 0);
  cr_expect_eq(config->epochs, 0, "the preset's steps replace the default's epochs");
  cr_expect_str_eq(limn_config_origin(config, "steps"), "preset demo");
  set(config, "time", "2h", LIMN_FROM_FLAG);
  cr_expect_eq(config->steps, 0, "the flag's time replaces the preset's steps");
  cr_expect_eq(config->time, 7200);
  cr_expect_str_eq(limn_config_origin(config, "steps"), "--time");
  set(config, "epochs", "3", LIMN_FROM_FILE);
  cr_expect_eq(config->epochs, 0, "a weaker source comes too late");
  set(config, "epochs", "3", LIMN_FROM_FLAG);
  cr_expect_eq(config->epochs, 3);
  cr_expect_eq(config->time, 7200, "of equal sources both hold");
  limn_config_destroy(config);

  config = create("dcgan");
  set(config, "steps", "0", LIMN_FROM_FLAG);
  cr_expect_eq(config->epochs, 25, "0 names no length");
  set(config, "epochs", "0", LIMN_FROM_FLAG);
  cr_expect_eq(limn_config_check(config), LIMN_USAGE);
  expect_message("no length");
  limn_config_destroy(config);
}

Test(config, presets) {
  limn_config *config = create("dcgan");
  set(config, "filters", "16", LIMN_FROM_FLAG);
  cr_expect_eq(limn_config_preset(config, "paper"), LIMN_OK, "%s", limn_error_message());
  cr_expect_eq(config->filters, 16);
  cr_expect_eq(config->height, 64);
  cr_expect_str_eq(limn_config_origin(config, "size"), "preset paper");
  cr_expect_eq(limn_config_preset(config, "papr"), LIMN_USAGE);
  expect_message("demo, paper; did you mean paper?");
  limn_config_destroy(config);
  for (int i = 0; i < LIMN_MODEL_COUNT; ++i) {
    config = create(models[i]);
    cr_expect_eq(limn_config_preset(config, "demo"), LIMN_OK, "%s", limn_error_message());
    cr_expect_eq(limn_config_check(config), LIMN_OK, "%s", limn_error_message());
    cr_expect_eq(limn_config_preset(config, "nothing"), LIMN_USAGE);
    limn_config_destroy(config);
  }
}

Test(config, contradictions_are_refused) {
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
    limn_config *config = create("vae");
    set(config, cases[i].name, cases[i].value, LIMN_FROM_FLAG);
    set(config, cases[i].other, cases[i].other_value, LIMN_FROM_FLAG);
    cr_expect_eq(limn_config_check(config), cases[i].piece ? LIMN_USAGE : LIMN_OK, "%s=%s %s=%s", cases[i].name,
                 cases[i].value, cases[i].other, cases[i].other_value);
    if (cases[i].piece)
      expect_message(cases[i].piece);
    limn_config_destroy(config);
  }
}

Test(config, an_autoencoder_draws_with_a_regularizer_alone) {
  limn_config *config = create("autoencoder");
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

/* Every setting, through the file and back. */
static void expect_round_trip(const limn_config *config) {
  limn_config *again = NULL;
  cr_assert_eq(limn_config_write(config, file), LIMN_OK, "%s", limn_error_message());
  cr_assert_eq(limn_config_create_from_file(&again, file), LIMN_OK, "%s", limn_error_message());
  cr_expect_eq(again->model, config->model);
  for (size_t i = 0; i < limn_setting_count(); ++i) {
    const char *name = limn_setting_at(i)->name;
    char before[512], after[512];
    limn_config_get(config, name, before, sizeof before);
    limn_config_get(again, name, after, sizeof after);
    cr_expect_str_eq(after, before, "%s", name);
    bool kept = (limn_setting_at(i)->models & (1u << config->model)) && strcmp(name, "out") != 0;
    cr_expect_str_eq(limn_config_origin(again, name), kept ? file : "default", "%s", name);
  }
  limn_config_destroy(again);
}

Test(config, file_holds_every_setting) {
  static const char *const paths[] = {"",
                                      "123",
                                      "true",
                                      "null",
                                      "~",
                                      "a: b #c",
                                      "- x",
                                      " spaced ",
                                      "quote\"'\\",
                                      "new\nline",
                                      "tab\t",
                                      "b\xc3\xa4lle",
                                      "*x",
                                      "&x !y",
                                      "{a: [b]}",
                                      "\x01\x7f",
                                      "\xef\xbb\xbf"
                                      "bom",
                                      "%TAG",
                                      "2001-01-01",
                                      "line\xe2\x80\xa8"
                                      "sep",
                                      "..."};
  for (size_t i = 0; i < sizeof paths / sizeof *paths; ++i)
    for (int model = 0; model < LIMN_MODEL_COUNT; ++model) {
      limn_config *config = create(models[model]);
      set(config, "init", paths[i], LIMN_FROM_FLAG);
      set(config, "seed", "18446744073709551615", LIMN_FROM_FLAG);
      set(config, "lr", "0.30000000000000004", LIMN_FROM_FLAG);
      set(config, "size", "48x80", LIMN_FROM_FLAG);
      set(config, "time", "90m", LIMN_FROM_FLAG);
      expect_round_trip(config);
      limn_config_destroy(config);
    }
}

Test(config, file_begins_with_the_model) {
  limn_config *config = create("vae");
  char text[4096] = "";
  cr_assert_eq(limn_config_write(config, file), LIMN_OK, "%s", limn_error_message());
  FILE *stream = fopen(file, "rb");
  cr_assert_not_null(stream);
  cr_assert_gt(fread(text, 1, sizeof text - 1, stream), 0);
  fclose(stream);
  cr_expect(strncmp(text, "model: vae\ndata: \"\"\nsize: 0\n", 28) == 0, "%s", text);
  cr_expect_not_null(strstr(text, "\neps: 1.0e-08\n"));
  cr_expect_not_null(strstr(text, "\nbackground: \"#ffffff\"\n"));
  cr_expect_null(strstr(text, "d_steps"), "a setting of another model");
  limn_config_destroy(config);
}

Test(config, bad_files_are_refused) {
  static const struct {
    const char *text, *piece;
  } cases[] = {
      {"lr: 1\nfilter: 3\n", ":2: there is no setting \"filter\"; did you mean filters?"},
      {"lr: 1\n\nlr: 2\n", ":3: lr stands in line 1 already"},
      {"- lr\n", ":1: not a list of settings"},
      {"hello\n", ":1: not a list of settings"},
      {"lr: [1, 2]\n", ":1: lr must be a plain text or number"},
      {"lr:\n  a: 1\n", "lr must be a plain text or number"},
      {"? [a]\n: 1\n", "a name must be a plain text"},
      {"a: &x 1\n", ":1: anchors and tags"},
      {"lr: !!float 1\n", ":1: anchors and tags"},
      {"seed: 1\nlr: *x\n", ":2: lr must be a plain text"},
      {"lr: 1\n---\nlr: 2\n", "a second document"},
      {"lr: \"1\n", "not YAML"},
      {"lr: 1\n\tseed: 2\n", "not YAML"},
      {"lr: 1\nseed: \xff\n", "not YAML"},
      {"out: \"a\\0b\"\n", ":1: out holds a NUL"},
      {"seed: 1\nlr: -1\n", ":2: lr must be a number (over 0)"},
      {"d_steps: 2\n", ":1: d_steps is a setting of dcgan"},
      {"model: dcgan\n", ":1: these are settings of the model dcgan, not of vae"},
      {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: 1\n", "so long a name"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    limn_config *config = create("vae");
    write_text(cases[i].text);
    cr_expect_eq(limn_config_load(config, file), LIMN_DATA, "%s", cases[i].text);
    expect_message(cases[i].piece);
    cr_expect(strncmp(limn_error_message(), file, strlen(file)) == 0, "%s", limn_error_message());
    limn_config_destroy(config);
  }
  limn_config *config = NULL;
  write_text("lr: 1\n");
  cr_expect_eq(limn_config_create_from_file(&config, file), LIMN_DATA);
  expect_message("no line `model");
  write_text("model: gan\n");
  cr_expect_eq(limn_config_create_from_file(&config, file), LIMN_DATA);
  expect_message(":1: there is no model \"gan\"");
  unlink(file);
  cr_expect_eq(limn_config_create_from_file(&config, file), LIMN_DATA);
  cr_expect_null(config);
}

Test(config, empty_file_changes_nothing) {
  limn_config *config = create("vae");
  write_text("# only a comment\n");
  cr_expect_eq(limn_config_load(config, file), LIMN_OK, "%s", limn_error_message());
  write_text("");
  cr_expect_eq(limn_config_load(config, file), LIMN_OK, "%s", limn_error_message());
  cr_expect_str_eq(limn_config_origin(config, "lr"), "default");
  limn_config_destroy(config);
}

Test(config, copy_is_its_own) {
  limn_config *config = create("vae"), *copy = NULL;
  set(config, "data", "here", LIMN_FROM_FLAG);
  cr_assert_eq(limn_config_copy(&copy, config), LIMN_OK);
  set(config, "data", "there", LIMN_FROM_FLAG);
  limn_config_destroy(config);
  cr_expect_str_eq(copy->data, "here");
  cr_expect_str_eq(limn_config_origin(copy, "data"), "--data");
  limn_config_destroy(copy);
}

Test(config, comma_locale_changes_nothing) {
  static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8", "de_DE"};
  bool found = false;
  for (size_t i = 0; i < sizeof names / sizeof *names && !found; ++i)
    found = setlocale(LC_ALL, names[i]) != NULL;
  if (!found) {
    remove_folder(); /* skipping goes past the suite's end */
    cr_skip_test("no locale with a decimal comma is installed");
  }
  limn_config *config = create("vae");
  set(config, "lr", "0.25", LIMN_FROM_FLAG);
  cr_expect_eq(config->lr, 0.25);
  cr_expect_str_eq(get(config, "lr"), "0.25");
  expect_round_trip(config);
  limn_config_destroy(config);
}

/* A run's file is a recipe for others: where the run lies is no part of it, and its labels go with its pictures. */
Test(config, the_file_of_a_run_serves_another) {
  limn_config *run = create("vae"), *config = create("vae");
  char text[256];
  set(run, "out", "here", LIMN_FROM_FLAG);
  set(run, "data", "pictures", LIMN_FROM_FLAG);
  set(run, "labels", "pictures.csv", LIMN_FROM_FLAG);
  cr_assert_eq(limn_config_write(run, file), LIMN_OK, "%s", limn_error_message());
  cr_assert_eq(limn_config_load(config, file), LIMN_OK, "%s", limn_error_message());
  cr_expect_str_eq(limn_config_get(config, "out", text, sizeof text), "");
  cr_expect_str_eq(limn_config_get(config, "labels", text, sizeof text), "pictures.csv");
  set(config, "data", "others", LIMN_FROM_FLAG);
  cr_expect_str_eq(limn_config_get(config, "labels", text, sizeof text), "", "they are of other pictures");
  cr_expect_eq(limn_config_resume(config, run), LIMN_OK, "%s", limn_error_message());
  cr_expect_str_eq(limn_config_get(config, "labels", text, sizeof text), "pictures.csv", "moved, not exchanged");
  set(config, "labels", "mine.csv", LIMN_FROM_SET);
  set(config, "data", "third", LIMN_FROM_FLAG);
  cr_expect_str_eq(limn_config_get(config, "labels", text, sizeof text), "mine.csv", "named for themselves");
  limn_config_destroy(config);
  limn_config_destroy(run);
}

Test(config, truth_is_written_in_many_ways) {
  static const char *const words[2][8] = {{"false", "False", "FALSE", "no", "Off", "0", "nO", "OFF"},
                                          {"true", "True", "TRUE", "yes", "On", "1", "yEs", "ON"}};
  for (int truth = 0; truth < 2; ++truth)
    for (int i = 0; i < 8; ++i) {
      limn_config *config = create("vae");
      char text[64];
      set(config, "flip", truth ? "false" : "true", LIMN_FROM_PRESET);
      set(config, "flip", words[truth][i], LIMN_FROM_SET);
      cr_expect_eq(config->flip, truth, "%s", words[truth][i]);
      snprintf(text, sizeof text, "flip: %s\n", words[truth][i]);
      write_text(text);
      cr_expect_eq(limn_config_load(config, file), LIMN_OK, "%s", limn_error_message());
      limn_config_destroy(config);
    }
  limn_config *config = create("vae");
  cr_expect_eq(limn_config_set(config, "flip", "maybe", LIMN_FROM_FLAG), LIMN_USAGE);
  cr_expect_eq(limn_config_set(config, "flip", "", LIMN_FROM_FLAG), LIMN_USAGE);
  limn_config_destroy(config);
}

Test(config, a_run_tells_what_it_goes_on_with) {
  limn_config *run = create("vae"), *config = create("vae");
  char text[256];
  set(run, "steps", "500", LIMN_FROM_FILE);
  set(run, "lr", "0.5", LIMN_FROM_FILE);
  set(run, "size", "32", LIMN_FROM_FILE);
  set(config, "size", "0", LIMN_FROM_SET); /* from the data, which said 32 */
  set(config, "time", "2h", LIMN_FROM_SET);
  set(config, "threads", "3", LIMN_FROM_SET);
  set(config, "precision", "fp32", LIMN_FROM_SET);
  cr_expect_eq(limn_config_resume(config, run), LIMN_OK, "%s", limn_error_message());
  cr_expect_str_eq(limn_config_get(config, "lr", text, sizeof text), "0.5");
  cr_expect_str_eq(limn_config_get(config, "size", text, sizeof text), "32");
  cr_expect_str_eq(limn_config_get(config, "steps", text, sizeof text), "500", "time is another limit");
  cr_expect_str_eq(limn_config_get(config, "time", text, sizeof text), "2h");
  cr_expect_str_eq(limn_config_inexact_changes(config, run, text, sizeof text),
                   "threads 0, then 3; precision auto, then fp32");
  set(config, "steps", "0", LIMN_FROM_SET);
  cr_expect_eq(limn_config_resume(config, run), LIMN_OK, "%s", limn_error_message());
  cr_expect_str_eq(limn_config_get(config, "steps", text, sizeof text), "0", "a limit is removed by its name");
  set(config, "latent", "5", LIMN_FROM_SET);
  cr_expect_eq(limn_config_resume(config, run), LIMN_USAGE);
  cr_expect_not_null(strstr(limn_error_message(), "latent: the run has 128, the command says 5; "), "%s",
                     limn_error_message());
  limn_config *other = create("dcgan");
  cr_expect_eq(limn_config_resume(other, run), LIMN_USAGE);
  limn_config_destroy(other);
  limn_config_destroy(config);
  limn_config_destroy(run);
}
