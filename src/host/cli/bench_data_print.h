/* How fast pictures come (limn bench data), as a table or as JSON. */
#ifndef LIMN_CLI_BENCH_DATA_PRINT_H
#define LIMN_CLI_BENCH_DATA_PRINT_H

#include "limn/tools.h"

/* Both return the exit code. */
int cli_bench_data_print_text(const limn_bench_data_result *result, const char *data, int rounds);
int cli_bench_data_print_json(const limn_bench_data_result *result, const char *data, int rounds);

#endif
