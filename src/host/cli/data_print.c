#include "data_print.h"

#include "parts.h"
#include "report/numbers.h"

#define LISTED     10 /* lines of a list for people; machines have them all */
#define UNBALANCED 10 /* times the pictures of another class */

/* {"RGB": 270, "grey": 20}; "RGB 270, grey 20" where there is a label. */
static void say_tallies(limn_report *report, const char *key, const char *label, const limn_data_tally *tallies,
                        size_t count) {
  limn_report_open(report, key);
  if (label)
    limn_report_show(report, label, "%s", "");
  for (size_t i = 0; i < count; i++) {
    limn_report_count(report, tallies[i].name, NULL, tallies[i].count);
    if (label)
      limn_report_more(report, "%s%s %s", i ? ", " : "", tallies[i].name, LIMN_COUNT(tallies[i].count));
  }
  limn_report_close(report);
}

static void put_size(limn_report *report, const char *key, const limn_data_size *size) {
  limn_report_integers(report, key, (int64_t[]){size->height, size->width}, 2);
}

static void say_sizes(limn_report *report, const limn_data_report *r) {
  bool several = r->distinct_sizes != 1;
  if (several) {
    limn_report_show(report, "sizes", "%s different; %d to %d high (median %d), %d to %d wide (median %d)",
                     LIMN_COUNT((int64_t)r->distinct_sizes), r->least.height, r->most.height, r->median.height,
                     r->least.width, r->most.width, r->median.width);
    limn_report_show(report, "", "most often ");
  } else {
    limn_report_show(report, "sizes", "all %dx%d", r->least.height, r->least.width);
  }
  limn_report_open(report, "sizes");
  limn_report_count(report, "different", NULL, (int64_t)r->distinct_sizes);
  put_size(report, "least", &r->least);
  put_size(report, "median", &r->median);
  put_size(report, "most", &r->most);
  limn_report_open_array(report, "frequent");
  for (size_t i = 0; i < r->size_count; i++) {
    const limn_data_size *size = &r->sizes[i];
    if (several)
      limn_report_more(report, "%s%dx%d (%s)", i ? ", " : "", size->height, size->width, LIMN_COUNT(size->count));
    limn_report_open(report, NULL);
    put_size(report, "size", size);
    limn_report_count(report, "pictures", NULL, size->count);
    limn_report_close(report);
  }
  limn_report_close(report);
  limn_report_close(report);
}

static void say_classes(limn_report *report, const limn_data_report *r) {
  say_tallies(report, "classes", NULL, r->classes, r->class_count);
  limn_report_count(report, "without_class", NULL, r->unlabelled);
  if (r->broken == r->count)
    return;
  if (!r->class_count) {
    limn_report_show(report, "classes", "none");
    return;
  }
  limn_report_show(report, "classes", "%s: ", LIMN_COUNT((int64_t)r->class_count));
  for (size_t i = 0; i < r->class_count && i < LISTED; i++)
    limn_report_more(report, "%s%s %s", i ? ", " : "", r->classes[i].name, LIMN_COUNT(r->classes[i].count));
  if (r->class_count > LISTED)
    limn_report_more(report, " ...");
}

static void say_channels(limn_report *report, const char *key, const char *name, const double *values, int count) {
  limn_report_open_array(report, key);
  limn_report_more(report, "%s", name);
  for (int c = 0; c < count; c++) {
    limn_report_number(report, NULL, NULL, values[c], NULL);
    limn_report_more(report, " %.3f", values[c]);
  }
  limn_report_close(report);
}

static void say_run(limn_report *report, const limn_data_report *r) {
  limn_report_show(report, "a run sees", "%dx%dx%d%s, %s decoded", r->channels, r->height, r->width,
                   r->proposed ? " (proposed: no --size is given)" : "", LIMN_BYTES(r->decoded_bytes));
  limn_report_open(report, "run");
  cli_put_size(report, r->channels, r->height, r->width);
  limn_report_flag(report, "proposed", r->proposed);
  limn_report_count(report, "enlarged", NULL, r->enlarged);
  limn_report_count(report, "largest_size", NULL, r->largest_size);
  limn_report_bytes(report, "decoded_bytes", NULL, r->decoded_bytes);
  limn_report_show(report, "", "%s", "");
  say_channels(report, "mean", "mean", r->mean, r->channels);
  say_channels(report, "deviation", ", standard deviation", r->deviation, r->channels);
  limn_report_close(report);
}

static void say_need(limn_report *report, const cli_data *data) {
  const limn_data_need *need = &data->report->need;
  if (!need->batch) {
    limn_report_null(report, "training");
    return;
  }
  limn_report_show(report, "training", "%s, batch %d: %s of memory, %s on disk a checkpoint", data->model, need->batch,
                   LIMN_BYTES(need->memory_bytes), LIMN_BYTES(need->checkpoint_bytes));
  limn_report_open(report, "training");
  limn_report_text(report, "model", NULL, data->model);
  limn_report_text(report, "device", "", need->device);
  limn_report_count(report, "batch", NULL, need->batch);
  limn_report_bytes(report, "memory_bytes", NULL, need->memory_bytes);
  cli_put_positive(report, "available_bytes", need->available_bytes);
  cli_put_known(report, "fitting_batch", need->fitting_batch);
  limn_report_bytes(report, "checkpoint_bytes", NULL, need->checkpoint_bytes);
  limn_report_close(report);
}

static void say_overview(limn_report *report, const cli_data *data) {
  const limn_data_report *r = data->report;
  bool usable = r->broken < r->count;
  limn_report_text(report, "data", "data", data->path);
  limn_report_text(report, "kind", "kind", r->kind);
  limn_report_show(report, "pictures", "%s, %s broken", LIMN_COUNT(r->count), LIMN_COUNT(r->broken));
  limn_report_count(report, "pictures", NULL, r->count);
  limn_report_count(report, "broken", NULL, r->broken);
  cli_say_other_files(report, "others", &r->other_files);
  say_tallies(report, "formats", usable && r->format_count ? "formats" : NULL, r->formats, r->format_count);
  say_tallies(report, "modes", usable ? "modes" : NULL, r->modes, r->mode_count);
  limn_report_count(report, "twelve_bits_in_sixteen", NULL, r->shallow);
  limn_report_count(report, "turned_by_exif", NULL, r->turned);
  if (usable && r->turned)
    limn_report_show(report, "", "turned upright, as EXIF says: %s", LIMN_COUNT(r->turned));
  if (usable)
    say_sizes(report, r);
  else
    limn_report_null(report, "sizes");
  say_classes(report, r);
  if (usable)
    limn_report_show(report, "copies", "%s exact, %s nearly the same", LIMN_COUNT(r->exact_copies),
                     LIMN_COUNT(r->near_copies));
  limn_report_count(report, "exact_copies", NULL, r->exact_copies);
  limn_report_count(report, "near_copies", NULL, r->near_copies);
  if (usable)
    say_run(report, r);
  else
    limn_report_null(report, "run");
  say_need(report, data);
  if (data->sheet)
    limn_report_show(report, "sheet", "%s", data->sheet);
}

static void say_more(limn_report *report, size_t all) {
  if (all > LISTED)
    limn_report_show(report, "", "and %s more", LIMN_COUNT((int64_t)(all - LISTED)));
}

static void say_groups(limn_report *report, const limn_data_report *r, int exact) {
  size_t count = 0;
  limn_report_section(report, exact ? "the same pixels" : "nearly the same", "l");
  limn_report_open_array(report, exact ? "same_pixels" : "nearly_same");
  for (size_t i = 0; i < r->group_count; i++) {
    const limn_data_group *group = &r->groups[i];
    if (group->exact != exact)
      continue;
    bool shown = count++ < LISTED;
    limn_report_open_array(report, NULL);
    for (size_t j = 0; j < group->count; j++) {
      limn_report_text(report, NULL, NULL, group->names[j]);
      if (shown && j < LISTED)
        limn_report_show(report, "", "%s%s", j ? "  " : "", group->names[j]);
    }
    limn_report_close(report);
  }
  limn_report_close(report);
  say_more(report, count);
}

static void say_lists(limn_report *report, const limn_data_report *r) {
  limn_report_section(report, "broken", "l");
  limn_report_open_array(report, "broken_pictures");
  for (size_t i = 0; i < r->fault_count; i++)
    limn_report_text(report, NULL, i < LISTED ? "" : NULL, r->faults[i]);
  limn_report_close(report);
  say_more(report, r->broken);
  say_groups(report, r, 1);
  say_groups(report, r, 0);
}

/* A line of the verdict. */
#define JUDGE(...) limn_report_textf(report, NULL, "", __VA_ARGS__)

static void judge_size(limn_report *report, const limn_data_report *r) {
  if (r->proposed)
    JUDGE("sizes differ, so a run needs --size; %dx%d is shown here", r->height, r->width);
  if (r->refusal[0])
    JUDGE("%s", r->refusal);
  if (r->largest_size)
    JUDGE("--size %d is the largest that enlarges no picture", r->largest_size);
  else
    JUDGE("the smallest picture is %d high, the narrowest %d wide: every --size enlarges some", r->least.height,
          r->least.width);
  if (r->enlarged)
    JUDGE("pictures that %dx%d enlarges: %s", r->height, r->width, LIMN_COUNT(r->enlarged));
}

static void judge_need(limn_report *report, const limn_data_report *r) {
  const limn_data_need *need = &r->need;
  const char *takes = LIMN_BYTES(need->memory_bytes), *has = LIMN_BYTES(need->available_bytes);
  if (need->problem[0])
    JUDGE("what training takes cannot be told: %s", need->problem);
  if (need->fitting_batch > 0)
    JUDGE("training takes %s of memory and %s are available: --batch %d would fit", takes, has, need->fitting_batch);
  else if (need->fitting_batch == 0)
    JUDGE("training takes %s of memory and %s are available: not even one picture fits, so a run needs a smaller size",
          takes, has);
  if ((uint32_t)need->batch > r->count - r->broken)
    JUDGE("fewer pictures than a batch of %d: a run needs a smaller --batch", need->batch);
}

static void judge_classes(limn_report *report, const limn_data_report *r) {
  uint32_t least = UINT32_MAX, most = 0;
  for (size_t i = 0; i < r->class_count; i++) {
    least = r->classes[i].count < least ? r->classes[i].count : least;
    most = r->classes[i].count > most ? r->classes[i].count : most;
  }
  if (r->class_count > 1 && most > (uint64_t)UNBALANCED * least)
    JUDGE("classes are out of balance: %s pictures in the largest, %s in the smallest; --set class_balanced=true draws "
          "all equally often",
          LIMN_COUNT(most), LIMN_COUNT(least));
  if (r->class_count && r->unlabelled)
    JUDGE("pictures without a class: %s", LIMN_COUNT(r->unlabelled));
}

static void judge(limn_report *report, const limn_data_report *r) {
  if (r->broken == r->count) {
    JUDGE("nothing is usable");
    return;
  }
  if (r->broken)
    JUDGE("broken: %s; a run is refused, or leaves them out with --on-bad-image skip", LIMN_COUNT(r->broken));
  judge_size(report, r);
  if (r->shallow)
    JUDGE("12 bits in 16, and no word of it in the file: %s, nearly black to a run; make them 16 times brighter, e.g. "
          "mogrify -evaluate multiply 16",
          LIMN_COUNT(r->shallow));
  if (r->exact_copies)
    JUDGE("copies of others, pixel by pixel: %s; what is there twice weighs twice in training",
          LIMN_COUNT(r->exact_copies));
  if (r->near_copies)
    JUDGE("nearly like others: %s; see whether they are scaled or re-encoded copies", LIMN_COUNT(r->near_copies));
  judge_need(report, r);
  judge_classes(report, r);
}

void cli_say_data(limn_report *report, const cli_data *data) {
  say_overview(report, data);
  say_lists(report, data->report);
  limn_report_section(report, "verdict", "l");
  limn_report_open_array(report, "verdict");
  judge(report, data->report);
  limn_report_close(report);
  limn_report_text(report, "sheet", NULL, data->sheet);
}
