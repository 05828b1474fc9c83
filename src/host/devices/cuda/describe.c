#include <stdio.h>

#include "devices/cuda/planning.h"

typedef cuda_described_tensor tensor;

static cudnnDataType_t data_type(limn_type type) {
  switch (type) {
  case LIMN_BF16:
    return CUDNN_DATA_BFLOAT16;
  case LIMN_F16:
    return CUDNN_DATA_HALF;
  case LIMN_F32:
    break;
  }
  return CUDNN_DATA_FLOAT;
}

cudnnBackendDescriptor_t cuda_describe_tensor(cuda_descriptors *set, tensor t) {
  const limn_shape s = t.shape;
  const int64_t dims[4] = {s.n, s.c, s.h, s.w};
  const int64_t strides[4] = {(int64_t)s.h * s.w * s.c, 1, (int64_t)s.w * s.c, s.c};
  const int64_t alignment = 16;
  const cudnnDataType_t type = data_type(t.type);
  cudnnBackendDescriptor_t d = cuda_descriptor_create(set, CUDNN_BACKEND_TENSOR_DESCRIPTOR, "describe a tensor");
  cuda_descriptor_set(set, d, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type);
  cuda_descriptor_set(set, d, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, dims);
  cuda_descriptor_set(set, d, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, strides);
  cuda_descriptor_set(set, d, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &t.uid);
  cuda_descriptor_set(set, d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, &alignment);
  cuda_descriptor_set(set, d, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, &t.is_virtual);
  cuda_descriptor_set(set, d, CUDNN_ATTR_TENSOR_IS_BY_VALUE, CUDNN_TYPE_BOOLEAN, 1, &t.by_value);
  cuda_descriptor_finalize(set, d);
  return d;
}

/* cuDNN knows groups by the weights, which have so many times fewer channels than x. */
static cudnnBackendDescriptor_t describe_attrs(cuda_descriptors *set, limn_conv_attrs a) {
  const int64_t axes = 2, before[2] = {a.pad_h, a.pad_w}, behind[2] = {a.pad_h + a.more_h, a.pad_w + a.more_w},
                strides[2] = {a.stride_h, a.stride_w}, dilations[2] = {1, 1};
  const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
  const cudnnDataType_t compute = CUDNN_DATA_FLOAT;
  cudnnBackendDescriptor_t d =
      cuda_descriptor_create(set, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, "describe a convolution");
  cuda_descriptor_set(set, d, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, 1, &axes);
  cuda_descriptor_set(set, d, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &compute);
  cuda_descriptor_set(set, d, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode);
  cuda_descriptor_set(set, d, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, 2, before);
  cuda_descriptor_set(set, d, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, 2, behind);
  cuda_descriptor_set(set, d, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, 2, dilations);
  cuda_descriptor_set(set, d, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, 2, strides);
  cuda_descriptor_finalize(set, d);
  return d;
}

/* How cuDNN calls the attributes of each kind of convolution. */
typedef struct operation_names {
  cudnnBackendDescriptorType_t type;
  cudnnBackendAttributeName_t alpha, beta, attrs, x, w, y;
} operation_names;

static operation_names names_of(limn_step_kind kind) {
  static const operation_names forward = {.type = CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
                                          .alpha = CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
                                          .beta = CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA,
                                          .attrs = CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
                                          .x = CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
                                          .w = CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
                                          .y = CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y},
                               data = {.type = CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
                                       .alpha = CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                                       .beta = CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA,
                                       .attrs = CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                                       .x = CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
                                       .w = CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
                                       .y = CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY},
                               weights = {.type = CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
                                          .alpha = CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
                                          .beta = CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA,
                                          .attrs = CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
                                          .x = CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
                                          .w = CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
                                          .y = CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY};
  return kind == LIMN_STEP_CONV ? forward : kind == LIMN_STEP_CONV_DX ? data : weights;
}

static cudnnBackendDescriptor_t describe_operation(cuda_descriptors *set, const cuda_operation *c,
                                                   cudnnBackendDescriptor_t x, cudnnBackendDescriptor_t w,
                                                   cudnnBackendDescriptor_t y) {
  const operation_names names = names_of(c->kind);
  const float alpha = 1, beta = 0;
  cudnnBackendDescriptor_t attrs = describe_attrs(set, c->attrs);
  cudnnBackendDescriptor_t d = cuda_descriptor_create(set, names.type, "describe a convolution's operation");
  cuda_descriptor_set(set, d, names.alpha, CUDNN_TYPE_FLOAT, 1, &alpha);
  cuda_descriptor_set(set, d, names.beta, CUDNN_TYPE_FLOAT, 1, &beta);
  cuda_descriptor_set(set, d, names.attrs, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &attrs);
  cuda_descriptor_set(set, d, names.x, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &x);
  cuda_descriptor_set(set, d, names.w, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &w);
  cuda_descriptor_set(set, d, names.y, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &y);
  cuda_descriptor_finalize(set, d);
  return d;
}

/* slope: of RELU_FWD and RELU_BWD below zero. */
static cudnnBackendDescriptor_t describe_mode(cuda_descriptors *set, cudnnPointwiseMode_t mode, double slope) {
  const cudnnDataType_t compute = CUDNN_DATA_FLOAT;
  const cudnnNanPropagation_t nan = CUDNN_PROPAGATE_NAN; /* which compiled kernels do in any case */
  cudnnBackendDescriptor_t d =
      cuda_descriptor_create(set, CUDNN_BACKEND_POINTWISE_DESCRIPTOR, "describe an activation");
  cuda_descriptor_set(set, d, CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &mode);
  cuda_descriptor_set(set, d, CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, 1, &compute);
  if (mode == CUDNN_POINTWISE_RELU_FWD)
    cuda_descriptor_set(set, d, CUDNN_ATTR_POINTWISE_NAN_PROPAGATION, CUDNN_TYPE_NAN_PROPOGATION, 1, &nan);
  if (slope != 0)
    cuda_descriptor_set(set, d, CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP_SLOPE, CUDNN_TYPE_DOUBLE, 1, &slope);
  cuda_descriptor_finalize(set, d);
  return d;
}

cudnnBackendDescriptor_t cuda_describe_pointwise(cuda_descriptors *set, cudnnPointwiseMode_t mode, double slope,
                                                 cudnnBackendDescriptor_t x, cudnnBackendDescriptor_t b,
                                                 cudnnBackendDescriptor_t y) {
  cudnnBackendDescriptor_t p = describe_mode(set, mode, slope);
  cudnnBackendDescriptor_t d =
      cuda_descriptor_create(set, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, "describe an activation's operation");
  cuda_descriptor_set(set, d, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &p);
  cuda_descriptor_set(set, d, CUDNN_ATTR_OPERATION_POINTWISE_XDESC, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &x);
  if (b)
    cuda_descriptor_set(set, d, CUDNN_ATTR_OPERATION_POINTWISE_BDESC, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &b);
  cuda_descriptor_set(set, d, CUDNN_ATTR_OPERATION_POINTWISE_YDESC, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &y);
  cuda_descriptor_finalize(set, d);
  return d;
}

/* dx = x > 0 ? dy : slope dy. What the activation made has the sign of what it read, and serves as well. */
static cudnnBackendDescriptor_t describe_gradient(cuda_descriptors *set, double slope, cudnnBackendDescriptor_t dy,
                                                  cudnnBackendDescriptor_t x, cudnnBackendDescriptor_t dx) {
  cudnnBackendDescriptor_t p = describe_mode(set, CUDNN_POINTWISE_RELU_BWD, slope);
  cudnnBackendDescriptor_t d = cuda_descriptor_create(set, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR,
                                                      "describe the operation of an activation's gradient");
  cuda_descriptor_set(set, d, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &p);
  cuda_descriptor_set(set, d, CUDNN_ATTR_OPERATION_POINTWISE_DYDESC, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &dy);
  cuda_descriptor_set(set, d, CUDNN_ATTR_OPERATION_POINTWISE_XDESC, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &x);
  cuda_descriptor_set(set, d, CUDNN_ATTR_OPERATION_POINTWISE_DXDESC, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &dx);
  cuda_descriptor_finalize(set, d);
  return d;
}

/* LIMN_PW_COUNT is the bare conversion to the result's type: engines that convolve 16-bit inputs into an fp32 result
 * are offered when the two are described as two operations, and not when they are described as one. */
static cudnnPointwiseMode_t mode_of(limn_pointwise activation) {
  switch (activation) {
  case LIMN_PW_COUNT:
    return CUDNN_POINTWISE_IDENTITY;
  case LIMN_PW_TANH:
    return CUDNN_POINTWISE_TANH_FWD;
  case LIMN_PW_SIGMOID:
    return CUDNN_POINTWISE_SIGMOID_FWD;
  case LIMN_PW_RELU:
  case LIMN_PW_LEAKY_RELU:
    return CUDNN_POINTWISE_RELU_FWD;
  default:
    return (cudnnPointwiseMode_t)-1; /* which cuDNN refuses */
  }
}

cudnnBackendDescriptor_t cuda_describe_graph(cuda_descriptors *set, const cudnnBackendDescriptor_t *operations,
                                             int64_t count) {
  cudnnBackendDescriptor_t graph =
      cuda_descriptor_create(set, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, "accept the operations");
  cuda_descriptor_set(set, graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, count, operations);
  cuda_descriptor_finalize(set, graph);
  return set->status == CUDNN_STATUS_SUCCESS ? graph : NULL;
}

cudnnBackendDescriptor_t cuda_describe(cuda_descriptors *set, const cuda_operation *c) {
  if (c->kind == LIMN_STEP_BATCHNORM)
    return cuda_describe_batchnorm(set, c);
  tensor tensors[3] = {{.uid = CUDA_UID_X, .shape = c->x, .type = c->type},
                       {.uid = CUDA_UID_W, .shape = c->w, .type = c->type},
                       {.uid = CUDA_UID_Y, .shape = c->y, .type = c->type}};
  const int made_index = c->kind == LIMN_STEP_CONV_DX ? 0 : c->kind == LIMN_STEP_CONV_DW ? 1 : 2;
  const bool last = c->activation != LIMN_PW_COUNT || (!c->bias && c->result != c->type);
  const limn_shape shape = tensors[made_index].shape;
  tensors[made_index].type = c->result;

  cudnnBackendDescriptor_t operands[3];
  for (int i = 0; i < 3; ++i)
    operands[i] = cuda_describe_tensor(set, tensors[i]);
  const cudnnBackendDescriptor_t made = operands[made_index];
  if (c->bias || last)
    operands[made_index] = cuda_describe_tensor(set, (tensor){.uid = CUDA_UID_RAW, .shape = shape, .is_virtual = true});

  cudnnBackendDescriptor_t operations[3], value = operands[made_index];
  int count = 0;
  operations[count++] = describe_operation(set, c, operands[0], operands[1], operands[2]);
  if (c->bias) {
    cudnnBackendDescriptor_t bias =
        cuda_describe_tensor(set, (tensor){.uid = CUDA_UID_BIAS, .shape = {1, shape.c, 1, 1}});
    cudnnBackendDescriptor_t sum =
        last ? cuda_describe_tensor(set, (tensor){.uid = CUDA_UID_SUM, .shape = shape, .is_virtual = true}) : made;
    operations[count++] = cuda_describe_pointwise(set, CUDNN_POINTWISE_ADD, 0, value, bias, sum);
    value = sum;
  }
  if (cuda_operation_ends_in_gradient(c))
    operations[count++] = describe_gradient(
        set, c->activation == LIMN_PW_LEAKY_GRAD ? c->slope : 0, value,
        cuda_describe_tensor(set, (tensor){.uid = CUDA_UID_ACTIVATED, .shape = shape, .type = c->type}), made);
  else if (last)
    operations[count++] = cuda_describe_pointwise(
        set, mode_of(c->activation), c->activation == LIMN_PW_LEAKY_RELU ? c->slope : 0, value, NULL, made);
  return cuda_describe_graph(set, operations, count);
}

const char *cuda_operation_name(const cuda_operation *c, char *out, size_t size) {
  static const char *const types[] = {[LIMN_F32] = "fp32", [LIMN_BF16] = "bf16", [LIMN_F16] = "fp16"};
  if (c->kind == LIMN_STEP_BATCHNORM) {
    snprintf(out, size, "BATCHNORM x=(%d,%d,%d,%d) %s->%s relu", c->x.n, c->x.c, c->x.h, c->x.w, types[c->type],
             types[c->result]);
    return out;
  }
  const char *kind = c->kind == LIMN_STEP_CONV ? "CONV" : c->kind == LIMN_STEP_CONV_DX ? "CONV_DX" : "CONV_DW";
  char activation[40] = "", rest[64] = "";
  if (!limn_conv_is_plain(c->attrs))
    snprintf(rest, sizeof rest, " more=(%d,%d) groups=%d", c->attrs.more_h, c->attrs.more_w,
             limn_conv_groups(c->attrs));
  if (c->activation == LIMN_PW_LEAKY_RELU || c->activation == LIMN_PW_LEAKY_GRAD)
    snprintf(activation, sizeof activation, " leaky_relu%s(%.9g)", c->activation == LIMN_PW_LEAKY_GRAD ? "_grad" : "",
             (double)c->slope);
  else if (c->activation != LIMN_PW_COUNT)
    snprintf(activation, sizeof activation, " %s",
             c->activation == LIMN_PW_TANH        ? "tanh"
             : c->activation == LIMN_PW_SIGMOID   ? "sigmoid"
             : c->activation == LIMN_PW_RELU_GRAD ? "relu_grad"
                                                  : "relu");
  snprintf(out, size, "%s x=(%d,%d,%d,%d) w=(%d,%d,%d,%d) y=(%d,%d,%d,%d) stride=(%d,%d) pad=(%d,%d)%s %s->%s%s%s",
           kind, c->x.n, c->x.c, c->x.h, c->x.w, c->w.n, c->w.c, c->w.h, c->w.w, c->y.n, c->y.c, c->y.h, c->y.w,
           c->attrs.stride_h, c->attrs.stride_w, c->attrs.pad_h, c->attrs.pad_w, rest, types[c->type], types[c->result],
           c->bias ? " bias" : "", activation);
  return out;
}
