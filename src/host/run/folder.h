/* What the parts of a run share: run.c, names.c, lock.c, checkpoints.c, marks.c, room.c and metrics_log.c. */
#ifndef LIMN_RUN_FOLDER_H
#define LIMN_RUN_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "run/run.h"

struct limn_run {
  char *path; /* without a slash at its end */
  uint64_t data_fingerprint;
  char *device;        /* run.json's, NULL where it says none */
  int lock;            /* descriptor that holds the lock, -1: only read */
  bool open_to_others; /* the file system has no locks, so `lock` holds none */
  int metrics;         /* descriptor of metrics.jsonl, -1 until it is needed */
  char *line;          /* where a line of metrics is put together */
  size_t line_capacity;
};

/* A run's path is shorter than PATH_MAX by this much, so that every path in it fits into PATH_MAX. */
#define LIMN_RUN_NAME_ROOM 128

/* Takes the folder's lock for the life of `run`; LIMN_FAILED, naming the holder, where another run has it. */
limn_status limn_run_lock(limn_run *run);

/* "000200.safetensors", into `name`, returned; and back: false for what no checkpoint would be called. */
#define LIMN_CHECKPOINT_NAME 48
const char *limn_run_checkpoint_name(uint64_t step, char name[LIMN_CHECKPOINT_NAME]);
bool limn_run_step_of(const char *name, uint64_t *step);

/* Removes half-made marks, and the trial's files, of a process that was killed. */
void limn_run_clean_marks(limn_run *run);
/* Points the mark at the checkpoint of that name. NULL, or what could not be done ("make a link"), with errno. */
const char *limn_run_put_mark(limn_run *run, const char *mark, const char *name);
/* Makes a file with the name and a newline in it, synced; there must be none. NULL, or what could not be done. */
const char *limn_run_write_name(const char *path, const char *name);
/* The step that the mark `path` points to; false when it is no mark of a checkpoint. */
bool limn_run_read_mark(const char *path, uint64_t *step);

/* Tries what a run's folder needs of its file system, in checkpoints/, by a mark of this name, and leaves nothing
 * there. LIMN_FAILED names what cannot be done. */
#define LIMN_RUN_TRIAL ".try"
limn_status limn_run_try_disk(limn_run *run);

/* Opens metrics.jsonl for appending, once, and removes a torn last line. */
limn_status limn_run_open_metrics(limn_run *run);

#endif
