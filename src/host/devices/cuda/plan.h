/* A cuDNN plan and its launch: an operation graph (with bias and activation where cuDNN fuses them) by the engine that
 * the planner has chosen (planner.h). */
#ifndef LIMN_DEVICES_CUDA_PLAN_H
#define LIMN_DEVICES_CUDA_PLAN_H

#include <cudnn.h>

#include "devices/cuda/operation.h"
#include "limn/status.h"

typedef struct cuda_planner cuda_planner;
typedef struct cuda_plan cuda_plan;

/* Runs a plan on memory of its own: how long it takes, infinite where it does not run. plan NULL: Limn's own way, a
 * kernel for batch normalisation, a pass behind the plain convolution for one with something fused. */
typedef limn_status (*cuda_measure)(void *context, const cuda_plan *plan, const cuda_operation *operation,
                                    double *seconds);

#define CUDA_OWN_ENGINE "own" /* chosen by the clock: Limn's own way */

void cuda_plan_destroy(cuda_plan *plan);

size_t cuda_plan_workspace(const cuda_plan *plan);   /* bytes */
const char *cuda_plan_engine(const cuda_plan *plan); /* "eng6_k2=3_k13=1": its number, cudnnBackendKnobType_t=value */

int64_t cuda_plan_blocks(const cuda_plan *plan); /* of its launch; 0: cuDNN does not tell */
/* Of the card's rate, what a kernel of its instructions can reach; 1 where cuDNN does not tell. */
double cuda_plan_rate(const cuda_plan *plan);

/* Device memory that a plan works on; NULL for what its operation has not. */
typedef struct cuda_operands {
  void *x, *w, *y;
  const float *bias;
  const void *activated; /* of RELU_GRAD, LEAKY_GRAD */
  /* Of a batch normalisation. */
  const float *gamma, *zeros; /* (C), (C) */
  float *statistics;          /* (2, C): mean and biased variance of x; made */
  float *spare;               /* (2, C): also written */
  float eps;
} cuda_operands;

/* Puts the operation on the handle's stream. workspace: 256-byte aligned. */
limn_status cuda_plan_run(const cuda_plan *plan, cudnnHandle_t handle, const cuda_operands *operands, void *workspace);

#endif
