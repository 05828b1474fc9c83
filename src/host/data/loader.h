/* Batches in training order, gathered ahead of time by worker threads.
 *
 * The order is a pure function of (seed, epoch): batch b of the run is made of the images at positions b*size ...
 * (b+1)*size-1 of the concatenated shuffles of all epochs, so that a resumed run only has to know b. With
 * class_balanced an epoch has as many pictures, of all classes equally many (data/class_order.h). */
#ifndef LIMN_DATA_LOADER_H
#define LIMN_DATA_LOADER_H

#include "data/batch.h"
#include "data/dataset.h"

typedef struct limn_loader limn_loader;

typedef struct limn_loader_options {
  const uint32_t *indices; /* the part of the data set to draw from (copied); NULL: all */
  uint32_t index_count;
  bool class_balanced; /* LIMN_USAGE where the data set has no labels, or the part of it none */
  int batch;
  uint64_t seed;
  uint64_t first_batch; /* index of the first batch to deliver */
  int workers;          /* 0: chosen */
  int prefetch;         /* batches made ahead, 0: chosen */
} limn_loader_options;

limn_status limn_loader_create(limn_loader **out, limn_dataset *dataset, const limn_loader_options *options);
/* Stops and joins the workers; never hangs. */
void limn_loader_destroy(limn_loader *loader);
/* The next batch, with labels where the data set has classes; what it points to is borrowed until the next call. Blocks
 * until it is ready; a failure in a worker is reported here, with its message. After warm-up, neither this nor the
 * workers allocate (for decoded data).
 */
limn_status limn_loader_next(limn_loader *loader, limn_batch *out);

/* Divides 0..count-1 into a training and a validation part, a pure function of (seed, count, part). Both arrays are
 * yours (free()); validation is at least 1 when part > 0 and count > 1. */
limn_status limn_split(uint32_t count, double part, uint64_t seed, uint32_t **training, uint32_t *training_count,
                       uint32_t **validation, uint32_t *validation_count);

#endif
