/* Sums over the threads of a block, in an order that is always the same. */
#ifndef LIMN_KERNELS_REDUCE_CUH
#define LIMN_KERNELS_REDUCE_CUH

#include <limn_launch.h>

__device__ static inline float warp_sum(float v) {
  for (int distance = 16; distance > 0; distance /= 2)
    v += __shfl_down_sync(0xffffffffu, v, (unsigned)distance);
  return v; /* of lane 0; other lanes hold parts */
}

/* The sum over a block of whole warps, for thread 0 alone. `space` has 32 floats, free again on return. */
__device__ static inline float block_sum(float v, float *space) {
  int thread = (int)threadIdx.x, warps = (int)blockDim.x / 32;
  v = warp_sum(v);
  if (thread % 32 == 0)
    space[thread / 32] = v;
  __syncthreads();
  if (thread < 32)
    v = warp_sum(thread < warps ? space[thread] : 0);
  __syncthreads();
  return v;
}

/* v[j] becomes the sum over the threads that share threadIdx.x % width, for all of them. B: threads of a block, a
 * power of two, as width is. `space` has B * V floats, free again on return; threads are neighbours in it, so that
 * banks do not clash. */
template <int B, int V> __device__ inline void tile_sum(float (&v)[V], float *space, int width) {
  int thread = (int)threadIdx.x;
  for (int j = 0; j < V; ++j)
    space[j * B + thread] = v[j];
  __syncthreads();
  for (int k = B / 2; k >= width; k /= 2) {
    if (thread < k)
      for (int j = 0; j < V; ++j)
        space[j * B + thread] += space[j * B + thread + k];
    __syncthreads();
  }
  for (int j = 0; j < V; ++j)
    v[j] = space[j * B + thread % width];
  __syncthreads();
}

#endif
