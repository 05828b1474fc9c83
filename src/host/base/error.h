/* How the library reports failures: a status is returned, a one-line message stays behind for the thread. */
#ifndef LIMN_BASE_ERROR_H
#define LIMN_BASE_ERROR_H

#include "limn/status.h"

/* Records a printf-style one-line message for this thread and returns `status`, so that a caller can write
 * `return limn_fail(LIMN_DATA, "%s: not a PNG file", path);`. */
limn_status limn_fail(limn_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Out of memory, naming what was to be held. */
limn_status limn_fail_memory(const char *what);

/* Returns from the calling function with the status of `call` unless that is LIMN_OK. */
#define LIMN_TRY(call)                                                                                                 \
  do {                                                                                                                 \
    limn_status limn_try_status_ = (call);                                                                             \
    if (limn_try_status_ != LIMN_OK)                                                                                   \
      return limn_try_status_;                                                                                         \
  } while (0)

/* Sets `status` and jumps to `cleanup` unless `call` succeeds: for functions that own something. */
#define LIMN_TRY_OR_CLEANUP(status, call)                                                                              \
  do {                                                                                                                 \
    (status) = (call);                                                                                                 \
    if ((status) != LIMN_OK)                                                                                           \
      goto cleanup;                                                                                                    \
  } while (0)

#endif
