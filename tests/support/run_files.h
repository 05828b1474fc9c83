/* Training runs of tests: from a config to a folder, and what is in that. */
#ifndef LIMN_TESTS_SUPPORT_RUN_FILES_H
#define LIMN_TESTS_SUPPORT_RUN_FILES_H

#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>

#include "base/file.h"
#include "limn/safetensors.h"
#include "limn/train.h"
#include "support/training.h"

/* What a run told, and how it ended. */
typedef struct test_run {
  limn_status status;
  limn_train_result result;
  char message[1024]; /* of the failure */
  char notice[256];   /* the last one */
  int starts, checkpoints, samples, validations;
  uint64_t stop_at; /* stop behind this step, at which something must be due, and before that is done. 0: never */
  volatile sig_atomic_t stop;
} test_run;

static inline void test_on_event(void *context, const limn_event *event) {
  test_run *run = context;
  run->starts += event->kind == LIMN_EVENT_START;
  run->samples += event->kind == LIMN_EVENT_SAMPLES;
  run->validations += event->kind == LIMN_EVENT_VALIDATION;
  if (event->kind == LIMN_EVENT_NOTICE)
    snprintf(run->notice, sizeof run->notice, "%s", event->text);
  run->checkpoints += event->kind == LIMN_EVENT_CHECKPOINT;
  run->stop = run->stop || (run->stop_at && event->kind == LIMN_EVENT_STEPS && event->step == run->stop_at);
}

/* Trains into test_folder/NAME; resume: goes on in it. */
static inline void test_train(test_run *run, limn_config *config, const char *name, bool resume) {
  char path[TEST_PATH_SIZE];
  snprintf(path, sizeof path, "%s", test_path("%s", name));
  if (!resume)
    test_set(config, "out", path);
  limn_train_options options = {
      .config = config, .resume = resume ? path : NULL, .on_event = test_on_event, .context = run, .stop = &run->stop};
  run->status = limn_train(&options, &run->result);
  snprintf(run->message, sizeof run->message, "%s", run->status == LIMN_OK ? "" : limn_error_message());
}

/* One that has to end well, from a list of settings. */
static inline test_run test_train_well(const char *model, const char *const *settings, const char *data,
                                       const char *name) {
  test_run run = {0};
  limn_config *config = test_config(model, settings);
  test_set(config, "data", data);
  test_train(&run, config, name, false);
  cr_assert_eq(run.status, LIMN_OK, "%s", run.message);
  limn_config_destroy(config);
  return run;
}

static inline limn_safetensors *test_open_checkpoint(const char *name, uint64_t step) {
  limn_safetensors *file = NULL;
  const char *path = test_path("%s/checkpoints/%06u.safetensors", name, (unsigned)step);
  cr_assert_eq(limn_safetensors_open(&file, path), LIMN_OK, "%s", limn_error_message());
  return file;
}

static inline bool test_is_finite(const limn_stored_tensor *tensor) {
  for (size_t i = 0; i < tensor->bytes / sizeof(float); ++i) {
    float value;
    memcpy(&value, (const char *)tensor->data + i * sizeof value, sizeof value);
    if (!isfinite(value))
      return false;
  }
  return true;
}

/* FILE of the runs A and B has the same bytes. */
static inline bool test_same_file(const char *a, const char *b, const char *file) {
  char *bytes[2] = {NULL, NULL};
  size_t sizes[2] = {0, 0};
  const char *const runs[2] = {a, b};
  for (int i = 0; i < 2; ++i) {
    limn_status status = limn_read_file(test_path("%s/%s", runs[i], file), 1 << 24, &bytes[i], &sizes[i]);
    cr_assert_eq(status, LIMN_OK, "%s", limn_error_message());
  }
  bool same = sizes[0] == sizes[1] && memcmp(bytes[0], bytes[1], sizes[0]) == 0;
  free(bytes[0]);
  free(bytes[1]);
  return same;
}

/* metrics.jsonl as an array of objects; json_decref it. */
static inline json_t *test_read_metrics(const char *name) {
  char *text = NULL;
  size_t size = 0;
  json_t *lines = json_array();
  limn_status status = limn_read_file(test_path("%s/metrics.jsonl", name), 1 << 24, &text, &size);
  cr_assert_eq(status, LIMN_OK, "%s", limn_error_message());
  for (char *line = text, *end; line && *line; line = end + 1) {
    end = strchr(line, '\n');
    cr_assert_not_null(end, "the last line of metrics.jsonl is whole");
    *end = '\0';
    json_t *object = json_loads(line, 0, NULL);
    cr_assert_not_null(object, "no JSON: %s", line);
    json_array_append_new(lines, object);
  }
  free(text);
  return lines;
}

#endif
