/* What the parts of a run share: run.c, lock.c, checkpoints.c and metrics_log.c. */
#ifndef LIMN_RUN_FOLDER_H
#define LIMN_RUN_FOLDER_H

#include <stddef.h>
#include <stdint.h>

#include "run/run.h"

struct limn_run {
  char *path; /* without a slash at its end */
  uint64_t data_fingerprint;
  char *device; /* run.json's, NULL where it says none */
  int lock;     /* descriptor that holds the lock, -1: only read */
  int metrics;  /* descriptor of metrics.jsonl, -1 until it is needed */
  char *line;   /* where a line of metrics is put together */
  size_t line_capacity;
};

/* A run's path is shorter than PATH_MAX by this much, so that every path in it fits into PATH_MAX. */
#define LIMN_RUN_NAME_ROOM 128

/* Takes the folder's lock for the life of `run`; LIMN_FAILED, naming the holder, where another run has it. */
limn_status limn_run_lock(limn_run *run);

/* Removes half-made marks of a process that was killed. */
void limn_run_clean_marks(limn_run *run);

/* Opens metrics.jsonl for appending, once, and removes a torn last line. */
limn_status limn_run_open_metrics(limn_run *run);

#endif
