#include "descriptors.h"

#include "checks.h"

using handle = descriptors::handle;

descriptors::~descriptors() {
  for (handle d : all)
    NEED(cudnnBackendDestroyDescriptor(d));
}

handle descriptors::make(cudnnBackendDescriptorType_t type) {
  handle d = nullptr;
  NEED(cudnnBackendCreateDescriptor(type, &d));
  all.push_back(d);
  return d;
}

template <class T>
void descriptors::set(handle d, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                      const std::vector<T> &values) {
  NEED(cudnnBackendSetAttribute(d, name, type, static_cast<int64_t>(values.size()), values.data()));
}

void descriptors::finalize(handle d) { NEED(cudnnBackendFinalize(d)); }

void descriptors::connect(handle d, ports given) {
  for (auto &port : given)
    set(d, port.first, CUDNN_TYPE_BACKEND_DESCRIPTOR, std::vector<handle>{port.second});
}

handle descriptors::tensor(int64_t name, tensor_shape s, cudnnDataType_t type, tensor_kind kind) {
  handle d = make(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  bool yes = true;
  set(d, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, std::vector<cudnnDataType_t>{type});
  set(d, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, std::vector<int64_t>{s.n, s.c, s.h, s.w});
  set(d, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, std::vector<int64_t>{s.h * s.w * s.c, 1, s.w * s.c, s.c});
  set(d, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, std::vector<int64_t>{name});
  set(d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, std::vector<int64_t>{16});
  if (kind == tensor_kind::between)
    NEED(cudnnBackendSetAttribute(d, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, &yes));
  if (kind == tensor_kind::value)
    NEED(cudnnBackendSetAttribute(d, CUDNN_ATTR_TENSOR_IS_BY_VALUE, CUDNN_TYPE_BOOLEAN, 1, &yes));
  finalize(d);
  return d;
}

handle descriptors::convolution(cudnnBackendDescriptorType_t type, int64_t pad, int64_t stride, const handle xwy[3]) {
  handle c = make(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  set(c, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, std::vector<int64_t>{2});
  set(c, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, std::vector<cudnnDataType_t>{CUDNN_DATA_FLOAT});
  set(c, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE,
      std::vector<cudnnConvolutionMode_t>{CUDNN_CROSS_CORRELATION});
  set(c, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, std::vector<int64_t>{pad, pad});
  set(c, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, std::vector<int64_t>{pad, pad});
  set(c, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, std::vector<int64_t>{1, 1});
  set(c, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, std::vector<int64_t>{stride, stride});
  finalize(c);
  /* Each kind numbers alpha, beta, the convolution, w, x and y one after the other. */
  int first = type == CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR
                  ? CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA
              : type == CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR
                  ? CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA
                  : CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA;
  auto attribute = [=](int i) { return static_cast<cudnnBackendAttributeName_t>(first + i); };
  handle o = make(type);
  set(o, attribute(0), CUDNN_TYPE_FLOAT, std::vector<float>{1});
  set(o, attribute(1), CUDNN_TYPE_FLOAT, std::vector<float>{0});
  connect(o, {{attribute(2), c}, {attribute(3), xwy[1]}, {attribute(4), xwy[0]}, {attribute(5), xwy[2]}});
  finalize(o);
  return o;
}

handle descriptors::pointwise(cudnnPointwiseMode_t mode, double slope, ports given) {
  handle p = make(CUDNN_BACKEND_POINTWISE_DESCRIPTOR), o = make(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
  set(p, CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, std::vector<cudnnPointwiseMode_t>{mode});
  set(p, CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, std::vector<cudnnDataType_t>{CUDNN_DATA_FLOAT});
  if (slope != 0)
    set(p, CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP_SLOPE, CUDNN_TYPE_DOUBLE, std::vector<double>{slope});
  finalize(p);
  connect(o, {{CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, p}});
  connect(o, given);
  finalize(o);
  return o;
}

handle descriptors::norm_forward(ports given) {
  handle o = make(CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR);
  set(o, CUDNN_ATTR_OPERATION_NORM_FWD_MODE, CUDNN_TYPE_NORM_MODE,
      std::vector<cudnnBackendNormMode_t>{CUDNN_BATCH_NORM});
  set(o, CUDNN_ATTR_OPERATION_NORM_FWD_PHASE, CUDNN_TYPE_NORM_FWD_PHASE,
      std::vector<cudnnBackendNormFwdPhase_t>{CUDNN_NORM_FWD_TRAINING});
  connect(o, given);
  finalize(o);
  return o;
}

handle descriptors::norm_backward(ports given) {
  handle o = make(CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR);
  set(o, CUDNN_ATTR_OPERATION_NORM_BWD_MODE, CUDNN_TYPE_NORM_MODE,
      std::vector<cudnnBackendNormMode_t>{CUDNN_BATCH_NORM});
  connect(o, given);
  finalize(o);
  return o;
}

handle descriptors::plan(std::vector<handle> operations) {
  handle graph = make(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR), device = make(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  handle heuristics = make(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR), configurations[8];
  set(graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, operations);
  finalize(graph);
  set(device, CUDNN_ATTR_DEVICEPROP_DEVICE_ID, CUDNN_TYPE_INT32, std::vector<int32_t>{0});
  finalize(device);
  set(heuristics, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE,
      std::vector<cudnnBackendHeurMode_t>{CUDNN_HEUR_MODE_A});
  connect(heuristics, {{CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph}, {CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, device}});
  finalize(heuristics);
  for (handle &c : configurations)
    c = make(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
  int64_t offered = 0;
  NEED(cudnnBackendGetAttribute(heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 8, &offered,
                                configurations));
  for (int64_t i = 0; i < offered && i < 8; ++i) {
    handle p = make(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    connect(p, {{CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, configurations[i]},
                {CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, device}});
    if (cudnnBackendFinalize(p) == CUDNN_STATUS_SUCCESS)
      return p;
  }
  return nullptr;
}

handle descriptors::pack(std::vector<int64_t> names, std::vector<void *> pointers, void *workspace) {
  handle p = make(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  set(p, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, names);
  set(p, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, pointers);
  set(p, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, std::vector<void *>{workspace});
  finalize(p);
  return p;
}

size_t descriptors::workspace(handle plan) {
  int64_t bytes = 0, count = 0;
  NEED(cudnnBackendGetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &count, &bytes));
  return static_cast<size_t>(bytes);
}
