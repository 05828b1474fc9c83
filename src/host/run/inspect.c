/* What a run folder says about itself, for people and programs that look at it from outside. */
#include "limn/inspect.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "limn/config.h"
#include "run/run.h"

#define TAIL_BYTES 65536 /* of metrics.jsonl: enough for the newest value of every column */

/* folder/name; LIMN_FAILED when that is too long. */
static limn_status join(char buffer[PATH_MAX], const char *folder, const char *name) {
  if (snprintf(buffer, PATH_MAX, "%s/%s", folder, name) >= PATH_MAX)
    return limn_fail(LIMN_FAILED, "the path of %s in the run folder is over %d bytes long", name, PATH_MAX - 1);
  return LIMN_OK;
}

static limn_status read_config(limn_run_summary *summary, const char *path) {
  char file[PATH_MAX], data[PATH_MAX];
  limn_config *config = NULL;
  LIMN_TRY(join(file, path, "config.yaml"));
  LIMN_TRY(limn_config_create_from_file(&config, file));
  snprintf(summary->model, sizeof(summary->model), "%s", limn_config_model(config));
  summary->data = strdup(limn_config_get(config, "data", data, sizeof(data)));
  limn_config_destroy(config);
  return summary->data ? LIMN_OK : limn_fail_memory("the summary of a run");
}

static limn_status add_fact(limn_run_summary *summary, const char *name, const json_t *value) {
  limn_run_fact *fact = &summary->facts[summary->fact_count];
  fact->name = strdup(name);
  fact->value =
      json_is_string(value) ? strdup(json_string_value(value)) : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
  summary->fact_count++; /* a half-made one is freed with the others */
  return fact->name && fact->value ? LIMN_OK : limn_fail_memory("the summary of a run");
}

static limn_status read_facts(limn_run_summary *summary, const char *path) {
  char file[PATH_MAX];
  LIMN_TRY(join(file, path, "run.json"));
  struct stat about;
  if (stat(file, &about) != 0 && errno == ENOENT)
    return LIMN_OK;
  json_error_t error;
  json_t *root = json_load_file(file, 0, &error);
  if (!json_is_object(root)) {
    json_decref(root);
    return limn_fail(LIMN_DATA, "%s: not a JSON object%s%s", file, root ? "" : ": ", root ? "" : error.text);
  }
  limn_status status = LIMN_OK;
  const char *name;
  json_t *value;
  summary->facts = calloc(json_object_size(root) + 1, sizeof(*summary->facts));
  if (!summary->facts) {
    status = limn_fail_memory("the summary of a run");
    goto cleanup;
  }
  json_object_foreach(root, name, value) LIMN_TRY_OR_CLEANUP(status, add_fact(summary, name, value));
cleanup:
  json_decref(root);
  return status;
}

static limn_status set_metric(limn_run_summary *summary, const char *name, double value, uint64_t step) {
  size_t i = 0;
  while (i < summary->metric_count && strcmp(summary->metrics[i].name, name) != 0)
    i++;
  if (i == summary->metric_count) {
    limn_run_metric *grown = realloc(summary->metrics, (i + 1) * sizeof(*grown));
    if (!grown)
      return limn_fail_memory("the summary of a run");
    summary->metrics = grown;
    grown[i].name = strdup(name);
    if (!grown[i].name)
      return limn_fail_memory("the summary of a run");
    summary->metric_count++;
  }
  summary->metrics[i].value = value;
  summary->metrics[i].step = step;
  return LIMN_OK;
}

/* A line that is no JSON object is passed over: the first of the tail is cut, and the last may still be growing. */
static limn_status read_metrics_line(limn_run_summary *summary, const char *line, size_t length) {
  json_t *root = json_loadb(line, length, 0, NULL);
  limn_status status = LIMN_OK;
  const char *name;
  json_t *value;
  if (json_is_object(root)) {
    uint64_t step = (uint64_t)json_integer_value(json_object_get(root, "step"));
    json_object_foreach(root, name, value) {
      if (strcmp(name, "step") == 0 || !(json_is_number(value) || json_is_null(value)))
        continue;
      status = set_metric(summary, name, json_is_number(value) ? json_number_value(value) : (double)NAN, step);
      if (status != LIMN_OK)
        break;
    }
  }
  json_decref(root);
  return status;
}

static limn_status read_metrics(limn_run_summary *summary, const char *path) {
  char file[PATH_MAX];
  LIMN_TRY(join(file, path, "metrics.jsonl"));
  FILE *stream = fopen(file, "rb");
  if (!stream)
    return errno == ENOENT ? LIMN_OK : limn_fail(LIMN_DATA, "%s: %s", file, strerror(errno));
  limn_status status = LIMN_OK;
  char *tail = malloc(TAIL_BYTES);
  if (!tail) {
    status = limn_fail_memory("the end of metrics.jsonl");
    goto cleanup;
  }
  if (fseek(stream, -TAIL_BYTES, SEEK_END) != 0)
    rewind(stream); /* the file is shorter than that */
  size_t size = fread(tail, 1, TAIL_BYTES, stream);
  if (ferror(stream)) {
    status = limn_fail(LIMN_DATA, "%s: %s", file, strerror(errno));
    goto cleanup;
  }
  const char *line = tail, *end = tail + size, *newline;
  while (status == LIMN_OK && (newline = memchr(line, '\n', (size_t)(end - line))) != NULL) {
    status = read_metrics_line(summary, line, (size_t)(newline - line));
    line = newline + 1;
  }
cleanup:
  free(tail);
  fclose(stream);
  return status;
}

/* The step in "001200.safetensors"; false for other names. */
static int step_of(const char *name, uint64_t *step) {
  size_t digits = strspn(name, "0123456789");
  if (digits == 0 || digits > 18 || strcmp(name + digits, ".safetensors") != 0)
    return 0;
  *step = strtoull(name, NULL, 10);
  return 1;
}

static int by_step(const void *a, const void *b) {
  const limn_run_checkpoint *x = a, *y = b;
  return (x->step > y->step) - (x->step < y->step);
}

static limn_status add_checkpoint(limn_run_summary *summary, const char *folder, const char *name, uint64_t step) {
  char file[PATH_MAX];
  struct stat about;
  LIMN_TRY(join(file, folder, name));
  if (stat(file, &about) != 0)
    return LIMN_OK; /* a running training has just deleted it */
  limn_run_checkpoint *grown = realloc(summary->checkpoints, (summary->checkpoint_count + 1) * sizeof(*grown));
  if (!grown)
    return limn_fail_memory("the summary of a run");
  summary->checkpoints = grown;
  grown[summary->checkpoint_count++] = (limn_run_checkpoint){.step = step, .bytes = (uint64_t)about.st_size};
  return LIMN_OK;
}

static limn_status read_checkpoints(limn_run_summary *summary, const char *path) {
  char folder[PATH_MAX];
  LIMN_TRY(join(folder, path, "checkpoints"));
  DIR *stream = opendir(folder);
  if (!stream)
    return errno == ENOENT ? LIMN_OK : limn_fail(LIMN_DATA, "%s: %s", folder, strerror(errno));
  limn_status status = LIMN_OK;
  const struct dirent *entry;
  uint64_t step;
  while (status == LIMN_OK && (entry = readdir(stream)) != NULL)
    if (step_of(entry->d_name, &step))
      status = add_checkpoint(summary, folder, entry->d_name, step);
  closedir(stream);
  LIMN_TRY(status);
  if (summary->checkpoint_count) {
    qsort(summary->checkpoints, summary->checkpoint_count, sizeof(*summary->checkpoints), by_step);
    summary->step = summary->checkpoints[summary->checkpoint_count - 1].step;
  }
  return LIMN_OK;
}

static void read_marks(limn_run_summary *summary, const limn_run *run) {
  uint64_t latest = 0, best = 0;
  int has_latest = limn_run_marked(run, "latest", &latest) == LIMN_OK;
  int has_best = limn_run_marked(run, "best", &best) == LIMN_OK;
  for (size_t i = 0; i < summary->checkpoint_count; i++) {
    summary->checkpoints[i].latest = has_latest && summary->checkpoints[i].step == latest;
    summary->checkpoints[i].best = has_best && summary->checkpoints[i].step == best;
  }
  if (has_latest)
    summary->step = latest;
}

static limn_status find_picture(limn_run_summary *summary, const limn_run *run) {
  char path[PATH_MAX];
  summary->picture = strdup(limn_run_newest_picture(run, UINT64_MAX, path, sizeof(path)));
  return summary->picture ? LIMN_OK : limn_fail_memory("the summary of a run");
}

limn_status limn_run_summary_create(limn_run_summary **out, const char *path) {
  limn_status status = LIMN_OK;
  limn_run *run = NULL;
  *out = NULL;
  limn_run_summary *summary = calloc(1, sizeof(*summary));
  if (!summary)
    return limn_fail_memory("the summary of a run");
  LIMN_TRY_OR_CLEANUP(status, limn_run_open(&run, path));
  LIMN_TRY_OR_CLEANUP(status, read_config(summary, path));
  LIMN_TRY_OR_CLEANUP(status, read_facts(summary, path));
  LIMN_TRY_OR_CLEANUP(status, read_metrics(summary, path));
  LIMN_TRY_OR_CLEANUP(status, read_checkpoints(summary, path));
  LIMN_TRY_OR_CLEANUP(status, find_picture(summary, run));
  read_marks(summary, run);
cleanup:
  limn_run_close(run);
  if (status == LIMN_OK)
    *out = summary;
  else
    limn_run_summary_destroy(summary);
  return status;
}

void limn_run_summary_destroy(limn_run_summary *summary) {
  if (!summary)
    return;
  for (size_t i = 0; i < summary->fact_count; i++) {
    free(summary->facts[i].name);
    free(summary->facts[i].value);
  }
  for (size_t i = 0; i < summary->metric_count; i++)
    free(summary->metrics[i].name);
  free(summary->facts);
  free(summary->metrics);
  free(summary->checkpoints);
  free(summary->data);
  free(summary->picture);
  free(summary);
}
