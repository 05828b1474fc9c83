/* Writing safetensors files; reading them is public (limn/safetensors.h). */
#ifndef LIMN_FORMATS_SAFETENSORS_H
#define LIMN_FORMATS_SAFETENSORS_H

#include "limn/safetensors.h"

/* The file beside `path` whose name, which ends in .safetensors, `path` holds and nothing else, where it is there: into
 * buffer, returned; else `path`. Opening a file follows such a name as it would a link. */
const char *limn_safetensors_follow(const char *path, char *buffer, size_t size);

/* Writes a file durably (temporary, fsync, rename, fsync of the folder). `metadata` is NULL-terminated key, value
 * pairs. The same tensors and metadata give the same bytes. The data starts at a multiple of 8. LIMN_USAGE for a name
 * that is taken twice, "__metadata__" or not UTF-8. `metadata` may be NULL. */
typedef struct limn_tensor_to_store {
  const char *name;
  int dims;
  int64_t shape[LIMN_MAX_DIMS];
  const float *data; /* F32 */
} limn_tensor_to_store;
limn_status limn_safetensors_write(const char *path, const limn_tensor_to_store *tensors, size_t count,
                                   const char *const *metadata);

/* The same with data that read(context, index, data) brings when it is needed, so that one tensor at a time is in host
 * memory; tensors[].data is not looked at. A failing read leaves no file. */
typedef limn_status (*limn_tensor_reader)(void *context, size_t index, float *data);
limn_status limn_safetensors_write_from(const char *path, const limn_tensor_to_store *tensors, size_t count,
                                        const char *const *metadata, limn_tensor_reader read, void *context);

#endif
