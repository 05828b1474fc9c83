#include "sample_kernels.h"

#include <limn_launch.h>

static __device__ float warp_sum(float v) {
  for (int d = 16; d > 0; d /= 2)
    v += __shfl_down_sync(0xffffffffu, v, d);
  return v;
}

static __global__ void sum_kernel(float *out, const float *x, int n) {
  LIMN_SHARED(float, part, [32]);
  float v = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
    v += __ldg(x + i);
  v = warp_sum(v);
  if (threadIdx.x % 32 == 0)
    part[threadIdx.x / 32] = v;
  __syncthreads();
  if (threadIdx.x < 32) {
    v = warp_sum(threadIdx.x < blockDim.x / 32 ? part[threadIdx.x] : 0);
    if (threadIdx.x == 0)
      atomicAdd(out, v);
  }
}

static __global__ void tree_kernel(float *partial, const float *x, int n) {
  LIMN_DYNAMIC_SHARED(float, s);
  LIMN_SHARED(float, other, [1]); /* a second array, which has to be another place */
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  s[threadIdx.x] = i < n ? x[i] : 0;
  if (threadIdx.x == 0)
    other[0] = 1e30f;
  __syncthreads();
  for (unsigned k = blockDim.x / 2; k > 0; k /= 2) {
    if (threadIdx.x < k)
      s[threadIdx.x] += s[threadIdx.x + k];
    __syncthreads();
  }
  if (threadIdx.x == 0 && other[0] == 1e30f)
    partial[blockIdx.x] = s[0];
}

template <bool BARRIER> static __global__ void transpose_kernel(float *y, const float *x, int rows, int columns) {
  LIMN_SHARED(float, tile, [16][17]);
  int c = blockIdx.x * 16 + threadIdx.x, r = blockIdx.y * 16 + threadIdx.y;
  if (r < rows && c < columns)
    tile[threadIdx.y][threadIdx.x] = x[r * columns + c];
  if (BARRIER)
    __syncthreads();
  c = blockIdx.y * 16 + threadIdx.x;
  r = blockIdx.x * 16 + threadIdx.y;
  if (r < columns && c < rows)
    y[r * rows + c] = tile[threadIdx.x][threadIdx.y];
}

static __global__ void warp_kernel(float *out, unsigned *flags) {
  int lane = threadIdx.x;
  float up = __shfl_up_sync(0xffffffffu, static_cast<float>(lane), 1);
  float exchanged = __shfl_xor_sync(0xffffffffu, static_cast<float>(lane), 4);
  double first = __shfl_sync(0xffffffffu, lane + 0.5, 8, 16);
  bool right = up == max(lane - 1, 0) && exchanged == (lane ^ 4) && first == (lane & 16) + 8.5;
  right = right && __umulhi(0x80000000u, 6u) == 3 && __popc(0xf0u) == 4 && __uint_as_float(__float_as_uint(up)) == up;
  right = right && !isfinite(1 / (up - up)) && rsqrtf(4.0f) == 0.5f && min(3, 2) == 2;
  double s, c;
  sincospi(0.5 + 2 * lane, &s, &c);
  right = right && s == 1 && fabs(c) < 1e-15;
  unsigned all = __ballot_sync(0xffffffffu, right);
  __syncwarp();
  if (lane == 0)
    *flags = all;
  atomicMax(flags + 1, static_cast<unsigned>(lane));
  out[lane] = exchanged;
}

static __device__ float to_float(__half v) { return __half2float(v); }
static __device__ float to_float(__nv_bfloat16 v) { return __bfloat162float(v); }
static __device__ void from_float(__half *p, float v) { *p = __float2half(v); }
static __device__ void from_float(__nv_bfloat16 *p, float v) { *p = __float2bfloat16(v); }

template <class T, int UNUSED>
static __global__ void __launch_bounds__(256) scale_kernel(T *y, const T *x, float a, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n)
    from_float(&y[i], a * to_float(x[i]));
}

static __global__ void fill_kernel(float *y, int n, sample_long bias) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
    y[i] = static_cast<float>(i) + bias.values[0];
}

cudaError_t sample_sum(float *out, const float *x, int n, cudaStream_t stream) {
  LIMN_LAUNCH(sum_kernel, (n + 1023) / 1024, 256, 0, stream, out, x, n);
  return cudaGetLastError();
}
cudaError_t sample_tree(float *partial, const float *x, int n, cudaStream_t stream) {
  LIMN_LAUNCH(tree_kernel, (n + 255) / 256, 256, 256 * sizeof(float), stream, partial, x, n);
  return cudaGetLastError();
}
cudaError_t sample_transpose(float *y, const float *x, int rows, int columns, cudaStream_t stream) {
  LIMN_LAUNCH((transpose_kernel<true>), dim3((columns + 15) / 16, (rows + 15) / 16), dim3(16, 16), 0, stream, y, x,
              rows, columns);
  return cudaGetLastError();
}
cudaError_t sample_warp(float *out, unsigned *flags, cudaStream_t stream) {
  LIMN_LAUNCH(warp_kernel, 1, 32, 0, stream, out, flags);
  return cudaGetLastError();
}
cudaError_t sample_scale_bf16(void *y, const void *x, float a, int n, cudaStream_t stream) {
  LIMN_LAUNCH((scale_kernel<__nv_bfloat16, 1>), (n + 255) / 256, 256, 0, stream, static_cast<__nv_bfloat16 *>(y),
              static_cast<const __nv_bfloat16 *>(x), a, n);
  return cudaGetLastError();
}
cudaError_t sample_scale_f16(void *y, const void *x, float a, int n, cudaStream_t stream) {
  LIMN_LAUNCH((scale_kernel<__half, 1>), (n + 255) / 256, 256, 0, stream, static_cast<__half *>(y),
              static_cast<const __half *>(x), a, n);
  return cudaGetLastError();
}
cudaError_t sample_fill(float *y, int n, const sample_long *bias, cudaStream_t stream) {
  LIMN_LAUNCH(fill_kernel, 4, 64, 0, stream, y, n, *bias);
  return cudaGetLastError();
}

/* ---- mistakes ---- */

static __global__ void overrun_kernel(float *y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i <= n)
    y[i] = 1;
}

static __global__ void early_exit_kernel(float *y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n)
    return;
  __syncthreads();
  y[i] = 1;
}

static __global__ void two_barriers_kernel(float *y) {
  if (threadIdx.x < 32) {
    __syncthreads();
    y[threadIdx.x] = 1;
  } else {
    __syncthreads();
    y[threadIdx.x] = 2;
  }
}

static __global__ void lane_left_kernel(float *y) {
  if (threadIdx.x >= 16)
    return;
  y[threadIdx.x] = warp_sum(1);
}

static __global__ void shared_overrun_kernel(float *y) {
  LIMN_DYNAMIC_SHARED(float, s);
  s[threadIdx.x + 1] = 1;
  __syncthreads();
  y[threadIdx.x] = s[threadIdx.x];
}

static __global__ void shared_unset_kernel(float *y) {
  LIMN_SHARED(float, t, [64]);
  if (threadIdx.x)
    t[threadIdx.x] = 1;
  __syncthreads();
  y[threadIdx.x] = t[63 - threadIdx.x];
}

static __global__ void blocks_race_kernel(float *y) {
  if (threadIdx.x == 0)
    y[0] = static_cast<float>(blockIdx.x);
}

cudaError_t mistake_overrun(float *y, int n, cudaStream_t stream) {
  LIMN_LAUNCH(overrun_kernel, n / 64 + 1, 64, 0, stream, y, n);
  return cudaGetLastError();
}
cudaError_t mistake_no_barrier(float *y, const float *x, int rows, int columns, cudaStream_t stream) {
  LIMN_LAUNCH((transpose_kernel<false>), dim3((columns + 15) / 16, (rows + 15) / 16), dim3(16, 16), 0, stream, y, x,
              rows, columns);
  return cudaGetLastError();
}
cudaError_t mistake_early_exit(float *y, int n, cudaStream_t stream) {
  LIMN_LAUNCH(early_exit_kernel, (n + 63) / 64, 64, 0, stream, y, n);
  return cudaGetLastError();
}
cudaError_t mistake_two_barriers(float *y, cudaStream_t stream) {
  LIMN_LAUNCH(two_barriers_kernel, 1, 64, 0, stream, y);
  return cudaGetLastError();
}
cudaError_t mistake_lane_left(float *y, cudaStream_t stream) {
  LIMN_LAUNCH(lane_left_kernel, 1, 32, 0, stream, y);
  return cudaGetLastError();
}
cudaError_t mistake_shared_overrun(float *y, cudaStream_t stream) {
  LIMN_LAUNCH(shared_overrun_kernel, 1, 64, 64 * sizeof(float), stream, y);
  return cudaGetLastError();
}
cudaError_t mistake_shared_unset(float *y, cudaStream_t stream) {
  LIMN_LAUNCH(shared_unset_kernel, 2, 64, 0, stream, y);
  return cudaGetLastError();
}
cudaError_t mistake_blocks_race(float *y, cudaStream_t stream) {
  LIMN_LAUNCH(blocks_race_kernel, 8, 32, 0, stream, y);
  return cudaGetLastError();
}
