/* Batch normalisation by the statistics of the batch, with ReLU behind it. */
#include "devices/cuda/planning.h"

static void set_tensor(cuda_descriptors *set, cudnnBackendDescriptor_t operation, cudnnBackendAttributeName_t name,
                       cuda_described_tensor tensor) {
  cudnnBackendDescriptor_t d = cuda_describe_tensor(set, tensor);
  cuda_descriptor_set(set, operation, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &d);
}

/* Running statistics are described for the variance's sake (plan.c): old ones of zero, which may be the same tensor. */
static cudnnBackendDescriptor_t describe_norm(cuda_descriptors *set, const cuda_operation *o,
                                              cudnnBackendDescriptor_t normal) {
  const limn_shape channels = {1, o->x.c, 1, 1}, number = {1, 1, 1, 1};
  const cudnnBackendNormMode_t mode = CUDNN_BATCH_NORM;
  const cudnnBackendNormFwdPhase_t phase = CUDNN_NORM_FWD_TRAINING;
  const struct {
    cudnnBackendAttributeName_t name;
    cuda_described_tensor tensor;
  } tensors[] = {
      {CUDNN_ATTR_OPERATION_NORM_FWD_XDESC, {.uid = CUDA_UID_X, .shape = o->x, .type = o->type}},
      {CUDNN_ATTR_OPERATION_NORM_FWD_SCALE_DESC, {.uid = CUDA_UID_GAMMA, .shape = channels}},
      {CUDNN_ATTR_OPERATION_NORM_FWD_BIAS_DESC, {.uid = CUDA_UID_BIAS, .shape = channels}},
      {CUDNN_ATTR_OPERATION_NORM_FWD_MEAN_DESC, {.uid = CUDA_UID_MEAN, .shape = channels}},
      {CUDNN_ATTR_OPERATION_NORM_FWD_INV_VARIANCE_DESC, {.uid = CUDA_UID_INVERSE, .shape = channels}},
      {CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_MEAN_DESC, {.uid = CUDA_UID_ZEROS, .shape = channels}},
      {CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_VAR_DESC, {.uid = CUDA_UID_ZEROS, .shape = channels}},
      {CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_MEAN_DESC, {.uid = CUDA_UID_RUNNING_MEAN, .shape = channels}},
      {CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_VAR_DESC, {.uid = CUDA_UID_VARIANCE, .shape = channels}},
      {CUDNN_ATTR_OPERATION_NORM_FWD_EPSILON_DESC, {.uid = CUDA_UID_EPS, .shape = number, .by_value = true}},
      {CUDNN_ATTR_OPERATION_NORM_FWD_EXP_AVG_FACTOR_DESC, {.uid = CUDA_UID_SHARE, .shape = number, .by_value = true}},
  };
  cudnnBackendDescriptor_t norm =
      cuda_descriptor_create(set, CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR, "describe a batch normalisation");
  cuda_descriptor_set(set, norm, CUDNN_ATTR_OPERATION_NORM_FWD_MODE, CUDNN_TYPE_NORM_MODE, 1, &mode);
  cuda_descriptor_set(set, norm, CUDNN_ATTR_OPERATION_NORM_FWD_PHASE, CUDNN_TYPE_NORM_FWD_PHASE, 1, &phase);
  for (size_t i = 0; i < sizeof tensors / sizeof *tensors; ++i)
    set_tensor(set, norm, tensors[i].name, tensors[i].tensor);
  cuda_descriptor_set(set, norm, CUDNN_ATTR_OPERATION_NORM_FWD_YDESC, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &normal);
  cuda_descriptor_finalize(set, norm);
  return norm;
}

cudnnBackendDescriptor_t cuda_describe_batchnorm(cuda_descriptors *set, const cuda_operation *o) {
  cudnnBackendDescriptor_t normal = cuda_describe_tensor(
                               set, (cuda_described_tensor){.uid = CUDA_UID_RAW, .shape = o->x, .is_virtual = true}),
                           y = cuda_describe_tensor(
                               set, (cuda_described_tensor){.uid = CUDA_UID_Y, .shape = o->x, .type = o->result}),
                           operations[2];
  operations[0] = describe_norm(set, o, normal);
  operations[1] = cuda_describe_pointwise(set, CUDNN_POINTWISE_RELU_FWD, 0, normal, NULL, y);
  return cuda_describe_graph(set, operations, 2);
}
