#include "differences.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/philox.h"
#include "reference/reference.h"

#define DIRECTIONS 2 /* through all elements of a leaf at once */
#define ELEMENTS   3 /* one element each */

typedef struct differences {
  const op_case *c;
  op_setup setup;
  op_execution execution;
} differences;

/* The loss with leaf `wrt` moved by `amount` along the direction. */
static limn_status loss_at(differences *d, int order, limn_value wrt, const float *direction, double amount,
                           double *loss) {
  LIMN_TRY(op_execution_load(&d->execution));
  double *x = reference_tensor_data(d->execution.leaves[wrt]);
  for (int64_t i = 0; i < limn_shape_count(d->execution.leaves[wrt]->shape); ++i)
    x[i] += amount * direction[i];
  limn_value value = d->setup.losses[order];
  LIMN_TRY(reference_program_run_to(d->execution.program, d->c->step, value));
  *loss = *reference_program_value(d->execution.program, value);
  return LIMN_OK;
}

static limn_status check_direction(differences *d, int order, int which, const float *direction,
                                   const double *gradient) {
  limn_value wrt = d->setup.wrt[which];
  double above, below, slope = 0, g2 = 0, d2 = 0;
  LIMN_TRY(loss_at(d, order, wrt, direction, DIFFERENCES_STEP, &above));
  LIMN_TRY(loss_at(d, order, wrt, direction, -DIFFERENCES_STEP, &below));
  for (int64_t i = 0; i < limn_shape_count(d->execution.leaves[wrt]->shape); ++i) {
    slope += gradient[i] * direction[i];
    g2 += gradient[i] * gradient[i];
    d2 += (double)direction[i] * direction[i];
  }
  double difference = (above - below) / (2 * DIFFERENCES_STEP);
  double rounding = 0x1p-50 * (fabs(above) + fabs(below)) / DIFFERENCES_STEP;
  if (fabs(difference - slope) <= DIFFERENCES_TOLERANCE * sqrt(g2 * d2) + rounding)
    return LIMN_OK;
  return limn_fail(LIMN_FAILED, "gradient of order %d in %s: %.9g, by central differences %.9g", order + 1,
                   limn_graph_node(d->setup.built.graph, wrt)->name, slope, difference);
}

static limn_status check_leaf(differences *d, int order, int which, float *direction, const double *gradient) {
  size_t count = (size_t)limn_shape_count(d->execution.leaves[d->setup.wrt[which]]->shape);
  for (int i = 0; i < DIRECTIONS + ELEMENTS; ++i) {
    limn_philox_uniform(OPS_SEED, (uint32_t)(100 * which + i), (uint64_t)order, 0, direction, count);
    for (size_t j = 0; j < count; ++j)
      direction[j] = 2 * direction[j] - 1;
    if (i >= DIRECTIONS) {
      size_t at = (size_t)(fabsf(direction[0]) * (float)(count - 1));
      memset(direction, 0, count * sizeof *direction);
      direction[at] = 1;
    }
    LIMN_TRY(check_direction(d, order, which, direction, gradient));
  }
  return LIMN_OK;
}

/* Gradients are copied first: looking for differences runs the program anew. */
static limn_status check_order(differences *d, int order) {
  limn_status status = LIMN_OK;
  double *copies[CASE_MAX_LEAVES] = {NULL};
  float *directions[CASE_MAX_LEAVES] = {NULL};
  LIMN_TRY(op_execution_load(&d->execution));
  LIMN_TRY(limn_program_run(d->execution.program, d->c->step));
  for (int i = 0; i < d->setup.wrt_count; ++i) {
    size_t count = (size_t)limn_shape_count(d->execution.leaves[d->setup.wrt[i]]->shape);
    copies[i] = malloc(count * sizeof(double));
    directions[i] = malloc(count * sizeof(float));
    if (!copies[i] || !directions[i]) {
      status = limn_fail_memory("a gradient to check");
      goto cleanup;
    }
    memcpy(copies[i], reference_program_value(d->execution.program, d->setup.gradients[order][i]),
           count * sizeof(double));
  }
  for (int i = 0; i < d->setup.wrt_count; ++i)
    LIMN_TRY_OR_CLEANUP(status, check_leaf(d, order, i, directions[i], copies[i]));
cleanup:
  for (int i = 0; i < CASE_MAX_LEAVES; ++i) {
    free(copies[i]);
    free(directions[i]);
  }
  return status;
}

limn_status differences_check(const op_case *c, limn_device *reference, bool *applies) {
  differences d = {.c = c};
  limn_status status;
  LIMN_TRY_OR_CLEANUP(status, op_setup_init(&d.setup, c, OP_GRADIENTS));
  LIMN_TRY_OR_CLEANUP(status, op_execution_init(&d.execution, &d.setup, reference, &(limn_program_options){0}));
  for (int order = 0; order < d.setup.orders; ++order)
    LIMN_TRY_OR_CLEANUP(status, check_order(&d, order));
cleanup:
  *applies = status != LIMN_OK || d.setup.orders > 0;
  op_execution_release(&d.execution);
  op_setup_release(&d.setup);
  return status;
}
