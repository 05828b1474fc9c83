#include "data/survey.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/parallel.h"

limn_status limn_survey_init(limn_survey *survey, const char *path, const limn_dataset_options *options) {
  *survey = (limn_survey){.options = *options};
  limn_progress_begin(&survey->progress);
  LIMN_TRY(limn_source_open(&survey->source, path,
                            &(limn_source_options){.memory_limit = SIZE_MAX,
                                                   .max_pixels = options->max_pixels,
                                                   .labels = options->labels,
                                                   .label_column = options->label_column}));
  uint32_t count = survey->source->count;
  survey->decoder = (limn_decoder){.source = survey->source, .options = &survey->options};
  survey->shapes = calloc(count, sizeof *survey->shapes);
  survey->usable = calloc(count, sizeof *survey->usable);
  survey->faults = calloc(count, sizeof *survey->faults);
  survey->sketches = calloc(count, sizeof *survey->sketches);
  survey->has_lock = pthread_mutex_init(&survey->lock, NULL) == 0;
  return survey->shapes && survey->usable && survey->faults && survey->sketches && survey->has_lock
             ? LIMN_OK
             : limn_fail_memory("a survey of the pictures");
}

void limn_survey_release(limn_survey *survey) {
  for (uint32_t i = 0; survey->faults && i < survey->source->count; ++i)
    free(survey->faults[i]);
  if (survey->has_lock)
    pthread_mutex_destroy(&survey->lock);
  if (survey->source)
    survey->source->ops->destroy(survey->source);
  free(survey->shapes);
  free(survey->usable);
  free(survey->faults);
  free(survey->sketches);
  *survey = (limn_survey){0};
}

/* Takes down why a picture is not usable; other failures go on. */
static limn_status take_down(limn_survey *survey, uint32_t i, limn_status status) {
  survey->usable[i] = status == LIMN_OK;
  if (status != LIMN_DATA)
    return status;
  survey->faults[i] = strdup(limn_error_message());
  return survey->faults[i] ? LIMN_OK : limn_fail_memory("a survey of the pictures");
}

static limn_status probe_one(void *context, uint32_t i) {
  limn_survey *survey = context;
  const limn_data_source *source = survey->source;
  limn_status status = source->ops->probe(survey->source, i, &survey->shapes[i]);
  if (status != LIMN_DATA || !survey->shapes[i].no_picture || !source->ops->file)
    return take_down(survey, i, status);
  pthread_mutex_lock(&survey->lock);
  limn_other_files_add(&survey->other_files, source->ops->file(source, i));
  pthread_mutex_unlock(&survey->lock);
  return LIMN_OK;
}

limn_status limn_survey_probe(limn_survey *survey) {
  return limn_parallel_for(survey->source->count, survey->options.workers, probe_one, survey);
}

static void add_sums(limn_survey *survey, const uint8_t *row) {
  size_t area = (size_t)survey->decoder.height * (size_t)survey->decoder.width;
  for (int c = 0; c < survey->decoder.channels; ++c) {
    uint64_t sum = 0, squares = 0;
    for (size_t i = 0; i < area; ++i, ++row) {
      sum += *row;
      squares += (uint64_t)*row * *row;
    }
    pthread_mutex_lock(&survey->lock);
    survey->sums[c] += sum;
    survey->squares[c] += squares;
    pthread_mutex_unlock(&survey->lock);
  }
}

static limn_status look_at(limn_survey *survey, uint32_t i) {
  limn_image image = {0};
  const limn_decoder *decoder = &survey->decoder;
  uint8_t *row = malloc(limn_decoder_row_bytes(decoder));
  limn_status status = row ? survey->source->ops->read(survey->source, i, &image) : limn_fail_memory("a picture");
  if (status == LIMN_OK) {
    if (image.shallow)
      survey->shapes[i].storage = LIMN_STORED_12_IN_16;
    limn_sketch_make(&survey->sketches[i], &image);
    status = limn_make_row(decoder, &image, row);
  }
  if (status == LIMN_OK)
    add_sums(survey, row);
  limn_image_release(&image);
  free(row);
  return status;
}

static void tell_progress(limn_survey *survey) {
  uint32_t done, count = survey->source->count;
  double seconds;
  if (!limn_progress_due(&survey->progress, &done, &seconds) || !survey->options.notice)
    return;
  char text[128];
  snprintf(text, sizeof text, "looking at %u pictures: about %.0f s", count, (count - done) * seconds / done);
  survey->options.notice(survey->options.context, text);
}

static limn_status read_one(void *context, uint32_t i) {
  limn_survey *survey = context;
  tell_progress(survey);
  return survey->usable[i] ? take_down(survey, i, look_at(survey, i)) : LIMN_OK;
}

limn_status limn_survey_read(limn_survey *survey) {
  LIMN_TRY(limn_parallel_for(survey->source->count, survey->options.workers, read_one, survey));
  for (uint32_t i = 0; i < survey->source->count; ++i)
    survey->usable_count += survey->usable[i];
  return LIMN_OK;
}

limn_status limn_survey_sheet(const limn_survey *survey, uint32_t count, limn_image *out) {
  const limn_decoder *decoder = &survey->decoder;
  size_t row_bytes = limn_decoder_row_bytes(decoder);
  count = count < survey->usable_count ? count : survey->usable_count;
  uint8_t *row = malloc(row_bytes);
  float *pixels = malloc(row_bytes * count * sizeof *pixels);
  limn_status status = row && pixels ? LIMN_OK : limn_fail_memory("a contact sheet");
  uint32_t seen = 0, taken = 0;
  for (uint32_t i = 0; i < survey->source->count && taken < count && status == LIMN_OK; ++i) {
    if (!survey->usable[i] || seen++ < (uint64_t)taken * survey->usable_count / count)
      continue;
    status = limn_decode(decoder, i, row, NULL);
    for (size_t j = 0; j < row_bytes && status == LIMN_OK; ++j)
      pixels[taken * row_bytes + j] = row[j];
    ++taken;
  }
  if (status == LIMN_OK)
    status = limn_image_grid(out, pixels, (int)count, decoder->channels, decoder->height, decoder->width, 0, 255, 0);
  free(row);
  free(pixels);
  return status;
}
