/* Convolutions as cuDNN plans: one operation graph a convolution (with its bias and activation where cuDNN fuses them),
 * the engine that its heuristics choose, and the launch. Nothing else describes anything to cuDNN's graph API. Needs no
 * device: a card's properties are enough to plan for it, though fused convolutions are compiled while they are planned,
 * which needs NVRTC and a driver, be it the planning driver (cmake/make_planning_driver.sh). One thread at a time. */
#ifndef LIMN_DEVICES_CUDA_PLAN_H
#define LIMN_DEVICES_CUDA_PLAN_H

#include <cudnn.h>

#include "graph/schedule.h"
#include "kernels/kernels.h"

/* What plans are made for: a card and what the engines may do. */
typedef struct cuda_planner cuda_planner;

typedef struct cuda_plan cuda_plan;
struct cuda_convolution;

/* Runs a plan on memory of its own: how long it takes, infinite where it does not run. */
typedef limn_status (*cuda_measure)(void *context, const cuda_plan *plan, const struct cuda_convolution *convolution,
                                    double *seconds);

typedef struct cuda_planner_options {
  int device;             /* CUDA's number of the card; used when properties is NULL */
  const char *properties; /* a card's properties in cuDNN's JSON (devices/cards.h): nothing is asked of a device then */
  bool deterministic;     /* engines that cuDNN notes as non-deterministic are left out */
  bool tf32;              /* fp32 convolutions may run on tensor cores with TF32 inputs */
  cuda_measure measure;   /* NULL: the engine that cuDNN thinks the best; else the fastest of the first few */
  void *measure_context;
  const char *cache; /* a folder of the user's own where plans are kept between runs; made when it is missing;
                        NULL: none. What lies there is run on the card, as a program of his would be */
} cuda_planner_options;

limn_status cuda_planner_create(cuda_planner **out, const cuda_planner_options *options);
void cuda_planner_destroy(cuda_planner *planner);

/* A convolution y = w * x of LIMN_STEP_CONV, or its gradients (LIMN_STEP_CONV_DX makes x, LIMN_STEP_CONV_DW makes w).
 * Shapes are logical (N, C, H, W) and (O, I, KH, KW); all tensors are NHWC. */
typedef struct cuda_convolution {
  limn_step_kind kind;
  limn_shape x, w, y;
  limn_conv_attrs attrs;
  limn_type type;            /* of the two inputs */
  limn_type result;          /* of what is made; the bias is fp32 */
  bool bias;                 /* CONV: (1, O, 1, 1); CONV_DX: (1, I, 1, 1) */
  limn_pointwise activation; /* RELU, LEAKY_RELU, TANH, SIGMOID behind the bias; LIMN_PW_COUNT: none */
  float slope;               /* of LEAKY_RELU */
} cuda_convolution;

/* *out is NULL, with LIMN_OK, where no engine supports it; limn_error_message then has the reason. Errors are those of
 * cuDNN itself (LIMN_DEVICE). The same convolution on the same planner is planned once: plans are shared and counted,
 * and may outlive the planner. */
limn_status cuda_plan_create(cuda_plan **out, cuda_planner *planner, const cuda_convolution *convolution);
void cuda_plan_destroy(cuda_plan *plan);

size_t cuda_plan_workspace(const cuda_plan *plan);   /* bytes */
const char *cuda_plan_engine(const cuda_plan *plan); /* "eng6_k2=3_k13=1": its number, cudnnBackendKnobType_t=value */

/* Puts the convolution on the handle's stream. bias NULL when it has none. workspace: 256-byte aligned. */
limn_status cuda_plan_run(const cuda_plan *plan, cudnnHandle_t handle, void *x, void *w, void *y, const float *bias,
                          void *workspace);

#endif
