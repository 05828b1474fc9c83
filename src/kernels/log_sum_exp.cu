/* Logarithms of sums of exponentials over channels, the fastest axis: a warp a row, which reads neighbours. */
#include "kernels/grid.cuh"
#include "kernels/reduce.cuh"
#include "kernels/types.cuh"

#define WARPS (LIMN_BLOCK / 32)

struct log_sum_exp_launch {
  source<void> x;
  float *out;
  int64_t rows;
  int channels;
};

/* For all lanes. A NaN is passed over. */
__device__ static inline float warp_most(float v) {
  for (int distance = 16; distance > 0; distance /= 2) {
    float other = __shfl_xor_sync(0xffffffffu, v, distance);
    v = other > v ? other : v;
  }
  return v;
}

/* Each row is read twice, the second time out of a cache. What is taken out of the exponents, the largest of a row, is
 * nothing where that is infinite; a NaN comes through the sum. */
template <int V>
__global__ static void __launch_bounds__(LIMN_BLOCK) log_sum_exp(const __grid_constant__ log_sum_exp_launch s) {
  int lane = (int)threadIdx.x % 32;
  for (int64_t row = (int64_t)blockIdx.x * WARPS + (int)threadIdx.x / 32; row < s.rows;
       row += (int64_t)gridDim.x * WARPS) {
    int64_t first = row * s.channels;
    float most = -INFINITY, total = 0, v[V];
    for (int c = lane * V; c < s.channels; c += 32 * V) {
      s.x.load(v, first + c);
      for (int j = 0; j < V; ++j)
        most = v[j] > most ? v[j] : most;
    }
    most = warp_most(most);
    most = fabsf(most) <= FLT_MAX ? most : 0;
    for (int c = lane * V; c < s.channels; c += 32 * V) {
      s.x.load(v, first + c);
      for (int j = 0; j < V; ++j)
        total += expf(v[j] - most);
    }
    total = warp_sum(total);
    if (lane == 0)
      s.out[row] = most + logf(total);
  }
}

cudaError_t limn_log_sum_exp(const void *x, limn_type type, float *out, int64_t rows, int32_t channels,
                             cudaStream_t stream) {
  if (!x || !is_aligned(x) || !is_type(type) || !out || rows < 1 || channels < 1)
    return cudaErrorInvalidValue;
  log_sum_exp_launch s = {{x, type}, out, rows, channels};
  if (channels % 4 == 0)
    LIMN_LAUNCH(log_sum_exp<4>, blocks_for(rows, WARPS), LIMN_BLOCK, 0, stream, s);
  else
    LIMN_LAUNCH(log_sum_exp<1>, blocks_for(rows, WARPS), LIMN_BLOCK, 0, stream, s);
  return cudaGetLastError();
}
