/* config.yaml: every setting through the file and back, and what is wrong with a file. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/settings.h"
#include "support/settings_file.h"

TestSuite(config_file, .init = settings_file_begin, .fini = settings_file_end);

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

Test(config_file, file_holds_every_setting) {
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
      limn_config *config = settings_of(limn_model_name(model));
      set(config, "init", paths[i], LIMN_FROM_FLAG);
      set(config, "seed", "18446744073709551615", LIMN_FROM_FLAG);
      set(config, "lr", "0.30000000000000004", LIMN_FROM_FLAG);
      set(config, "size", "48x80", LIMN_FROM_FLAG);
      set(config, "time", "90m", LIMN_FROM_FLAG);
      expect_round_trip(config);
      limn_config_destroy(config);
    }
}

Test(config_file, file_begins_with_the_model) {
  limn_config *config = settings_of("vae");
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

Test(config_file, bad_files_are_refused) {
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
    limn_config *config = settings_of("vae");
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

Test(config_file, empty_file_changes_nothing) {
  limn_config *config = settings_of("vae");
  write_text("# only a comment\n");
  cr_expect_eq(limn_config_load(config, file), LIMN_OK, "%s", limn_error_message());
  write_text("");
  cr_expect_eq(limn_config_load(config, file), LIMN_OK, "%s", limn_error_message());
  cr_expect_str_eq(limn_config_origin(config, "lr"), "default");
  limn_config_destroy(config);
}

Test(config_file, comma_locale_changes_nothing) {
  static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8", "de_DE"};
  bool found = false;
  for (size_t i = 0; i < sizeof names / sizeof *names && !found; ++i)
    found = setlocale(LC_ALL, names[i]) != NULL;
  if (!found) {
    settings_file_end(); /* skipping goes past the suite's end */
    cr_skip_test("no locale with a decimal comma is installed");
  }
  limn_config *config = settings_of("vae");
  set(config, "lr", "0.25", LIMN_FROM_FLAG);
  cr_expect_eq(config->lr, 0.25);
  cr_expect_str_eq(get(config, "lr"), "0.25");
  expect_round_trip(config);
  limn_config_destroy(config);
}

/* A run's file is a recipe for others: where the run lies is no part of it, and its labels go with its pictures. */
Test(config_file, the_file_of_a_run_serves_another) {
  limn_config *run = settings_of("vae"), *config = settings_of("vae");
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
