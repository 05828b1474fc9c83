/* Separable linear maps of pictures: averages over windows, resampling, and the adjoints of both. An element of the
 * result is a weighted sum over a run of rows of weighted sums over a run of columns. */
#ifndef LIMN_DEVICES_TAPS_H
#define LIMN_DEVICES_TAPS_H

#include "graph/graph.h"

/* Along one axis. Element i of the result is the sum of weights[start[i] + k] times element first[i] + k, k from 0 to
 * start[i + 1] - start[i] - 1; of nothing where start[i + 1] is start[i]. No weight is 0. */
typedef struct limn_taps {
  int32_t from, to;     /* lengths of the axis */
  const int32_t *first; /* (to), never over `from` - 1 */
  const int32_t *start; /* (to + 1) */
  const float *weights;
  void *memory; /* first, start, weights, in this order; owned */
  size_t bytes; /* of it */
} limn_taps;

/* Of the rows, or else of the columns, of what AVG_POOL, RESAMPLE or the adjoint of one makes of x. */
limn_status limn_taps_init(limn_taps *taps, const limn_node *node, bool rows, limn_shape x);
void limn_taps_release(limn_taps *taps); /* zeroed ones too */

#endif
