/* Scalar functions over arrays, and sums. */
#include "devices/cpu/simd/functions.h"
#include "devices/cpu/simd/simd.h"

#define FUNCTION(name, expression)                                                                                     \
  static void name(float *out, const float *xs, const float *ys, float a, float b, size_t n) {                         \
    (void)ys;                                                                                                          \
    (void)a;                                                                                                           \
    (void)b;                                                                                                           \
    _Pragma("omp simd") for (size_t i = 0; i < n; ++i) {                                                               \
      float x = xs[i];                                                                                                 \
      out[i] = (expression);                                                                                           \
    }                                                                                                                  \
  }
#define FUNCTION2(name, expression)                                                                                    \
  static void name(float *out, const float *xs, const float *ys, float a, float b, size_t n) {                         \
    (void)a;                                                                                                           \
    (void)b;                                                                                                           \
    _Pragma("omp simd") for (size_t i = 0; i < n; ++i) {                                                               \
      float x = xs[i], y = ys[i];                                                                                      \
      out[i] = (expression);                                                                                           \
    }                                                                                                                  \
  }

FUNCTION(affine, a *x + b)
/* A NaN passes through, so that divergence is seen and not hidden. */
FUNCTION(relu, x < 0 ? 0 : x)
FUNCTION(leaky_relu, x > 0 ? x : a * x)
FUNCTION(hyperbolic_tangent, tanhf(x))
FUNCTION(sigmoid, 1 / (1 + expf(-x)))
FUNCTION(softplus, (x > 0 ? x : 0) + log1pf(expf(-fabsf(x))))
FUNCTION(exponential, expf(x))
FUNCTION(logarithm, logf(x))
FUNCTION(square, x *x)
FUNCTION(square_root, sqrtf(x))
FUNCTION(reciprocal_root, 1 / sqrtf(x + a))
FUNCTION(reciprocal, 1 / x)
FUNCTION(absolute, fabsf(x))
FUNCTION(sign, x > 0 ? 1.0f : x < 0 ? -1.0f : 0.0f)
FUNCTION(step, x > 0 ? 1.0f : 0.0f)
FUNCTION(clamp, x<a ? a : x> b ? b : x)
FUNCTION2(add, x + y)
FUNCTION2(subtract, x - y)
FUNCTION2(multiply, x *y)
FUNCTION2(relu_grad, y > 0 ? x : 0)
FUNCTION2(leaky_grad, y > 0 ? x : a * x)
FUNCTION2(tanh_grad, x *(1 - y * y))
FUNCTION2(sigmoid_grad, x *y *(1 - y))
FUNCTION2(clamp_grad, y > a && y < b ? x : 0)

const limn_simd_pointwise LIMN_SIMD(pointwise)[LIMN_PW_COUNT] = {
    [LIMN_PW_AFFINE] = affine,
    [LIMN_PW_RELU] = relu,
    [LIMN_PW_LEAKY_RELU] = leaky_relu,
    [LIMN_PW_TANH] = hyperbolic_tangent,
    [LIMN_PW_SIGMOID] = sigmoid,
    [LIMN_PW_SOFTPLUS] = softplus,
    [LIMN_PW_EXP] = exponential,
    [LIMN_PW_LOG] = logarithm,
    [LIMN_PW_SQUARE] = square,
    [LIMN_PW_SQRT] = square_root,
    [LIMN_PW_RSQRT] = reciprocal_root,
    [LIMN_PW_RECIPROCAL] = reciprocal,
    [LIMN_PW_ABS] = absolute,
    [LIMN_PW_SIGN] = sign,
    [LIMN_PW_STEP] = step,
    [LIMN_PW_CLAMP] = clamp,
    [LIMN_PW_ADD] = add,
    [LIMN_PW_SUB] = subtract,
    [LIMN_PW_MUL] = multiply,
    [LIMN_PW_RELU_GRAD] = relu_grad,
    [LIMN_PW_LEAKY_GRAD] = leaky_grad,
    [LIMN_PW_TANH_GRAD] = tanh_grad,
    [LIMN_PW_SIGMOID_GRAD] = sigmoid_grad,
    [LIMN_PW_CLAMP_GRAD] = clamp_grad,
};

float LIMN_SIMD(sum)(const float *x, size_t n) {
  float total = 0;
#pragma omp simd reduction(+ : total)
  for (size_t i = 0; i < n; ++i)
    total += x[i];
  return total;
}

void LIMN_SIMD(fill)(float *out, float value, size_t n) {
  for (size_t i = 0; i < n; ++i)
    out[i] = value;
}
