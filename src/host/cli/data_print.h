/* What `limn data` says about a data set. */
#ifndef LIMN_CLI_DATA_PRINT_H
#define LIMN_CLI_DATA_PRINT_H

#include "limn/tools.h"
#include "report/report.h"

typedef struct cli_data {
  const limn_data_report *report;
  const char *path, *model; /* whose training is reckoned */
  const char *sheet;        /* that was written, NULL: none */
} cli_data;

void cli_say_data(limn_report *report, const cli_data *data);

#endif
