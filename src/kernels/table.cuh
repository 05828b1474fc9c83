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

#endif
