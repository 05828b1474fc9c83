/* The loss of a linear model over chosen rows of a set, in blocks. */
#ifndef LIMN_METRICS_LOGISTIC_LOSS_H
#define LIMN_METRICS_LOGISTIC_LOSS_H

#include "metrics/linear_model.h"

#define LIMN_LOGISTIC_BLOCK 512 /* rows at a time */

/* Some rows of a set; all is borrowed. */
typedef struct limn_chosen_rows {
  const limn_labelled_set *data;
  const uint32_t *indices; /* (count); NULL: the first `count` */
  uint32_t count;
} limn_chosen_rows;

static inline uint32_t limn_chosen_row(const limn_chosen_rows *chosen, uint32_t i) {
  return chosen->indices ? chosen->indices[i] : i;
}

typedef struct limn_logistic_loss {
  const limn_linear_algebra *algebra; /* borrowed */
  limn_chosen_rows chosen;
  double penalty;                 /* times 1/2 |weights|^2 */
  const double *mean, *deviation; /* (width), borrowed: of standardising */
  double *inverse;                /* (width): of the deviation */
  double *rows;                   /* (block, width): standardised */
  double *scores;                 /* (block, classes) */
} limn_logistic_loss;

/* Sets what is allocated; the other members are set before. */
limn_status limn_logistic_loss_init(limn_logistic_loss *loss);
void limn_logistic_loss_release(limn_logistic_loss *loss);

/* scores: those of `count` <= LIMN_LOGISTIC_BLOCK rows from `first` on; parameters: weights, then biases. */
limn_status limn_logistic_loss_scores(limn_logistic_loss *loss, uint32_t first, uint32_t count,
                                      const double *parameters);

/* The mean loss and the penalty with their gradient, a limn_objective; context: a limn_logistic_loss. */
limn_status limn_logistic_loss_value(void *context, const double *parameters, double *value, double *gradient);

#endif
