/* `limn train --dry-run`. */
#ifndef LIMN_CLI_PLAN_PRINT_H
#define LIMN_CLI_PLAN_PRINT_H

#include "limn/tools.h"
#include "report/report.h"

/* What a run with this config would be: networks, memory, data, settings. */
void cli_say_plan(limn_report *report, const limn_plan *plan, const limn_config *config);

#endif
