/* Reading safetensors. Everything in the file is checked before anything is handed out: it may come from anywhere. */
#include "limn/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "formats/foreign_file.h"
#include "formats/safetensors.h"
#include "formats/tensor_file.h"
#include "formats/torch_file.h"

#define HEADER_LIMIT 100000000 /* the format's own limit */
#define PREFIX_SIZE  8         /* the header's length, little-endian */

/* Numbers are handed out as they lie in the file. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "safetensors data is little-endian");

static limn_status map_file(limn_safetensors *file) {
  struct stat info;
  limn_status status = LIMN_OK;
  int descriptor = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not hang us */
  if (descriptor < 0)
    return limn_fail(LIMN_DATA, "%s: cannot open: %s", file->path, strerror(errno));
  if (fstat(descriptor, &info) != 0)
    status = limn_fail(LIMN_DATA, "%s: cannot read: %s", file->path, strerror(errno));
  else if (!S_ISREG(info.st_mode))
    status = limn_fail(LIMN_DATA, "%s: not a file but a %s: name a safetensors file", file->path,
                       S_ISDIR(info.st_mode) ? "folder" : "device or pipe");
  else if (info.st_size == 0)
    status = limn_fail(LIMN_DATA, "%s is an empty file", file->path);
  if (status == LIMN_OK) {
    file->size = (size_t)info.st_size;
    file->map = mmap(NULL, file->size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (file->map == MAP_FAILED)
      status = limn_fail(LIMN_FAILED, "%s: cannot map %zu bytes: %s", file->path, file->size, strerror(errno));
  }
  close(descriptor);
  return status;
}

static limn_status read_header(limn_safetensors *file) {
  const uint8_t *bytes = file->map;
  uint64_t length = 0;
  /* Only what begins as the format does is worth a closer look; any other file's first bytes are a number too. */
  if (file->size < PREFIX_SIZE + 1 || bytes[PREFIX_SIZE] != '{')
    return limn_fail(LIMN_DATA, "%s is %s", file->path, limn_foreign_file(bytes, file->size));
  for (int i = PREFIX_SIZE - 1; i >= 0; --i)
    length = length << 8 | bytes[i];
  if (length == 0 || length > HEADER_LIMIT)
    return limn_fail(LIMN_DATA, "%s is %s", file->path, limn_foreign_file(bytes, file->size));
  if (length > file->size - PREFIX_SIZE)
    return limn_fail(LIMN_DATA, "%s: the header wants %" PRIu64 " bytes, the file has %zu: it is cut short", file->path,
                     length, file->size - PREFIX_SIZE);
  const char *text = (const char *)bytes + PREFIX_SIZE;
  json_error_t error;
  file->header = json_loadb(text, (size_t)length, JSON_REJECT_DUPLICATES, &error);
  if (!file->header && !error.text[0]) /* the parser's way of saying so */
    return limn_fail_memory("the header of a safetensors file");
  if (!file->header)
    return limn_fail(LIMN_DATA, "%s: broken header at byte %d: %s", file->path, error.position, error.text);
  file->data = bytes + PREFIX_SIZE + length;
  file->data_size = file->size - PREFIX_SIZE - (size_t)length;
  return LIMN_OK;
}

static limn_status read_metadata(limn_safetensors *file) {
  const char *key;
  json_t *value;
  file->metadata = json_object_get(file->header, "__metadata__");
  if (!file->metadata)
    return LIMN_OK;
  if (!json_is_object(file->metadata))
    return limn_fail(LIMN_DATA, "%s: __metadata__ is no JSON object: write the file anew", file->path);
  json_object_foreach(file->metadata, key, value) {
    if (!json_is_string(value))
      return limn_fail(LIMN_DATA, "%s: metadata \"%.64s\" is not a text: write the file anew", file->path, key);
  }
  return LIMN_OK;
}

/* A field "shape" or "data_offsets": whole numbers from 0 on. Returns how many, or -1. */
static int read_numbers(const json_t *array, int64_t *out, size_t limit) {
  if (!json_is_array(array) || json_array_size(array) > limit)
    return -1;
  for (size_t i = 0; i < json_array_size(array); ++i) {
    const json_t *number = json_array_get(array, i);
    if (!json_is_integer(number) || json_integer_value(number) < 0)
      return -1;
    out[i] = json_integer_value(number);
  }
  return (int)json_array_size(array);
}

static limn_status read_type_and_shape(const limn_safetensors *file, const json_t *entry, limn_stored_tensor *tensor) {
  const char *dtype = json_string_value(json_object_get(entry, "dtype"));
  size_t bytes = limn_dtype_size(dtype, &tensor->dtype);
  if (!tensor->dtype)
    return limn_fail(LIMN_DATA, "%s: tensor \"%.96s\": unknown dtype \"%.32s\": convert it to F32", file->path,
                     tensor->name, dtype ? dtype : "");
  tensor->dims = read_numbers(json_object_get(entry, "shape"), tensor->shape, LIMN_MAX_DIMS);
  if (tensor->dims < 0)
    return limn_fail(LIMN_DATA, "%s: tensor \"%.96s\": its shape must be a list of up to %d sizes", file->path,
                     tensor->name, LIMN_MAX_DIMS);
  for (int i = 0; i < tensor->dims; ++i)
    if (__builtin_mul_overflow(bytes, (uint64_t)tensor->shape[i], &bytes))
      return limn_fail(LIMN_DATA, "%s: tensor \"%.96s\": its shape is larger than any file", file->path, tensor->name);
  tensor->bytes = bytes;
  return LIMN_OK;
}

static limn_status read_tensor(const limn_safetensors *file, const char *name, const json_t *entry,
                               limn_stored_tensor *tensor) {
  int64_t offsets[2] = {0};
  *tensor = (limn_stored_tensor){.name = name};
  LIMN_TRY(read_type_and_shape(file, entry, tensor));
  if (read_numbers(json_object_get(entry, "data_offsets"), offsets, 2) != 2 || offsets[1] < offsets[0])
    return limn_fail(LIMN_DATA, "%s: tensor \"%.96s\": its data_offsets must be [begin, end]", file->path, name);
  if ((uint64_t)offsets[1] > file->data_size)
    return limn_fail(LIMN_DATA, "%s: tensor \"%.96s\" ends at byte %" PRId64 " of %zu: the file is cut short",
                     file->path, name, offsets[1], file->data_size);
  if ((uint64_t)(offsets[1] - offsets[0]) != tensor->bytes)
    return limn_fail(LIMN_DATA, "%s: tensor \"%.96s\" has %" PRId64 " bytes where its shape needs %zu", file->path,
                     name, offsets[1] - offsets[0], tensor->bytes);
  tensor->data = file->data + offsets[0];
  return LIMN_OK;
}

static limn_status read_tensors(limn_safetensors *file) {
  const char *name;
  json_t *entry;
  file->tensors = calloc(json_object_size(file->header) + 1, sizeof *file->tensors);
  if (!file->tensors)
    return limn_fail_memory("the list of tensors of a safetensors file");
  json_object_foreach(file->header, name, entry) {
    if (entry == file->metadata)
      continue;
    LIMN_TRY(read_tensor(file, name, entry, &file->tensors[file->count]));
    ++file->count;
  }
  return LIMN_OK;
}

static int compare_places(const void *a, const void *b) {
  const limn_stored_tensor *const *x = a, *const *y = b;
  const char *x_begin = (*x)->data, *y_begin = (*y)->data;
  if (x_begin != y_begin)
    return x_begin < y_begin ? -1 : 1;
  return ((*x)->bytes > (*y)->bytes) - ((*x)->bytes < (*y)->bytes);
}

/* Together the tensors must cover the data once, without gaps: nothing can hide in the file, nothing is shared. */
static limn_status check_cover(const limn_safetensors *file) {
  const limn_stored_tensor **order = malloc((file->count + 1) * sizeof *order);
  if (!order)
    return limn_fail_memory("the list of tensors of a safetensors file");
  for (size_t i = 0; i < file->count; ++i)
    order[i] = &file->tensors[i];
  qsort(order, file->count, sizeof *order, compare_places);
  const uint8_t *end = file->data;
  limn_status status = LIMN_OK;
  for (size_t i = 0; i < file->count && status == LIMN_OK; ++i) {
    const uint8_t *begin = order[i]->data;
    if (begin != end)
      status = limn_fail(LIMN_DATA, "%s: tensor \"%.96s\" begins at byte %td, the one before it ends at %td",
                         file->path, order[i]->name, begin - file->data, end - file->data);
    end = begin + order[i]->bytes;
  }
  if (status == LIMN_OK && end != file->data + file->data_size)
    status = limn_fail(LIMN_DATA, "%s: its tensors end at byte %td of %zu: the rest belongs to none", file->path,
                       end - file->data, file->data_size);
  free(order);
  return status;
}

const char *limn_safetensors_follow(const char *path, char *buffer, size_t size) {
  static const char ending[] = ".safetensors";
  char name[64];
  const char *slash = strrchr(path, '/');
  const int folder = slash ? (int)(slash - path) + 1 : 0;
  if (!limn_read_name(path, name, sizeof name))
    return path;
  const size_t length = strlen(name), end = sizeof ending - 1;
  if (length <= end || strcmp(name + length - end, ending) != 0 ||
      snprintf(buffer, size, "%.*s%s", folder, path, name) >= (int)size || access(buffer, F_OK) != 0)
    return path;
  return buffer;
}

static limn_status read_safetensors(limn_safetensors *file) {
  LIMN_TRY(read_header(file));
  LIMN_TRY(read_metadata(file));
  LIMN_TRY(read_tensors(file));
  return check_cover(file);
}

limn_status limn_safetensors_open(limn_safetensors **out, const char *path) {
  limn_safetensors *file = calloc(1, sizeof *file);
  if (!file)
    return limn_fail_memory("a safetensors file");
  file->map = MAP_FAILED;
  char marked[PATH_MAX];
  file->path = strdup(limn_safetensors_follow(path, marked, sizeof marked));
  limn_status status = file->path ? LIMN_OK : limn_fail_memory("a path");
  if (status != LIMN_OK)
    goto cleanup;
  LIMN_TRY_OR_CLEANUP(status, map_file(file));
  status = limn_torch_file_is(file->map, file->size) ? limn_torch_file_read(file) : read_safetensors(file);
cleanup:
  if (status == LIMN_OK)
    *out = file;
  else
    limn_safetensors_close(file);
  return status;
}

void limn_safetensors_close(limn_safetensors *file) {
  if (!file)
    return;
  for (size_t i = 0; i < file->memory_count; ++i)
    free(file->memory[i]);
  free(file->memory);
  free(file->tensors);
  json_decref(file->header);
  if (file->map != MAP_FAILED)
    munmap(file->map, file->size);
  free(file->path);
  free(file);
}

size_t limn_safetensors_count(const limn_safetensors *file) { return file->count; }

const limn_stored_tensor *limn_safetensors_at(const limn_safetensors *file, size_t index) {
  return index < file->count ? &file->tensors[index] : NULL;
}

const limn_stored_tensor *limn_safetensors_find(const limn_safetensors *file, const char *name) {
  for (size_t i = 0; i < file->count; ++i)
    if (strcmp(file->tensors[i].name, name) == 0)
      return &file->tensors[i];
  return NULL;
}

const char *limn_safetensors_metadata(const limn_safetensors *file, const char *key) {
  return json_string_value(json_object_get(file->metadata, key));
}

size_t limn_safetensors_metadata_count(const limn_safetensors *file) { return json_object_size(file->metadata); }

void limn_safetensors_metadata_at(const limn_safetensors *file, size_t index, const char **key, const char **value) {
  const char *name;
  json_t *text;
  *key = *value = NULL;
  size_t i = 0;
  json_object_foreach(file->metadata, name, text) {
    if (i++ == index) {
      *key = name;
      *value = json_string_value(text);
      return;
    }
  }
}
