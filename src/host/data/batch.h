/* A training batch: what the loader makes and a training step takes. */
#ifndef LIMN_DATA_BATCH_H
#define LIMN_DATA_BATCH_H

#include <stdint.h>

typedef struct limn_batch {
  const uint8_t *pixels; /* dense (N, C, H, W) */
  const int32_t *labels; /* (N), the classes by number, -1: of none. NULL: there are no classes */
} limn_batch;

#endif
