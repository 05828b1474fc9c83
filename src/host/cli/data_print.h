/* What `limn data` says about a data set. */
#ifndef LIMN_CLI_DATA_PRINT_H
#define LIMN_CLI_DATA_PRINT_H

#include "limn/tools.h"

typedef struct cli_data {
  const limn_data_report *report;
  const char *path, *model; /* whose training is reckoned */
  const char *sheet;        /* that was written, NULL: none */
} cli_data;

int cli_data_print_text(const cli_data *data);
int cli_data_print_json(const cli_data *data);

#endif
