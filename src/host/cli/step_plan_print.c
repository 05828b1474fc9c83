#include "step_plan_print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "json_out.h"
#include "memory_print.h"
#include "step_rows_print.h"
#include "table.h"

/* Rows that are alike become one, at the place of the first, with the sum of their times. */
static size_t group_rows(limn_step_row *rows, size_t count) {
  size_t kept = 0;
  for (size_t i = 0; i < count; i++) {
    size_t same = 0;
    while (same < kept && !cli_step_row_alike(&rows[same], &rows[i]))
      same++;
    if (same < kept)
      rows[same].times += rows[i].times;
    else
      rows[kept++] = rows[i];
  }
  return kept;
}

/* "-" for zero: a step's smallest numbers are of no interest. */
static const char *number(double value, const char *format, char buffer[CLI_NUMBER_SIZE]) {
  if (value <= 0)
    return "-";
  snprintf(buffer, CLI_NUMBER_SIZE, format, value);
  return buffer;
}

static void add_row(cli_table *table, const limn_step_row *row) {
  char name[CLI_STEP_ROW_TEXT], shape[CLI_STEP_ROW_TEXT], gflop[CLI_NUMBER_SIZE], megabytes[CLI_NUMBER_SIZE],
      workspace[CLI_NUMBER_SIZE], launches[CLI_NUMBER_SIZE], blocks[CLI_NUMBER_SIZE], milliseconds[CLI_NUMBER_SIZE];
  snprintf(launches, sizeof(launches), "%d", row->times * row->launches);
  cli_table_row(table, cli_step_row_name(row, row->times, name), cli_step_row_shape(row, shape),
                number(row->times * row->flops * 1e-9, "%.2f", gflop),
                number(row->times * row->bytes * 1e-6, "%.2f", megabytes),
                number((double)row->workspace_bytes * 1e-6, "%.2f", workspace), launches,
                number((double)row->blocks, "%.0f", blocks),
                number(row->times * row->floor_seconds * 1e3, "%.4f", milliseconds), row->engine);
}

static int print_rows(const cli_step_plan *shown) {
  const limn_step_plan *plan = shown->plan;
  limn_step_row *rows = malloc((plan->row_count + 1) * sizeof(*rows));
  if (!rows)
    return cli_fail_memory();
  memcpy(rows, plan->rows, plan->row_count * sizeof(*rows));
  size_t count = shown->every ? plan->row_count : group_rows(rows, plan->row_count);
  cli_table table;
  cli_table_init(&table, "lrrrrrrrl");
  cli_table_row(&table, "kernel", "makes", "GFLOP", "MB", "workspace MB", "launches", "blocks", "floor ms", "engine");
  for (size_t i = 0; i < count; i++)
    add_row(&table, &rows[i]);
  free(rows);
  int code = cli_table_print(&table, 0);
  putchar('\n');
  return code;
}

static int print_step(const cli_step_plan *shown) {
  const limn_step_plan *plan = shown->plan;
  char text[192], moved[CLI_NUMBER_SIZE], least[CLI_NUMBER_SIZE], count[CLI_NUMBER_SIZE];
  cli_table table;
  cli_table_init(&table, "ll");
  cli_table_row(&table, "device", plan->device);
  if (plan->card.name) {
    snprintf(text, sizeof(text), "%.4g TFLOP/s, %.4g GB/s", plan->card.peak * 1e-12, plan->card.bandwidth * 1e-9);
    cli_table_row(&table, "at most", text);
  }
  snprintf(text, sizeof(text), "%s images of %d x %d x %d, %d launches", cli_format_count(plan->images, count),
           plan->channels, plan->height, plan->width, plan->launches);
  cli_table_row(&table, "a step", text);
  snprintf(text, sizeof(text), "%.4g GFLOP", plan->flops * 1e-9);
  cli_table_row(&table, "computes", text);
  snprintf(text, sizeof(text), "%s, %.2f times the least that it needs (%s)", cli_format_bytes(plan->bytes, moved),
           plan->bytes / plan->least_bytes, cli_format_bytes(plan->least_bytes, least));
  cli_table_row(&table, "moves", text);
  if (plan->floor_seconds > 0)
    snprintf(text, sizeof(text), "%.3f ms, %s images/s, if every kernel reached the card's figures",
             plan->floor_seconds * 1e3, cli_format_count((int64_t)(plan->images / plan->floor_seconds), count));
  else
    snprintf(text, sizeof(text), "-");
  cli_table_row(&table, "floor", text);
  if (plan->note[0])
    cli_table_row(&table, "note", plan->note);
  int code = cli_table_print(&table, 0);
  putchar('\n');
  return code;
}

double cli_step_plan_capacity(const limn_step_plan *plan) {
  return plan->card.name ? plan->card.memory_bytes : plan->available_bytes;
}

bool cli_step_plan_fits(const limn_step_plan *plan) {
  const size_t reserve = plan->card.name ? 0 : plan->memory.reserve_bytes;
  return (double)(plan->memory.sum_bytes - reserve) <= cli_step_plan_capacity(plan);
}

static int print_memory(const cli_step_plan *shown) {
  const limn_step_memory *memory = &shown->plan->memory;
  char bytes[CLI_NUMBER_SIZE], text[64 + CLI_NUMBER_SIZE] = "";
  double capacity = cli_step_plan_capacity(shown->plan);
  cli_table table;
  cli_table_init(&table, "lrl");
  cli_table_row(&table, "memory", "", "");
  cli_memory_rows(&table, memory);
  if (capacity > 0)
    snprintf(text, sizeof(text), "of %s: %s", cli_format_bytes(capacity, bytes),
             cli_step_plan_fits(shown->plan) ? "it fits" : "it does not fit");
  cli_table_row(&table, "sum", cli_format_bytes((double)memory->sum_bytes, bytes), text);
  if (shown->largest > 0) {
    cli_format_count(shown->largest, bytes);
    cli_table_row(&table, "largest batch", bytes, "");
  } else if (shown->largest == 0) {
    cli_table_row(&table, "largest batch", "none fits", "");
  }
  return cli_table_print(&table, 0);
}

int cli_step_plan_print_text(const cli_step_plan *shown) {
  int code = print_rows(shown);
  if (code == CLI_OK)
    code = print_step(shown);
  return code == CLI_OK ? print_memory(shown) : code;
}

/* Milliseconds, null where no figures of the card are known. */
static json_t *milliseconds(double seconds) { return seconds > 0 ? cli_json_number(seconds * 1e3) : json_null(); }

static json_t *rows_json(const limn_step_plan *plan) {
  bool failed = false;
  json_t *rows = json_array();
  for (size_t i = 0; i < plan->row_count; i++) {
    const limn_step_row *row = &plan->rows[i];
    json_t *object = cli_step_row_json(row, &failed);
    cli_json_put(object, "floor_milliseconds", milliseconds(row->floor_seconds), &failed);
    cli_json_append(rows, object, &failed);
  }
  if (!failed)
    return rows;
  json_decref(rows);
  return NULL;
}

static json_t *step_json(const limn_step_plan *plan) {
  bool failed = false, known = plan->floor_seconds > 0;
  json_t *step = json_object();
  cli_json_put(step, "images", json_integer(plan->images), &failed);
  cli_json_put(step, "launches", json_integer(plan->launches), &failed);
  cli_json_put(step, "flops", cli_json_number(plan->flops), &failed);
  cli_json_put(step, "bytes", cli_json_number(plan->bytes), &failed);
  cli_json_put(step, "least_bytes", cli_json_number(plan->least_bytes), &failed);
  cli_json_put(step, "bytes_over_least", cli_json_number(plan->bytes / plan->least_bytes), &failed);
  cli_json_put(step, "floor_milliseconds", milliseconds(plan->floor_seconds), &failed);
  cli_json_put(step, "images_per_second", known ? cli_json_number(plan->images / plan->floor_seconds) : json_null(),
               &failed);
  if (!failed)
    return step;
  json_decref(step);
  return NULL;
}

int cli_step_plan_print_json(const cli_step_plan *shown) {
  const limn_step_plan *plan = shown->plan;
  bool failed = false;
  json_t *root = json_object();
  cli_json_put(root, "model", cli_json_text(limn_config_model(shown->config)), &failed);
  cli_json_put(root, "device", cli_json_text(plan->device), &failed);
  cli_json_put(root, "note", plan->note[0] ? cli_json_text(plan->note) : json_null(), &failed);
  cli_json_put(root, "card", plan->card.name ? json_loads(plan->card.text, 0, NULL) : json_null(), &failed);
  cli_json_put(root, "batch", json_integer(plan->batch), &failed);
  cli_json_put(root, "size", json_pack("[i, i, i]", plan->channels, plan->height, plan->width), &failed);
  cli_json_put(root, "rows", rows_json(plan), &failed);
  cli_json_put(root, "step", step_json(plan), &failed);
  cli_json_put(root, "memory", cli_memory_json(&plan->memory), &failed);
  cli_json_put(root, "available_bytes",
               plan->available_bytes > 0 ? cli_json_number(plan->available_bytes) : json_null(), &failed);
  cli_json_put(root, "largest_batch", shown->largest >= 0 ? json_integer(shown->largest) : json_null(), &failed);
  cli_json_put(root, "settings", cli_json_settings(shown->config, false), &failed);
  return cli_json_print(root, failed);
}
