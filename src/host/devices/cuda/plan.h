/* Convolutions and batch normalisations as cuDNN plans: one operation graph each (with bias and activation where cuDNN
 * fuses them), the engine that its heuristics or the clock choose, and the launch. Nothing else describes anything to
 * cuDNN's graph API. Needs no device: a card's properties are enough to plan for it, though what is fused is compiled
 * while it is planned, which needs NVRTC and a driver, be it the planning driver (cmake/make_planning_driver.sh). One
 * thread at a time. */
#ifndef LIMN_DEVICES_CUDA_PLAN_H
#define LIMN_DEVICES_CUDA_PLAN_H

#include <cudnn.h>

#include "graph/schedule.h"
#include "kernels/kernels.h"

/* What plans are made for: a card and what the engines may do. */
typedef struct cuda_planner cuda_planner;

typedef struct cuda_plan cuda_plan;
struct cuda_operation;

/* Runs a plan on memory of its own: how long it takes, infinite where it does not run. plan NULL: Limn's own way, a
 * kernel for batch normalisation, a pass behind the plain convolution for one with something fused. */
typedef limn_status (*cuda_measure)(void *context, const cuda_plan *plan, const struct cuda_operation *operation,
                                    double *seconds);

typedef struct cuda_planner_options {
  int device;             /* CUDA's number of the card; used when properties is NULL */
  const char *properties; /* a card's properties in cuDNN's JSON (devices/cards.h): nothing is asked of a device then */
  bool deterministic;     /* engines that cuDNN notes as non-deterministic are left out */
  bool tf32;              /* fp32 convolutions may run on tensor cores with TF32 inputs */
  cuda_measure measure;   /* NULL: the engine that cuDNN thinks the best; else the fastest of the first few */
  void *measure_context;
  const char *choices; /* what cuda_planner_choices of another planner gave: those engines instead; NULL: none */
  const char *cache;   /* a folder of the user's own where plans are kept between runs; made when it is missing;
                          NULL: none. What lies there is run on the card, as a program of his would be */
} cuda_planner_options;

limn_status cuda_planner_create(cuda_planner **out, const cuda_planner_options *options);
void cuda_planner_destroy(cuda_planner *planner);
/* The engines that were chosen by the clock or by the option of that name so far, a line an operation: its engine and
 * its name. Borrowed until the next plan; NULL: none. */
const char *cuda_planner_choices(const cuda_planner *planner);
/* Of the card. */
const char *cuda_planner_card(const cuda_planner *planner); /* its properties in cuDNN's JSON; borrowed */
int cuda_planner_multiprocessors(const cuda_planner *planner);
int cuda_planner_generation(const cuda_planner *planner); /* its compute capability times 10 */
/* How many engines of the option cuDNN did not have, so that they were chosen anew. */
int cuda_planner_missed(const cuda_planner *planner);

/* A convolution y = w * x of LIMN_STEP_CONV, or its gradients (LIMN_STEP_CONV_DX makes x, LIMN_STEP_CONV_DW makes w).
 * Or LIMN_STEP_BATCHNORM: y = activation(gamma (x - mean) / sqrt(variance + eps) + bias) by the statistics of x, of the
 * same shape and type; it has a bias and neither w nor attrs. Shapes are logical (N, C, H, W) and (O, I / groups, KH,
 * KW); all tensors are NHWC. */
typedef struct cuda_operation {
  limn_step_kind kind;
  limn_shape x, w, y;
  limn_conv_attrs attrs;
  limn_type type;   /* of the two inputs */
  limn_type result; /* of what is made; the bias is fp32 */
  bool bias;        /* CONV: (1, O, 1, 1); CONV_DX: (1, I, 1, 1) */
  /* RELU, LEAKY_RELU, TANH, SIGMOID behind the bias; behind a CONV_DX without one also RELU_GRAD, LEAKY_GRAD, which
   * need what the activation once made, of x's shape and `type`. LIMN_PW_COUNT: none. */
  limn_pointwise activation;
  float slope; /* of LEAKY_RELU, LEAKY_GRAD */
} cuda_operation;

static inline bool cuda_operation_ends_in_gradient(const cuda_operation *o) {
  return o->activation == LIMN_PW_RELU_GRAD || o->activation == LIMN_PW_LEAKY_GRAD;
}

/* Without what is fused behind it. */
static inline cuda_operation cuda_operation_alone(const cuda_operation *o) {
  cuda_operation plain = *o;
  plain.bias = false;
  plain.activation = LIMN_PW_COUNT;
  return plain;
}

#define CUDA_OWN_ENGINE "own" /* chosen by the clock: Limn's own way */

/* *out is NULL, with LIMN_OK, where no engine supports it, or where Limn's own kernels are faster;
 * limn_error_message then has the reason. Errors are those of cuDNN itself (LIMN_DEVICE). The same operation on the
 * same planner is planned once: plans are shared and counted, and may outlive the planner. */
limn_status cuda_plan_create(cuda_plan **out, cuda_planner *planner, const cuda_operation *operation);
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
