/* What descriptions of operations are put together of. */
#include "devices/cuda/planning.h"

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

cudnnBackendDescriptor_t cuda_describe_tensor(cuda_descriptors *set, cuda_described_tensor t) {
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

cudnnBackendDescriptor_t cuda_describe_mode(cuda_descriptors *set, cudnnPointwiseMode_t mode, double slope) {
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
  cudnnBackendDescriptor_t p = cuda_describe_mode(set, mode, slope);
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

cudnnBackendDescriptor_t cuda_describe_graph(cuda_descriptors *set, const cudnnBackendDescriptor_t *operations,
                                             int64_t count) {
  cudnnBackendDescriptor_t graph =
      cuda_descriptor_create(set, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, "accept the operations");
  cuda_descriptor_set(set, graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, count, operations);
  cuda_descriptor_finalize(set, graph);
  return set->status == CUDNN_STATUS_SUCCESS ? graph : NULL;
}
