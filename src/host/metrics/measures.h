/* The measures: a row each, by name. A new one is a function of what is measured, and a row in measures.c. */
#ifndef LIMN_METRICS_MEASURES_H
#define LIMN_METRICS_MEASURES_H

#include <stdbool.h>

#include "limn/evaluate.h"
#include "metrics/evaluated_sets.h"
#include "metrics/judge.h"
#include "metrics/linear_algebra.h"
#include "metrics/manifold.h"
#include "metrics/moments.h"

#define LIMN_NEIGHBOURS 5 /* of prdc, its own choice */

/* What measures are taken of. */
typedef struct limn_measured {
  const limn_evaluate_options *options;
  const limn_judge *judge;
  const limn_evaluated_sets *sets; /* NULL: while a run trains */
  limn_linear_algebra algebra;
  limn_feature_set pictures, data;             /* of what is compared; data.count 0: none, or its moments alone */
  limn_feature_set held_out;                   /* count 0: there are none */
  limn_feature_set logits;                     /* class scores of the pictures; count 0: none */
  limn_moments pictures_moments, data_moments; /* width 0: not taken */
  const limn_balls *data_balls;                /* for prdc, by who measures again and again; NULL: nobody */
} limn_measured;

enum {
  LIMN_NEEDS_DATA = 1,    /* features of the data, and of the pictures */
  LIMN_NEEDS_MOMENTS = 2, /* mean and covariance of both sets */
  LIMN_NEEDS_LOGITS = 4,
  LIMN_NEEDS_HELD_OUT = 8,  /* looks at held-out pictures where there are any */
  LIMN_NEEDS_SETS = 16,     /* the pictures themselves: not while a run trains */
  LIMN_NEEDS_CLASSES = 32,  /* features of the pictures, and of the data unless nothing is learned from them */
  LIMN_NEEDS_DATA_SET = 64, /* the data, but not their features */
  LIMN_NEEDS_JUDGE = LIMN_NEEDS_DATA | LIMN_NEEDS_MOMENTS | LIMN_NEEDS_LOGITS | LIMN_NEEDS_CLASSES, /* features */
};

typedef struct limn_metric {
  const char *name, *help;
  unsigned needs;
  limn_status (*take)(const limn_measured *measured, limn_evaluation *out);
} limn_metric;

#define LIMN_METRICS 11
extern const limn_metric limn_metrics[LIMN_METRICS];

/* The measures (bits by index) that `names` lists with commas between; NULL: those that are usual. LIMN_USAGE. */
limn_status limn_metrics_parse(const char *names, unsigned *out);
/* The one that such a list names first, which can be parsed. */
int limn_metrics_first(const char *names);
/* Whether the one of that name is among them. */
bool limn_metrics_take(unsigned metrics, const char *name);
/* What they need, together. */
unsigned limn_metrics_needs(unsigned metrics);

/* One more score, deviation and interval unknown. NULL: there is no memory, which the caller returns as a failure. */
limn_score *limn_evaluation_add(limn_evaluation *evaluation, const char *metric, int better, double value);
/* One more note, printf-style. */
limn_status limn_evaluation_note(limn_evaluation *evaluation, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
