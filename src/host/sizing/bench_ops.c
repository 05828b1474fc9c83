/* How fast the kernels of a training step are, each by itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "limn/tools.h"
#include "sizing/bench.h"
#include "sizing/step_rows.h"

/* A round on a CPU takes as long as hundreds on a GPU, and its kernels are long enough for a few to do. */
#define CPU_ROUNDS 5
#define GPU_ROUNDS 20

/* Adds the rows of one program. seconds: (rounds, part->row_count); column: room for `rounds`. */
static void add_rows(limn_bench_ops *ops, const limn_step_part *part, const double *seconds, double *column) {
  for (int i = 0; i < part->row_count; ++i) {
    for (int round = 0; round < ops->rounds; ++round)
      column[round] = seconds[(size_t)round * (size_t)part->row_count + (size_t)i];
    limn_bench_row *row = &ops->rows[ops->row_count++];
    row->step = limn_step_row_of(part, i, ops->peak_flops, ops->peak_bandwidth);
    row->seconds_median = limn_bench_median(column, ops->rounds);
    row->seconds_min = column[0];
    row->seconds_max = column[ops->rounds - 1];
  }
}

static void add_up(limn_bench_ops *ops) {
  for (size_t i = 0; i < ops->row_count; ++i) {
    const limn_bench_row *row = &ops->rows[i];
    double times = row->step.times;
    ops->seconds += times * row->seconds_median;
    ops->flops += times * row->step.flops;
    ops->bytes += times * row->step.bytes;
    ops->floor_seconds += times * row->step.floor_seconds;
  }
  for (size_t i = 0; i < ops->row_count; ++i) /* a clock may be too coarse to see any time go by */
    ops->rows[i].share = ops->seconds > 0 ? ops->rows[i].step.times * ops->rows[i].seconds_median / ops->seconds : 0;
}

static limn_status trace(limn_bench_ops *ops, const limn_session *s) {
  limn_step_part parts[LIMN_SESSION_PARTS];
  int part_count;
  size_t row_count = limn_step_parts(s, parts, &part_count), rounds = (size_t)ops->rounds;
  ops->rows = calloc(row_count + 1, sizeof *ops->rows);
  double *seconds = calloc((row_count + 1) * rounds, sizeof *seconds);
  limn_status status = ops->rows && seconds ? LIMN_OK : limn_fail_memory("a bench");
  for (int i = 0; status == LIMN_OK && i < part_count; ++i) {
    status = limn_program_trace(parts[i].program, ops->rounds, seconds);
    if (status == LIMN_OK)
      add_rows(ops, &parts[i], seconds, seconds + row_count * rounds);
  }
  free(seconds);
  return status;
}

static limn_status find_peaks(limn_bench_ops *ops, limn_device *device) {
  ops->peak_flops = device->peak_flops;
  ops->peak_bandwidth = device->peak_bandwidth;
  if (!device->ops->measure_peaks)
    return LIMN_OK;
  ops->peaks_measured = 1;
  return device->ops->measure_peaks(device, &ops->peak_flops, &ops->peak_bandwidth);
}

limn_status limn_bench_measure_ops(limn_bench *bench, int rounds, limn_bench_ops *ops) {
  limn_session *s = &bench->session;
  if (!s->device->ops->program_trace)
    return limn_fail(LIMN_DEVICE, "%s cannot time its kernels; limn bench step times whole steps",
                     s->device->description);
  ops->rounds = rounds ? rounds : strcmp(s->device->ops->kind, "cpu") == 0 ? CPU_ROUNDS : GPU_ROUNDS;
  ops->images = s->config->batch * s->algorithm->batches_per_step(s->config);
  snprintf(ops->device, sizeof ops->device, "%s", s->device->description);
  LIMN_TRY(limn_bench_run(bench, 1 + ops->warmup)); /* the first step compiles and captures */
  double begin = limn_clock();
  LIMN_TRY(limn_bench_run(bench, ops->rounds));
  ops->step_seconds = (limn_clock() - begin) / ops->rounds;
  LIMN_TRY(find_peaks(ops, s->device));
  LIMN_TRY(trace(ops, s));
  add_up(ops);
  return LIMN_OK;
}

limn_status limn_bench_ops_create(limn_bench_ops **out, const limn_config *config,
                                  const limn_bench_ops_options *options) {
  *out = NULL;
  if (options->warmup < 0 || options->rounds < 0)
    return limn_fail(LIMN_USAGE, "a bench of %d rounds after %d steps: neither can be below 0", options->rounds,
                     options->warmup);
  limn_bench_ops *ops = calloc(1, sizeof *ops);
  if (!ops)
    return limn_fail_memory("a bench");
  ops->warmup = options->warmup;
  limn_bench bench;
  limn_status status = limn_bench_init(&bench, config);
  if (status == LIMN_OK) {
    status = limn_bench_measure_ops(&bench, options->rounds, ops);
    limn_bench_release(&bench);
  }
  if (status != LIMN_OK) {
    limn_bench_ops_destroy(ops);
    return status;
  }
  *out = ops;
  return LIMN_OK;
}

void limn_bench_ops_destroy(limn_bench_ops *ops) {
  if (!ops)
    return;
  free(ops->rows);
  free(ops);
}
