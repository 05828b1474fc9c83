/* The scalar functions of base/pointwise.h, by the formulas of the CPU device. expf, logf and tanhf are the accurate
 * ones: a training step is bound by memory, not by them. */
#ifndef LIMN_KERNELS_FUNCTIONS_CUH
#define LIMN_KERNELS_FUNCTIONS_CUH

#include <limn_launch.h>

#include "kernels/kernels.h"

/* Calls CASE(function) for each. */
#define LIMN_FOR_EACH_FUNCTION(CASE)                                                                                   \
  CASE(LIMN_PW_AFFINE)                                                                                                 \
  CASE(LIMN_PW_RELU)                                                                                                   \
  CASE(LIMN_PW_LEAKY_RELU)                                                                                             \
  CASE(LIMN_PW_TANH)                                                                                                   \
  CASE(LIMN_PW_SIGMOID)                                                                                                \
  CASE(LIMN_PW_SOFTPLUS)                                                                                               \
  CASE(LIMN_PW_EXP)                                                                                                    \
  CASE(LIMN_PW_LOG)                                                                                                    \
  CASE(LIMN_PW_SQUARE)                                                                                                 \
  CASE(LIMN_PW_SQRT)                                                                                                   \
  CASE(LIMN_PW_RSQRT)                                                                                                  \
  CASE(LIMN_PW_RECIPROCAL)                                                                                             \
  CASE(LIMN_PW_ABS)                                                                                                    \
  CASE(LIMN_PW_SIGN)                                                                                                   \
  CASE(LIMN_PW_STEP)                                                                                                   \
  CASE(LIMN_PW_CLAMP)                                                                                                  \
  CASE(LIMN_PW_ADD)                                                                                                    \
  CASE(LIMN_PW_SUB)                                                                                                    \
  CASE(LIMN_PW_MUL)                                                                                                    \
  CASE(LIMN_PW_RELU_GRAD)                                                                                              \
  CASE(LIMN_PW_LEAKY_GRAD)                                                                                             \
  CASE(LIMN_PW_TANH_GRAD)                                                                                              \
  CASE(LIMN_PW_SIGMOID_GRAD)                                                                                           \
  CASE(LIMN_PW_CLAMP_GRAD)

__host__ __device__ static inline bool has_two_inputs(int function) {
  return function >= LIMN_PW_ADD && function < LIMN_PW_COUNT;
}

/* F is a constant, so that the switch is gone where the function is inlined. */
template <int F> __device__ inline float apply(float x, float y, float a, float b) {
  switch (F) {
  case LIMN_PW_AFFINE:
    return a * x + b;
  case LIMN_PW_RELU:
    return x < 0 ? 0 : x;
  case LIMN_PW_LEAKY_RELU:
    return x > 0 ? x : a * x;
  case LIMN_PW_TANH:
    return tanhf(x);
  case LIMN_PW_SIGMOID:
    return 1 / (1 + expf(-x));
  case LIMN_PW_SOFTPLUS: /* a NaN comes through the second term */
    return (x > 0 ? x : 0) + log1pf(expf(-fabsf(x)));
  case LIMN_PW_EXP:
    return expf(x);
  case LIMN_PW_LOG:
    return logf(x);
  case LIMN_PW_SQUARE:
    return x * x;
  case LIMN_PW_SQRT:
    return sqrtf(x);
  case LIMN_PW_RSQRT:
    return 1 / sqrtf(x + a);
  case LIMN_PW_RECIPROCAL:
    return 1 / x;
  case LIMN_PW_ABS:
    return fabsf(x);
  case LIMN_PW_SIGN:
    return x > 0 ? 1 : x < 0 ? -1 : 0;
  case LIMN_PW_STEP:
    return x > 0 ? 1 : 0;
  case LIMN_PW_CLAMP:
    return x < a ? a : x > b ? b : x;
  case LIMN_PW_ADD:
    return x + y;
  case LIMN_PW_SUB:
    return x - y;
  case LIMN_PW_MUL:
    return x * y;
  case LIMN_PW_RELU_GRAD:
    return y > 0 ? x : 0;
  case LIMN_PW_LEAKY_GRAD:
    return y > 0 ? x : a * x;
  case LIMN_PW_TANH_GRAD:
    return x * (1 - y * y);
  case LIMN_PW_SIGMOID_GRAD:
    return x * y * (1 - y);
  case LIMN_PW_CLAMP_GRAD:
    return y > a && y < b ? x : 0;
  default:
    return b; /* LIMN_CONSTANT */
  }
}

#endif
