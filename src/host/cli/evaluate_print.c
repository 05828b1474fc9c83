#include "evaluate_print.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"
#include "report/numbers.h"

#define MOST_CLASSES 20 /* that people see */

static void say_set(limn_report *report, const char *key, const char *path, const limn_evaluated_set *set) {
  if (!set->kind[0]) {
    limn_report_null(report, key);
    return;
  }
  limn_report_open(report, key);
  limn_report_text(report, "path", NULL, path);
  limn_report_text(report, "kind", NULL, set->kind);
  cli_put_known(report, "count", set->count ? (int64_t)set->count : -1);
  cli_put_known(report, "available", set->available ? (int64_t)set->available : -1);
  limn_report_flag(report, "cached", set->cached);
  cli_put_positive(report, "seconds", set->seconds);
  limn_report_close(report);
  limn_report_show(report, strcmp(key, "held_out") == 0 ? "held out" : key, "%s", set->kind);
  if (set->count && set->available > set->count)
    limn_report_more(report, ", %s of %s pictures", LIMN_COUNT(set->count), LIMN_COUNT(set->available));
  else if (set->count)
    limn_report_more(report, ", %s pictures%s", LIMN_COUNT(set->count), set->available ? "" : " drawn");
  if (set->cached)
    limn_report_more(report, ", features from the cache");
  else if (set->seconds > 0)
    limn_report_more(report, ", %.3g images/s", set->count / set->seconds);
}

static void say_judge(limn_report *report, const limn_evaluation *e) {
  if (!e->features[0]) {
    limn_report_null(report, "judge");
    return;
  }
  limn_report_open(report, "judge");
  limn_report_text(report, "features", NULL, e->features);
  limn_report_text(report, "tap", NULL, e->tap);
  limn_report_count(report, "width", NULL, e->width);
  limn_report_text(report, "sha256", NULL, e->checksum);
  limn_report_text(report, "protocol", NULL, e->protocol);
  limn_report_count(report, "size", NULL, e->size);
  limn_report_close(report);
  limn_report_show(report, "judge", "%s, %s features of %s, weights %.12s", e->features, LIMN_COUNT(e->width), e->tap,
                   e->checksum);
  limn_report_show(report, "protocol", "%s to %d x %d pixels; seed %llu", e->protocol, e->size, e->size,
                   (unsigned long long)e->seed);
  limn_report_textf(report, "seed", NULL, "%llu", (unsigned long long)e->seed);
  limn_report_text(report, "device", "device", e->device);
}

/* As many digits as are worth reading. */
static void say_number(limn_report *report, const char *key, double value) {
  if (isnan(value))
    limn_report_null(report, key);
  limn_report_number(report, isnan(value) ? NULL : key, LIMN_CELL, value,
                     isnan(value)      ? ""
                     : fabs(value) < 1 ? "%.4f"
                                       : "%.5g");
}

static void say_score(limn_report *report, const limn_score *score) {
  limn_report_open(report, NULL);
  limn_report_row(report);
  limn_report_text(report, "metric", NULL, score->metric);
  limn_report_text(report, "name", LIMN_CELL, score->name);
  say_number(report, "value", score->value);
  say_number(report, "deviation", score->deviation);
  if (isnan(score->low)) {
    limn_report_null(report, "interval");
    limn_report_cell(report, "%s", "");
  } else {
    limn_report_open_array(report, "interval");
    limn_report_number(report, NULL, NULL, score->low, NULL);
    limn_report_number(report, NULL, NULL, score->high, NULL);
    limn_report_close(report);
    limn_report_cell(report, "%.5g to %.5g", score->low, score->high);
  }
  limn_report_text(report, "better", LIMN_CELL, score->better > 0 ? "higher" : score->better < 0 ? "lower" : NULL);
  limn_report_text(report, "protocol", LIMN_CELL, cli_given(score->protocol));
  limn_report_close(report);
}

static void say_pairs(limn_report *report, const limn_evaluation *e) {
  if (e->pair_count)
    limn_report_headed(report, "lrrl", "picture", "distance", "usual", "nearest of the data", NULL);
  limn_report_open_array(report, "nearest");
  for (size_t i = 0; i < e->pair_count; i++) {
    limn_report_open(report, NULL);
    limn_report_row(report);
    limn_report_text(report, "picture", LIMN_CELL, e->pairs[i].picture);
    limn_report_number(report, "distance", LIMN_CELL, e->pairs[i].distance, "%.4g");
    limn_report_number(report, "usual", LIMN_CELL, e->pairs[i].usual, "%.4g");
    limn_report_text(report, "data", LIMN_CELL, e->pairs[i].data);
    limn_report_close(report);
  }
  limn_report_close(report);
}

/* The order in which people see them. */
static int by_found(const void *a, const void *b) {
  const limn_class_share *one = *(const limn_class_share *const *)a, *two = *(const limn_class_share *const *)b;
  /* pictures / data, multiplied out, since data may be 0 */
  double first = one->pictures * two->data, second = two->pictures * one->data;
  if (first != second)
    return first < second ? -1 : 1;
  return one < two ? -1 : one > two;
}

static void show_classes(limn_report *report, const limn_evaluation *e) {
  const limn_class_share **order = malloc((e->class_count + 1) * sizeof *order);
  size_t shown = e->class_count < MOST_CLASSES ? e->class_count : MOST_CLASSES;
  if (!order) {
    limn_report_fail(report);
    return;
  }
  for (size_t i = 0; i < e->class_count; i++)
    order[i] = &e->classes[i];
  if (shown < e->class_count)
    qsort(order, e->class_count, sizeof *order, by_found);
  if (shown)
    limn_report_headed(report, "lrr", shown < e->class_count ? "least found" : "class", "pictures", "data", NULL);
  for (size_t i = 0; i < shown; i++) {
    limn_report_row(report);
    limn_report_cell(report, "%s", order[i]->name);
    limn_report_cell(report, "%.2f %%", 100 * order[i]->pictures);
    limn_report_cell(report, "%.2f %%", 100 * order[i]->data);
  }
  free(order);
}

static void say_classes(limn_report *report, const limn_evaluation *e) {
  show_classes(report, e);
  limn_report_open_array(report, "classes");
  for (size_t i = 0; i < e->class_count; i++) {
    limn_report_open(report, NULL);
    limn_report_text(report, "name", NULL, e->classes[i].name);
    limn_report_number(report, "pictures", NULL, e->classes[i].pictures, NULL);
    limn_report_number(report, "data", NULL, e->classes[i].data, NULL);
    limn_report_close(report);
  }
  limn_report_close(report);
}

void cli_say_evaluation(limn_report *report, const limn_evaluation *e, const limn_evaluate_options *options) {
  say_set(report, "pictures", options->pictures, &e->pictures);
  say_set(report, "data", options->data, &e->data);
  say_set(report, "held_out", options->held_out, &e->held_out);
  say_judge(report, e);
  limn_report_open_array(report, "scores");
  if (e->score_count)
    limn_report_headed(report, "lrrlll", "measure", "value", "deviation", "interval", "better", "protocol", NULL);
  for (size_t i = 0; i < e->score_count; i++)
    say_score(report, &e->scores[i]);
  limn_report_close(report);
  say_pairs(report, e);
  say_classes(report, e);
  limn_report_text(report, "classifier", NULL, options->save_classifier);
  limn_report_text(report, "sheet", NULL, options->sheet);
  limn_report_text(report, "statistics", NULL, options->statistics);
  limn_report_section(report, e->note_count ? "before these numbers are believed" : NULL, "l");
  limn_report_open_array(report, "notes");
  for (size_t i = 0; i < e->note_count; i++)
    limn_report_text(report, NULL, LIMN_CELL, e->notes[i]);
  limn_report_close(report);
}
