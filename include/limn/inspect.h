/* What a run folder says about itself. */
#ifndef LIMN_INSPECT_H
#define LIMN_INSPECT_H

#include <stddef.h>
#include <stdint.h>

#include "limn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A key of run.json with its value as text: versions, device, data fingerprint. */
typedef struct limn_run_fact {
  char *name, *value;
} limn_run_fact;

/* The newest value of one column of metrics.jsonl. */
typedef struct limn_run_metric {
  char *name;
  double value; /* NaN where the file has null */
  uint64_t step;
} limn_run_metric;

typedef struct limn_run_checkpoint {
  uint64_t step;
  uint64_t bytes;
  int latest, best; /* 1: `latest`, `best` points here */
} limn_run_checkpoint;

/* Everything is owned by the summary. No pointer is NULL but those of empty arrays. */
typedef struct limn_run_summary {
  char model[16];
  char *data;           /* where the pictures came from, "" when not said */
  char *picture;        /* the newest sample picture, "" when there is none */
  uint64_t step;        /* of the newest checkpoint, 0 when there is none */
  limn_run_fact *facts; /* in the order of run.json; none when that is missing */
  size_t fact_count;
  limn_run_metric *metrics; /* in the order of their first appearance in the end of metrics.jsonl */
  size_t metric_count;
  limn_run_checkpoint *checkpoints; /* oldest first */
  size_t checkpoint_count;
} limn_run_summary;

/* Reads a run folder; writes nothing, so that a run may be looked at while it trains. LIMN_DATA when the folder is no
 * run or a file in it is broken, with the file's name. *out is yours; free it with limn_run_summary_destroy. */
LIMN_API limn_status limn_run_summary_create(limn_run_summary **out, const char *path);
LIMN_API void limn_run_summary_destroy(limn_run_summary *summary);

#ifdef __cplusplus
}
#endif
#endif
