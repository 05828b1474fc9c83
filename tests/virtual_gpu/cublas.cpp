/* cuBLAS: the calls that Limn makes, in plain loops. Matrices are column-major. */
#include <cublas_v2.h>

#include <stdio.h>

#include <vector>

#include "numbers.h"
#include "virtual_gpu.h"

struct cublasContext {
  cudaStream_t stream;
};

namespace virtual_gpu {
namespace {

struct matrix {
  void *data;
  number_type type;
  int64_t rows, columns, ld; /* as it lies in memory */

  size_t bytes() const { return static_cast<size_t>((columns - 1) * ld + rows) * number_bytes(type); }
};

bool type_of(cudaDataType type, number_type &out) {
  out = type == CUDA_R_16F ? number_type::f16 : type == CUDA_R_16BF ? number_type::bf16 : number_type::f32;
  return type == CUDA_R_32F || type == CUDA_R_16F || type == CUDA_R_16BF;
}

struct product {
  matrix a, b, c;
  bool transpose_a, transpose_b;
  int64_t m, n, k;
  double alpha, beta;
};

/* op(A) as m rows of k, or op(B) as n rows of k: both operands of a dot product lie in a row. */
std::vector<double> rows_of(const matrix &x, bool by_column) {
  std::vector<double> out(static_cast<size_t>(x.rows * x.columns));
  for (int64_t j = 0; j < x.columns; ++j)
    for (int64_t i = 0; i < x.rows; ++i)
      out[static_cast<size_t>(by_column ? j * x.rows + i : i * x.columns + j)] =
          load_number(x.data, x.type, j * x.ld + i);
  return out;
}

void multiply(const product &p) {
  std::vector<double> a = rows_of(p.a, p.transpose_a), b = rows_of(p.b, !p.transpose_b);
  for (int64_t j = 0; j < p.n; ++j)
    for (int64_t i = 0; i < p.m; ++i) {
      const double *x = &a[static_cast<size_t>(i * p.k)], *y = &b[static_cast<size_t>(j * p.k)];
      double sum = 0;
      for (int64_t l = 0; l < p.k; ++l)
        sum += x[l] * y[l];
      int64_t place = j * p.c.ld + i;
      double was = p.beta != 0 ? p.beta * load_number(p.c.data, p.c.type, place) : 0; /* unset memory is not read */
      store_number(p.c.data, p.c.type, place, p.alpha * sum + was);
    }
}

cublasStatus_t check(const product &p) {
  for (const matrix *x : {&p.a, &p.b, &p.c}) {
    if (x->rows <= 0 || x->columns <= 0 || x->ld < x->rows)
      return CUBLAS_STATUS_INVALID_VALUE;
    if (!is_live(x->data, x->bytes())) {
      fprintf(stderr, "virtual gpu: cublasGemmEx: a matrix is not in live device memory\n");
      return CUBLAS_STATUS_INVALID_VALUE;
    }
  }
  bool supported = p.a.type == p.b.type && (p.c.type == p.a.type || p.c.type == number_type::f32);
  return supported ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

} // namespace
} // namespace virtual_gpu

using namespace virtual_gpu;

extern "C" {

cublasStatus_t cublasCreate_v2(cublasHandle_t *handle) {
  guard held(lock());
  *handle = nullptr;
  if (lost() || fails(call::create))
    return CUBLAS_STATUS_NOT_INITIALIZED;
  *handle = new cublasContext{nullptr};
  alive("cuBLAS handles", 1);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasDestroy_v2(cublasHandle_t handle) {
  guard held(lock());
  if (!handle)
    return CUBLAS_STATUS_NOT_INITIALIZED;
  delete handle;
  alive("cuBLAS handles", -1);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, cudaStream_t stream) {
  handle->stream = stream;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetWorkspace_v2(cublasHandle_t, void *workspace, size_t bytes) {
  guard held(lock());
  bool right = reinterpret_cast<uintptr_t>(workspace) % 256 == 0 && (bytes == 0 || is_live(workspace, bytes));
  return right ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasSetMathMode(cublasHandle_t, cublasMath_t) { return CUBLAS_STATUS_SUCCESS; }

cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t transpose_a, cublasOperation_t transpose_b, int m,
                            int n, int k, const void *alpha, const void *a, cudaDataType a_type, int lda, const void *b,
                            cudaDataType b_type, int ldb, const void *beta, void *c, cudaDataType c_type, int ldc,
                            cublasComputeType_t compute, cublasGemmAlgo_t) {
  guard held(lock());
  product p = {};
  p.transpose_a = transpose_a != CUBLAS_OP_N;
  p.transpose_b = transpose_b != CUBLAS_OP_N;
  p.m = m;
  p.n = n;
  p.k = k;
  p.a = {const_cast<void *>(a), {}, p.transpose_a ? k : m, p.transpose_a ? m : k, lda};
  p.b = {const_cast<void *>(b), {}, p.transpose_b ? n : k, p.transpose_b ? k : n, ldb};
  p.c = {c, {}, m, n, ldc};
  bool known = type_of(a_type, p.a.type) && type_of(b_type, p.b.type) && type_of(c_type, p.c.type);
  bool single = compute == CUBLAS_COMPUTE_32F || compute == CUBLAS_COMPUTE_32F_FAST_TF32 ||
                compute == CUBLAS_COMPUTE_32F_PEDANTIC;
  if (!handle)
    return CUBLAS_STATUS_NOT_INITIALIZED;
  if (!known || !single)
    return CUBLAS_STATUS_NOT_SUPPORTED;
  if (is_device(alpha) || is_device(beta))
    return CUBLAS_STATUS_INVALID_VALUE;
  p.alpha = *static_cast<const float *>(alpha);
  p.beta = *static_cast<const float *>(beta);
  if (cublasStatus_t status = check(p))
    return status;
  if (lost() || fails(call::gemm))
    return CUBLAS_STATUS_EXECUTION_FAILED;
  return enqueue(handle->stream, [p] { multiply(p); }) ? CUBLAS_STATUS_EXECUTION_FAILED : CUBLAS_STATUS_SUCCESS;
}

#define STATUSES(X)                                                                                                    \
  X(CUBLAS_STATUS_SUCCESS)                                                                                             \
  X(CUBLAS_STATUS_NOT_INITIALIZED)                                                                                     \
  X(CUBLAS_STATUS_ALLOC_FAILED)                                                                                        \
  X(CUBLAS_STATUS_INVALID_VALUE)                                                                                       \
  X(CUBLAS_STATUS_ARCH_MISMATCH)                                                                                       \
  X(CUBLAS_STATUS_MAPPING_ERROR)                                                                                       \
  X(CUBLAS_STATUS_EXECUTION_FAILED)                                                                                    \
  X(CUBLAS_STATUS_INTERNAL_ERROR)                                                                                      \
  X(CUBLAS_STATUS_NOT_SUPPORTED)

const char *cublasGetStatusName(cublasStatus_t status) {
  switch (status) {
#define NAME(code)                                                                                                     \
  case code:                                                                                                           \
    return #code;
    STATUSES(NAME)
  default:
    return "an unknown status";
  }
}

const char *cublasGetStatusString(cublasStatus_t status) { return cublasGetStatusName(status); }

} // extern "C"
