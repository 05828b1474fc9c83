/* What a training takes of the device's memory: one account, wherever it is shown. */
#ifndef LIMN_CLI_MEMORY_PRINT_H
#define LIMN_CLI_MEMORY_PRINT_H

#include <jansson.h>

#include "limn/tools.h"
#include "table.h"

/* Rows of a table of three columns, text, bytes, remark; the caller adds what is above and below. */
void cli_memory_rows(cli_table *table, const limn_step_memory *memory);
/* NULL when memory runs out. */
json_t *cli_memory_json(const limn_step_memory *memory);

#endif
