/* The one table of presets: named groups of settings, each of one model. */
#ifndef LIMN_CONFIG_PRESET_TABLE_H
#define LIMN_CONFIG_PRESET_TABLE_H

#include "limn/config.h"

#define LIMN_PRESET_SETTINGS 32

typedef struct limn_preset_row {
  limn_preset preset;
  struct {
    const char *name, *value;
  } settings[LIMN_PRESET_SETTINGS]; /* ends at a NULL name, or when full */
} limn_preset_row;

/* NULL: there is no such index. */
const limn_preset_row *limn_preset_row_at(size_t index);

#endif
