/* What is done with the table of presets. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "config/preset_table.h"
#include "config/settings.h"

#define MOST_NAMES 64
#define LIST_SIZE  512

const limn_preset *limn_preset_at(size_t index) {
  const limn_preset_row *row = limn_preset_row_at(index);
  return row ? &row->preset : NULL;
}

static limn_status apply(limn_config *config, const limn_preset_row *row) {
  char origin[64];
  snprintf(origin, sizeof origin, "preset %s", row->preset.name);
  for (size_t i = 0; i < LIMN_PRESET_SETTINGS && row->settings[i].name; ++i) {
    size_t index = 0;
    LIMN_TRY(limn_setting_look_up(row->settings[i].name, &index));
    LIMN_TRY(limn_config_assign(config, index, row->settings[i].value, LIMN_FROM_PRESET, origin));
  }
  return LIMN_OK;
}

/* The model that has a preset of that name; -1: none, or several. */
static int owner_of(const char *name) {
  const limn_preset *preset;
  int owner = -1, count = 0;
  for (size_t i = 0; (preset = limn_preset_at(i)) != NULL; ++i)
    if (strcmp(preset->name, name) == 0) {
      owner = preset->model;
      ++count;
    }
  return count == 1 ? owner : -1;
}

/* The model has none of that name. */
static limn_status refuse(const limn_config *config, const char *name) {
  const char *names[MOST_NAMES], *model = limn_config_model(config);
  const int owner = owner_of(name);
  if (owner >= 0)
    return limn_fail(LIMN_USAGE, "preset \"%s\" is one of %s, not of %s: limn train %s --preset %s", name,
                     limn_model_name(owner), model, limn_model_name(owner), name);
  char list[LIST_SIZE] = "";
  size_t count = 0;
  const limn_preset *preset;
  for (size_t i = 0; (preset = limn_preset_at(i)) != NULL && count < MOST_NAMES; ++i) {
    if (preset->model != config->model)
      continue;
    const size_t used = strlen(list);
    snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", preset->name);
    names[count++] = preset->name;
  }
  const char *nearest = limn_nearest(name, names, count);
  return limn_fail(LIMN_USAGE, "%s has no preset \"%.64s\" but: %s%s%s%s", model, name, list,
                   nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
}

limn_status limn_config_preset(limn_config *config, const char *name) {
  const limn_preset_row *row;
  for (size_t i = 0; (row = limn_preset_row_at(i)) != NULL; ++i)
    if (row->preset.model == config->model && strcmp(row->preset.name, name) == 0)
      return apply(config, row);
  return refuse(config, name);
}
