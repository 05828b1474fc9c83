/* Classifiers in safetensors files. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "formats/safetensors.h"
#include "metrics/classifier.h"

#define FORMAT  "limn classifier"
#define TENSORS 4
#define KEYS    7
#define LONGEST 64 /* of a number as text */
#define MOST    (1 << 24)

/* Where each tensor's numbers are in a model; rows 0: a vector. */
typedef struct part {
  const char *name;
  int rows, columns;
  double *numbers;
} part;

static void list_parts(const limn_linear_model *m, part parts[TENSORS]) {
  const part all[TENSORS] = {{"mean", 0, m->width, m->mean},
                             {"deviation", 0, m->width, m->deviation},
                             {"weights", m->classes, m->width, m->weights},
                             {"biases", 0, m->classes, m->biases}};
  memcpy(parts, all, sizeof all);
}

static size_t count_of(const part *p) { return (size_t)(p->rows ? p->rows : 1) * (size_t)p->columns; }

static limn_status bring(void *context, size_t index, float *data) {
  const part *p = (const part *)context + index;
  for (size_t i = 0, count = count_of(p); i < count; ++i)
    data[i] = (float)p->numbers[i];
  return LIMN_OK;
}

/* A line each; yours. NULL: no memory. Names are fit to be shown, so there is no line's end in them. */
static char *join(const limn_class_names *names) {
  size_t size = 1;
  for (int i = 0; i < names->count; ++i)
    size += strlen(names->items[i]) + 1;
  char *text = malloc(size), *at = text;
  for (int i = 0; text && i < names->count; ++i)
    at += sprintf(at, "%s%s", i ? "\n" : "", names->items[i]);
  return text;
}

limn_status limn_classifier_write(const limn_classifier *c, const char *path, const char *judge) {
  const limn_class_fit *fit = &c->fit;
  char numbers[4][LONGEST], *classes = join(&c->classes);
  part parts[TENSORS];
  limn_tensor_to_store tensors[TENSORS];
  if (!classes)
    return limn_fail_memory("names of classes");
  limn_text_from_double(fit->c, 0, numbers[0], LONGEST);
  limn_text_from_double(fit->accuracy, 0, numbers[1], LONGEST);
  snprintf(numbers[2], LONGEST, "%u", fit->validated);
  snprintf(numbers[3], LONGEST, "%u", fit->learned);
  const char *const metadata[2 * KEYS + 1] = {"format",    FORMAT,     "judge",    judge,      "classes",
                                              classes,     "c",        numbers[0], "accuracy", numbers[1],
                                              "validated", numbers[2], "learned",  numbers[3], NULL};
  list_parts(&fit->model, parts);
  for (int i = 0; i < TENSORS; ++i) {
    const part *p = &parts[i];
    tensors[i] = (limn_tensor_to_store){.name = p->name, .dims = p->rows ? 2 : 1};
    tensors[i].shape[0] = p->rows ? p->rows : p->columns;
    tensors[i].shape[1] = p->columns;
  }
  limn_status status = limn_safetensors_write_from(path, tensors, TENSORS, metadata, bring, parts);
  free(classes);
  return status;
}

/* --- reading --- */

typedef struct reading {
  const limn_safetensors *file;
  const char *path;
  limn_classifier *out;
} reading;

static limn_status refuse(const reading *r, const char *what) {
  return limn_fail(LIMN_DATA, "%s is no classifier that limn evaluate --save-classifier wrote: %s", r->path, what);
}

static limn_status take_names(const reading *r) {
  limn_class_names *names = &r->out->classes;
  const char *text = limn_safetensors_metadata(r->file, "classes");
  int count = 1;
  if (!text)
    return refuse(r, "it names no classes");
  for (const char *at = text; *at; ++at)
    count += *at == '\n';
  *names = (limn_class_names){.items = calloc((size_t)count, sizeof(char *)), .count = count};
  for (int i = 0; names->items && i < count; ++i, text += strcspn(text, "\n") + 1)
    if (!(names->items[i] = strndup(text, strcspn(text, "\n"))))
      return limn_fail_memory("names of classes");
  return names->items ? LIMN_OK : limn_fail_memory("names of classes");
}

static limn_status make_model(const reading *r) {
  const limn_stored_tensor *mean = limn_safetensors_find(r->file, "mean");
  const int classes = r->out->classes.count;
  if (!mean || mean->dims != 1 || mean->shape[0] < 1 || mean->shape[0] > MOST / classes)
    return refuse(r, "its tensor mean is missing or no vector");
  const size_t width = (size_t)mean->shape[0], weights = (size_t)classes * width;
  limn_linear_model *m = &r->out->fit.model;
  *m = (limn_linear_model){.width = (int)width,
                           .classes = classes,
                           .mean = calloc(width, sizeof(double)),
                           .deviation = calloc(width, sizeof(double)),
                           .weights = calloc(weights + (size_t)classes, sizeof(double))};
  if (!m->mean || !m->deviation || !m->weights)
    return limn_fail_memory("a classifier");
  m->biases = m->weights + weights;
  return LIMN_OK;
}

static limn_status take_part(const reading *r, const part *p) {
  const limn_stored_tensor *stored = limn_safetensors_find(r->file, p->name);
  const size_t count = count_of(p);
  char what[128];
  snprintf(what, sizeof what, "its tensor %s is missing or has another shape", p->name);
  if (!stored || stored->dims != (p->rows ? 2 : 1) || stored->shape[stored->dims - 1] != p->columns ||
      (p->rows && stored->shape[0] != p->rows))
    return refuse(r, what);
  float *numbers = malloc(count * sizeof *numbers);
  limn_status status = numbers ? limn_stored_tensor_floats(stored, numbers) : limn_fail_memory("a classifier");
  for (size_t i = 0; i < count && status == LIMN_OK; ++i) {
    p->numbers[i] = (double)numbers[i];
    snprintf(what, sizeof what, "a number of its tensor %s is not finite", p->name);
    if (!isfinite(numbers[i]))
      status = refuse(r, what);
  }
  free(numbers);
  return status;
}

static limn_status take_numbers(const reading *r) {
  limn_class_fit *fit = &r->out->fit;
  const struct {
    const char *key;
    double *value, most;
  } numbers[] = {{"c", &fit->c, 1e30}, {"accuracy", &fit->accuracy, 1}};
  const struct {
    const char *key;
    uint32_t *value;
  } counts[] = {{"validated", &fit->validated}, {"learned", &fit->learned}};
  for (int i = 0; i < 2; ++i) {
    const char *number = limn_safetensors_metadata(r->file, numbers[i].key);
    const char *count = limn_safetensors_metadata(r->file, counts[i].key);
    uint64_t value;
    if (!number || !limn_text_to_double(number, numbers[i].value) || *numbers[i].value < 0 ||
        *numbers[i].value > numbers[i].most || !count || !limn_text_to_uint64(count, &value) || value > UINT32_MAX)
      return refuse(r, "what it says of its training is no number");
    *counts[i].value = (uint32_t)value;
  }
  return LIMN_OK;
}

static limn_status check_judge(const reading *r, const char *judge) {
  const char *format = limn_safetensors_metadata(r->file, "format"), *of = limn_safetensors_metadata(r->file, "judge");
  if (!format || strcmp(format, FORMAT) != 0 || !of)
    return refuse(r, "its metadata say so nowhere");
  if (strcmp(of, judge) != 0)
    return limn_fail(LIMN_DATA,
                     "%s was learned from what another judge sees, %.300s, and this one is %.300s; take that one, or "
                     "leave --classifier out",
                     r->path, of, judge);
  return LIMN_OK;
}

static limn_status read_file(const reading *r, const char *judge) {
  part parts[TENSORS];
  LIMN_TRY(check_judge(r, judge));
  LIMN_TRY(take_names(r));
  LIMN_TRY(make_model(r));
  list_parts(&r->out->fit.model, parts);
  for (int i = 0; i < TENSORS; ++i)
    LIMN_TRY(take_part(r, &parts[i]));
  for (int k = 0; k < r->out->fit.model.width; ++k)
    if (!(r->out->fit.model.deviation[k] > 0))
      return refuse(r, "a deviation is not over 0");
  return take_numbers(r);
}

limn_status limn_classifier_read(limn_classifier *out, const char *path, const char *judge) {
  limn_safetensors *file = NULL;
  *out = (limn_classifier){0};
  LIMN_TRY(limn_safetensors_open(&file, path));
  limn_status status = read_file(&(reading){file, path, out}, judge);
  limn_safetensors_close(file);
  if (status != LIMN_OK)
    limn_classifier_release(out);
  return status;
}
