/* What a run that goes on may change of its settings, and what it takes over. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "config/settings.h"

#define LONGEST_VALUE 4608 /* a path and then some */
#define SHOWN         200  /* characters of a value in a message */

/* Whether the value says "as it follows from the data or the length", which is then what the run found. */
static bool is_left_open(const limn_setting_row *row, const limn_config *config) {
  return (row->kind == LIMN_SETTING_SIZE && config->height == 0) ||
         (row->kind == LIMN_SETTING_CHANNELS && config->channels == 0) ||
         (row->kind == LIMN_SETTING_BATCH && config->batch == 0) ||
         (row->offset == offsetof(struct limn_config, horizon) && config->horizon == 0);
}

static limn_status take_over(limn_config *config, size_t index, const char *text) {
  const limn_setting_row *row = limn_setting_row_at(index);
  limn_setting_value value;
  LIMN_TRY(limn_setting_parse(row, text, &value));
  return limn_setting_store(row, config, &value);
}

limn_status limn_config_resume(limn_config *config, const limn_config *run) {
  char refused[768] = "", ours[LONGEST_VALUE], theirs[LONGEST_VALUE];
  if (config->model != run->model)
    return limn_fail(LIMN_USAGE, "the run is one of %s, not of %s: leave the model out", limn_config_model(run),
                     limn_config_model(config));
  for (size_t i = 0; i < limn_setting_count(); ++i) {
    const limn_setting_row *row = limn_setting_row_at(i);
    size_t used = strlen(refused);
    limn_setting_format(row, config, ours, sizeof ours);
    limn_setting_format(row, run, theirs, sizeof theirs);
    if (strcmp(ours, theirs) == 0)
      continue;
    if (config->sources[i] == LIMN_FROM_DEFAULT || is_left_open(row, config))
      LIMN_TRY(take_over(config, i, theirs));
    else if (row->setting.resume == LIMN_RESUME_FIXED)
      snprintf(refused + used, sizeof refused - used, "%s: the run has %.*s, the command says %.*s; ",
               row->setting.name, SHOWN, theirs, SHOWN, ours);
  }
  config->resumed = true;
  LIMN_TRY(limn_config_imply_until(config));
  return refused[0] ? limn_fail(LIMN_USAGE, "%sleave it out, or start a new run from its weights by --init", refused)
                    : LIMN_OK;
}

const char *limn_config_inexact_changes(const limn_config *config, const limn_config *run, char *buffer, size_t size) {
  char ours[SHOWN], theirs[SHOWN];
  buffer[0] = '\0';
  for (size_t i = 0; i < limn_setting_count(); ++i) {
    const limn_setting_row *row = limn_setting_row_at(i);
    size_t used = strlen(buffer);
    limn_setting_format(row, config, ours, sizeof ours);
    limn_setting_format(row, run, theirs, sizeof theirs);
    if (row->setting.resume == LIMN_RESUME_INEXACT && strcmp(ours, theirs) != 0)
      snprintf(buffer + used, size - used, "%s%s %s, then %s", used ? "; " : "", row->setting.name, theirs, ours);
  }
  return buffer;
}
