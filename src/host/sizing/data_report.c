/* What a data set holds and what a run would make of it. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "data/survey.h"
#include "limn/tools.h"
#include "models/trunk.h"
#include "train/memory.h"
#include "train/training_data.h"

#define SHEET_PICTURES 64
#define PROPOSED_MOST  128 /* a size over this is for the user to choose: training time grows with its square */
#define LARGEST_SIZE   1024
#define GROUP_LISTED   100

/* The largest square size up to `side` that models can serve, 0: none. */
static int largest_served(int side) {
  limn_trunk trunk;
  for (side = side > LARGEST_SIZE ? LARGEST_SIZE : side; side >= 8; --side)
    if (limn_trunk_find(&trunk, side, side) == LIMN_OK)
      return side;
  return 0;
}

static int by_value(const void *a, const void *b) {
  int32_t one = *(const int32_t *)a, two = *(const int32_t *)b;
  return one < two ? -1 : one > two;
}

static void spread(int32_t *sides, uint32_t count, int *least, int *median, int *most) {
  qsort(sides, count, sizeof *sides, by_value);
  *least = sides[0];
  *median = sides[count / 2];
  *most = sides[count - 1];
}

static int by_frequency(const void *a, const void *b) {
  const limn_data_size *one = a, *two = b;
  if (one->count != two->count)
    return one->count > two->count ? -1 : 1;
  return one->height != two->height ? (one->height < two->height ? -1 : 1) : one->width - two->width;
}

static int by_shape(const void *a, const void *b) {
  const limn_data_size *one = a, *two = b;
  return one->height != two->height ? (one->height < two->height ? -1 : 1)
                                    : (one->width > two->width) - (one->width < two->width);
}

/* Least, median and greatest sides, and the most frequent sizes. */
static limn_status describe_sizes(limn_data_report *report, const limn_survey *survey) {
  uint32_t count = 0, distinct = 0, all = survey->source->count;
  int32_t *heights = malloc(all * sizeof *heights), *widths = malloc(all * sizeof *widths);
  limn_data_size *sizes = malloc(all * sizeof *sizes);
  limn_status status = heights && widths && sizes ? LIMN_OK : limn_fail_memory("the sizes of the pictures");
  if (status != LIMN_OK)
    goto cleanup;
  for (uint32_t i = 0; i < all; ++i)
    if (survey->usable[i]) {
      heights[count] = survey->shapes[i].height;
      widths[count] = survey->shapes[i].width;
      sizes[count] = (limn_data_size){heights[count], widths[count], 1};
      ++count;
    }
  if (count == 0)
    goto cleanup;
  qsort(sizes, count, sizeof *sizes, by_shape);
  for (uint32_t i = 0; i < count; ++i)
    if (distinct > 0 && by_shape(&sizes[distinct - 1], &sizes[i]) == 0)
      ++sizes[distinct - 1].count;
    else
      sizes[distinct++] = sizes[i];
  qsort(sizes, distinct, sizeof *sizes, by_frequency);
  report->distinct_sizes = distinct;
  for (; report->size_count < distinct && report->size_count < 5; ++report->size_count)
    report->sizes[report->size_count] = sizes[report->size_count];
  spread(heights, count, &report->least.height, &report->median.height, &report->most.height);
  spread(widths, count, &report->least.width, &report->median.width, &report->most.width);
cleanup:
  free(heights);
  free(widths);
  free(sizes);
  return status;
}

/* What a run makes of the pictures: as the config says, as they are, or of a size that suits most. */
static void choose_shape(limn_data_report *report, limn_survey *survey, const limn_config *config) {
  int least = report->least.height < report->least.width ? report->least.height : report->least.width;
  report->largest_size = largest_served(least);
  report->height = config->height ? config->height : report->least.height;
  report->width = config->width ? config->width : report->least.width;
  report->channels = config->channels ? config->channels : 1;
  if (!config->height && report->distinct_sizes > 1) {
    int typical = report->median.height < report->median.width ? report->median.height : report->median.width;
    int side = report->largest_size >= 32 ? report->largest_size : largest_served(typical);
    report->proposed = 1;
    report->height = report->width = side > PROPOSED_MOST ? PROPOSED_MOST : side < 8 ? 8 : side;
  }
  for (uint32_t i = 0; i < survey->source->count; ++i)
    if (survey->usable[i] && survey->shapes[i].channels >= 3 && !config->channels)
      report->channels = 3;
  limn_trunk trunk;
  if (limn_trunk_find(&trunk, report->height, report->width) != LIMN_OK)
    snprintf(report->refusal, sizeof report->refusal, "%s", limn_error_message());
  survey->decoder.height = survey->options.height = report->height;
  survey->decoder.width = survey->options.width = report->width;
  survey->decoder.channels = report->channels;
}

static void count_one(limn_data_tally *tallies, size_t *count, const char *name) {
  size_t i = 0;
  while (i < *count && strcmp(tallies[i].name, name) != 0)
    ++i;
  if (i == *count)
    snprintf(tallies[(*count)++].name, sizeof tallies->name, "%s", name);
  ++tallies[i].count;
}

static int by_count(const void *a, const void *b) {
  uint32_t one = ((const limn_data_tally *)a)->count, two = ((const limn_data_tally *)b)->count;
  return one != two ? (one > two ? -1 : 1)
                    : strcmp(((const limn_data_tally *)a)->name, ((const limn_data_tally *)b)->name);
}

/* Formats, modes, classes. */
static limn_status count_kinds(limn_data_report *report, const limn_survey *survey) {
  limn_data_source *source = survey->source;
  report->class_count = (size_t)source->class_count;
  report->classes = calloc(report->class_count + 1, sizeof *report->classes);
  if (!report->classes)
    return limn_fail_memory("the classes of the data set");
  for (size_t i = 0; i < report->class_count; ++i)
    limn_text_printable(source->ops->class_name(source, (int)i), report->classes[i].name, sizeof report->classes->name);
  for (uint32_t i = 0; i < source->count; ++i) {
    if (!survey->usable[i])
      continue;
    int label = source->ops->label(source, i);
    const limn_picture_shape *shape = &survey->shapes[i];
    count_one(report->modes, &report->mode_count, limn_picture_mode(shape));
    if (shape->format)
      count_one(report->formats, &report->format_count, shape->format);
    report->turned += shape->turned;
    report->shallow += shape->storage == LIMN_STORED_12_IN_16;
    if (label >= 0 && label < source->class_count)
      ++report->classes[label].count;
    else
      ++report->unlabelled;
    report->enlarged += shape->height < report->height || shape->width < report->width;
  }
  qsort(report->formats, report->format_count, sizeof *report->formats, by_count);
  qsort(report->modes, report->mode_count, sizeof *report->modes, by_count);
  return LIMN_OK;
}

static void describe_pixels(limn_data_report *report, const limn_survey *survey) {
  double count = (double)survey->usable_count * report->height * report->width;
  for (int c = 0; c < report->channels; ++c) {
    double mean = (double)survey->sums[c] / count;
    report->mean[c] = mean / 255;
    report->deviation[c] = sqrt(fmax(0, (double)survey->squares[c] / count - mean * mean)) / 255;
  }
}

static limn_status list_faults(limn_data_report *report, const limn_survey *survey) {
  report->faults = calloc(LIMN_DATA_LISTED, sizeof *report->faults);
  if (!report->faults)
    return limn_fail_memory("the list of broken pictures");
  for (uint32_t i = 0; i < survey->source->count; ++i) {
    if (!survey->faults[i] || report->broken++ >= LIMN_DATA_LISTED)
      continue;
    report->faults[report->fault_count] = strdup(survey->faults[i]);
    if (!report->faults[report->fault_count++])
      return limn_fail_memory("the list of broken pictures");
  }
  return LIMN_OK;
}

static limn_status list_same(limn_data_report *report, const limn_survey *survey) {
  limn_data_source *source = survey->source;
  limn_same_pictures same;
  LIMN_TRY(limn_find_same(&same, survey->sketches, survey->usable, source->count));
  report->exact_copies = same.exact_copies;
  report->near_copies = same.near_copies;
  report->groups = calloc(LIMN_DATA_LISTED, sizeof *report->groups);
  bool failed = !report->groups;
  for (uint32_t i = 0; i < same.group_count && i < LIMN_DATA_LISTED && !failed; ++i) {
    limn_data_group *group = &report->groups[report->group_count++];
    uint32_t count = same.groups[i].count < GROUP_LISTED ? same.groups[i].count : GROUP_LISTED;
    group->exact = same.groups[i].exact;
    group->names = calloc(count, sizeof *group->names);
    failed = !group->names;
    for (; group->count < count && !failed; ++group->count) {
      char name[PATH_MAX], shown[PATH_MAX];
      uint32_t picture = same.order[same.groups[i].first + group->count];
      source->ops->name(source, picture, name, sizeof name);
      group->names[group->count] = strdup(limn_text_printable(name, shown, sizeof shown));
      failed = !group->names[group->count];
    }
  }
  limn_same_pictures_release(&same);
  return failed ? limn_fail_memory("the list of pictures that are the same") : LIMN_OK;
}

static limn_status write_sheet(const limn_survey *survey, const char *path) {
  limn_image sheet = {0};
  limn_status status = limn_survey_sheet(survey, SHEET_PICTURES, &sheet);
  if (status == LIMN_OK)
    status = limn_image_write(&sheet, path);
  limn_image_release(&sheet);
  return status;
}

static limn_status plan_training(limn_data_need *need, limn_config *config, uint32_t pictures) {
  limn_session session;
  LIMN_TRY(limn_config_check(config));
  if (config->batch == 0)
    LIMN_TRY(limn_choose_batch(config, NULL, pictures));
  LIMN_TRY(limn_session_plan(&session, config, NULL));
  snprintf(need->device, sizeof need->device, "%s", session.device->description);
  need->batch = config->batch;
  limn_step_memory memory;
  limn_status status = limn_training_memory(&session, NULL, &memory);
  need->memory_bytes = memory.sum_bytes;
  need->available_bytes = session.device->memory_bytes;
  if (status == LIMN_OK && !limn_session_fits(&session))
    status = limn_fitting_batch(&session, &need->fitting_batch);
  need->checkpoint_bytes = limn_checkpoint_bytes(session.store);
  limn_session_release(&session);
  return status;
}

/* A device that is not to be had is no reason to say nothing about the pictures. */
static void tell_need(limn_data_report *report, const limn_config *wanted, uint32_t pictures) {
  limn_config *config = NULL;
  limn_status status = limn_config_copy(&config, wanted);
  if (status == LIMN_OK) {
    config->height = report->height;
    config->width = report->width;
    config->channels = report->channels;
    status = plan_training(&report->need, config, pictures);
  }
  if (status != LIMN_OK)
    snprintf(report->need.problem, sizeof report->need.problem, "%s", limn_error_message());
  limn_config_destroy(config);
}

static limn_status fill(limn_data_report *report, limn_survey *survey, const limn_config *config, const char *sheet) {
  snprintf(report->kind, sizeof report->kind, "%s", survey->source->ops->kind);
  LIMN_TRY(limn_survey_probe(survey));
  report->count = survey->source->count - survey->other_files.count;
  report->other_files = survey->source->other_files;
  limn_other_files_merge(&report->other_files, &survey->other_files);
  LIMN_TRY(describe_sizes(report, survey));
  if (report->distinct_sizes == 0)
    return list_faults(report, survey);
  choose_shape(report, survey, config);
  LIMN_TRY(limn_survey_read(survey));
  /* Again, since pixels may be broken where the head is not. */
  report->distinct_sizes = report->size_count = 0;
  LIMN_TRY(describe_sizes(report, survey));
  LIMN_TRY(list_faults(report, survey));
  LIMN_TRY(count_kinds(report, survey));
  if (survey->usable_count == 0)
    return LIMN_OK;
  describe_pixels(report, survey);
  report->decoded_bytes =
      (size_t)survey->usable_count * (size_t)report->channels * (size_t)report->height * (size_t)report->width;
  LIMN_TRY(list_same(report, survey));
  if (!report->refusal[0])
    tell_need(report, config, survey->usable_count);
  return sheet ? write_sheet(survey, sheet) : LIMN_OK;
}

limn_status limn_data_report_create(limn_data_report **out, const limn_config *config, const char *sheet,
                                    void (*notice)(void *context, const char *text), void *context) {
  *out = NULL;
  if (sheet)
    LIMN_TRY(limn_image_check_target(sheet));
  limn_survey survey;
  limn_dataset_options options;
  limn_run_data_options(config, &(limn_data_watch){.notice = notice, .context = context}, &options);
  limn_data_report *report = calloc(1, sizeof *report);
  if (!report)
    return limn_fail_memory("a report");
  report->need.fitting_batch = -1;
  limn_status status = limn_survey_init(&survey, config->data, &options);
  if (status == LIMN_OK)
    status = fill(report, &survey, config, sheet);
  limn_survey_release(&survey);
  if (status != LIMN_OK) {
    limn_data_report_destroy(report);
    return status;
  }
  *out = report;
  return LIMN_OK;
}

void limn_data_report_destroy(limn_data_report *report) {
  if (!report)
    return;
  for (size_t i = 0; i < report->fault_count; ++i)
    free(report->faults[i]);
  for (size_t i = 0; i < report->group_count; ++i) {
    for (size_t j = 0; j < report->groups[i].count; ++j)
      free(report->groups[i].names[j]);
    free(report->groups[i].names);
  }
  free(report->faults);
  free(report->groups);
  free(report->classes);
  free(report);
}
