/* Scalar functions and the short programs that are made of them: what the graph describes and what every device, CUDA
 * kernels included, computes. */
#ifndef LIMN_BASE_POINTWISE_H
#define LIMN_BASE_POINTWISE_H

/* x, y are the inputs; a = alpha, b = beta, constants of the function's use. Those of one input come first. */
typedef enum limn_pointwise {
  LIMN_PW_AFFINE,     /* a x + b */
  LIMN_PW_RELU,       /* x < 0 ? 0 : x; a NaN stays one */
  LIMN_PW_LEAKY_RELU, /* x > 0 ? x : a x */
  LIMN_PW_TANH,
  LIMN_PW_SIGMOID,  /* 1 / (1 + exp(-x)) */
  LIMN_PW_SOFTPLUS, /* log(1 + exp(x)), without overflow */
  LIMN_PW_EXP,
  LIMN_PW_LOG,
  LIMN_PW_SQUARE,
  LIMN_PW_SQRT,
  LIMN_PW_RSQRT,      /* 1 / sqrt(x + a) */
  LIMN_PW_RECIPROCAL, /* 1 / x */
  LIMN_PW_ABS,
  LIMN_PW_SIGN,         /* -1, 0, 1 */
  LIMN_PW_STEP,         /* x > 0 ? 1 : 0 */
  LIMN_PW_CLAMP,        /* x < a ? a : x > b ? b : x; a NaN stays one */
  LIMN_PW_ADD,          /* x + y */
  LIMN_PW_SUB,          /* x - y */
  LIMN_PW_MUL,          /* x y */
  LIMN_PW_RELU_GRAD,    /* x is dy, y is the output of RELU: y > 0 ? x : 0 */
  LIMN_PW_LEAKY_GRAD,   /* y > 0 ? x : a x */
  LIMN_PW_TANH_GRAD,    /* x (1 - y^2) */
  LIMN_PW_SIGMOID_GRAD, /* x y (1 - y) */
  LIMN_PW_CLAMP_GRAD, /* x is dy, y is the output of CLAMP: a < y < b ? x : 0, 0 at the bounds as PyTorch's hardtanh */
  LIMN_PW_COUNT
} limn_pointwise;

#define LIMN_CONSTANT LIMN_PW_COUNT /* as the function of an instruction: `beta` everywhere */

#define LIMN_MAX_TASK_INPUTS  10
#define LIMN_MAX_TASK_OUTPUTS 4
#define LIMN_MAX_INSTRUCTIONS 24

/* One scalar function of a pointwise task. Operand k < LIMN_MAX_TASK_INPUTS is input k; operand LIMN_MAX_TASK_INPUTS +
 * i is the result of instruction i. */
typedef struct limn_instruction {
  limn_pointwise function; /* or LIMN_CONSTANT */
  int x, y;
  float alpha, beta;
} limn_instruction;

#endif
