/* An opened file of named tensors, whichever format it has. */
#ifndef LIMN_FORMATS_TENSOR_FILE_H
#define LIMN_FORMATS_TENSOR_FILE_H

#include <jansson.h>

#include "limn/safetensors.h"

struct limn_safetensors {
  char *path;
  void *map; /* the whole file; MAP_FAILED: none */
  size_t size;
  limn_stored_tensor *tensors; /* in file order */
  size_t count;
  json_t *metadata; /* texts by their keys; NULL: none. Borrowed */
  /* Of safetensors: */
  json_t *header; /* owns the names */
  const uint8_t *data;
  size_t data_size;
  /* Of PyTorch's files: names, and copies of what does not lie in one piece. (memory_count) */
  void **memory;
  size_t memory_count;
};

/* Bytes of a number of that type, by the name that safetensors has for it; 0: unknown. *name, where that is not NULL,
 * becomes a static one. */
size_t limn_dtype_size(const char *dtype, const char **name);

#endif
