/* What `limn plan` prints. */
#ifndef LIMN_CLI_PLAN_PRINT_H
#define LIMN_CLI_PLAN_PRINT_H

#include <stdbool.h>

#include "limn/tools.h"
#include "report/report.h"

/* largest: the largest batch that fits, negative where that is not known. */
typedef struct cli_plan {
  const limn_plan *plan;
  const limn_config *config;
  int largest;
  bool every; /* a line a row, instead of one for all rows that are alike */
} cli_plan;

/* What the planned step's memory has to fit into, of the card or of the machine's own device, which has given its
 * libraries theirs; 0: not known. */
double cli_plan_capacity(const limn_plan *plan);
bool cli_plan_fits(const limn_plan *plan);

void cli_say_plan(limn_report *report, const cli_plan *shown);

#endif
