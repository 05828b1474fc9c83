/* Sums of two tensors, many of them in one launch: the gradients of weights that were used twice. */
#include "kernels/table.cuh"
#include "kernels/types.cuh"

#define EACH 4096 /* elements of a block */

struct additions_launch {
  limn_addition tensors[LIMN_TABLE];
  block_table blocks;
};

__global__ static void __launch_bounds__(LIMN_BLOCK) add_tensors(const __grid_constant__ additions_launch s) {
  int entry = find_entry(s.blocks, (int)blockIdx.x);
  const limn_addition &t = s.tensors[entry];
  source<void> x = {t.x, t.x_type}, y = {t.y, t.y_type};
  const auto [begin, end] = find_span(s, entry, EACH);
  for (int64_t i = begin + (int64_t)threadIdx.x * 4; i < end; i += LIMN_BLOCK * 4) {
    int valid = (int)(end - i < 4 ? end - i : 4);
    float v[4], w[4];
    load_some(x, v, i, valid);
    load_some(y, w, i, valid);
    for (int j = 0; j < 4; ++j)
      v[j] += w[j];
    store_some(target<float>{t.out}, i, v, valid);
  }
}

cudaError_t limn_add(const limn_addition *tensors, int count, cudaStream_t stream) {
  for (int i = 0; i < count; ++i)
    if (tensors[i].count < 0 || !is_type(tensors[i].x_type) || !is_type(tensors[i].y_type) ||
        !is_aligned(tensors[i].x) || !is_aligned(tensors[i].y) || !is_aligned(tensors[i].out) || !tensors[i].out)
      return cudaErrorInvalidValue;
  for (int start = 0; start < count; start += LIMN_TABLE) {
    additions_launch s = {};
    int blocks = fill_table(&s, tensors + start, count - start, EACH);
    if (blocks > 0)
      LIMN_LAUNCH(add_tensors, (unsigned)blocks, LIMN_BLOCK, 0, stream, s);
  }
  return cudaGetLastError();
}
