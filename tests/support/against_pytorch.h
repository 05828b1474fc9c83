/* Trainings held to PyTorch's: a fixture's weights go into a session, and what comes of them is compared tensor by
 * tensor. */
#ifndef LIMN_TESTS_SUPPORT_AGAINST_PYTORCH_H
#define LIMN_TESTS_SUPPORT_AGAINST_PYTORCH_H

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "checkpoint/weights.h"
#include "limn/safetensors.h"
#include "reference/reference.h"
#include "support/training.h"

#define LONGEST_TENSOR_NAME 128

typedef struct fixture {
  limn_safetensors *file;
  limn_config *config;
  bool reference; /* device */
} fixture;

static inline fixture open_fixture(const char *file, const char *model, bool reference, const char *const *settings) {
  fixture f = {.reference = reference};
  char path[512];
  snprintf(path, sizeof path, "%s/tests/fixtures/%s.safetensors", LIMN_SOURCE_DIR, file);
  cr_assert_eq(limn_safetensors_open(&f.file, path), LIMN_OK, "%s", limn_error_message());
  f.config = test_config(model, settings);
  return f;
}

static inline void close_fixture(fixture *f) {
  limn_safetensors_close(f->file);
  limn_config_destroy(f->config);
}

/* PyTorch's tensor PREFIX.NAME; `count` is what its size must be. The caller's. */
static inline float *expected(const fixture *f, const char *prefix, const char *name, size_t count) {
  char full[LONGEST_TENSOR_NAME];
  snprintf(full, sizeof full, "%s%s%s", prefix, prefix[0] ? "." : "", name);
  const limn_stored_tensor *stored = limn_safetensors_find(f->file, full);
  cr_assert_not_null(stored, "the fixture has no %s", full);
  cr_assert_eq(stored->bytes, count * sizeof(float), "%s has %zu bytes", full, stored->bytes);
  float *values = malloc(stored->bytes);
  cr_assert_not_null(values);
  memcpy(values, stored->data, stored->bytes);
  return values;
}

/* The norm of (x - from) - (y - from) over that of y - from; from NULL: 0. Where PyTorch
 * has not moved, that of the difference alone. */
static inline double relative_difference(const float *x, const float *y, const float *from, size_t count) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < count; ++i) {
    double d = (double)x[i] - (double)y[i], r = (double)y[i] - (from ? (double)from[i] : 0);
    difference += d * d;
    norm += r * r;
  }
  return norm > 0 ? sqrt(difference / norm) : sqrt(difference);
}

static inline float *download(const limn_store *store, const char *name, size_t *count) {
  limn_tensor *tensor = limn_store_find(store, name);
  cr_assert_not_null(tensor, "there is no tensor %s", name);
  *count = (size_t)limn_shape_count(tensor->shape);
  float *values = malloc(*count * sizeof *values);
  cr_assert_not_null(values);
  cr_assert_eq(limn_tensor_download(tensor, values), LIMN_OK, "%s", limn_error_message());
  return values;
}

/* As a file has it. The caller's. */
static inline float *download_stored(const limn_tensor *tensor, size_t *count) {
  *count = (size_t)limn_shape_count(tensor->shape);
  float *values = malloc(*count * sizeof *values);
  cr_assert_not_null(values);
  cr_assert_eq(limn_weights_download(tensor, values), LIMN_OK, "%s", limn_error_message());
  return values;
}

/* Every parameter and running statistic from PREFIX.NAME; each must be in the fixture, and each of the fixture's here.
 */
static inline void load_initial(const fixture *f, limn_store *store, const char *prefix) {
  size_t tensors = 0, stored = 0, length = strlen(prefix);
  char full[LONGEST_TENSOR_NAME];
  for (size_t i = 0; i < limn_store_count(store); ++i) {
    const char *name;
    limn_tensor *tensor = limn_store_at(store, i, &name);
    if (tensor->role != LIMN_ROLE_PARAMETER && tensor->role != LIMN_ROLE_BUFFER)
      continue;
    snprintf(full, sizeof full, "%s.%s", prefix, name);
    const limn_stored_tensor *its = limn_safetensors_find(f->file, full);
    cr_assert_not_null(its, "the fixture has no %s", full);
    cr_assert_eq(limn_weights_upload(&(limn_weights){.path = prefix}, its, tensor), LIMN_OK, "%s",
                 limn_error_message());
    ++tensors;
  }
  for (size_t i = 0; i < limn_safetensors_count(f->file); ++i)
    stored += strncmp(limn_safetensors_at(f->file, i)->name, prefix, length) == 0 &&
              limn_safetensors_at(f->file, i)->name[length] == '.';
  cr_assert_eq(tensors, stored, "%zu tensors here, %zu in the fixture", tensors, stored);
}

/* As limn_session_init, which only makes the devices that users can name. */
static inline void open_session(limn_session *s, const fixture *f, uint64_t steps) {
  const limn_session_data data = {0};
  if (!f->reference) {
    cr_assert_eq(limn_session_init(s, f->config, steps, &data), LIMN_OK, "%s", limn_error_message());
    return;
  }
  const limn_config *c = f->config;
  *s = (limn_session){.config = c,
                      .algorithm = limn_algorithm_of(c),
                      .rate_factor = 1,
                      .batch = {c->batch, c->channels, c->height, c->width},
                      .horizon = steps};
  s->device = reference_device_create(c->seed);
  cr_assert_not_null(s->device);
  cr_assert_eq(limn_model_init(&s->model, c), LIMN_OK, "%s", limn_error_message());
  cr_assert_eq(limn_store_create(&s->store, s->device), LIMN_OK, "%s", limn_error_message());
  cr_assert_eq(s->algorithm->build(s), LIMN_OK, "%s", limn_error_message());
}

#define STANDS 1e-6

/* Each tensor, and how far it has come from where it began: the norm of what is off over PyTorch's. Where PyTorch's has
 * moved by rounding alone (biases in front of a batch normalisation), so must ours. */
static inline void compare_weights(const fixture *f, const limn_store *store, const char *from, const char *prefix,
                                   double tolerance, double change_tolerance) {
  double worst = 0, worst_change = 0;
  for (size_t i = 0; i < limn_store_count(store); ++i) {
    const char *name;
    const limn_tensor *tensor = limn_store_at(store, i, &name);
    if (tensor->role != LIMN_ROLE_PARAMETER && tensor->role != LIMN_ROLE_BUFFER)
      continue;
    size_t count;
    float *w = download_stored(tensor, &count), *theirs = expected(f, prefix, name, count),
          *initial = expected(f, from, name, count);
    double difference = relative_difference(w, theirs, NULL, count),
           moved = relative_difference(theirs, initial, NULL, count),
           change = moved < STANDS ? 0 : relative_difference(w, theirs, initial, count);
    cr_expect(moved >= STANDS || relative_difference(w, initial, NULL, count) < 2 * STANDS, "%s.%s has moved", prefix,
              name);
    cr_expect_leq(difference, tolerance, "%s.%s is %.1e off PyTorch's", prefix, name, difference);
    cr_expect_leq(change, change_tolerance, "the change of %s.%s is %.1e off PyTorch's", prefix, name, change);
    worst = fmax(worst, difference);
    worst_change = fmax(worst_change, change);
    free(w);
    free(theirs);
    free(initial);
  }
  fprintf(stderr, "%s, %s, %s: at most %.1e off, the change %.1e\n", limn_config_model(f->config), prefix,
          f->reference ? "reference" : test_device(), worst, worst_change);
}

#endif
