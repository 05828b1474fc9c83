/* A linear model whose C is looked for, and how often it is right. */
#ifndef LIMN_METRICS_CLASS_FIT_H
#define LIMN_METRICS_CLASS_FIT_H

#include "metrics/linear_model.h"

typedef struct limn_class_fit {
  limn_linear_model model;
  double c;           /* the best of 0.0001, 0.001, 0.01, 0.1 and 1 */
  double accuracy;    /* by cross-validation with that C */
  uint32_t validated; /* pictures of that, at most 3,000; 0: it was not looked for */
  uint32_t learned;   /* all of them: what the model is fitted to */
} limn_class_fit;

/* *out is yours to release. LIMN_DATA for a single class. */
limn_status limn_class_fit_take(limn_class_fit *out, const limn_linear_algebra *algebra, const limn_labelled_set *data,
                                uint64_t seed);
void limn_class_fit_release(limn_class_fit *fit);

/* The standard error of a share among `count`; NaN of none. */
double limn_share_error(double share, uint32_t count);

#endif
