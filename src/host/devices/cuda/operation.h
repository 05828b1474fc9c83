/* What cuDNN is asked to plan: a convolution or a batch normalisation, with what is fused to it. */
#ifndef LIMN_DEVICES_CUDA_OPERATION_H
#define LIMN_DEVICES_CUDA_OPERATION_H

#include "graph/schedule.h"
#include "kernels/kernels.h"

/* A convolution y = w * x of LIMN_TASK_CONV, or its gradients (LIMN_TASK_CONV_DX makes x, LIMN_TASK_CONV_DW makes w).
 * Or LIMN_TASK_BATCHNORM: y = activation(gamma (x - mean) / sqrt(variance + eps) + bias) by the statistics of x, of the
 * same shape and type; it has a bias and neither w nor attrs. Shapes are logical (N, C, H, W) and (O, I / groups, KH,
 * KW); all tensors are NHWC. */
typedef struct cuda_operation {
  limn_task_kind kind;
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

bool cuda_operation_same(const cuda_operation *a, const cuda_operation *b);

/* "CONV x=(128,3,64,64) w=(64,3,4,4) y=(128,64,32,32) stride=(2,2) pad=(1,1) bf16->bf16 bias leaky_relu(0.2)": names a
 * operation fully, for people and as the key of files. Returns `out`. */
const char *cuda_operation_name(const cuda_operation *operation, char *out, size_t size);

#endif
