/* The sets of pictures of an evaluation: what is judged, what it is held against, and what neither training nor anybody
 * else has seen. */
#ifndef LIMN_METRICS_EVALUATED_SETS_H
#define LIMN_METRICS_EVALUATED_SETS_H

#include "limn/evaluate.h"
#include "metrics/picture_set.h"
#include "metrics/run_data.h"

typedef struct limn_evaluated_sets {
  limn_config *run;                             /* of the run that is judged; NULL: there is none */
  limn_run_data run_data;                       /* where its own data are what is held against */
  limn_picture_set *pictures, *data, *held_out; /* NULL: there are none. Of option stacked: their planes */
  char *statistics;                             /* a file of such, in the place of data; NULL: there is none */
} limn_evaluated_sets;

/* What of it is wanted. Of a generator whose pictures are not, the form alone is known. */
enum { LIMN_WANTS_DATA = 1, LIMN_WANTS_HELD_OUT = 2, LIMN_WANTS_PICTURES = 4 };

/* LIMN_USAGE where data are wanted and not to be had. Held-out pictures need not be there: they are those of the option
 * held_out, else the held-out part of the run's own data. */
limn_status limn_evaluated_sets_open(limn_evaluated_sets *sets, const limn_evaluate_options *options, unsigned wants);
void limn_evaluated_sets_close(limn_evaluated_sets *sets);

#endif
