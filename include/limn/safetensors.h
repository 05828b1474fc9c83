/* Reading files of named tensors: safetensors (8 bytes little-endian header length, a JSON header, dense little-endian
 * data) and PyTorch's own .pt and .pth, of which nothing is executed (docs/formats.md). */
#ifndef LIMN_SAFETENSORS_H
#define LIMN_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "limn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define LIMN_MAX_DIMS 8

typedef struct limn_safetensors limn_safetensors;

typedef struct limn_stored_tensor {
  const char *name;  /* borrowed */
  const char *dtype; /* "F32", ... borrowed */
  int dims;
  int64_t shape[LIMN_MAX_DIMS];
  const void *data; /* borrowed, `bytes` bytes, maybe unaligned for its type */
  size_t bytes;
} limn_stored_tensor;

/* Opens and checks a file wholly: header length, JSON, dtypes, offsets without gaps or overlaps, sizes; of PyTorch's
 * pickles that they hold nothing but data. LIMN_DATA with the path. The data is mapped, not read: the file must not
 * shrink while it is open. *out is yours; close it with limn_safetensors_close. Looking things up is safe from several
 * threads. A mark of a run (checkpoints/latest) is followed also where it is no link but a file: docs/formats.md. */
LIMN_API limn_status limn_safetensors_open(limn_safetensors **out, const char *path);
LIMN_API void limn_safetensors_close(limn_safetensors *file);
LIMN_API size_t limn_safetensors_count(const limn_safetensors *file);
LIMN_API const limn_stored_tensor *limn_safetensors_at(const limn_safetensors *file, size_t index); /* in file order */
LIMN_API const limn_stored_tensor *limn_safetensors_find(const limn_safetensors *file,
                                                         const char *name); /* NULL: none */
/* The numbers of a tensor of dtype F32, F16, BF16 or F64 as floats, in the order of the file, into `out`, which has
 * room for all of them. Exact, subnormal numbers, infinities and NaN included, but that F64 is rounded to the nearest.
 * LIMN_DATA for another dtype. */
LIMN_API limn_status limn_stored_tensor_floats(const limn_stored_tensor *tensor, float *out);
/* The value of a metadata key, NULL: none. */
LIMN_API const char *limn_safetensors_metadata(const limn_safetensors *file, const char *key);
LIMN_API size_t limn_safetensors_metadata_count(const limn_safetensors *file);
LIMN_API void limn_safetensors_metadata_at(const limn_safetensors *file, size_t index, const char **key,
                                           const char **value);

#ifdef __cplusplus
}
#endif
#endif
