#include "run/run.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "config/settings.h"
#include "run/folder.h"

#define PARENT_OF_RUNS "runs"
#define MOST_RUNS      1000000
#define JSON_LIMIT     (1u << 20)
#define FILE_PATH_SIZE (PATH_MAX + LIMN_RUN_NAME_ROOM) /* any folder's path and a name in it */

static const char *path_in(const char *folder, const char *name, char buffer[FILE_PATH_SIZE]) {
  snprintf(buffer, FILE_PATH_SIZE, "%s/%s", folder, name);
  return buffer;
}

static limn_status make_folder(const char *path) {
  if (mkdir(path, 0777) != 0 && errno != EEXIST)
    return limn_fail(LIMN_FAILED, "%s: cannot make the folder: %s", path, strerror(errno));
  return limn_sync_folder_of(path);
}

static limn_status make_parents(const char *path) {
  char folder[PATH_MAX];
  snprintf(folder, sizeof folder, "%s", path);
  for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    struct stat info;
    *slash = '\0';
    if (stat(folder, &info) != 0)
      LIMN_TRY(make_folder(folder));
    else if (!S_ISDIR(info.st_mode))
      return limn_fail(LIMN_USAGE, "%s: not a folder, so no run can be in it: choose another --out", folder);
    *slash = '/';
  }
  return LIMN_OK;
}

/* The highest NNN of runs/MODEL-NNN. */
static int last_number(const char *model) {
  int last = 0;
  size_t length = strlen(model);
  DIR *folder = opendir(PARENT_OF_RUNS);
  if (!folder)
    return 0;
  for (struct dirent *entry; (entry = readdir(folder));) {
    int64_t number;
    if (strncmp(entry->d_name, model, length) == 0 && entry->d_name[length] == '-' &&
        limn_text_to_int64(entry->d_name + length + 1, &number) && number > last && number < MOST_RUNS)
      last = (int)number;
  }
  closedir(folder);
  return last;
}

/* mkdir decides who gets a number: two runs may start at once. */
static limn_status make_numbered_folder(const char *model, char path[PATH_MAX]) {
  LIMN_TRY(make_parents(PARENT_OF_RUNS "/"));
  for (int number = last_number(model) + 1; number <= MOST_RUNS; ++number) {
    snprintf(path, PATH_MAX, PARENT_OF_RUNS "/%s-%03d", model, number);
    if (mkdir(path, 0777) == 0)
      return limn_sync_folder_of(path);
    if (errno != EEXIST)
      return limn_fail(LIMN_FAILED, "%s: cannot make the run's folder: %s", path, strerror(errno));
  }
  return limn_fail(LIMN_FAILED, "%s: no number is free for another run: name one by --out", PARENT_OF_RUNS);
}

/* Whether `folder` holds nothing but entries of those names (NULL-terminated) and temporary files. */
static bool holds_only(const char *folder, const char *const *names) {
  DIR *entries = opendir(folder);
  if (!entries)
    return errno == ENOENT;
  bool good = true;
  for (struct dirent *entry; good && (entry = readdir(entries));) {
    good =
        strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || limn_durable_is_temporary(entry->d_name);
    for (size_t i = 0; !good && names[i]; ++i)
      good = strcmp(entry->d_name, names[i]) == 0;
  }
  closedir(entries);
  return good;
}

/* Whether `folder` holds nothing but what a killed limn_run_create may have left there: no byte of anybody's. */
static bool is_half_made(const char *folder) {
  static const char *const ours[] = {"lock", "samples", "checkpoints", "run.json", "metrics.jsonl", NULL};
  static const char *const nothing[] = {NULL}, *const tried[] = {LIMN_RUN_TRIAL, "." LIMN_RUN_TRIAL ".tmp", NULL};
  char path[FILE_PATH_SIZE];
  struct stat info;
  return holds_only(folder, ours) && holds_only(path_in(folder, "samples", path), nothing) &&
         holds_only(path_in(folder, "checkpoints", path), tried) &&
         (stat(path_in(folder, "metrics.jsonl", path), &info) != 0 || info.st_size == 0);
}

limn_status limn_run_check_free(const char *path) {
  char file[FILE_PATH_SIZE];
  struct stat info;
  if (!path[0] || lstat(path, &info) != 0)
    return LIMN_OK;
  if (access(path_in(path, "config.yaml", file), F_OK) == 0)
    return limn_fail(LIMN_USAGE, "%s: a run is here already: go on with it by --resume %s, or choose another --out",
                     path, path);
  if (!is_half_made(path))
    return limn_fail(LIMN_USAGE,
                     "%s: exists already and is no run that --resume could go on with: choose another --out", path);
  return LIMN_OK;
}

static limn_status make_named_folder(const char *path) {
  LIMN_TRY(make_parents(path));
  LIMN_TRY(limn_run_check_free(path));
  bool made = mkdir(path, 0777) == 0;
  if (!made && errno != EEXIST)
    return limn_fail(LIMN_FAILED, "%s: cannot make the run's folder: %s", path, strerror(errno));
  limn_status status = limn_sync_folder_of(path);
  if (status != LIMN_OK && made)
    rmdir(path);
  return status;
}

static limn_status allocate(limn_run **out, const char *path) {
  limn_run *run = calloc(1, sizeof *run);
  if (!run)
    return limn_fail_memory("a run");
  run->metrics = run->lock = -1;
  run->path = strdup(path);
  if (!run->path) {
    free(run);
    return limn_fail_memory("the path of a run");
  }
  *out = run;
  return LIMN_OK;
}

/* The path without slashes at its end, into `clean`. */
static limn_status clean_path(const char *path, char clean[PATH_MAX]) {
  size_t length = strlen(path);
  while (length > 1 && path[length - 1] == '/')
    --length;
  if (length >= PATH_MAX - LIMN_RUN_NAME_ROOM)
    return limn_fail(LIMN_USAGE, "a run's path of %zu characters is too long: %d can be used", length,
                     PATH_MAX - LIMN_RUN_NAME_ROOM - 1);
  memcpy(clean, path, length);
  clean[length] = '\0';
  return LIMN_OK;
}

static limn_status write_json(const limn_run *run, const char *device) {
  char path[FILE_PATH_SIZE], fingerprint[17];
  limn_durable_file file = {0};
  limn_status status;
  snprintf(fingerprint, sizeof fingerprint, "%016" PRIx64, run->data_fingerprint);
  json_t *object = json_pack("{s:s}", "limn", limn_version());
  bool good = object != NULL;
  if (good && device) /* json_string refuses what is not UTF-8 */
    good = json_object_set_new(object, "device", json_string(device)) == 0 &&
           json_object_set_new(object, "data_fingerprint", json_string(fingerprint)) == 0;
  if (!good) {
    status = limn_fail(LIMN_FAILED, "%s: cannot describe the run: no memory, or \"%.64s\" is not UTF-8", run->path,
                       device ? device : "");
    goto cleanup;
  }
  LIMN_TRY_OR_CLEANUP(status, limn_durable_open(&file, path_in(run->path, "run.json", path)));
  if (json_dumpf(object, file.stream, JSON_INDENT(2)) != 0 || fputc('\n', file.stream) == EOF) {
    status = limn_fail(LIMN_FAILED, "%s: cannot write: %s", path, strerror(errno));
    goto cleanup;
  }
  status = limn_durable_commit(&file);
cleanup:
  if (status != LIMN_OK)
    limn_durable_discard(&file);
  json_decref(object);
  return status;
}

/* From here on nobody else fills the folder; nobody has, in the moment before. */
static limn_status claim_folder(limn_run *run) {
  char path[FILE_PATH_SIZE];
  LIMN_TRY(limn_run_lock(run));
  if (access(path_in(run->path, "config.yaml", path), F_OK) == 0)
    return limn_fail(LIMN_USAGE, "%s: another run has just begun here: choose another --out", run->path);
  return LIMN_OK;
}

static limn_status fill_folder(limn_run *run, const limn_config *config) {
  char path[FILE_PATH_SIZE];
  limn_durable_clean(run->path);
  LIMN_TRY(make_folder(path_in(run->path, "samples", path)));
  LIMN_TRY(make_folder(path_in(run->path, "checkpoints", path)));
  limn_run_clean_marks(run);
  LIMN_TRY(limn_run_try_disk(run));
  LIMN_TRY(limn_run_open_metrics(run));
  LIMN_TRY(write_json(run, NULL));
  /* Last, because it is what makes the folder a run. */
  return limn_config_write(config, path_in(run->path, "config.yaml", path));
}

/* Takes back what fill_folder made, so that the same command can be given again. Closed first: some file systems keep a
 * folder whose files are open. */
void limn_run_discard(limn_run *run) {
  static const char *const files[] = {"config.yaml", "run.json", "metrics.jsonl", "lock"};
  char folder[PATH_MAX], path[FILE_PATH_SIZE];
  snprintf(folder, sizeof folder, "%s", run->path);
  limn_run_close(run);
  for (size_t i = 0; i < sizeof files / sizeof *files; ++i)
    unlink(path_in(folder, files[i], path));
  rmdir(path_in(folder, "samples", path));
  rmdir(path_in(folder, "checkpoints", path));
  rmdir(folder);
}

limn_status limn_run_create(limn_run **out, const limn_config *config, const char *path) {
  char folder[PATH_MAX];
  if (path[0]) {
    LIMN_TRY(clean_path(path, folder));
    LIMN_TRY(make_named_folder(folder));
  } else {
    LIMN_TRY(make_numbered_folder(limn_config_model(config), folder));
  }
  limn_run *run = NULL;
  LIMN_TRY(allocate(&run, folder));
  limn_status status = claim_folder(run);
  if (status != LIMN_OK) {
    limn_run_close(run);
    return status;
  }
  status = fill_folder(run, config);
  if (status != LIMN_OK) {
    limn_run_discard(run);
    return status;
  }
  *out = run;
  return LIMN_OK;
}

static limn_status read_json(limn_run *run) {
  char path[FILE_PATH_SIZE], *text = NULL, *end = NULL;
  size_t size = 0;
  if (access(path_in(run->path, "run.json", path), F_OK) != 0)
    return LIMN_OK;
  LIMN_TRY(limn_read_file(path, JSON_LIMIT, &text, &size));
  json_error_t error;
  json_t *object = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
  free(text);
  if (!object && !error.text[0]) /* the parser's way of saying so */
    return limn_fail_memory("run.json");
  if (!object)
    return limn_fail(LIMN_DATA, "%s:%d: %s: mend the file or remove it", path, error.line, error.text);
  const json_t *value = json_object_get(object, "data_fingerprint");
  const char *digits = json_string_value(value);
  bool good = json_is_object(object) &&
              (!value || (digits && strlen(digits) == 16 && strspn(digits, "0123456789abcdef") == 16));
  if (good && digits)
    run->data_fingerprint = strtoull(digits, &end, 16);
  const char *device = json_string_value(json_object_get(object, "device"));
  if (good && device && !(run->device = strdup(device))) {
    json_decref(object);
    return limn_fail_memory("run.json");
  }
  json_decref(object);
  return good ? LIMN_OK
              : limn_fail(LIMN_DATA, "%s: data_fingerprint is not 16 hex digits: mend the file or remove it", path);
}

limn_status limn_run_open(limn_run **out, const char *path) {
  char folder[PATH_MAX], file[FILE_PATH_SIZE];
  limn_run *run = NULL;
  struct stat info;
  LIMN_TRY(clean_path(path, folder));
  if (stat(folder, &info) != 0)
    return limn_fail(LIMN_DATA, "%s: no run: %s", folder[0] ? folder : "\"\"", strerror(errno));
  if (!S_ISDIR(info.st_mode))
    return limn_fail(LIMN_DATA, "%s: a file, not the folder of a run: name the folder that `limn train` made", folder);
  if (access(path_in(folder, "config.yaml", file), R_OK) != 0)
    return limn_fail(LIMN_DATA, "%s: not the folder of a run: no config.yaml can be read in it", folder);
  LIMN_TRY(allocate(&run, folder));
  limn_status status = read_json(run);
  if (status != LIMN_OK) {
    limn_run_close(run);
    return status;
  }
  *out = run;
  return LIMN_OK;
}

limn_status limn_run_resume(limn_run **out, const char *path) {
  char folder[FILE_PATH_SIZE];
  limn_run *run = NULL;
  LIMN_TRY(limn_run_open(&run, path));
  limn_status status = limn_run_lock(run);
  if (status != LIMN_OK) {
    limn_run_close(run);
    return status;
  }
  limn_durable_clean(run->path);
  limn_durable_clean(path_in(run->path, "samples", folder));
  limn_durable_clean(path_in(run->path, "checkpoints", folder));
  limn_run_clean_marks(run);
  status = limn_run_try_disk(run);
  if (status != LIMN_OK) {
    limn_run_close(run);
    return status;
  }
  *out = run;
  return LIMN_OK;
}

void limn_run_close(limn_run *run) {
  if (!run)
    return;
  if (run->metrics >= 0)
    close(run->metrics);
  if (run->lock >= 0)
    close(run->lock);
  free(run->device);
  free(run->line);
  free(run->path);
  free(run);
}

const char *limn_run_path(const limn_run *run) { return run->path; }

limn_status limn_run_describe(limn_run *run, const char *device, uint64_t data_fingerprint) {
  uint64_t before = run->data_fingerprint;
  run->data_fingerprint = data_fingerprint;
  limn_status status = write_json(run, device);
  if (status != LIMN_OK)
    run->data_fingerprint = before;
  return status;
}

const char *limn_run_device(const limn_run *run) { return run->device ? run->device : ""; }

uint64_t limn_run_data_fingerprint(const limn_run *run) { return run->data_fingerprint; }
