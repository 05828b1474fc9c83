/* The checkpoints and pictures of a run: the newest, and which checkpoints may go. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "run/folder.h"

/* Whether `name` is STEP.png or STEP-SUFFIX.png; digits: how many begin it. */
static bool is_picture(const char *name, size_t digits) {
  const char *ending = strrchr(name, '.');
  return digits > 0 && digits < 20 && (name[digits] == '.' || name[digits] == '-') && ending &&
         strcmp(ending, ".png") == 0;
}

const char *limn_run_newest_picture(const limn_run *run, uint64_t step, char *buffer, size_t size) {
  char folder[PATH_MAX], newest[NAME_MAX + 1] = "";
  uint64_t most = 0;
  snprintf(folder, sizeof folder, "%s/samples", run->path);
  DIR *entries = opendir(folder);
  for (struct dirent *entry; entries && (entry = readdir(entries));) {
    size_t digits = strspn(entry->d_name, "0123456789");
    if (!is_picture(entry->d_name, digits))
      continue;
    uint64_t found = strtoull(entry->d_name, NULL, 10);
    bool wins = !newest[0] || found > most || (found == most && entry->d_name[digits] == '.');
    if (found > step || !wins)
      continue;
    most = found;
    snprintf(newest, sizeof newest, "%s", entry->d_name);
  }
  if (entries)
    closedir(entries);
  buffer[0] = '\0';
  if (newest[0])
    snprintf(buffer, size, "%s/%s", folder, newest);
  return buffer;
}

typedef struct step_list {
  uint64_t *steps;
  size_t count, capacity;
} step_list;

static limn_status step_list_add(step_list *list, uint64_t step) {
  if (list->count == list->capacity) {
    size_t capacity = list->capacity ? 2 * list->capacity : 64;
    uint64_t *grown = realloc(list->steps, capacity * sizeof *grown);
    if (!grown)
      return limn_fail_memory("the list of checkpoints");
    list->steps = grown;
    list->capacity = capacity;
  }
  list->steps[list->count++] = step;
  return LIMN_OK;
}

static bool step_list_has(const step_list *list, uint64_t step) {
  for (size_t i = 0; i < list->count; ++i)
    if (list->steps[i] == step)
      return true;
  return false;
}

static limn_status list_checkpoints(const char *folder, step_list *checkpoints, step_list *marked) {
  char path[PATH_MAX];
  limn_status status = LIMN_OK;
  DIR *entries = opendir(folder);
  if (!entries)
    return limn_fail(LIMN_FAILED, "%s: cannot list: %s", folder, strerror(errno));
  for (struct dirent *entry; status == LIMN_OK && (entry = readdir(entries));) {
    uint64_t step;
    if (snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) >= (int)sizeof path)
      continue; /* not a name of ours */
    if (limn_run_step_of(entry->d_name, &step))
      status = step_list_add(checkpoints, step);
    else if (limn_run_read_mark(path, &step))
      status = step_list_add(marked, step);
  }
  closedir(entries);
  return status;
}

/* The newest checkpoint there is; false when there is none. */
static bool find_newest(const limn_run *run, uint64_t *step) {
  char folder[PATH_MAX];
  step_list checkpoints = {0}, marked = {0};
  snprintf(folder, sizeof folder, "%s/checkpoints", run->path);
  bool found = list_checkpoints(folder, &checkpoints, &marked) == LIMN_OK && checkpoints.count > 0;
  for (size_t i = 0; found && i < checkpoints.count; ++i)
    if (i == 0 || checkpoints.steps[i] > *step)
      *step = checkpoints.steps[i];
  free(checkpoints.steps);
  free(marked.steps);
  return found;
}

limn_status limn_run_marked(const limn_run *run, const char *mark, uint64_t *step) {
  char path[PATH_MAX], checkpoint[PATH_MAX];
  uint64_t found = 0;
  snprintf(path, sizeof path, "%s/checkpoints/%s", run->path, mark);
  bool linked = limn_run_read_mark(path, &found);
  if (linked && access(limn_run_checkpoint_path(run, found, checkpoint, sizeof checkpoint), R_OK) == 0) {
    *step = found;
    return LIMN_OK;
  }
  int error = errno;
  if (strcmp(mark, "latest") == 0 && find_newest(run, step))
    return LIMN_OK;
  if (linked)
    return limn_fail(LIMN_DATA,
                     "%s: points to step %" PRIu64 ", whose checkpoint cannot be read (%s): name another file", path,
                     found, strerror(error));
  return limn_fail(LIMN_DATA,
                   "%s: no checkpoint is marked \"%s\": train until one is saved, or name a file of %s/checkpoints",
                   run->path, mark, run->path);
}

static bool stays(const step_list *marked, uint64_t step, uint64_t keep_every) {
  return step_list_has(marked, step) || (keep_every && step % keep_every == 0);
}

static int newest_first(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x < y) - (x > y);
}

/* What was fitted on a checkpoint's codes and lies beside it, STEP-gmmK.safetensors, goes with it. What cannot be
 * removed stays, without an error. */
static void remove_mixtures(const char *folder, uint64_t step) {
  char path[PATH_MAX], begin[32];
  const int length = snprintf(begin, sizeof begin, "%06" PRIu64 "-gmm", step);
  DIR *entries = opendir(folder);
  for (struct dirent *entry; entries && (entry = readdir(entries));)
    if (strncmp(entry->d_name, begin, (size_t)length) == 0 &&
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) < (int)sizeof path)
      unlink(path);
  if (entries)
    closedir(entries);
}

limn_status limn_run_prune(limn_run *run, uint64_t step, int keep, uint64_t keep_every) {
  char folder[PATH_MAX], path[PATH_MAX];
  step_list checkpoints = {0}, marked = {0};
  limn_status status;
  snprintf(folder, sizeof folder, "%s/checkpoints", run->path);
  LIMN_TRY_OR_CLEANUP(status, list_checkpoints(folder, &checkpoints, &marked));
  if (checkpoints.count > 0)
    qsort(checkpoints.steps, checkpoints.count, sizeof *checkpoints.steps, newest_first);
  for (size_t i = 0; i < checkpoints.count; ++i) {
    uint64_t old = checkpoints.steps[i];
    if (old > step || keep-- > 0 || stays(&marked, old, keep_every))
      continue;
    if (unlink(limn_run_checkpoint_path(run, old, path, sizeof path)) != 0 && errno != ENOENT) {
      status = limn_fail(LIMN_FAILED, "%s: cannot delete the old checkpoint: %s", path, strerror(errno));
      goto cleanup;
    }
    remove_mixtures(folder, old);
  }
cleanup:
  free(checkpoints.steps);
  free(marked.steps);
  return status;
}
