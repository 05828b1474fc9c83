/* One case on a device against the reference. */
#ifndef LIMN_OPS_COMPARISON_H
#define LIMN_OPS_COMPARISON_H

#include "setup.h"

typedef struct comparison_options {
  double constant, winograd; /* the device's, see tolerance.h */
  double largest;            /* number that the device's types hold; 0: any float */
  bool any_order;            /* the device's engines may add up in another order each time */
  limn_program_options program;
} comparison_options;

typedef struct comparison_result {
  bool applies; /* false: the case has no such stage or its numbers are too large; nothing was compared */
  double worst; /* the largest error met, as a part of what is allowed */
} comparison_result;

/* Runs the case on both devices: every leaf must come out as the reference's, those that nothing writes as they were.
 * Cases with state run a second step on what the first one left. Then everything is loaded anew and run again, which
 * must give the same bytes, or with any_order the reference's numbers again. */
limn_status comparison_check(const op_case *c, op_stage stage, limn_device *device, limn_device *reference,
                             const comparison_options *options, comparison_result *result);

#endif
