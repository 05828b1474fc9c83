/* Which modes do the pictures show? What a classifier names them, held against the classes of the data. */
#ifndef LIMN_METRICS_MODES_H
#define LIMN_METRICS_MODES_H

#include "metrics/measures.h"

/* Of counts over classes: how many of those that the data have the pictures have, KL(pictures || data) in nats
 * (infinite where they have one that the data have not), and the entropy of each in nats. */
typedef struct limn_class_balance {
  int found, all;
  double kl, pictures_entropy, data_entropy;
} limn_class_balance;
/* pictures, data: (classes), any numbers from 0 on whose sums are over 0. */
void limn_class_balance_of(limn_class_balance *out, const double *pictures, const double *data, int classes);

/* The measure's row (measures.h). */
limn_status limn_take_modes(const limn_measured *measured, limn_evaluation *out);

#endif
