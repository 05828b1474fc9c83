/* The reference's gradients against central differences of the reference's own losses. */
#ifndef LIMN_OPS_DIFFERENCES_H
#define LIMN_OPS_DIFFERENCES_H

#include "setup.h"

/* Relative to |gradient| |direction|. The step's own error, its square times a third derivative, and the rounding of
 * the loss over the step both stay some hundred times below. */
#define DIFFERENCES_STEP      1e-5
#define DIFFERENCES_TOLERANCE 1e-6

/* Checks first and second gradients of a case along random directions and single elements of each leaf. LIMN_FAILED
 * says where they part. *applies becomes false when there is nothing to differentiate. */
limn_status differences_check(const op_case *c, limn_device *reference, bool *applies);

#endif
