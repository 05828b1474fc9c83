/* The table of settings, their values and precedence, presets, and what a run goes on with. */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "support/settings.h"
#include "support/settings_file.h"

static const char *const models[] = {"dcgan", "sngan", "r3gan", "projected", "vae", "autoencoder"};
_Static_assert(sizeof models / sizeof *models == LIMN_MODEL_COUNT, "each model, in their order");
TestSuite(config, .init = settings_file_begin, .fini = settings_file_end);

Test(config, table_is_consistent) {
  const char *const groups[] = {"data",      "network", "length",     "loss", "stabilisers",
                                "optimiser", "run",     "evaluation", "watch"};
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
      limn_config *config = settings_of(models[model]);
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
  limn_config *dcgan = settings_of("dcgan"), *vae = settings_of("vae");
  cr_expect_eq(dcgan->filters, 64);
  cr_expect_eq(dcgan->latent, 100);
  cr_expect_eq(dcgan->batch, 32);
  cr_expect_eq(dcgan->lr, 8e-4);
  cr_expect_eq(dcgan->lr_d, 2e-4);
  cr_expect_eq(dcgan->ema, 0.999);
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
    limn_config *config = settings_of(cases[i].model);
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
  limn_config *config = settings_of("vae");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    cr_expect_eq(limn_config_set(config, cases[i].name, cases[i].value, LIMN_FROM_SET), LIMN_USAGE, "%s=%s",
                 cases[i].name, cases[i].value);
    expect_message(cases[i].piece);
    cr_expect_str_eq(limn_config_origin(config, "batch"), "default");
  }
  limn_config_destroy(config);
}

Test(config, stronger_sources_win) {
  limn_config *config = settings_of("vae");
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
  limn_config *config = settings_of("dcgan");
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

  config = settings_of("dcgan");
  set(config, "steps", "0", LIMN_FROM_FLAG);
  cr_expect_eq(config->epochs, 25, "0 names no length");
  set(config, "epochs", "0", LIMN_FROM_FLAG);
  cr_expect_eq(limn_config_check(config), LIMN_USAGE);
  expect_message("no length");
  limn_config_destroy(config);
}

Test(config, presets) {
  limn_config *config = settings_of("dcgan");
  set(config, "filters", "16", LIMN_FROM_FLAG);
  cr_expect_eq(limn_config_preset(config, "paper"), LIMN_OK, "%s", limn_error_message());
  cr_expect_eq(config->filters, 16);
  cr_expect_eq(config->height, 64);
  cr_expect_str_eq(limn_config_origin(config, "size"), "preset paper");
  cr_expect_eq(limn_config_preset(config, "papr"), LIMN_USAGE);
  expect_message("did you mean paper?");
  cr_expect_eq(limn_config_preset(config, "sngan-cifar10"), LIMN_USAGE);
  expect_message("is one of sngan, not of dcgan: limn train sngan --preset sngan-cifar10");
  limn_config_destroy(config);
  for (int i = 0; i < LIMN_MODEL_COUNT; ++i) {
    config = settings_of(models[i]);
    cr_expect_eq(limn_config_preset(config, "demo"), LIMN_OK, "%s", limn_error_message());
    cr_expect_eq(limn_config_check(config), LIMN_OK, "%s", limn_error_message());
    cr_expect_eq(limn_config_preset(config, "nothing"), LIMN_USAGE);
    limn_config_destroy(config);
  }
}

Test(config, copy_is_its_own) {
  limn_config *config = settings_of("vae"), *copy = NULL;
  set(config, "data", "here", LIMN_FROM_FLAG);
  cr_assert_eq(limn_config_copy(&copy, config), LIMN_OK);
  set(config, "data", "there", LIMN_FROM_FLAG);
  limn_config_destroy(config);
  cr_expect_str_eq(copy->data, "here");
  cr_expect_str_eq(limn_config_origin(copy, "data"), "--data");
  limn_config_destroy(copy);
}

Test(config, truth_is_written_in_many_ways) {
  static const char *const words[2][8] = {{"false", "False", "FALSE", "no", "Off", "0", "nO", "OFF"},
                                          {"true", "True", "TRUE", "yes", "On", "1", "yEs", "ON"}};
  for (int truth = 0; truth < 2; ++truth)
    for (int i = 0; i < 8; ++i) {
      limn_config *config = settings_of("vae");
      char text[64];
      set(config, "flip", truth ? "false" : "true", LIMN_FROM_PRESET);
      set(config, "flip", words[truth][i], LIMN_FROM_SET);
      cr_expect_eq(config->flip, truth, "%s", words[truth][i]);
      snprintf(text, sizeof text, "flip: %s\n", words[truth][i]);
      write_text(text);
      cr_expect_eq(limn_config_load(config, file), LIMN_OK, "%s", limn_error_message());
      limn_config_destroy(config);
    }
  limn_config *config = settings_of("vae");
  cr_expect_eq(limn_config_set(config, "flip", "maybe", LIMN_FROM_FLAG), LIMN_USAGE);
  cr_expect_eq(limn_config_set(config, "flip", "", LIMN_FROM_FLAG), LIMN_USAGE);
  limn_config_destroy(config);
}

Test(config, a_run_tells_what_it_goes_on_with) {
  limn_config *run = settings_of("vae"), *config = settings_of("vae");
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
  limn_config *other = settings_of("dcgan");
  cr_expect_eq(limn_config_resume(other, run), LIMN_USAGE);
  limn_config_destroy(other);
  limn_config_destroy(config);
  limn_config_destroy(run);
}
