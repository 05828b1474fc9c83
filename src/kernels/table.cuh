/* Many tensors in one launch: each has blocks of its own, and a block finds its tensor by the counts of blocks before
 * it. */
#ifndef LIMN_KERNELS_TABLE_CUH
#define LIMN_KERNELS_TABLE_CUH

#include "kernels/grid.cuh"

struct block_table {
  int count;
  int first[LIMN_TABLE + 1]; /* the first block of each entry; then the number of all */
};

static inline int entry_blocks(int64_t elements, int64_t each) { return (int)divide_up(elements, each); }

/* Puts the next of `left` tensors into a launch's `tensors` and `blocks`, `each` elements a block; how many blocks that
 * makes. */
template <class L, class T> static inline int fill_table(L *launch, const T *tensors, int left, int64_t each) {
  int blocks = 0;
  launch->blocks.count = left < LIMN_TABLE ? left : LIMN_TABLE;
  for (int i = 0; i < launch->blocks.count; ++i) {
    launch->tensors[i] = tensors[i];
    launch->blocks.first[i] = blocks;
    blocks += entry_blocks(tensors[i].count, each);
  }
  launch->blocks.first[launch->blocks.count] = blocks;
  return blocks;
}

/* The last entry that begins at or before `block`: entries without elements have no block. */
__device__ static inline int find_entry(const block_table &t, int block) {
  int low = 0, high = t.count - 1;
  while (low < high) {
    int middle = (low + high + 1) / 2;
    if (t.first[middle] <= block)
      low = middle;
    else
      high = middle - 1;
  }
  return low;
}

/* The elements of this block, which belong to that entry. */
struct span {
  int64_t begin, end;
};
template <class L> __device__ inline span find_span(const L &launch, int entry, int64_t each) {
  int64_t begin = ((int64_t)blockIdx.x - launch.blocks.first[entry]) * each, count = launch.tensors[entry].count;
  return {begin, begin + each < count ? begin + each : count};
}

#endif
