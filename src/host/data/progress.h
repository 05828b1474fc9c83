/* The line that a pass over many pictures owes whoever waits for it. */
#ifndef LIMN_DATA_PROGRESS_H
#define LIMN_DATA_PROGRESS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct limn_progress {
  pthread_t caller;
  double started;
  atomic_uint done; /* pictures */
  bool told;
} limn_progress;

/* From the thread that asked for the pass, and that alone is told. */
void limn_progress_begin(limn_progress *progress);
/* To be called before each picture, which it counts. true once, when the pass has gone on for a while: *done pictures
 * in *seconds, neither 0. */
bool limn_progress_due(limn_progress *progress, uint32_t *done, double *seconds);

#endif
