/* A mixture beside the checkpoint whose codes it was fitted on, and whether it still is that checkpoint's. */
#ifndef LIMN_INFER_MIXTURE_FILE_H
#define LIMN_INFER_MIXTURE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "infer/mixture.h"
#include "infer/sha256.h"

#define LIMN_MOST_COMPONENTS 1000

/* What a mixture was made of. */
typedef struct limn_mixture_origin {
  char checkpoint[LIMN_SHA256_SIZE]; /* SHA-256 of its file */
  uint64_t step;                     /* of the checkpoint */
  uint64_t seed;                     /* by which the fit began */
  uint64_t data;                     /* fingerprint of the pictures */
  uint32_t count;                    /* of these */
  double log_likelihood;             /* mean over the codes, nats */
} limn_mixture_origin;

/* Where the mixture of the checkpoint lies that `path` (a run's folder, a mark, a file) means: 000200-gmm10.safetensors
 * beside 000200.safetensors. Into `file`; the checkpoint's own path into `checkpoint`. Both have room for `size`. */
limn_status limn_mixture_locate(const char *path, int components, char *file, char *checkpoint, size_t size);

/* A failure leaves no file. */
limn_status limn_mixture_write(const char *file, const limn_mixture *mixture, const limn_mixture_origin *origin);

/* LIMN_DATA where the file is not there, or is no mixture of a checkpoint with that SHA-256. *out is yours. origin may
 * be NULL. */
limn_status limn_mixture_read(limn_mixture *out, limn_mixture_origin *origin, const char *file, const char *checkpoint);

#endif
