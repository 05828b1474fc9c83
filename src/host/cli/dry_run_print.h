/* `limn train --dry-run`. */
#ifndef LIMN_CLI_DRY_RUN_PRINT_H
#define LIMN_CLI_DRY_RUN_PRINT_H

#include "limn/tools.h"
#include "report/report.h"

/* What a run with this config would be: networks, memory, data, settings. */
void cli_say_dry_run(limn_report *report, const limn_dry_run *dry_run, const limn_config *config);

#endif
