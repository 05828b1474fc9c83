/* Work that several threads share. */
#ifndef LIMN_BASE_PARALLEL_H
#define LIMN_BASE_PARALLEL_H

#include <stdint.h>

#include "limn/status.h"

/* The processors that this process may use, at least 1. */
int limn_processor_count(void);

/* Calls job(context, i) for every i in 0..count-1, from up to `workers` threads (0: one a processor), the calling one
 * among them. After a failure no later i is begun; the status and message are those of the lowest i that failed. */
limn_status limn_parallel_for(uint32_t count, int workers, limn_status (*job)(void *context, uint32_t i),
                              void *context);

#endif
