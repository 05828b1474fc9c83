/* Sums of squares of many tensors. */
#include "kernels/reduce.cuh"
#include "kernels/table.cuh"
#include "kernels/types.cuh"

#define EACH 8192 /* elements of a block */

struct squares_launch {
  limn_squares tensors[LIMN_TABLE];
  block_table blocks;
  float *partial; /* (blocks) */
};

__global__ static void __launch_bounds__(LIMN_BLOCK) partial_squares(const __grid_constant__ squares_launch s) {
  LIMN_SHARED(float, space, [32]);
  int entry = find_entry(s.blocks, (int)blockIdx.x);
  const limn_squares &t = s.tensors[entry];
  source<void> x = {t.x, t.type};
  const auto [begin, end] = find_span(s, entry, EACH);
  float total = 0;
  for (int64_t i = begin + (int64_t)threadIdx.x * 4; i < end; i += LIMN_BLOCK * 4) {
    float v[4];
    load_some(x, v, i, (int)(end - i < 4 ? end - i : 4));
    for (int j = 0; j < 4; ++j)
      total += v[j] * v[j];
  }
  total = block_sum(total, space);
  if (threadIdx.x == 0)
    s.partial[blockIdx.x] = total;
}

/* A block a tensor. */
__global__ static void __launch_bounds__(LIMN_BLOCK) merge_squares(const __grid_constant__ squares_launch s) {
  LIMN_SHARED(float, space, [32]);
  int begin = s.blocks.first[blockIdx.x], end = s.blocks.first[blockIdx.x + 1];
  float total = 0;
  for (int i = begin + (int)threadIdx.x; i < end; i += LIMN_BLOCK)
    total += s.partial[i];
  total = block_sum(total, space);
  if (threadIdx.x == 0)
    *s.tensors[blockIdx.x].out = total;
}

size_t limn_sum_squares_scratch(const limn_squares *tensors, int count) {
  size_t blocks = 0;
  for (int i = 0; i < count; ++i)
    blocks += (size_t)entry_blocks(tensors[i].count, EACH);
  return blocks * sizeof(float);
}

cudaError_t limn_sum_squares(const limn_squares *tensors, int count, float *scratch, cudaStream_t stream) {
  for (int i = 0; i < count; ++i)
    if (tensors[i].count < 0 || !is_type(tensors[i].type) || !is_aligned(tensors[i].x) || !tensors[i].out)
      return cudaErrorInvalidValue;
  for (int start = 0; start < count; start += LIMN_TABLE) {
    squares_launch s = {};
    int blocks = fill_table(&s, tensors + start, count - start, EACH);
    s.partial = scratch;
    if (blocks > 0)
      LIMN_LAUNCH(partial_squares, (unsigned)blocks, LIMN_BLOCK, 0, stream, s);
    LIMN_LAUNCH(merge_squares, (unsigned)s.blocks.count, LIMN_BLOCK, 0, stream, s);
    scratch += blocks;
  }
  return cudaGetLastError();
}
