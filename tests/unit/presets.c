/* The table of presets, and docs/reproduce.md, which has a section for each that repeats somebody's numbers. */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "config/preset_table.h"
#include "models/model.h"
#include "support/settings.h"

/* What shows what a model can do, or is a model's own paper without a number to repeat. */
static bool is_general(const char *name) { return strcmp(name, "demo") == 0 || strcmp(name, "paper") == 0; }

/* docs/reproduce.md; free it. */
static char *read_document(void) {
  char *text = NULL;
  size_t size;
  cr_assert_eq(limn_read_file(LIMN_SOURCE_DIR "/docs/reproduce.md", 1 << 20, &text, &size), LIMN_OK, "%s",
               limn_error_message());
  return text;
}

static const limn_preset *find(const char *name) {
  const limn_preset *preset;
  for (size_t i = 0; (preset = limn_preset_at(i)) != NULL; ++i)
    if (strcmp(preset->name, name) == 0)
      return preset;
  return NULL;
}

Test(presets, each_makes_a_run) {
  const limn_preset *preset;
  for (size_t i = 0; (preset = limn_preset_at(i)) != NULL; ++i) {
    limn_config *config = settings_of(limn_model_name(preset->model));
    limn_model model;
    cr_assert_eq(limn_config_preset(config, preset->name), LIMN_OK, "%s", limn_error_message());
    cr_expect(is_general(preset->name) || config->height > 0, "%s: of which size?", preset->name);
    if (config->height == 0)
      set(config, "size", "28", LIMN_FROM_DEFAULT);
    if (config->channels == 0)
      config->channels = 3;
    cr_expect_eq(limn_config_check(config), LIMN_OK, "%s: %s", preset->name, limn_error_message());
    cr_expect_eq(limn_model_init(&model, config), LIMN_OK, "%s: %s", preset->name, limn_error_message());
    limn_config_destroy(config);
  }
}

/* No default that is to change may change what a protocol says. */
Test(presets, a_protocol_is_said_in_full) {
  static const char *const gans[] = {"batch", "filters", "lr", "lr_d", "beta1", "beta2", "loss", "d_steps", "augment"};
  static const char *const others[] = {"batch", "filters", "lr", "beta1", "beta2", "likelihood", "latent"};
  const limn_preset *preset;
  for (size_t i = 0; (preset = limn_preset_at(i)) != NULL; ++i) {
    limn_config *config = settings_of(limn_model_name(preset->model));
    const bool gan = (limn_setting_find("loss")->models >> preset->model & 1) != 0;
    const size_t count = gan ? sizeof gans / sizeof *gans : sizeof others / sizeof *others;
    cr_assert_eq(limn_config_preset(config, preset->name), LIMN_OK);
    for (size_t k = 0; k < count && !is_general(preset->name); ++k)
      cr_expect(strncmp(limn_config_origin(config, (gan ? gans : others)[k]), "preset ", 7) == 0, "%s says no %s",
                preset->name, (gan ? gans : others)[k]);
    limn_config_destroy(config);
  }
}

Test(presets, each_has_its_section) {
  char *text = read_document(), heading[96], command[160];
  const limn_preset *preset;
  for (size_t i = 0; (preset = limn_preset_at(i)) != NULL; ++i) {
    if (is_general(preset->name))
      continue;
    snprintf(heading, sizeof heading, "\n## %s\n", preset->name);
    snprintf(command, sizeof command, "limn train %s --preset %s ", limn_model_name(preset->model), preset->name);
    cr_expect(strstr(text, heading), "docs/reproduce.md has no section %s", preset->name);
    cr_expect(strstr(text, command), "docs/reproduce.md does not say: %s", command);
  }
  free(text);
}

Test(presets, each_section_is_of_a_preset) {
  char *text = read_document(), name[64];
  int sections = 0;
  for (const char *at = text; (at = strstr(at, "\n## ")) != NULL; at += 4) {
    if (sscanf(at, "\n## %63[^\n]", name) != 1 || !strchr(name, '-'))
      continue; /* a section in words, whose heading has no hyphen */
    cr_expect(find(name), "docs/reproduce.md has %s, and the table of presets does not", name);
    ++sections;
  }
  cr_expect_geq(sections, 15);
  free(text);
}
