/* Batches put together and taken apart. */
#include "kernels/grid.cuh"
#include "kernels/types.cuh"

struct stack_launch {
  source<void> parts[2];
  int64_t counts[2];
  target<void> out;
};

/* V elements at a time: no pack lies in two parts, or in none. */
template <int V> __global__ static void __launch_bounds__(LIMN_BLOCK) stack(const __grid_constant__ stack_launch s) {
  int64_t all = s.counts[0] + s.counts[1];
  for (int64_t i = ((int64_t)blockIdx.x * LIMN_BLOCK + threadIdx.x) * V; i < all;
       i += (int64_t)gridDim.x * LIMN_BLOCK * V) {
    float v[V];
    if (i < s.counts[0])
      s.parts[0].load(v, i);
    else
      s.parts[1].load(v, i - s.counts[0]);
    s.out.store(i, v);
  }
}

cudaError_t limn_stack(const limn_part parts[2], void *out, limn_type type, cudaStream_t stream) {
  stack_launch s = {};
  bool packed = true;
  for (int i = 0; i < 2; ++i) {
    const limn_part &p = parts[i];
    if (p.count < 0 || p.first < 0 || !is_type(p.type) || !is_aligned(p.x) || (p.count > 0 && !p.x))
      return cudaErrorInvalidValue;
    packed = packed && p.first % 4 == 0 && p.count % 4 == 0;
    s.counts[i] = p.count;
    s.parts[i] = source<void>{p.x, p.type}.from(p.first);
  }
  if (!out || !is_aligned(out) || !is_type(type) || s.counts[0] + s.counts[1] == 0)
    return cudaErrorInvalidValue;
  s.out = {out, type};
  if (packed)
    LIMN_LAUNCH(stack<4>, blocks_for(s.counts[0] + s.counts[1], 4 * LIMN_BLOCK), LIMN_BLOCK, 0, stream, s);
  else
    LIMN_LAUNCH(stack<1>, blocks_for(s.counts[0] + s.counts[1], LIMN_BLOCK), LIMN_BLOCK, 0, stream, s);
  return cudaGetLastError();
}
