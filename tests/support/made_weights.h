/* Weights of pretrained networks by a formula, and pictures: tests/fixtures/features/make_features.py says which. */
#ifndef LIMN_TESTS_SUPPORT_MADE_WEIGHTS_H
#define LIMN_TESTS_SUPPORT_MADE_WEIGHTS_H

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/philox.h"
#include "formats/safetensors.h"
#include "formats/tensor_file.h"
#include "models/features/features.h"
#include "support/pictures.h"

#define SEED     11
#define PICTURES 1 /* stream */

static inline uint32_t fnv1a(const char *text) {
  uint32_t value = 0x811C9DC5;
  for (; *text; ++text)
    value = (value ^ (uint8_t)*text) * 0x01000193;
  return value;
}

static inline bool ends_in(const char *name, const char *end) {
  size_t length = strlen(name), of_end = strlen(end);
  return length >= of_end && strcmp(name + length - of_end, end) == 0;
}

/* The formula of make_features.py: (u + shift) scale of uniform u. The caller's. */
static inline float *weights(const char *name, int dims, const int64_t *shape, size_t count) {
  float *u = malloc(count * sizeof *u), shift = -0.5F, scale;
  cr_assert_not_null(u);
  limn_philox_uniform(SEED, fnv1a(name), 0, 0, u, count);
  if (ends_in(name, "running_mean")) {
    scale = 0.4F;
  } else if (ends_in(name, "running_var")) {
    shift = 0.25F;
    scale = 1;
  } else if (ends_in(name, "bias")) {
    scale = 0.2F;
  } else if (dims == 1) {
    shift = 1;
    scale = 0.5F;
  } else {
    const size_t fan_in = count / (size_t)shape[0];
    scale = sqrtf(24.0F / (float)fan_in);
  }
  for (size_t i = 0; i < count; ++i)
    u[i] = (u[i] + shift) * scale;
  return u;
}

/* A file of weights that lies nowhere but in memory. */
typedef struct made_file {
  limn_safetensors file;
  limn_stored_tensor tensors[1024];
  char names[1024][128];
} made_file;

static inline void add_tensor(made_file *m, const char *name, const char *what, int dims, const int64_t *shape,
                              bool filled) {
  const size_t at = m->file.count++;
  limn_stored_tensor *t = &m->tensors[at];
  cr_assert_lt(at, 1024);
  snprintf(m->names[at], sizeof m->names[at], "%s.%s", name, what);
  *t = (limn_stored_tensor){.name = m->names[at], .dtype = "F32", .dims = dims, .bytes = sizeof(float)};
  for (int i = 0; i < dims; ++i) {
    t->shape[i] = shape[i];
    t->bytes *= (size_t)shape[i];
  }
  if (filled)
    t->data = weights(t->name, dims, shape, t->bytes / sizeof(float));
}

/* All tensors of the network, with the numbers of those layers whose names begin so: NULL: of none. */
static inline made_file *make_file(const limn_feature_network *network, const char *numbers) {
  made_file *m = calloc(1, sizeof *m);
  limn_frozen_layer *layers;
  int count;
  cr_assert_not_null(m);
  m->file.tensors = m->tensors;
  cr_assert_eq(limn_features_layers(network, "p", &layers, &count), LIMN_OK, "%s", limn_error_message());
  for (int i = 0; i < count; ++i) {
    const limn_frozen_layer *l = &layers[i];
    const limn_shape s = l->shape;
    const bool filled = numbers && strncmp(l->name, numbers, strlen(numbers)) == 0;
    const int64_t all[] = {s.n, s.c, s.h, s.w}, rows[] = {s.n, (int64_t)s.c * s.h * s.w};
    add_tensor(m, l->name, "weight", l->dense ? 2 : 4, l->dense ? rows : all, filled);
    if (l->biased)
      add_tensor(m, l->name, "bias", 1, all, filled);
    static const char *const norm[] = {"weight", "bias", "running_mean", "running_var"};
    for (int k = 0; l->norm[0] && k < 4; ++k)
      add_tensor(m, l->norm, norm[k], 1, all, filled);
  }
  free(layers);
  return m;
}

static inline void free_file(made_file *m) {
  for (size_t i = 0; i < m->file.count; ++i)
    free((void *)(uintptr_t)m->tensors[i].data);
  free(m);
}

/* The made file on the disk: test_path("%s", name). */
static inline void write_made_file(const made_file *m, const char *name) {
  limn_tensor_to_store *tensors = calloc(m->file.count, sizeof *tensors);
  cr_assert_not_null(tensors);
  for (size_t i = 0; i < m->file.count; ++i) {
    tensors[i] =
        (limn_tensor_to_store){.name = m->tensors[i].name, .dims = m->tensors[i].dims, .data = m->tensors[i].data};
    memcpy(tensors[i].shape, m->tensors[i].shape, sizeof tensors[i].shape);
  }
  cr_assert_eq(limn_safetensors_write(test_path("%s", name), tensors, m->file.count, NULL), LIMN_OK, "%s",
               limn_error_message());
  free(tensors);
}

static inline const limn_feature_network *network_of(const char *name) {
  const limn_feature_network *network;
  cr_assert_eq(limn_feature_network_find(&network, name), LIMN_OK, "%s", limn_error_message());
  return network;
}

/* The test's own cache of the user's, with that network in it. */
static inline void use_made_network(const char *name) {
  mkdir(test_path("cache"), 0777);
  mkdir(test_path("cache/features"), 0777);
  setenv("LIMN_CACHE", test_path("cache"), 1);
  char path[128];
  made_file *m = make_file(network_of(name), "");
  snprintf(path, sizeof path, "cache/features/%s.safetensors", name);
  write_made_file(m, path);
  free_file(m);
}

/* (2, 3, height, width), the caller's. */
static inline float *make_pictures(const limn_feature_network *network, int height, int width) {
  const size_t plane = (size_t)height * (size_t)width, count = 6 * plane;
  float *x = malloc(count * sizeof *x);
  cr_assert_not_null(x);
  limn_philox_uniform(SEED, PICTURES, 0, 0, x, count);
  for (size_t i = 0; i < count; ++i)
    x[i] = network->scale[i / plane % 3] * floorf(256 * x[i]) + network->shift[i / plane % 3];
  return x;
}

static inline double relative_difference(const float *x, const float *y, size_t count) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < count; ++i) {
    difference += ((double)x[i] - (double)y[i]) * ((double)x[i] - (double)y[i]);
    norm += (double)y[i] * (double)y[i];
  }
  return sqrt(difference / norm);
}

#endif
