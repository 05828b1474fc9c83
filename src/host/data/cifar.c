/* The binary files of CIFAR-10 and CIFAR-100 (Krizhevsky 2009): records of one label byte (CIFAR-100: a coarse and a
 * fine one) and 3 x 32 x 32 pixels, without a header. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "data/records.h"

#define SIDE          32
#define PIXELS        ((size_t)3 * SIDE * SIDE)
#define MOST_FILES    16
#define NAMES_LIMIT   ((size_t)1 << 16)
#define FIRST_BATCH   "data_batch_1.bin"
#define HUNDRED_TRAIN "train.bin"

/* What the files of one of the two have in common. */
typedef struct cifar_variant {
  size_t label_bytes; /* the last one is the label */
  int class_count;
  const char *names; /* the file with the names of the classes, a line each */
} cifar_variant;

static const cifar_variant ten = {1, 10, "batches.meta.txt"}, hundred = {2, 100, "fine_label_names.txt"};

static bool is_whole(const cifar_variant *variant, uint64_t size) {
  return size > 0 && size % (variant->label_bytes + PIXELS) == 0;
}

static bool size_of(const char *folder, const char *name, uint64_t *size) {
  char path[PATH_MAX];
  struct stat info;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  if (stat(path, &info) != 0 || !S_ISREG(info.st_mode))
    return false;
  *size = (uint64_t)info.st_size;
  return true;
}

bool limn_cifar_is_folder(const char *path) {
  uint64_t size;
  return size_of(path, FIRST_BATCH, &size) ||
         (size_of(path, HUNDRED_TRAIN, &size) && size_of(path, hundred.names, &size));
}

bool limn_cifar_is_file(const char *path, uint64_t size) {
  const char *end = strrchr(path, '.');
  return end && strcmp(end, ".bin") == 0 && (is_whole(&ten, size) || is_whole(&hundred, size));
}

/* One file's records behind those that are there; capacity is the room in source->pixels and labels. */
static limn_status add_file(limn_record_source *source, const cifar_variant *variant, const char *path, size_t limit) {
  char *bytes = NULL;
  size_t size, record = variant->label_bytes + PIXELS;
  LIMN_TRY(limn_read_file(path, limit, &bytes, &size));
  limn_status status = LIMN_OK;
  if (!is_whole(variant, size)) {
    status = limn_fail(LIMN_DATA, "%s: %zu bytes, not a multiple of a CIFAR-%d record's %zu; fetch the file again",
                       path, size, variant->class_count, record);
    goto cleanup;
  }
  size_t before = source->base.count, count = before + size / record;
  uint8_t *pixels = count > UINT32_MAX ? NULL : realloc(source->pixels, count * PIXELS);
  source->pixels = pixels ? pixels : source->pixels;
  int32_t *labels = pixels ? realloc(source->labels, count * sizeof *labels) : NULL;
  source->labels = labels ? labels : source->labels;
  if (!labels) {
    status = limn_fail_memory(path);
    goto cleanup;
  }
  const uint8_t *from = (const uint8_t *)bytes;
  for (size_t i = before; i < count; ++i, from += record) {
    labels[i] = from[variant->label_bytes - 1];
    if (labels[i] >= variant->class_count) {
      status = limn_fail(LIMN_DATA, "%s: picture %zu has the label %d; CIFAR-%d has 0 to %d: fetch the file again",
                         path, i - before, labels[i], variant->class_count, variant->class_count - 1);
      goto cleanup;
    }
    memcpy(pixels + i * PIXELS, from + variant->label_bytes, PIXELS);
  }
  source->base.count = (uint32_t)count;
cleanup:
  free(bytes);
  return status;
}

/* The names in the file beside the data; numbers where there is none. */
static limn_status name_classes(limn_record_source *source, const cifar_variant *variant, const char *folder) {
  char path[PATH_MAX], *text = NULL, *rest = NULL;
  size_t size;
  uint64_t present;
  limn_status status = LIMN_OK;
  if (size_of(folder, variant->names, &present)) {
    snprintf(path, sizeof path, "%s/%s", folder, variant->names);
    LIMN_TRY(limn_read_file(path, NAMES_LIMIT, &text, &size));
    for (char *name = strtok_r(text, "\r\n", &rest); name && status == LIMN_OK; name = strtok_r(NULL, "\r\n", &rest))
      status = limn_records_add_class(source, name);
    free(text);
    if (status == LIMN_OK && source->base.class_count != variant->class_count)
      status = limn_fail(LIMN_DATA, "%s: names %d classes, where CIFAR-%d has %d; fetch the file again", path,
                         source->base.class_count, variant->class_count, variant->class_count);
    return status;
  }
  return limn_records_number_classes(source);
}

static limn_status read_folder(limn_record_source *source, size_t limit) {
  const char *folder = source->path;
  uint64_t size;
  char path[PATH_MAX], name[32];
  if (!size_of(folder, FIRST_BATCH, &size)) {
    snprintf(path, sizeof path, "%s/%s", folder, HUNDRED_TRAIN);
    LIMN_TRY(add_file(source, &hundred, path, limit));
    return name_classes(source, &hundred, folder);
  }
  for (int i = 1; i <= MOST_FILES; ++i) {
    snprintf(name, sizeof name, "data_batch_%d.bin", i);
    if (!size_of(folder, name, &size))
      break;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    LIMN_TRY(add_file(source, &ten, path, limit));
  }
  return name_classes(source, &ten, folder);
}

static limn_status read_one(limn_record_source *source, size_t limit) {
  const char *slash = strrchr(source->path, '/');
  struct stat info;
  char folder[PATH_MAX] = ".";
  if (slash)
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - source->path) + 1, source->path);
  if (stat(source->path, &info) != 0)
    return limn_fail(LIMN_DATA, "%s: cannot open: %s", source->path, strerror(errno));
  const cifar_variant *variant = is_whole(&ten, (uint64_t)info.st_size) ? &ten : &hundred;
  LIMN_TRY(add_file(source, variant, source->path, limit));
  return name_classes(source, variant, folder);
}

limn_status limn_cifar_open(limn_data_source **out, const char *path, const limn_source_options *options) {
  *out = NULL;
  limn_record_source *source;
  struct stat info;
  LIMN_TRY(limn_records_create(&source, LIMN_RECORDS_CIFAR, path));
  source->height = source->width = SIDE;
  source->channels = 3;
  source->planar = true;
  bool is_folder = stat(path, &info) == 0 && S_ISDIR(info.st_mode);
  limn_status status = is_folder ? read_folder(source, options->memory_limit) : read_one(source, options->memory_limit);
  if (status != LIMN_OK) {
    source->base.ops->destroy(&source->base);
    return status;
  }
  *out = &source->base;
  return LIMN_OK;
}
