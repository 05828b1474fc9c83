#include "formats/safetensors.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

#define ALIGNMENT 8

static limn_status add_metadata(json_t *header, const char *path, const char *const *metadata) {
  if (!metadata || !metadata[0])
    return LIMN_OK;
  json_t *object = json_object();
  if (!object || json_object_set_new(header, "__metadata__", object) != 0)
    return limn_fail_memory("the header of a safetensors file");
  for (; metadata[0]; metadata += 2) {
    const char *key = metadata[0], *value = metadata[1];
    if (!limn_text_is_utf8(key) || !limn_text_is_utf8(value) || json_object_get(object, key))
      return limn_fail(LIMN_USAGE, "%s: metadata \"%.64s\" stands there twice or is not UTF-8: rename it", path, key);
    if (json_object_set_new(object, key, json_string(value)) != 0)
      return limn_fail_memory("the header of a safetensors file");
  }
  return LIMN_OK;
}

static limn_status tensor_bytes(const char *path, const limn_tensor_to_store *tensor, size_t *out) {
  int64_t bytes = sizeof(float);
  if (tensor->dims < 0 || tensor->dims > LIMN_MAX_DIMS)
    return limn_fail(LIMN_USAGE, "%s: tensor \"%.96s\" has %d dimensions: 0 to %d can be stored", path, tensor->name,
                     tensor->dims, LIMN_MAX_DIMS);
  for (int i = 0; i < tensor->dims; ++i)
    if (tensor->shape[i] < 0 || __builtin_mul_overflow(bytes, tensor->shape[i], &bytes))
      return limn_fail(LIMN_USAGE, "%s: tensor \"%.96s\": size %" PRId64 " of dimension %d is negative or too large",
                       path, tensor->name, tensor->shape[i], i);
  *out = (size_t)bytes;
  return LIMN_OK;
}

static limn_status add_tensor(json_t *header, const char *path, const limn_tensor_to_store *tensor, size_t *end) {
  size_t bytes = 0;
  LIMN_TRY(tensor_bytes(path, tensor, &bytes));
  if (strcmp(tensor->name, "__metadata__") == 0 || !limn_text_is_utf8(tensor->name) ||
      json_object_get(header, tensor->name))
    return limn_fail(LIMN_USAGE, "%s: the tensor name \"%.96s\" is taken or not UTF-8: rename it", path, tensor->name);
  json_t *shape = json_array();
  for (int i = 0; shape && i < tensor->dims; ++i)
    if (json_array_append_new(shape, json_integer(tensor->shape[i])) != 0) {
      json_decref(shape);
      shape = NULL;
    }
  /* "o" takes the array over, also where packing fails. */
  json_t *entry = shape ? json_pack("{s:s, s:o, s:[I, I]}", "dtype", "F32", "shape", shape, "data_offsets",
                                    (json_int_t)*end, (json_int_t)(*end + bytes))
                        : NULL;
  if (!entry || json_object_set_new(header, tensor->name, entry) != 0)
    return limn_fail_memory("the header of a safetensors file");
  *end += bytes;
  return LIMN_OK;
}

/* The file's first part: length, JSON, and spaces up to a multiple of 8. */
static limn_status write_header(FILE *stream, const char *path, const json_t *header) {
  static const char spaces[] = "       ";
  char *text = json_dumps(header, JSON_COMPACT);
  if (!text)
    return limn_fail_memory("the header of a safetensors file");
  size_t length = strlen(text), padding = (ALIGNMENT - length % ALIGNMENT) % ALIGNMENT;
  unsigned char prefix[8];
  for (size_t i = 0; i < sizeof prefix; ++i)
    prefix[i] = (unsigned char)((uint64_t)(length + padding) >> (8 * i));
  bool good = fwrite(prefix, 1, sizeof prefix, stream) == sizeof prefix && fwrite(text, 1, length, stream) == length &&
              fwrite(spaces, 1, padding, stream) == padding;
  int error = errno;
  free(text);
  return good ? LIMN_OK : limn_fail(LIMN_FAILED, "%s: cannot write: %s", path, strerror(error));
}

/* Where the data of tensors comes from: memory, or a reader that fills `space`, which holds the largest of them. */
struct source {
  const limn_tensor_to_store *tensors;
  limn_tensor_reader read;
  void *context;
  float *space;
};

static limn_status write_data(FILE *stream, const char *path, const struct source *source, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    size_t bytes = 0;
    const float *data = source->read ? source->space : source->tensors[i].data;
    LIMN_TRY(tensor_bytes(path, &source->tensors[i], &bytes));
    if (source->read)
      LIMN_TRY(source->read(source->context, i, source->space));
    if (bytes && fwrite(data, 1, bytes, stream) != bytes)
      return limn_fail(LIMN_FAILED, "%s: cannot write: %s", path, strerror(errno));
  }
  return LIMN_OK;
}

limn_status limn_safetensors_write_from(const char *path, const limn_tensor_to_store *tensors, size_t count,
                                        const char *const *metadata, limn_tensor_reader read, void *context) {
  limn_durable_file file = {0};
  limn_status status = LIMN_OK;
  struct source source = {tensors, read, context, NULL};
  size_t end = 0, largest = 0, bytes = 0;
  json_t *header = json_object();
  if (!header)
    return limn_fail_memory("the header of a safetensors file");
  LIMN_TRY_OR_CLEANUP(status, add_metadata(header, path, metadata));
  for (size_t i = 0; i < count; ++i) {
    LIMN_TRY_OR_CLEANUP(status, add_tensor(header, path, &tensors[i], &end));
    LIMN_TRY_OR_CLEANUP(status, tensor_bytes(path, &tensors[i], &bytes));
    largest = bytes > largest ? bytes : largest;
  }
  if (read && !(source.space = malloc(largest + 1))) {
    status = limn_fail_memory("the data of a safetensors file");
    goto cleanup;
  }
  LIMN_TRY_OR_CLEANUP(status, limn_output_open(&file, path));
  LIMN_TRY_OR_CLEANUP(status, write_header(file.stream, path, header));
  LIMN_TRY_OR_CLEANUP(status, write_data(file.stream, path, &source, count));
  status = limn_durable_commit(&file);
cleanup:
  if (status != LIMN_OK)
    limn_durable_discard(&file);
  free(source.space);
  json_decref(header);
  return status;
}

limn_status limn_safetensors_write(const char *path, const limn_tensor_to_store *tensors, size_t count,
                                   const char *const *metadata) {
  return limn_safetensors_write_from(path, tensors, count, metadata, NULL, NULL);
}
