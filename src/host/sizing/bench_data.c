/* How fast pictures come, from where they can be. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "sizing/bench.h"
#include "train/training_data.h"

#define ROUND_SECONDS 0.5

/* Batches for a while: pictures a second. */
static limn_status run_round(limn_loader *loader, int pictures, double *speed) {
  limn_batch batch;
  uint64_t count = 0;
  double started = limn_clock(), seconds;
  do {
    LIMN_TRY(limn_loader_next(loader, &batch));
    count += (uint64_t)pictures;
    seconds = limn_clock() - started;
  } while (seconds < ROUND_SECONDS);
  *speed = (double)count / seconds;
  return LIMN_OK;
}

static limn_status run_rounds(const limn_config *config, limn_dataset *dataset, int rounds, limn_bench_data_row *row) {
  limn_loader *loader = NULL;
  limn_loader_options options = {.batch = config->batch,
                                 .seed = config->seed,
                                 .workers = config->workers,
                                 .class_balanced = config->class_balanced};
  double *speeds = malloc((size_t)rounds * sizeof *speeds), warm_up;
  if (!speeds)
    return limn_fail_memory("a bench");
  limn_status status = limn_loader_create(&loader, dataset, &options);
  if (status == LIMN_OK)
    status = run_round(loader, config->batch, &warm_up);
  for (int i = 0; i < rounds && status == LIMN_OK; ++i)
    status = run_round(loader, config->batch, &speeds[i]);
  limn_loader_destroy(loader);
  if (status == LIMN_OK) {
    row->images_per_second_median = limn_bench_median(speeds, rounds);
    row->images_per_second_min = speeds[0];
    row->images_per_second_max = speeds[rounds - 1];
  }
  free(speeds);
  return status;
}

/* Opens the data and describes what there is. */
static limn_status open_data(const limn_config *config, const limn_dataset_options *options,
                             limn_bench_data_result *result, limn_dataset **out, double *seconds) {
  limn_dataset_info info;
  double started = limn_clock();
  LIMN_TRY(limn_dataset_open(out, config->data, options));
  *seconds = limn_clock() - started;
  limn_dataset_get_info(*out, &info);
  result->images = info.count;
  result->channels = info.channels;
  result->height = info.height;
  result->width = info.width;
  result->decoded_bytes = (size_t)info.count * (size_t)info.channels * (size_t)info.height * (size_t)info.width;
  return LIMN_OK;
}

static limn_status measure(const limn_config *config, const limn_dataset_options *options, const char *from, int rounds,
                           limn_bench_data_result *result) {
  limn_dataset *dataset = NULL;
  limn_bench_data_row row = {0};
  snprintf(row.from, sizeof row.from, "%s", from);
  limn_status status = open_data(config, options, result, &dataset, &row.open_seconds);
  if (status == LIMN_OK)
    status = run_rounds(config, dataset, rounds, &row);
  limn_dataset_close(dataset);
  if (status == LIMN_OK)
    result->rows[result->row_count++] = row;
  return status;
}

static limn_status make_folder(char *path, size_t size) {
  const char *place = getenv("TMPDIR");
  snprintf(path, size, "%s/limn-bench-XXXXXX", place && place[0] ? place : "/tmp");
  return mkdtemp(path) ? LIMN_OK : limn_fail(LIMN_FAILED, "%s: cannot make the folder: %s", path, strerror(errno));
}

static void remove_folder(const char *path) {
  DIR *entries = opendir(path);
  for (struct dirent *entry; entries && (entry = readdir(entries));)
    unlinkat(dirfd(entries), entry->d_name, 0); /* . and .. stay */
  if (entries)
    closedir(entries);
  rmdir(path);
}

limn_status limn_bench_data(const limn_config *config, int rounds, limn_bench_data_result *result) {
  *result = (limn_bench_data_result){.batch = config->batch};
  if (!config->data[0])
    return limn_fail(LIMN_USAGE, "no data is named; use --data PATH");
  if (config->batch == 0)
    return limn_fail(LIMN_USAGE, "a batch of auto depends on the device; name one with --batch");
  char folder[4096];
  limn_dataset *dataset = NULL;
  limn_dataset_info info = {0};
  limn_dataset_options options;
  limn_run_data_options(config, NULL, &options);
  LIMN_TRY(make_folder(folder, sizeof folder));
  options.cache = folder;
  limn_status status = open_data(config, &options, result, &dataset, &result->make_seconds);
  if (status == LIMN_OK)
    limn_dataset_get_info(dataset, &info);
  limn_dataset_close(dataset);
  limn_dataset_options files = options, memory = options;
  files.cache = memory.cache = NULL;
  files.memory_limit = 1;
  if (status == LIMN_OK && info.cache_bytes)
    status = measure(config, &files, "files", rounds, result);
  if (status == LIMN_OK && info.cache_bytes)
    status = measure(config, &options, "cache", rounds, result);
  else
    result->make_seconds = 0;
  if (status == LIMN_OK)
    status = measure(config, &memory, "memory", rounds, result);
  remove_folder(folder);
  return status;
}
