#include "bench_ops_print.h"

#include <stdio.h>
#include <stdlib.h>

#include "console.h"
#include "json_out.h"
#include "step_rows_print.h"
#include "table.h"

/* A line of the table: the kernels of one row or of several that are alike, all their times together. */
struct line {
  const limn_step_row *row; /* the first; NULL: the sum */
  size_t place;             /* of it, in the order in which they run */
  int times;
  double seconds, least, most, share, flops, bytes, floor;
};

static void add_row(struct line *line, const limn_bench_row *row) {
  int times = row->step.times;
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

/* "-" where there is nothing to count, or no time to divide by. */
static const char *rate(double amount, double seconds, const char *format, char buffer[CLI_NUMBER_SIZE]) {
  if (amount <= 0 || seconds <= 0)
    return "-";
  snprintf(buffer, CLI_NUMBER_SIZE, format, amount / seconds);
  return buffer;
}

/* Of milliseconds, so that neither a GPU's kernels nor a CPU's have all too many or too few. */
static int decimals(const limn_bench_ops *ops) { return ops->seconds < 0.01 ? 4 : ops->seconds < 0.1 ? 3 : 2; }

static void print_line(cli_table *table, const struct line *line, int digits) {
  char name[CLI_STEP_ROW_TEXT], shape[CLI_STEP_ROW_TEXT], time[CLI_NUMBER_SIZE], spread[CLI_NUMBER_SIZE],
      share[CLI_NUMBER_SIZE], gflops[CLI_NUMBER_SIZE], gigabytes[CLI_NUMBER_SIZE], peak[CLI_NUMBER_SIZE];
  snprintf(time, sizeof(time), "%.*f", digits, line->seconds * 1e3);
  snprintf(spread, sizeof(spread), "%.*f to %.*f", digits, line->least * 1e3, digits, line->most * 1e3);
  snprintf(share, sizeof(share), "%.1f%%", line->share * 100);
  cli_table_row(table, line->row ? cli_step_row_name(line->row, line->times, name) : "sum",
                line->row ? cli_step_row_shape(line->row, shape) : "", time, spread, share,
                rate(line->flops * 1e-9, line->seconds, "%.1f", gflops),
                rate(line->bytes * 1e-9, line->seconds, "%.1f", gigabytes),
                rate(line->floor * 100, line->seconds, "%.0f%%", peak), line->row ? line->row->engine : "");
}

static int print_rows(const cli_bench_ops *shown) {
  const limn_bench_ops *ops = shown->ops;
  struct line sum = {0}, *lines = malloc((ops->row_count + 1) * sizeof(*lines));
  if (!lines)
    return cli_fail_memory();
  size_t count = make_lines(lines, shown);
  if (shown->by_share)
    qsort(lines, count, sizeof(*lines), longest_first);
  cli_table table;
  cli_table_init(&table, "lrrrrrrrl");
  cli_table_row(&table, "kernel", "makes", "ms", "min to max", "share", "GFLOP/s", "GB/s", "of peak", "engine");
  for (size_t i = 0; i < count; i++)
    print_line(&table, &lines[i], decimals(ops));
  for (size_t i = 0; i < ops->row_count; i++)
    add_row(&sum, &ops->rows[i]);
  print_line(&table, &sum, decimals(ops));
  free(lines);
  int code = cli_table_print(&table, 0);
  putchar('\n');
  return code;
}

static int print_step(const limn_bench_ops *ops) {
  char text[192], count[CLI_NUMBER_SIZE];
  cli_table table;
  cli_table_init(&table, "ll");
  cli_table_row(&table, "device", ops->device);
  if (ops->peak_flops > 0 && ops->peak_bandwidth > 0) {
    snprintf(text, sizeof(text), "%.4g GFLOP/s, %.4g GB/s: %s", ops->peak_flops * 1e-9, ops->peak_bandwidth * 1e-9,
             ops->peaks_measured ? "measured here, just now" : "the card's figures");
    cli_table_row(&table, "peak", text);
  } else {
    cli_table_row(&table, "peak", "not known");
  }
  snprintf(text, sizeof(text), "%s images; %.*f ms in its kernels one by one, %.*f ms as a whole",
           cli_format_count(ops->images, count), decimals(ops), ops->seconds * 1e3, decimals(ops),
           ops->step_seconds * 1e3);
  cli_table_row(&table, "a step", text);
  snprintf(text, sizeof(text), "%d rounds after %d steps; ms: the median, of all that share a line together",
           ops->rounds, ops->warmup + 1);
  cli_table_row(&table, "timed", text);
  return cli_table_print(&table, 0);
}

int cli_bench_ops_print_text(const cli_bench_ops *shown) {
  int code = print_rows(shown);
  return code == CLI_OK ? print_step(shown->ops) : code;
}

static json_t *quotient(double amount, double seconds) {
  return amount > 0 && seconds > 0 ? cli_json_number(amount / seconds) : json_null();
}

static json_t *positive(double value) { return value > 0 ? cli_json_number(value) : json_null(); }

static json_t *rows_json(const limn_bench_ops *ops) {
  bool failed = false;
  json_t *rows = json_array();
  for (size_t i = 0; i < ops->row_count; i++) {
    const limn_bench_row *row = &ops->rows[i];
    double seconds = row->seconds_median;
    json_t *object = cli_step_row_json(&row->step, &failed);
    cli_json_put(object, "milliseconds_median", cli_json_number(seconds * 1e3), &failed);
    cli_json_put(object, "milliseconds_min", cli_json_number(row->seconds_min * 1e3), &failed);
    cli_json_put(object, "milliseconds_max", cli_json_number(row->seconds_max * 1e3), &failed);
    cli_json_put(object, "share", cli_json_number(row->share), &failed);
    cli_json_put(object, "gflops", quotient(row->step.flops * 1e-9, seconds), &failed);
    cli_json_put(object, "gigabytes_per_second", quotient(row->step.bytes * 1e-9, seconds), &failed);
    cli_json_put(object, "peak_share", quotient(row->step.floor_seconds, seconds), &failed);
    cli_json_append(rows, object, &failed);
  }
  if (!failed)
    return rows;
  json_decref(rows);
  return NULL;
}

static json_t *sum_json(const limn_bench_ops *ops) {
  bool failed = false;
  json_t *sum = json_object();
  cli_json_put(sum, "milliseconds", cli_json_number(ops->seconds * 1e3), &failed);
  cli_json_put(sum, "flops", cli_json_number(ops->flops), &failed);
  cli_json_put(sum, "bytes", cli_json_number(ops->bytes), &failed);
  cli_json_put(sum, "gflops", quotient(ops->flops * 1e-9, ops->seconds), &failed);
  cli_json_put(sum, "gigabytes_per_second", quotient(ops->bytes * 1e-9, ops->seconds), &failed);
  cli_json_put(sum, "peak_share", quotient(ops->floor_seconds, ops->seconds), &failed);
  if (!failed)
    return sum;
  json_decref(sum);
  return NULL;
}

int cli_bench_ops_print_json(const cli_bench_ops *shown) {
  const limn_bench_ops *ops = shown->ops;
  bool failed = false, peaks = ops->peak_flops > 0 && ops->peak_bandwidth > 0;
  json_t *root = json_object();
  cli_json_put(root, "model", cli_json_text(limn_config_model(shown->config)), &failed);
  cli_json_put(root, "device", cli_json_text(ops->device), &failed);
  cli_json_put(root, "warmup", json_integer(ops->warmup), &failed);
  cli_json_put(root, "rounds", json_integer(ops->rounds), &failed);
  cli_json_put(root, "images", json_integer(ops->images), &failed);
  cli_json_put(root, "peak_flops", positive(ops->peak_flops), &failed);
  cli_json_put(root, "peak_bandwidth", positive(ops->peak_bandwidth), &failed);
  cli_json_put(root, "peaks_measured", peaks ? json_boolean(ops->peaks_measured) : json_null(), &failed);
  cli_json_put(root, "rows", rows_json(ops), &failed);
  cli_json_put(root, "sum", sum_json(ops), &failed);
  cli_json_put(root, "step_milliseconds", cli_json_number(ops->step_seconds * 1e3), &failed);
  cli_json_put(root, "settings", cli_json_settings(shown->config, false), &failed);
  return cli_json_print(root, failed);
}
