#include "devices/cuda/planning.h"

typedef cuda_described_tensor tensor;

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

static operation_names names_of(limn_task_kind kind) {
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
  return kind == LIMN_TASK_CONV ? forward : kind == LIMN_TASK_CONV_DX ? data : weights;
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

/* dx = x > 0 ? dy : slope dy. What the activation made has the sign of what it read, and serves as well. */
static cudnnBackendDescriptor_t describe_gradient(cuda_descriptors *set, double slope, cudnnBackendDescriptor_t dy,
                                                  cudnnBackendDescriptor_t x, cudnnBackendDescriptor_t dx) {
  cudnnBackendDescriptor_t p = cuda_describe_mode(set, CUDNN_POINTWISE_RELU_BWD, slope);
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

cudnnBackendDescriptor_t cuda_describe(cuda_descriptors *set, const cuda_operation *c) {
  if (c->kind == LIMN_TASK_BATCHNORM)
    return cuda_describe_batchnorm(set, c);
  tensor tensors[3] = {{.uid = CUDA_UID_X, .shape = c->x, .type = c->type},
                       {.uid = CUDA_UID_W, .shape = c->w, .type = c->type},
                       {.uid = CUDA_UID_Y, .shape = c->y, .type = c->type}};
  const int made_index = c->kind == LIMN_TASK_CONV_DX ? 0 : c->kind == LIMN_TASK_CONV_DW ? 1 : 2;
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
