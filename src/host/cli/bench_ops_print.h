/* The kernels of a training step with their speeds (limn bench ops), as a table or as JSON. */
#ifndef LIMN_CLI_BENCH_OPS_PRINT_H
#define LIMN_CLI_BENCH_OPS_PRINT_H

#include <stdbool.h>

#include "limn/tools.h"

typedef struct cli_bench_ops {
  const limn_bench_ops *ops;
  const limn_config *config;
  bool every;    /* a line for every kernel, also where several are alike */
  bool by_share; /* the longest first; else in the order in which they run */
} cli_bench_ops;

/* Both return the exit code. */
int cli_bench_ops_print_text(const cli_bench_ops *shown);
int cli_bench_ops_print_json(const cli_bench_ops *shown);

#endif
