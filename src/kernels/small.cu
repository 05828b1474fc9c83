/* Small groups, one after another, in one launch of one block: what surrounds a loss is a dozen of them over a number
 * for each picture, and a launch apiece would cost more than their work. */
#include "kernels/axes.cuh"
#include "kernels/grid.cuh"
#include "kernels/interpreter.cuh"
#include "kernels/reduce.cuh"

struct small_entry {
  program p;
  any_axes axes;
  limn_master out;
};

size_t limn_small_table_bytes(int count) { return (size_t)count * sizeof(small_entry); }

cudaError_t limn_small_table_fill(void *table, const limn_small_group *groups, int count) {
  small_entry *entries = static_cast<small_entry *>(table);
  for (int i = 0; i < count; ++i) {
    small_entry *e = &entries[i];
    *e = {};
    const limn_group *group = &groups[i].group;
    int last = group->instruction_count ? LIMN_MAX_TASK_INPUTS + group->instruction_count - 1 : 0;
    const limn_result result = {last, groups[i].to, groups[i].out.data, LIMN_F32};
    if (!limn_make_program(&e->p, group, &result, 1) || !find_axes(&e->axes, group->domain, groups[i].to))
      return cudaErrorInvalidValue;
    const limn_master out = groups[i].out;
    int64_t first = groups[i].first;
    e->out = {out.data + first, target<void>{out.half, out.half_type}.from(first).data, out.half_type};
  }
  return cudaSuccess;
}

__device__ static inline void map_entry(const small_entry &e) {
  for (int64_t i = threadIdx.x; i < e.p.count; i += LIMN_BLOCK) {
    float slots[LIMN_SLOTS][1];
    evaluate<any_form>(slots, e.p, i, 1);
    store_master(e.out, i, slots[e.p.left.stored[0]], 1);
  }
}

__device__ static inline void sum_entry(const small_entry &e, float *space) {
  for (int64_t k = 0; k < e.axes.kept; ++k) {
    int64_t first = element_of(e.axes, 0, k);
    float total = 0;
    for (int64_t i = threadIdx.x; i < e.axes.summed; i += LIMN_BLOCK) {
      float slots[LIMN_SLOTS][1];
      evaluate<any_form>(slots, e.p, first + element_of(e.axes, 1, i), 1);
      total += slots[e.p.left.summed[0]][0];
    }
    const float sum[1] = {block_sum(total, space)};
    if (threadIdx.x == 0)
      store_master(e.out, k, sum, 1);
  }
}

/* The barrier behind each entry makes what it wrote visible to the block, which is the whole grid. */
__global__ static void __launch_bounds__(LIMN_BLOCK) small_groups(const small_entry *entries, int count) {
  LIMN_SHARED(float, space, [32]);
  for (int i = 0; i < count; ++i) {
    if (entries[i].p.left.stored_count)
      map_entry(entries[i]);
    else
      sum_entry(entries[i], space);
    __syncthreads();
  }
}

cudaError_t limn_small_groups(const void *table, int count, cudaStream_t stream) {
  LIMN_LAUNCH(small_groups, 1, LIMN_BLOCK, 0, stream, static_cast<const small_entry *>(table), count);
  return cudaGetLastError();
}
