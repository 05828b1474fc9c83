/* Small trainings for tests: configs from a list of settings, batches from Philox, tiny data sets. */
#ifndef LIMN_TESTS_SUPPORT_TRAINING_H
#define LIMN_TESTS_SUPPORT_TRAINING_H

#include <stdio.h>
#include <stdlib.h>

#include "base/philox.h"
#include "support/pictures.h"
#include "train/session.h"

static inline void test_set(limn_config *config, const char *name, const char *value) {
  if (limn_config_set(config, name, value, LIMN_FROM_SET) != LIMN_OK) {
    fprintf(stderr, "%s\n", limn_error_message());
    abort();
  }
}

/* settings: name, value, ..., NULL; may be NULL. */
static inline void test_set_all(limn_config *config, const char *const *settings) {
  for (; settings && *settings; settings += 2)
    test_set(config, settings[0], settings[1]);
}

/* The device that trainings run on: the same tests serve every one of them. */
static inline const char *test_device(void) {
  const char *name = getenv("LIMN_TEST_DEVICE");
  return name ? name : "cpu";
}

/* Whether a case of a table is tried in one of `count` ways, by the sum of the numbers of both. On the CPU always;
 * elsewhere each case in one way, another for the next, unless LIMN_TEST_WHOLE is set. */
static inline bool test_takes(size_t number, size_t count) {
  return strcmp(test_device(), "cpu") == 0 || getenv("LIMN_TEST_WHOLE") || number % count == 0;
}

/* A tiny network on two threads, a DCGAN with one rate for both and no average, as its paper has it. The data is 16x16
 * grey unless the settings say otherwise. */
static inline limn_config *test_config(const char *model, const char *const *settings) {
  static const char *const tiny[] = {"size",    "16", "channels", "1", "filters",      "4", "latent", "8", "batch", "4",
                                     "threads", "2",  "seed",     "7", "sample_count", "4", NULL};
  limn_config *config = NULL;
  if (limn_config_create(&config, model) != LIMN_OK)
    abort();
  if (strcmp(model, "dcgan") == 0 && limn_config_preset(config, "paper") != LIMN_OK)
    abort();
  test_set_all(config, tiny);
  test_set(config, "device", test_device());
  test_set(config, "deterministic", "true");
  test_set_all(config, settings);
  return config;
}

/* Made-up batches: batch s has the bytes floor(256 u), u uniform from stream 1000 at step s, as in
 * fixtures/make_fixtures.py. */
typedef struct test_batches {
  uint64_t seed, step;
  size_t count; /* of bytes in a batch */
  float *uniform;
  uint8_t *bytes;
} test_batches;

static inline test_batches test_batches_of(const limn_config *config) {
  test_batches b = {.seed = config->seed};
  b.count = (size_t)limn_shape_count(limn_session_bytes(config));
  b.uniform = malloc((b.count + 3) * sizeof *b.uniform);
  b.bytes = malloc(b.count);
  if (!b.uniform || !b.bytes)
    abort();
  return b;
}

static inline void test_batches_release(test_batches *b) {
  free(b->uniform);
  free(b->bytes);
}

static inline limn_batch test_next_batch(test_batches *b) {
  limn_philox_uniform(b->seed, 1000, b->step++, 0, b->uniform, b->count);
  for (size_t i = 0; i < b->count; ++i)
    b->bytes[i] = (uint8_t)(b->uniform[i] * 256);
  return (limn_batch){.pixels = b->bytes};
}

/* A whole step on the next batches. */
static inline limn_status test_step(limn_session *session, test_batches *b, uint64_t step) {
  limn_status status = LIMN_OK;
  for (int part = 0; part < session->algorithm->batches_per_step(session->config) && status == LIMN_OK; ++part) {
    const limn_batch batch = test_next_batch(b);
    status = limn_session_step(session, step, part, &batch);
  }
  return status;
}

/* A folder of PNG files: bright rectangles of random place and size on dark, so that there is something to learn. */
static inline void test_write_data(const char *folder, int count, int channels, int height, int width) {
  size_t size = (size_t)height * (size_t)width * (size_t)channels;
  uint8_t *rows = malloc(size);
  if (!rows || mkdir(folder, 0777) != 0)
    abort();
  for (int i = 0; i < count; ++i) {
    float u[8];
    char path[TEST_PATH_SIZE + 32];
    limn_philox_uniform(1, 2000, (uint64_t)i, 0, u, 8);
    int top = (int)(u[0] * (float)height / 2), left = (int)(u[1] * (float)width / 2),
        bottom = top + 3 + (int)(u[2] * (float)height / 2), right = left + 3 + (int)(u[3] * (float)width / 2);
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x)
        for (int c = 0; c < channels; ++c)
          rows[(y * width + x) * channels + c] =
              y >= top && y < bottom && x >= left && x < right ? (uint8_t)(120 + 130 * u[4 + c]) : 10;
    snprintf(path, sizeof path, "%s/%04d.png", folder, i);
    test_png kind = {.width = width,
                     .height = height,
                     .depth = 8,
                     .color = channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB};
    test_write_png(path, &kind, rows, (size_t)width * (size_t)channels);
  }
  free(rows);
}

/* The test's folder with `count` grey pictures of 16x16 pixels in data, whose path it fills in. */
static inline void test_begin_with_data(char data[TEST_PATH_SIZE], int count) {
  test_folder_create();
  snprintf(data, TEST_PATH_SIZE, "%s", test_path("data"));
  test_write_data(data, count, 1, 16, 16);
}

#endif
