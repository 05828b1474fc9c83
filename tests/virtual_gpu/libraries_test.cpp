/* cuDNN's interpreter and cuBLAS against independent loops, in fp32, fp16 and bf16. Plans come from the real cuDNN. */
#include <cublas_v2.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include <algorithm>

#include "checks.h"
#include "descriptors.h"

namespace {

using handle = descriptors::handle;
using numbers = std::vector<double>;

const char *type_name(cudnnDataType_t t) {
  return t == CUDNN_DATA_FLOAT ? "fp32" : t == CUDNN_DATA_HALF ? "fp16" : "bf16";
}

double rounded(double v, cudnnDataType_t t) {
  float f = static_cast<float>(v);
  return t == CUDNN_DATA_FLOAT  ? f
         : t == CUDNN_DATA_HALF ? __half2float(__float2half(f))
                                : __bfloat162float(__float2bfloat16(f));
}

/* Numbers on the host and, in their type, on the device. */
struct buffer {
  numbers v;
  cudnnDataType_t type;
  void *device;
  size_t bytes() const { return v.size() * (type == CUDNN_DATA_FLOAT ? 4 : 2); }
};

void put(buffer &b) {
  std::vector<char> raw(b.bytes());
  for (size_t i = 0; i < b.v.size(); ++i) {
    float f = static_cast<float>(b.v[i]);
    if (b.type == CUDNN_DATA_FLOAT)
      reinterpret_cast<float *>(raw.data())[i] = f;
    else if (b.type == CUDNN_DATA_HALF)
      reinterpret_cast<__half *>(raw.data())[i] = __float2half(f);
    else
      reinterpret_cast<__nv_bfloat16 *>(raw.data())[i] = __float2bfloat16(f);
  }
  NEED(cudaMemcpy(b.device, raw.data(), raw.size(), cudaMemcpyHostToDevice));
}

numbers get(const buffer &b) {
  std::vector<char> raw = download(static_cast<char *>(b.device), b.bytes());
  numbers v(b.v.size());
  for (size_t i = 0; i < v.size(); ++i)
    v[i] = b.type == CUDNN_DATA_FLOAT  ? reinterpret_cast<float *>(raw.data())[i]
           : b.type == CUDNN_DATA_HALF ? __half2float(reinterpret_cast<__half *>(raw.data())[i])
                                       : __bfloat162float(reinterpret_cast<__nv_bfloat16 *>(raw.data())[i]);
  return v;
}

class memory {
public:
  ~memory() {
    for (void *p : all)
      NEED(cudaFree(p));
  }
  void *raw(size_t bytes) {
    all.push_back(make<char>(bytes));
    return all.back();
  }
  /* Random numbers in [-1, 1), or NaN for what is to be written. */
  buffer of(size_t count, cudnnDataType_t type, bool random = true) {
    buffer b = {numbers(count), type, nullptr};
    b.device = raw(b.bytes());
    for (double &x : b.v) {
      seed = seed * 1664525u + 1013904223u;
      x = random ? rounded((seed >> 9) / 4194304.0 - 1, type) : NAN;
    }
    put(b);
    return b;
  }

private:
  std::vector<void *> all;
  unsigned seed = 1;
};

void compare(const char *what, const buffer &got, const numbers &want) {
  double unit = got.type == CUDNN_DATA_FLOAT ? 2e-6 : got.type == CUDNN_DATA_HALF ? 1.0 / 1024 : 1.0 / 128;
  numbers values = get(got);
  for (size_t i = 0; i < want.size(); ++i)
    if (!(fabs(values[i] - want[i]) <= unit * (fabs(want[i]) + 1e-2) + (got.type == CUDNN_DATA_FLOAT ? 1e-5 : 0))) {
      CHECK(false, "%s in %s: element %zu is %g, not %g", what, type_name(got.type), i, values[i], want[i]);
      return;
    }
}

cudnnHandle_t cudnn;
cudaStream_t stream;

double now() {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/* Executes it, directly or captured and replayed; the wait is part of it. */
void run(descriptors &d, memory &m, std::vector<handle> operations, std::vector<int64_t> names,
         std::vector<void *> pointers, bool captured = false) {
  handle plan = d.plan(operations);
  if (!plan) {
    CHECK(false, "no plan");
    return;
  }
  size_t bytes = descriptors::workspace(plan);
  handle pack = d.pack(names, pointers, bytes ? m.raw(bytes) : nullptr);
  cudaGraph_t graph;
  cudaGraphExec_t exec = nullptr;
  if (captured)
    NEED(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  NEED(cudnnBackendExecute(cudnn, plan, pack));
  if (captured) {
    NEED(cudaStreamEndCapture(stream, &graph));
    NEED(cudaGraphInstantiate(&exec, graph, 0));
    NEED(cudaGraphDestroy(graph));
    NEED(cudaGraphLaunch(exec, stream));
    NEED(cudaGraphLaunch(exec, stream));
  }
  NEED(cudaStreamSynchronize(stream));
  if (captured)
    NEED(cudaGraphExecDestroy(exec));
}

/* ---- convolutions: each of the three a sum over the other two, gathered for one element at a time ---- */

struct problem {
  tensor_shape x, w, y;
  int64_t pad, stride;
};

template <class F> void each_tap(const problem &p, F f) {
  for (int64_t n = 0; n < p.y.n; ++n)
    for (int64_t i = 0; i < p.y.h; ++i)
      for (int64_t j = 0; j < p.y.w; ++j)
        for (int64_t r = 0; r < p.w.h; ++r)
          for (int64_t s = 0; s < p.w.w; ++s) {
            int64_t h = i * p.stride - p.pad + r, w = j * p.stride - p.pad + s;
            if (h >= 0 && w >= 0 && h < p.x.h && w < p.x.w)
              for (int64_t k = 0; k < p.w.n; ++k)
                for (int64_t c = 0; c < p.w.c; ++c)
                  f(p.x.at(n, c, h, w), p.w.at(k, c, r, s), p.y.at(n, k, i, j));
          }
}

void convolutions(const problem &p, cudnnDataType_t type) {
  descriptors d;
  memory m;
  buffer x = m.of(p.x.count(), type), w = m.of(p.w.count(), type), dy = m.of(p.y.count(), type);
  buffer y = m.of(p.y.count(), type, false), dx = m.of(p.x.count(), type, false), dw = m.of(p.w.count(), type, false);
  numbers want_y(y.v.size()), want_dx(x.v.size()), want_dw(w.v.size());
  each_tap(p, [&](size_t ix, size_t iw, size_t iy) {
    want_y[iy] += x.v[ix] * w.v[iw];
    want_dx[ix] += dy.v[iy] * w.v[iw];
    want_dw[iw] += dy.v[iy] * x.v[ix];
  });
  handle t[3] = {d.tensor(1, p.x, type), d.tensor(2, p.w, type), d.tensor(3, p.y, type)};
  std::vector<int64_t> names = {1, 2, 3};
  auto kind = [&](cudnnBackendDescriptorType_t o) { return d.convolution(o, p.pad, p.stride, t); };
  run(d, m, {kind(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR)}, names, {x.device, w.device, y.device},
      true);
  compare("convolution", y, want_y);
  run(d, m, {kind(CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR)}, names,
      {dx.device, w.device, dy.device});
  compare("its gradient for x", dx, want_dx);
  run(d, m, {kind(CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR)}, names,
      {x.device, dw.device, dy.device});
  compare("its gradient for w", dw, want_dw);
}

/* The operations are given in an order in which they cannot be computed. What lies between convolution and bias is
 * rounded to the type too, and the whole is compared number by number: only a sum in another order may round to a
 * neighbour. */
void convolution_bias_leaky(const problem &p, cudnnDataType_t type) {
  descriptors d;
  memory m;
  buffer x = m.of(p.x.count(), type), w = m.of(p.w.count(), type), y = m.of(p.y.count(), type, false);
  size_t channels = static_cast<size_t>(p.y.c);
  buffer bias = m.of(channels, CUDNN_DATA_FLOAT);
  numbers want(y.v.size());
  each_tap(p, [&](size_t ix, size_t iw, size_t iy) { want[iy] += x.v[ix] * w.v[iw]; });
  for (size_t i = 0; i < want.size(); ++i) {
    double u = rounded(rounded(want[i], type) + bias.v[i % channels], CUDNN_DATA_FLOAT);
    want[i] = rounded(u < 0 ? 0.2 * u : u, type);
  }
  handle sum = d.tensor(10, p.y, type, tensor_kind::between);
  handle biased = d.tensor(11, p.y, CUDNN_DATA_FLOAT, tensor_kind::between);
  handle t[3] = {d.tensor(1, p.x, type), d.tensor(2, p.w, type), sum};
  handle ty = d.tensor(3, p.y, type), tb = d.tensor(12, {1, p.y.c, 1, 1}, CUDNN_DATA_FLOAT);
  handle operations[3] = {
      d.convolution(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR, p.pad, p.stride, t),
      d.pointwise(CUDNN_POINTWISE_ADD, 0,
                  {{CUDNN_ATTR_OPERATION_POINTWISE_XDESC, sum},
                   {CUDNN_ATTR_OPERATION_POINTWISE_BDESC, tb},
                   {CUDNN_ATTR_OPERATION_POINTWISE_YDESC, biased}}),
      d.pointwise(CUDNN_POINTWISE_RELU_FWD, 0.2,
                  {{CUDNN_ATTR_OPERATION_POINTWISE_XDESC, biased}, {CUDNN_ATTR_OPERATION_POINTWISE_YDESC, ty}})};
  run(d, m, {operations[2], operations[0], operations[1]}, {1, 2, 12, 3}, {x.device, w.device, bias.device, y.device},
      true);
  numbers values = get(y);
  int same = 0;
  for (size_t i = 0; i < want.size(); ++i)
    same += values[i] == want[i];
  CHECK(same > 0.98 * static_cast<double>(want.size()), "%s: %d of %zu are exact", type_name(type), same, want.size());
  compare("convolution, bias and leaky ReLU", y, want);
}

/* ---- batch normalisation ---- */

const float epsilon = 1e-5f, factor = 0.1f;

struct norm {
  tensor_shape shape, per_channel;
  buffer x, y, mean, inverse, scale, bias, running_mean, running_variance;

  norm(memory &m, tensor_shape s, cudnnDataType_t type)
      : shape(s), per_channel{1, s.c, 1, 1}, x(m.of(s.count(), type)), y(m.of(s.count(), type, false)) {
    size_t c = static_cast<size_t>(s.c);
    for (buffer *b : {&mean, &inverse})
      *b = m.of(c, CUDNN_DATA_FLOAT, false);
    for (buffer *b : {&scale, &bias, &running_mean, &running_variance})
      *b = m.of(c, CUDNN_DATA_FLOAT);
  }
};

void norm_forward(descriptors &d, memory &m, norm &b, numbers &mean, numbers &inverse) {
  size_t channels = static_cast<size_t>(b.shape.c), rows = b.x.v.size() / channels;
  numbers y(b.x.v.size()), running_mean(channels), running_variance(channels);
  for (size_t c = 0; c < channels; ++c) {
    double sum = 0, squares = 0, count = static_cast<double>(rows);
    for (size_t i = 0; i < rows; ++i)
      sum += b.x.v[i * channels + c];
    mean[c] = sum / count;
    for (size_t i = 0; i < rows; ++i)
      squares += pow(b.x.v[i * channels + c] - mean[c], 2);
    inverse[c] = 1 / sqrt(squares / count + epsilon);
    running_mean[c] = 0.9 * b.running_mean.v[c] + 0.1 * mean[c];
    running_variance[c] = 0.9 * b.running_variance.v[c] + 0.1 * squares / (count - 1);
    for (size_t i = c; i < y.size(); i += channels)
      y[i] = (b.x.v[i] - mean[c]) * inverse[c] * b.scale.v[c] + b.bias.v[c];
  }
  auto vector = [&](int64_t name) { return d.tensor(name, b.per_channel, CUDNN_DATA_FLOAT); };
  auto value = [&](int64_t name) { return d.tensor(name, {1, 1, 1, 1}, CUDNN_DATA_FLOAT, tensor_kind::value); };
  handle o = d.norm_forward({{CUDNN_ATTR_OPERATION_NORM_FWD_XDESC, d.tensor(20, b.shape, b.x.type)},
                             {CUDNN_ATTR_OPERATION_NORM_FWD_YDESC, d.tensor(21, b.shape, b.x.type)},
                             {CUDNN_ATTR_OPERATION_NORM_FWD_MEAN_DESC, vector(22)},
                             {CUDNN_ATTR_OPERATION_NORM_FWD_INV_VARIANCE_DESC, vector(23)},
                             {CUDNN_ATTR_OPERATION_NORM_FWD_SCALE_DESC, vector(24)},
                             {CUDNN_ATTR_OPERATION_NORM_FWD_BIAS_DESC, vector(25)},
                             {CUDNN_ATTR_OPERATION_NORM_FWD_EPSILON_DESC, value(26)},
                             {CUDNN_ATTR_OPERATION_NORM_FWD_EXP_AVG_FACTOR_DESC, value(27)},
                             {CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_MEAN_DESC, vector(28)},
                             {CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_VAR_DESC, vector(29)},
                             {CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_MEAN_DESC, vector(30)},
                             {CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_VAR_DESC, vector(31)}});
  float epsilon_now = epsilon, factor_now = factor;
  run(d, m, {o}, {20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31},
      {b.x.device, b.y.device, b.mean.device, b.inverse.device, b.scale.device, b.bias.device, &epsilon_now,
       &factor_now, b.running_mean.device, b.running_variance.device, b.running_mean.device,
       b.running_variance.device});
  compare("normalisation", b.y, y);
  compare("its mean", b.mean, mean);
  compare("its inverse deviation", b.inverse, inverse);
  compare("its running mean", b.running_mean, running_mean);
  compare("its running variance", b.running_variance, running_variance);
}

void norm_backward(descriptors &d, memory &m, const norm &b, const numbers &mean, const numbers &inverse) {
  size_t channels = static_cast<size_t>(b.shape.c), rows = b.x.v.size() / channels;
  buffer dy = m.of(b.x.v.size(), b.x.type), dx = m.of(b.x.v.size(), b.x.type, false);
  buffer dscale = m.of(channels, CUDNN_DATA_FLOAT, false), dbias = dscale;
  dbias.device = m.raw(dbias.bytes());
  numbers want_dx(dx.v.size()), want_dscale(channels), want_dbias(channels);
  auto normal = [&](size_t i) { return (b.x.v[i] - mean[i % channels]) * inverse[i % channels]; };
  for (size_t i = 0; i < dy.v.size(); ++i) {
    want_dbias[i % channels] += dy.v[i];
    want_dscale[i % channels] += dy.v[i] * normal(i);
  }
  for (size_t i = 0; i < dy.v.size(); ++i) {
    double means = (want_dbias[i % channels] + normal(i) * want_dscale[i % channels]) / static_cast<double>(rows);
    want_dx[i] = b.scale.v[i % channels] * inverse[i % channels] * (dy.v[i] - means);
  }
  auto vector = [&](int64_t name) { return d.tensor(name, b.per_channel, CUDNN_DATA_FLOAT); };
  handle o = d.norm_backward({{CUDNN_ATTR_OPERATION_NORM_BWD_XDESC, d.tensor(20, b.shape, b.x.type)},
                              {CUDNN_ATTR_OPERATION_NORM_BWD_MEAN_DESC, vector(22)},
                              {CUDNN_ATTR_OPERATION_NORM_BWD_INV_VARIANCE_DESC, vector(23)},
                              {CUDNN_ATTR_OPERATION_NORM_BWD_DYDESC, d.tensor(40, b.shape, b.x.type)},
                              {CUDNN_ATTR_OPERATION_NORM_BWD_SCALE_DESC, vector(24)},
                              {CUDNN_ATTR_OPERATION_NORM_BWD_DSCALE_DESC, vector(42)},
                              {CUDNN_ATTR_OPERATION_NORM_BWD_DBIAS_DESC, vector(43)},
                              {CUDNN_ATTR_OPERATION_NORM_BWD_DXDESC, d.tensor(41, b.shape, b.x.type)}});
  run(d, m, {o}, {20, 22, 23, 24, 40, 41, 42, 43},
      {b.x.device, b.mean.device, b.inverse.device, b.scale.device, dy.device, dx.device, dscale.device, dbias.device},
      true);
  compare("normalisation's gradient for x", dx, want_dx);
  compare("for the scale", dscale, want_dscale);
  compare("for the bias", dbias, want_dbias);
}

void norms(cudnnDataType_t type) {
  descriptors d;
  memory m;
  norm b(m, {2, 16, 5, 4}, type);
  numbers mean(16), inverse(16);
  norm_forward(d, m, b, mean, inverse);
  norm_backward(d, m, b, mean, inverse);
}

/* ---- what a wrong call is told ---- */

void refusals() {
  descriptors d;
  memory m;
  tensor_shape s = {1, 8, 4, 4};
  buffer x = m.of(s.count(), CUDNN_DATA_FLOAT), w = m.of(64, CUDNN_DATA_FLOAT), y = m.of(s.count(), CUDNN_DATA_FLOAT);
  handle t[3] = {d.tensor(1, s, x.type), d.tensor(2, {8, 8, 1, 1}, x.type), d.tensor(3, s, x.type)};
  handle plan = d.plan({d.convolution(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR, 0, 1, t)});
  size_t bytes = descriptors::workspace(plan);
  void *workspace = bytes ? m.raw(bytes) : nullptr;
  auto execute = [&](void *px) {
    return cudnnBackendExecute(cudnn, plan, d.pack({1, 2, 3}, {px, w.device, y.device}, workspace));
  };
  CHECK(execute(x.v.data()) == CUDNN_STATUS_BAD_PARAM, "host memory");
  CHECK(execute(static_cast<char *>(x.device) + 4) == CUDNN_STATUS_BAD_PARAM, "an overrun");
  CHECK(execute(x.device) == CUDNN_STATUS_SUCCESS, "as it should be");
  NEED(cudaStreamSynchronize(stream));
}

/* ---- cuBLAS ---- */

cudaDataType cuda_type(cudnnDataType_t t) {
  return t == CUDNN_DATA_FLOAT ? CUDA_R_32F : t == CUDNN_DATA_HALF ? CUDA_R_16F : CUDA_R_16BF;
}

struct product {
  cublasOperation_t a, b;
  float beta;
  cudnnDataType_t type, result;
};

void multiply(cublasHandle_t cublas, const product &p) {
  const int rows = 5, columns = 7, inner = 3, lda = 9, ldb = 8, ldc = 6;
  memory m;
  buffer a = m.of(lda * 8, p.type), b = m.of(ldb * 8, p.type), c = m.of(ldc * columns, p.result);
  numbers want = c.v;
  float alpha = 0.5f;
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < columns; ++j) {
      double sum = 0;
      for (int k = 0; k < inner; ++k) {
        size_t ia = static_cast<size_t>(p.a == CUBLAS_OP_N ? k * lda + i : i * lda + k);
        size_t ib = static_cast<size_t>(p.b == CUBLAS_OP_N ? j * ldb + k : k * ldb + j);
        sum += a.v[ia] * b.v[ib];
      }
      double &out = want[static_cast<size_t>(j * ldc + i)];
      out = alpha * sum + (p.beta != 0 ? p.beta * out : 0);
    }
  NEED(cublasGemmEx(cublas, p.a, p.b, rows, columns, inner, &alpha, a.device, cuda_type(p.type), lda, b.device,
                    cuda_type(p.type), ldb, &p.beta, c.device, cuda_type(p.result), ldc, CUBLAS_COMPUTE_32F,
                    CUBLAS_GEMM_DEFAULT));
  alpha = 100; /* read at the call */
  NEED(cudaStreamSynchronize(stream));
  compare("product", c, want);
}

void products(cudnnDataType_t type) {
  cublasHandle_t cublas;
  memory m;
  NEED(cublasCreate(&cublas));
  NEED(cublasSetStream(cublas, stream));
  NEED(cublasSetWorkspace(cublas, m.raw(1024), 1024));
  NEED(cublasSetMathMode(cublas, CUBLAS_TF32_TENSOR_OP_MATH));
  for (cublasOperation_t a : {CUBLAS_OP_N, CUBLAS_OP_T})
    for (cublasOperation_t b : {CUBLAS_OP_N, CUBLAS_OP_T})
      for (float beta : {0.0f, 2.0f})
        for (cudnnDataType_t result : {type, CUDNN_DATA_FLOAT})
          multiply(cublas, {a, b, beta, type, result});
  NEED(cublasDestroy(cublas));
}

/* For the report of a slow machine, not a check. */
void time_convolution() {
  descriptors d;
  memory m;
  problem p = {{4, 32, 16, 16}, {64, 32, 4, 4}, {4, 64, 8, 8}, 1, 2};
  buffer x = m.of(p.x.count(), CUDNN_DATA_FLOAT), w = m.of(p.w.count(), CUDNN_DATA_FLOAT);
  buffer y = m.of(p.y.count(), CUDNN_DATA_FLOAT, false);
  handle t[3] = {d.tensor(1, p.x, x.type), d.tensor(2, p.w, x.type), d.tensor(3, p.y, x.type)};
  handle plan = d.plan({d.convolution(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR, 1, 2, t)});
  size_t bytes = descriptors::workspace(plan);
  handle pack = d.pack({1, 2, 3}, {x.device, w.device, y.device}, bytes ? m.raw(bytes) : nullptr);
  double start = now();
  NEED(cudnnBackendExecute(cudnn, plan, pack));
  NEED(cudaStreamSynchronize(stream));
  printf("interpreter: %.2f ns a multiplication\n", 1e9 * (now() - start) / (4.0 * 64 * 8 * 8 * 32 * 16));
}

} // namespace

int main() {
  NEED(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  NEED(cudnnCreate(&cudnn));
  NEED(cudnnSetStream(cudnn, stream));
  for (cudnnDataType_t type : {CUDNN_DATA_FLOAT, CUDNN_DATA_HALF, CUDNN_DATA_BFLOAT16}) {
    problem wide = {{2, 8, 10, 9}, {16, 8, 4, 4}, {2, 16, 5, 4}, 1, 2};
    problem narrow = {{2, 16, 5, 6}, {8, 16, 3, 3}, {2, 8, 5, 6}, 1, 1};
    convolutions(wide, type);
    convolutions(narrow, type);
    convolution_bias_leaky(wide, type);
    norms(type);
    products(type);
  }
  refusals();
  time_convolution();
  NEED(cudnnDestroy(cudnn));
  NEED(cudaStreamDestroy(stream));
  printf("%s\n", checks_failed ? "FAILED" : "passed");
  return checks_failed != 0;
}
