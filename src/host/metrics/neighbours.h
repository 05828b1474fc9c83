/* The nearest rows of one set to each row of another, by Euclidean distance: does it copy, and where does it lie? */
#ifndef LIMN_METRICS_NEIGHBOURS_H
#define LIMN_METRICS_NEIGHBOURS_H

#include <stdbool.h>
#include <stdint.h>

#include "metrics/feature_set.h"
#include "metrics/linear_algebra.h"

/* indices, squares: (a->count, k), nearest first; of equally near ones the first. squares: of the distances, exactly as
 * doubles have them (metrics/distances.h). `within`: a and b are the same set, and a row is no neighbour of its own.
 * Memory beyond the sets: 30 MB at 2048 features, and what is found. LIMN_DATA where b has too few rows. */
limn_status limn_neighbours_of(uint32_t *indices, double *squares, const limn_linear_algebra *algebra,
                               const limn_feature_set *a, const limn_feature_set *b, int k);
limn_status limn_neighbours_within(uint32_t *indices, double *squares, const limn_linear_algebra *algebra,
                                   const limn_feature_set *set, int k);

#endif
