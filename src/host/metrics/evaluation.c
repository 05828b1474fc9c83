/* An evaluation as it is put together, and its end. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "metrics/measures.h"

limn_score *limn_evaluation_add(limn_evaluation *e, const char *metric, int better, double value) {
  limn_score *scores = realloc(e->scores, (e->score_count + 1) * sizeof *scores);
  if (!scores)
    return NULL;
  e->scores = scores;
  limn_score *score = &scores[e->score_count++];
  *score = (limn_score){.value = value, .deviation = NAN, .low = NAN, .high = NAN, .better = better};
  snprintf(score->metric, sizeof score->metric, "%s", metric);
  return score;
}

limn_status limn_evaluation_note(limn_evaluation *e, const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  char **notes = realloc(e->notes, (e->note_count + 1) * sizeof *notes), *copy = strdup(text);
  if (notes)
    e->notes = notes;
  if (!notes || !copy) {
    free(copy);
    return limn_fail_memory("notes");
  }
  notes[e->note_count++] = copy;
  return LIMN_OK;
}

void limn_evaluation_destroy(limn_evaluation *e) {
  if (!e)
    return;
  for (size_t i = 0; i < e->note_count; ++i)
    free(e->notes[i]);
  for (size_t i = 0; i < e->pair_count; ++i) {
    free(e->pairs[i].picture);
    free(e->pairs[i].data);
  }
  for (size_t i = 0; i < e->class_count; ++i)
    free(e->classes[i].name);
  free(e->classes);
  free(e->pairs);
  free(e->notes);
  free(e->scores);
  free(e);
}
