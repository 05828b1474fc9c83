/* The least value of a smooth convex function of many variables, by L-BFGS (Nocedal & Wright, algorithm 7.5). */
#ifndef LIMN_METRICS_LBFGS_H
#define LIMN_METRICS_LBFGS_H

#include <stddef.h>

#include "limn/status.h"

/* *value and gradient, (count), at x, (count). */
typedef limn_status (*limn_objective)(void *context, const double *x, double *value, double *gradient);

typedef struct limn_lbfgs_options {
  double tolerance; /* ends where no element of the gradient is larger */
  int most_steps;   /* or after so many steps, which is no failure: *steps tells */
} limn_lbfgs_options;

/* x: (count), where it begins and what is found. Memory: 25 times x. The same bits for the same function. */
limn_status limn_lbfgs_minimise(double *x, size_t count, limn_objective objective, void *context,
                                const limn_lbfgs_options *options, int *steps);

#endif
