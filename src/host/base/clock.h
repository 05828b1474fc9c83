/* Time that only goes forward. */
#ifndef LIMN_BASE_CLOCK_H
#define LIMN_BASE_CLOCK_H

#include <time.h>

/* Seconds since some moment in the past. */
static inline double limn_clock(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Of the calling thread: seconds of a processor's time. */
static inline double limn_thread_time(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#endif
