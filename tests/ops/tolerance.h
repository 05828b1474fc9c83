/* How far a device may be from the reference: derived here, once, for every case. */
#ifndef LIMN_OPS_TOLERANCE_H
#define LIMN_OPS_TOLERANCE_H

#include "graph/graph.h"

/* Rounding a float is off by up to half of 2^-23, relatively. Over a reduction of K terms the roundings behave like a
 * random walk beside terms that do so too, so that its error, as a part of the largest element of the result, grows as
 * sqrt(K). An op adds its own error to the largest that its inputs bring; what a leaf holds keeps the error that it was
 * written with. Hence, with K = 1 for everything that is not a reduction and along the worst path to a result:
 *
 *   max |device - reference| <= constant * 2^-23 * (sum of sqrt(K)) * max |reference|
 *
 * `constant` is the engine's own: 1 would be perfect luck. */
#define TOLERANCE_UNIT 0x1p-23

/* units[v] becomes the sum of sqrt(K) of value v after one more run; what leaves hold carries over from run to run.
 * units has limn_graph_count elements and is all zero before the first run. winograd: a further factor for convolutions
 * that the device may compute by Winograd's way, which adds and subtracts large numbers around its products. */
void tolerance_advance(const limn_graph *graph, double winograd, double *units);

/* max |device - reference| / max |reference|: 0 when all are equal, INFINITY where one is not finite and the other is
 * not the same. */
double tolerance_error(const float *device, const double *reference, int64_t count);

/* The largest |device - reference| of an element in units of the float that is nearest to the reference, half of one
 * being a correct rounding. */
double tolerance_rounding(const float *device, const double *reference, int64_t count);

#endif
