/* Small updates: running statistics, records of measures. */
#include "kernels/grid.cuh"
#include "kernels/types.cuh"

struct running_launch {
  limn_running entries[LIMN_TABLE];
  int count;
};

__device__ static inline bool same_targets(const limn_running &a, const limn_running &b) {
  return a.mean == b.mean || a.variance == b.variance;
}

/* One group of an entry, for the whole block: the answer of its vote is the same in all threads. */
__device__ static inline void update_one(const limn_running &e, const float *statistics, int *bad) {
  int thread = (int)threadIdx.x;
  bool skip = e.gate && *e.gate != 0;
  if (thread == 0)
    *bad = 0;
  __syncthreads();
  for (int c = thread; c < 2 * e.channels; c += LIMN_BLOCK)
    if (!is_finite(statistics[c]))
      atomicMax(bad, 1);
  __syncthreads();
  skip = skip || *bad;
  for (int c = thread; c < e.channels && !skip; c += LIMN_BLOCK) {
    e.mean[c] = (1 - e.momentum) * e.mean[c] + e.momentum * statistics[c];
    e.variance[c] = (1 - e.momentum) * e.variance[c] + e.momentum * e.unbias * statistics[e.channels + c];
  }
  __syncthreads();
}

/* A block an entry; it also does the later entries with its targets, in their order, which their own blocks leave. */
__global__ static void __launch_bounds__(LIMN_BLOCK) update_running(const __grid_constant__ running_launch r) {
  LIMN_SHARED(int, bad, [1]);
  int first = (int)blockIdx.x;
  for (int i = 0; i < first; ++i)
    if (same_targets(r.entries[i], r.entries[first]))
      return; /* all threads of the block alike */
  for (int i = first; i < r.count; ++i)
    for (int group = 0; group < r.entries[i].groups && same_targets(r.entries[i], r.entries[first]); ++group)
      update_one(r.entries[i], r.entries[i].statistics + group * 2 * r.entries[i].channels, bad);
}

cudaError_t limn_update_running(const limn_running *entries, int count, cudaStream_t stream) {
  for (int start = 0; start < count; start += LIMN_TABLE) {
    running_launch r = {};
    r.count = count - start < LIMN_TABLE ? count - start : LIMN_TABLE;
    for (int i = 0; i < r.count; ++i)
      r.entries[i] = entries[start + i];
    LIMN_LAUNCH(update_running, (unsigned)r.count, LIMN_BLOCK, 0, stream, r);
  }
  return cudaGetLastError();
}

struct record_launch {
  limn_recorded entries[LIMN_TABLE];
  int count;
};

__global__ static void record(const __grid_constant__ record_launch r, const uint64_t *step) {
  int i = (int)threadIdx.x;
  if (i >= r.count)
    return;
  const limn_recorded &e = r.entries[i];
  uint64_t row = *step % (uint64_t)e.rows;
  e.ring[row * (uint64_t)e.columns + (uint64_t)e.column] = *e.scalar;
}

cudaError_t limn_record(const limn_recorded *entries, int count, const uint64_t *step, cudaStream_t stream) {
  for (int i = 0; i < count; ++i)
    if (entries[i].rows < 1 || entries[i].column < 0 || entries[i].column >= entries[i].columns)
      return cudaErrorInvalidValue;
  for (int start = 0; start < count; start += LIMN_TABLE) {
    record_launch r = {};
    r.count = count - start < LIMN_TABLE ? count - start : LIMN_TABLE;
    for (int i = 0; i < r.count; ++i)
      r.entries[i] = entries[start + i];
    LIMN_LAUNCH(record, 1, 64, 0, stream, r, step);
  }
  return cudaGetLastError();
}
