/* The convolutions that the plan tests plan: those of the DCGAN of Radford et al. (2016) at 64x64, of Limn's VAE, and
 * odd ones. */
#ifndef LIMN_TESTS_PLANS_CASES_H
#define LIMN_TESTS_PLANS_CASES_H

#include "devices/cuda/planner.h"

typedef enum plan_need {
  PLAN_MUST, /* there is no other way to compute it */
  PLAN_MAY,  /* a plan saves a pass over memory; without one it is done in two steps */
} plan_need;

typedef struct plan_case {
  char name[32];
  cuda_operation convolution;
  plan_need need;
  bool sample; /* in the quick sample */
} plan_case;

/* Case `index` with inputs of `type`; false behind the last one. */
bool plan_case_at(int index, limn_type type, plan_case *out);

/* For leak checkers: NVRTC and cuBLAS, which cuDNN uses, hold memory until the end, and NVRTC has to stay loaded for
 * that to be seen as its own. Does nothing else. */
void keep_leaks_legible(void);

#endif
