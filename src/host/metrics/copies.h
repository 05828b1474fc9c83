/* Does it copy? Pictures that lie nearer to a picture of the data than unseen ones do. */
#ifndef LIMN_METRICS_COPIES_H
#define LIMN_METRICS_COPIES_H

#include "metrics/measures.h"

/* The measure: adds its scores, and the nearest pairs to the evaluation; writes them as a sheet where the options ask
 * for one. */
limn_status limn_take_copies(const limn_measured *measured, limn_evaluation *out);

#endif
