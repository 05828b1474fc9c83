/* What `limn bench ops` prints: the kernels of a training step with their speeds. */
#ifndef LIMN_CLI_BENCH_OPS_PRINT_H
#define LIMN_CLI_BENCH_OPS_PRINT_H

#include <stdbool.h>

#include "limn/tools.h"
#include "report/report.h"

typedef struct cli_bench_ops {
  const limn_bench_ops *ops;
  const limn_config *config;
  bool every;    /* a line for every kernel, also where several are alike */
  bool by_share; /* the longest first; else in the order in which they run */
} cli_bench_ops;

void cli_say_bench_ops(limn_report *report, const cli_bench_ops *shown);

#endif
