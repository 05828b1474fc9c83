/* The table of settings as the config sees it: what is public about a row, and how its value is read, kept and written.
 */
#ifndef LIMN_CONFIG_SETTINGS_H
#define LIMN_CONFIG_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

typedef enum limn_setting_kind {
  LIMN_SETTING_INT,      /* int */
  LIMN_SETTING_CHANNELS, /* int: 0, 1 or 3 */
  LIMN_SETTING_BATCH,    /* int; 0 is written "auto" */
  LIMN_SETTING_INT64,    /* int64_t */
  LIMN_SETTING_UINT64,   /* uint64_t */
  LIMN_SETTING_NUMBER,   /* double */
  LIMN_SETTING_DURATION, /* double, seconds */
  LIMN_SETTING_FLAG,     /* bool */
  LIMN_SETTING_CHOICE,   /* int: index into the range "a|b|c" */
  LIMN_SETTING_WORD,     /* char *: one of the range "a|b|c" */
  LIMN_SETTING_TEXT,     /* char * */
  LIMN_SETTING_COLOR,    /* char *: "#rrggbb" */
  LIMN_SETTING_DEVICE,   /* char * */
  LIMN_SETTING_SIZE,     /* the two ints height and width */
} limn_setting_kind;

typedef struct limn_setting_row {
  limn_setting setting;
  limn_setting_kind kind;
  size_t offset; /* of the field in struct limn_config */
  double minimum, maximum;
  bool minimum_open, maximum_open; /* the bound itself is outside */
} limn_setting_row;

/* A value that was read and checked, not yet stored. */
typedef struct limn_setting_value {
  int64_t integer; /* INT, CHANNELS, INT64, CHOICE, FLAG */
  uint64_t natural;
  double number;
  int height, width;
  const char *text; /* borrowed */
} limn_setting_value;

const limn_setting_row *limn_setting_row_at(size_t index);
/* The row of that name; LIMN_USAGE with the nearest name when there is none. */
limn_status limn_setting_look_up(const char *name, size_t *index);

/* The model of that name; LIMN_USAGE with the nearest name when there is none. */
limn_status limn_model_look_up(const char *name, int *index);

/* Reads a value. LIMN_USAGE says what the setting takes. */
limn_status limn_setting_parse(const limn_setting_row *row, const char *text, limn_setting_value *out);
/* Puts it into its field. Fails only for lack of memory, and then changes nothing. */
limn_status limn_setting_store(const limn_setting_row *row, struct limn_config *config,
                               const limn_setting_value *value);
const char *limn_setting_format(const limn_setting_row *row, const struct limn_config *config, char *buffer,
                                size_t size);
/* Whether the field is a char * that the config owns. */
bool limn_setting_is_text(const limn_setting_row *row);
/* Whether it is one of steps, epochs, time and until, the limits of a run: in a new command one of them drops those
 * that weaker sources named. */
bool limn_setting_is_length(const limn_setting_row *row);

/* config_until.c: sets what `until equilibrium` needs and nobody has set; LIMN_USAGE where a run that is to end by a
 * measure has none. */
limn_status limn_config_imply_until(limn_config *config);
limn_status limn_config_check_end(const limn_config *config);

/* limn_config_set with a row and the text for limn_config_origin. */
limn_status limn_config_assign(limn_config *config, size_t index, const char *value, limn_from source,
                               const char *origin);

/* yaml.c: writes a config.yaml durably: the model and each of its settings, resolved, but `out`. */
limn_status limn_config_write(const limn_config *config, const char *path);

#endif
