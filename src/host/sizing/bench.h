/* What the benchmarks share: a session that trains on made-up pictures. */
#ifndef LIMN_SIZING_BENCH_H
#define LIMN_SIZING_BENCH_H

#include "limn/tools.h"
#include "train/session.h"

typedef struct limn_bench {
  limn_config *config; /* a copy, with a size */
  uint8_t *pictures;   /* one batch, used for all */
  limn_session session;
  uint64_t step;       /* the next one's number */
  double host_seconds; /* of the calling thread's own time, in all steps so far */
} limn_bench;

/* After a failure there is nothing to release. */
limn_status limn_bench_init(limn_bench *bench, const limn_config *wanted);
void limn_bench_release(limn_bench *bench);
/* Runs so many steps and waits for the device to have done them: on a GPU a step only puts its work on a queue. */
limn_status limn_bench_run(limn_bench *bench, int steps);
/* Runs ops->warmup steps and times the rest; `rounds` as in limn_bench_ops_options. What is found before a failure
 * stays in *ops. */
limn_status limn_bench_measure_ops(limn_bench *bench, int rounds, limn_bench_ops *ops);
/* Sorts the values, of which there is at least one. */
double limn_bench_median(double *values, int count);

#endif
