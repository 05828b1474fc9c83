#include "config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "config/settings.h"

limn_status limn_config_create(limn_config **out, const char *model) {
  int kind;
  LIMN_TRY(limn_model_look_up(model, &kind));
  limn_config *config = calloc(1, sizeof *config);
  if (!config)
    return limn_fail_memory("the settings of a run");
  config->model = kind;
  for (size_t i = 0; i < limn_setting_count(); ++i) {
    const limn_setting_row *row = limn_setting_row_at(i);
    limn_setting_value value;
    limn_status status = limn_setting_parse(row, limn_setting_default(&row->setting, kind), &value);
    if (status == LIMN_OK)
      status = limn_setting_store(row, config, &value);
    if (status != LIMN_OK) {
      limn_config_destroy(config);
      return status;
    }
  }
  *out = config;
  return LIMN_OK;
}

static char **text_field(limn_config *config, const limn_setting_row *row) {
  return (char **)(void *)((char *)config + row->offset);
}

void limn_config_destroy(limn_config *config) {
  if (!config)
    return;
  for (size_t i = 0; i < limn_setting_count(); ++i) {
    const limn_setting_row *row = limn_setting_row_at(i);
    if (limn_setting_is_text(row))
      free(*text_field(config, row));
    free(config->origins[i]);
  }
  free(config);
}

void limn_config_background(const limn_config *config, uint8_t rgb[3]) {
  unsigned value = 0xffffff;
  if (config->background && config->background[0] == '#')
    sscanf(config->background + 1, "%6x", &value);
  rgb[0] = (uint8_t)(value >> 16);
  rgb[1] = (uint8_t)(value >> 8);
  rgb[2] = (uint8_t)value;
}

limn_status limn_config_copy(limn_config **out, const limn_config *config) {
  limn_config *copy = malloc(sizeof *copy);
  if (!copy)
    return limn_fail_memory("the settings of a run");
  *copy = *config;
  bool complete = true;
  for (size_t i = 0; i < limn_setting_count(); ++i) {
    const limn_setting_row *row = limn_setting_row_at(i);
    if (limn_setting_is_text(row)) {
      char **text = text_field(copy, row);
      const char *source = *text ? *text : "";
      *text = strdup(source);
      complete = complete && *text;
    }
    if (copy->origins[i]) {
      copy->origins[i] = strdup(copy->origins[i]);
      complete = complete && copy->origins[i];
    }
  }
  if (!complete) {
    limn_config_destroy(copy);
    return limn_fail_memory("the settings of a run");
  }
  *out = copy;
  return LIMN_OK;
}

const char *limn_config_model(const limn_config *config) { return limn_model_name(config->model); }

bool limn_setting_is_length(const limn_setting_row *row) {
  return row->offset == offsetof(struct limn_config, steps) || row->offset == offsetof(struct limn_config, epochs) ||
         row->offset == offsetof(struct limn_config, time) || row->offset == offsetof(struct limn_config, until);
}

static bool length_is_set(const limn_config *config, const limn_setting_row *row) {
  if (row->offset == offsetof(struct limn_config, steps))
    return config->steps != 0;
  if (row->offset == offsetof(struct limn_config, until))
    return config->until != LIMN_UNTIL_LENGTH;
  return row->offset == offsetof(struct limn_config, epochs) ? config->epochs != 0 : config->time != 0;
}

static limn_status put(limn_config *config, size_t index, const limn_setting_value *value, limn_from source,
                       const char *origin) {
  char *copy = NULL;
  if (origin && !(copy = strdup(origin)))
    return limn_fail_memory("the origin of a setting");
  limn_status status = limn_setting_store(limn_setting_row_at(index), config, value);
  if (status != LIMN_OK) {
    free(copy);
    return status;
  }
  free(config->origins[index]);
  config->origins[index] = copy;
  config->sources[index] = (unsigned char)source;
  return LIMN_OK;
}

/* A length is about to be set from `source`: *weaker says that a stronger source has set one already; lengths from
 * weaker ones go, so that `--time 2h` is not cut short by a preset's steps. Nobody has named their 0: a run that goes
 * on keeps its own there. */
static limn_status settle_lengths(limn_config *config, limn_from source, const char *origin, bool *weaker) {
  *weaker = false;
  for (size_t i = 0; i < limn_setting_count(); ++i) {
    const limn_setting_row *row = limn_setting_row_at(i);
    if (limn_setting_is_length(row) && length_is_set(config, row) && config->sources[i] > source)
      *weaker = true;
  }
  for (size_t i = 0; i < limn_setting_count() && !*weaker; ++i) {
    const limn_setting_row *row = limn_setting_row_at(i);
    if (limn_setting_is_length(row) && length_is_set(config, row) && config->sources[i] < source)
      LIMN_TRY(put(config, i, &(limn_setting_value){.text = ""}, LIMN_FROM_DEFAULT, origin));
  }
  return LIMN_OK;
}

/* Other data are about to be named by `source`: labels that came along with the old ones are none of theirs. */
static limn_status settle_labels(limn_config *config, size_t data, limn_from source, const char *origin) {
  size_t labels = 0;
  LIMN_TRY(limn_setting_look_up("labels", &labels));
  bool together = config->sources[labels] == config->sources[data] && config->sources[data] < source;
  return together ? put(config, labels, &(limn_setting_value){.text = ""}, LIMN_FROM_DEFAULT, origin) : LIMN_OK;
}

limn_status limn_config_assign(limn_config *config, size_t index, const char *value, limn_from source,
                               const char *origin) {
  const limn_setting_row *row = limn_setting_row_at(index);
  if (!(row->setting.models & (1u << config->model))) {
    char models[LIMN_MODEL_NAMES_SIZE];
    return limn_fail(LIMN_USAGE, "%s is a setting of %s, not of %s: leave it out", row->setting.name,
                     limn_model_names(row->setting.models, ", ", " and ", models, sizeof models),
                     limn_config_model(config));
  }
  limn_setting_value parsed;
  LIMN_TRY(limn_setting_parse(row, value, &parsed));
  if (source < config->sources[index])
    return LIMN_OK;
  if (limn_setting_is_length(row) && (parsed.integer != 0 || parsed.number != 0)) {
    bool weaker;
    LIMN_TRY(settle_lengths(config, source, origin, &weaker));
    if (weaker)
      return LIMN_OK;
  }
  if (row->offset == offsetof(struct limn_config, data))
    LIMN_TRY(settle_labels(config, index, source, origin));
  LIMN_TRY(put(config, index, &parsed, source, origin));
  return row->offset == offsetof(struct limn_config, until) ? limn_config_imply_until(config) : LIMN_OK;
}

limn_status limn_config_set(limn_config *config, const char *name, const char *value, limn_from source) {
  size_t index = 0;
  LIMN_TRY(limn_setting_look_up(name, &index));
  const limn_setting_row *row = limn_setting_row_at(index);
  char flag[40];
  const char *origin = NULL;
  switch (source) {
  case LIMN_FROM_DEFAULT:
    break;
  case LIMN_FROM_PRESET:
    origin = "preset";
    break;
  case LIMN_FROM_FILE:
    origin = "file";
    break;
  case LIMN_FROM_SET:
    origin = "--set";
    break;
  case LIMN_FROM_FLAG:
    snprintf(flag, sizeof flag, "--%s", row->setting.flag ? row->setting.flag : "set");
    origin = flag;
    break;
  }
  return limn_config_assign(config, index, value, source, origin);
}

const char *limn_config_get(const limn_config *config, const char *name, char *buffer, size_t size) {
  const limn_setting_row *row = NULL;
  for (size_t i = 0; i < limn_setting_count() && !row; ++i)
    if (strcmp(limn_setting_at(i)->name, name) == 0)
      row = limn_setting_row_at(i);
  if (size == 0)
    return buffer;
  buffer[0] = '\0';
  return row ? limn_setting_format(row, config, buffer, size) : buffer;
}

const char *limn_config_origin(const limn_config *config, const char *name) {
  for (size_t i = 0; i < limn_setting_count(); ++i)
    if (strcmp(limn_setting_at(i)->name, name) == 0)
      return config->origins[i] ? config->origins[i] : "default";
  return "";
}
