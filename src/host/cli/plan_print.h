/* `limn train --dry-run`. */
#ifndef LIMN_CLI_PLAN_PRINT_H
#define LIMN_CLI_PLAN_PRINT_H

#include <stdbool.h>

#include "limn/config.h"

/* Prints what a run with this config would be: networks, memory, data, settings. */
int cli_plan_print(const limn_config *config, bool json);
/* The model's settings with their values and where these come from. */
int cli_settings_print(const limn_config *config);

#endif
