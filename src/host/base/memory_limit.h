/* How much memory this process may have: the least of what the machine, its control groups and its own limits leave. */
#ifndef LIMN_BASE_MEMORY_LIMIT_H
#define LIMN_BASE_MEMORY_LIMIT_H

#include <stdint.h>

typedef struct limn_memory_limit {
  uint64_t most;      /* in all, with what it has already */
  uint64_t available; /* beyond what it has: without what others have, but with files that the system keeps in memory */
  const char *by;     /* what limits `available`, for messages: "the machine"; static */
} limn_memory_limit;

/* Read anew at each call: what others have changes. root: a folder in place of "/", for tests; NULL: "/". Never 0:
 * where the system says nothing, a gigabyte. */
limn_memory_limit limn_memory_limit_read(const char *root);

#endif
