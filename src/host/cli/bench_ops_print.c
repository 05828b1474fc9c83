#include "bench_ops_print.h"

#include <stdlib.h>

#include "parts.h"
#include "report/numbers.h"

/* A line of the table: the kernels of one row or of several that are alike, all their times together. */
struct line {
  const limn_step_row *row; /* the first; NULL: the sum */
  size_t place;             /* of it, in the order in which they run */
  double times;
  double seconds, least, most, share, flops, bytes, floor;
};

static void add_row(struct line *line, const limn_bench_row *row) {
  double times = row->step.times;
  line->times += times;
  line->seconds += times * row->seconds_median;
  line->least += times * row->seconds_min;
  line->most += times * row->seconds_max;
  line->share += row->share;
  line->flops += times * row->step.flops;
  line->bytes += times * row->step.bytes;
  line->floor += times * row->step.floor_seconds;
}

/* Returns how many lines. */
static size_t make_lines(struct line *lines, const cli_bench_ops *shown) {
  size_t count = 0;
  for (size_t i = 0; i < shown->ops->row_count; i++) {
    const limn_bench_row *row = &shown->ops->rows[i];
    size_t same = shown->every ? count : 0;
    while (same < count && !cli_step_row_alike(lines[same].row, &row->step))
      same++;
    if (same == count)
      lines[count++] = (struct line){.row = &row->step, .place = i};
    add_row(&lines[same], row);
  }
  return count;
}

static int longest_first(const void *a, const void *b) {
  const struct line *x = a, *y = b;
  if (x->seconds != y->seconds)
    return x->seconds < y->seconds ? 1 : -1;
  return (x->place > y->place) - (x->place < y->place);
}

/* 0 where there is nothing to count, or no time to divide by. */
static double rate(double amount, double seconds) { return amount > 0 && seconds > 0 ? amount / seconds : 0; }

/* Of milliseconds, so that neither a GPU's kernels nor a CPU's have all too many or too few. */
static int decimals(const limn_bench_ops *ops) { return ops->seconds < 0.01 ? 4 : ops->seconds < 0.1 ? 3 : 2; }

static void show_line(limn_report *report, const struct line *line, int digits) {
  if (line->row) {
    cli_show_step_row(report, line->row, line->times);
  } else {
    limn_report_row(report);
    limn_report_cell(report, "sum");
    limn_report_cell(report, "%s", "");
  }
  limn_report_cell(report, "%.*f", digits, line->seconds * 1e3);
  limn_report_cell(report, "%.*f to %.*f", digits, line->least * 1e3, digits, line->most * 1e3);
  limn_report_cell(report, "%.1f%%", line->share * 100);
  cli_show_positive(report, rate(line->flops * 1e-9, line->seconds), "%.1f");
  cli_show_positive(report, rate(line->bytes * 1e-9, line->seconds), "%.1f");
  cli_show_positive(report, rate(line->floor * 100, line->seconds), "%.0f%%");
  limn_report_cell(report, "%s", line->row ? line->row->engine : "");
}

static void show_rows(limn_report *report, const cli_bench_ops *shown) {
  const limn_bench_ops *ops = shown->ops;
  struct line sum = {0}, *lines = malloc((ops->row_count + 1) * sizeof(*lines));
  if (!lines) {
    limn_report_fail(report);
    return;
  }
  size_t count = make_lines(lines, shown);
  if (shown->by_share)
    qsort(lines, count, sizeof(*lines), longest_first);
  limn_report_headed(report, "lrrrrrrrl", "kernel", "makes", "ms", "min to max", "share", "GFLOP/s", "GB/s", "of peak",
                     "engine", NULL);
  for (size_t i = 0; i < count; i++)
    show_line(report, &lines[i], decimals(ops));
  for (size_t i = 0; i < ops->row_count; i++)
    add_row(&sum, &ops->rows[i]);
  show_line(report, &sum, decimals(ops));
  free(lines);
}

static void show_step(limn_report *report, const limn_bench_ops *ops) {
  int digits = decimals(ops);
  limn_report_section(report, NULL, "ll");
  limn_report_show(report, "device", "%s", ops->device);
  if (ops->peak_flops > 0 && ops->peak_bandwidth > 0)
    limn_report_show(report, "peak", "%.4g GFLOP/s, %.4g GB/s: %s", ops->peak_flops * 1e-9, ops->peak_bandwidth * 1e-9,
                     ops->peaks_measured ? "measured here, just now" : "the card's figures");
  else
    limn_report_show(report, "peak", "not known");
  limn_report_show(report, "a step", "%s images; %.*f ms in its kernels one by one, %.*f ms as a whole",
                   LIMN_COUNT(ops->images), digits, ops->seconds * 1e3, digits, ops->step_seconds * 1e3);
  limn_report_show(report, "timed", "%d rounds after %d steps; ms: the median, of all that share a line together",
                   ops->rounds, ops->warmup + 1);
}

/* "gflops", "gigabytes_per_second", "peak_share". */
static void put_rates(limn_report *report, double flops, double bytes, double floor_seconds, double seconds) {
  cli_put_positive(report, "gflops", rate(flops * 1e-9, seconds));
  cli_put_positive(report, "gigabytes_per_second", rate(bytes * 1e-9, seconds));
  cli_put_positive(report, "peak_share", rate(floor_seconds, seconds));
}

static void put_rows(limn_report *report, const limn_bench_ops *ops) {
  limn_report_open_array(report, "rows");
  for (size_t i = 0; i < ops->row_count; i++) {
    const limn_bench_row *row = &ops->rows[i];
    limn_report_open(report, NULL);
    cli_put_step_row(report, &row->step);
    limn_report_number(report, "milliseconds_median", NULL, row->seconds_median * 1e3, NULL);
    limn_report_number(report, "milliseconds_min", NULL, row->seconds_min * 1e3, NULL);
    limn_report_number(report, "milliseconds_max", NULL, row->seconds_max * 1e3, NULL);
    limn_report_number(report, "share", NULL, row->share, NULL);
    put_rates(report, row->step.flops, row->step.bytes, row->step.floor_seconds, row->seconds_median);
    limn_report_close(report);
  }
  limn_report_close(report);
}

void cli_say_bench_ops(limn_report *report, const cli_bench_ops *shown) {
  const limn_bench_ops *ops = shown->ops;
  limn_report_text(report, "model", NULL, limn_config_model(shown->config));
  limn_report_text(report, "device", NULL, ops->device);
  limn_report_count(report, "warmup", NULL, ops->warmup);
  limn_report_count(report, "rounds", NULL, ops->rounds);
  limn_report_count(report, "images", NULL, ops->images);
  cli_put_positive(report, "peak_flops", ops->peak_flops);
  cli_put_positive(report, "peak_bandwidth", ops->peak_bandwidth);
  if (ops->peak_flops > 0 && ops->peak_bandwidth > 0)
    limn_report_flag(report, "peaks_measured", ops->peaks_measured);
  else
    limn_report_null(report, "peaks_measured");
  put_rows(report, ops);
  limn_report_open(report, "sum");
  limn_report_number(report, "milliseconds", NULL, ops->seconds * 1e3, NULL);
  limn_report_number(report, "flops", NULL, ops->flops, NULL);
  limn_report_number(report, "bytes", NULL, ops->bytes, NULL);
  put_rates(report, ops->flops, ops->bytes, ops->floor_seconds, ops->seconds);
  limn_report_close(report);
  limn_report_number(report, "step_milliseconds", NULL, ops->step_seconds * 1e3, NULL);
  cli_say_settings(report, shown->config, false, false);
  show_rows(report, shown);
  show_step(report, ops);
}
