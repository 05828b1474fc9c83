#include "plan_print.h"

#include "parts.h"
#include "report/numbers.h"

/* How often the kernel runs with all that are alike, which the first of them stands for; 0: it is not the first. */
static double times_together(const limn_plan *plan, size_t index) {
  double times = 0;
  for (size_t i = 0; i < plan->row_count; i++)
    if (cli_step_row_alike(&plan->rows[i], &plan->rows[index])) {
      if (i < index)
        return 0;
      times += plan->rows[i].times;
    }
  return times;
}

static void show_row(limn_report *report, const limn_step_row *row, double times) {
  cli_show_step_row(report, row, times);
  cli_show_positive(report, times * row->flops * 1e-9, "%.2f");
  cli_show_positive(report, times * row->bytes * 1e-6, "%.2f");
  cli_show_positive(report, (double)row->workspace_bytes * 1e-6, "%.2f");
  limn_report_cell(report, "%.3g", times * row->launches);
  cli_show_positive(report, (double)row->blocks, "%.0f");
  cli_show_positive(report, times * row->floor_seconds * 1e3, "%.4f");
  limn_report_cell(report, "%s", row->engine);
}

/* Machines get every row. */
static void say_rows(limn_report *report, const cli_plan *shown) {
  const limn_plan *plan = shown->plan;
  limn_report_headed(report, "lrrrrrrrl", "kernel", "makes", "GFLOP", "MB", "workspace MB", "launches", "blocks",
                     "floor ms", "engine", NULL);
  for (size_t i = 0; i < plan->row_count; i++) {
    double times = shown->every ? plan->rows[i].times : times_together(plan, i);
    if (times > 0)
      show_row(report, &plan->rows[i], times);
  }
  limn_report_open_array(report, "rows");
  for (size_t i = 0; i < plan->row_count; i++) {
    limn_report_open(report, NULL);
    cli_put_step_row(report, &plan->rows[i]);
    cli_put_positive(report, "floor_milliseconds", plan->rows[i].floor_seconds * 1e3);
    limn_report_close(report);
  }
  limn_report_close(report);
}

static void say_step(limn_report *report, const limn_plan *plan) {
  double rate = plan->floor_seconds > 0 ? plan->images / plan->floor_seconds : 0;
  limn_report_section(report, NULL, "ll");
  limn_report_show(report, "device", "%s", plan->device);
  if (plan->card.name)
    limn_report_show(report, "at most", "%.4g TFLOP/s, %.4g GB/s", plan->card.peak * 1e-12,
                     plan->card.bandwidth * 1e-9);
  limn_report_show(report, "a step", "%s images of %d x %d x %d, %.4g launches", LIMN_COUNT(plan->images),
                   plan->channels, plan->height, plan->width, plan->launches);
  limn_report_show(report, "computes", "%.4g GFLOP", plan->flops * 1e-9);
  limn_report_show(report, "moves", "%s, %.2f times the least that it needs (%s)", LIMN_BYTES(plan->bytes),
                   plan->bytes / plan->least_bytes, LIMN_BYTES(plan->least_bytes));
  if (rate > 0)
    limn_report_show(report, "floor", "%.3f ms, %s images/s, if every kernel reached the card's figures",
                     plan->floor_seconds * 1e3, LIMN_COUNT((int64_t)rate));
  else
    limn_report_show(report, "floor", "-");
  limn_report_text(report, NULL, "note", cli_given(plan->note));
  limn_report_open(report, "step");
  limn_report_count(report, "images", NULL, plan->images);
  limn_report_number(report, "launches", NULL, plan->launches, NULL);
  limn_report_number(report, "flops", NULL, plan->flops, NULL);
  limn_report_number(report, "bytes", NULL, plan->bytes, NULL);
  limn_report_number(report, "least_bytes", NULL, plan->least_bytes, NULL);
  limn_report_number(report, "bytes_over_least", NULL, plan->bytes / plan->least_bytes, NULL);
  cli_put_positive(report, "floor_milliseconds", plan->floor_seconds * 1e3);
  cli_put_positive(report, "images_per_second", rate);
  limn_report_close(report);
}

double cli_plan_capacity(const limn_plan *plan) {
  return plan->card.name ? plan->card.memory_bytes : plan->available_bytes;
}

bool cli_plan_fits(const limn_plan *plan) {
  const size_t reserve = plan->card.name ? 0 : plan->memory.reserve_bytes;
  return (double)(plan->memory.sum_bytes - reserve) <= cli_plan_capacity(plan);
}

static void say_memory(limn_report *report, const cli_plan *shown) {
  const limn_plan *plan = shown->plan;
  double capacity = cli_plan_capacity(plan);
  cli_say_memory(report, &plan->memory, NULL);
  if (capacity > 0)
    limn_report_cell(report, "of %s: %s", LIMN_BYTES(capacity), cli_plan_fits(plan) ? "it fits" : "it does not fit");
  cli_put_positive(report, "available_bytes", plan->available_bytes);
  cli_put_known(report, "largest_batch", shown->largest);
  if (shown->largest >= 0)
    limn_report_show(report, "largest batch", "%s", shown->largest ? LIMN_COUNT(shown->largest) : "none fits");
}

void cli_say_plan(limn_report *report, const cli_plan *shown) {
  const limn_plan *plan = shown->plan;
  limn_report_text(report, "model", NULL, limn_config_model(shown->config));
  limn_report_text(report, "device", NULL, plan->device);
  limn_report_text(report, "note", NULL, cli_given(plan->note));
  if (plan->card.name)
    limn_report_json(report, "card", plan->card.text);
  else
    limn_report_null(report, "card");
  limn_report_count(report, "batch", NULL, plan->batch);
  limn_report_integers(report, "size", (int64_t[]){plan->channels, plan->height, plan->width}, 3);
  say_rows(report, shown);
  say_step(report, plan);
  say_memory(report, shown);
  cli_say_settings(report, shown->config, false, false);
}
