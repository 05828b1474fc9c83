/* The likely cause of a training that is no longer finite, from what was measured in its last steps. */
#ifndef LIMN_TRAIN_DIAGNOSIS_H
#define LIMN_TRAIN_DIAGNOSIS_H

#include "config/config.h"
#include "limn/train.h"

#define LIMN_TREND_NORMS 3 /* networks at most: "grad_norm_d", "grad_norm_g"; "grad_norm" */

/* The course of gradient norms: means that forget within some ten, and some hundreds of steps. Zero: none yet. */
typedef struct limn_trend {
  double recent[LIMN_TREND_NORMS], usual[LIMN_TREND_NORMS];
  uint64_t steps;
} limn_trend;

/* The measures of a step, all of them finite. */
void limn_trend_add(limn_trend *trend, const limn_measure *measures, int count);

/* "gradient norms rose 40-fold in the last steps (grad_norm_d 3e+05): try a lower lr, or clip 1", into buffer,
 * returned: what is likely, and which setting helps. */
const char *limn_diagnose(const limn_trend *trend, const limn_config *config, char *buffer, size_t size);

#endif
