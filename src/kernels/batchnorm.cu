/* Batch normalisation. The first launch leaves each chunk's sums in scratch; the second one's blocks all add up the
 * chunks of their own channels, in the same order and so to the same bytes, which spares a third launch. The chunks are
 * few enough for that: they are read from the second-level cache. Where the tensor is small enough for each block to do
 * all rows of a few channels, one launch does both, which costs less than a second launch would. */
#include "kernels/batchnorm.cuh"

/* mean and sum of squared deviations of `count` values in each of V channels. */
template <int V> struct moments { float count, mean[V], m2[V]; };

/* Chan, Golub & LeVeque (1983). The products are paired so that 0 times a large square never is 0 times infinity. */
template <int V>
__device__ inline void merge_moments(moments<V> &m, float count, const float (&mean)[V], const float (&m2)[V]) {
  float sum = m.count + count;
  if (sum == 0)
    return;
  float share = count / sum, cross = m.count * share;
  for (int j = 0; j < V; ++j) {
    float d = mean[j] - m.mean[j];
    m.mean[j] += d * share;
    m.m2[j] += m2[j] + d * (d * cross);
  }
  m.count = sum;
}

/* Every thread gets the moments of its whole column of the tile. space: THREADS * (1 + 2 V) floats. */
template <int V> __device__ inline void tile_moments(moments<V> &m, float *space, int width) {
  float *counts = space, *means = counts + THREADS, *squares = means + THREADS * V;
  int thread = (int)threadIdx.x;
  for (int k = THREADS; k >= width; k /= 2) {
    if (thread < k) {
      if (k < THREADS) {
        float mean[V], m2[V];
        for (int j = 0; j < V; ++j) {
          mean[j] = means[j * THREADS + thread + k];
          m2[j] = squares[j * THREADS + thread + k];
        }
        merge_moments(m, counts[thread + k], mean, m2);
      }
      counts[thread] = m.count;
      for (int j = 0; j < V; ++j) {
        means[j * THREADS + thread] = m.mean[j];
        squares[j * THREADS + thread] = m.m2[j];
      }
    }
    __syncthreads();
  }
  m.count = counts[thread % width];
  for (int j = 0; j < V; ++j) {
    m.mean[j] = means[j * THREADS + thread % width];
    m.m2[j] = squares[j * THREADS + thread % width];
  }
}

/* Of x - pivot. Up to DEPTH rows are in registers at once, so their own moments cost two passes there. */
template <class T, int V>
__device__ inline moments<V> thread_moments(const source<T> &x, const column_plan &plan, const place &at, rows range,
                                            const float (&pivot)[V]) {
  moments<V> m = {};
  for (int64_t row = range.begin + at.row; row < range.end; row += (int64_t)at.height * DEPTH) {
    float v[DEPTH][V], mean[V] = {}, m2[V] = {};
    int64_t left = rows_left(range, row, at.height);
    float count = (float)(left < DEPTH ? left : DEPTH);
    for (int i = 0; i < DEPTH; ++i)
      if (i < left)
        x.load(v[i], element(plan, at, row, i));
    for (int i = 0; i < DEPTH; ++i)
      for (int j = 0; j < V; ++j) {
        v[i][j] = i < left ? v[i][j] - pivot[j] : 0;
        mean[j] += v[i][j];
      }
    for (int j = 0; j < V; ++j)
      mean[j] /= count;
    for (int i = 0; i < DEPTH; ++i)
      for (int j = 0; j < V; ++j) {
        float d = i < left ? v[i][j] - mean[j] : 0;
        m2[j] += d * d;
      }
    merge_moments(m, count, mean, m2);
  }
  return m;
}

/* partial (groups, 2 chunks + 1, C): mean and m2 of each chunk, then the pivot. All is relative to that pivot, the
 * group's first row: values that lie far from 0 keep their digits, as merging their means would not. */
template <class T, int V>
__global__ static void __launch_bounds__(THREADS) partial_moments(source<T> x, column_plan plan, float *partial) {
  LIMN_SHARED(float, space, [THREADS * (1 + 2 * V)]);
  place at = find_place(plan);
  int64_t chunk = blockIdx.x / (unsigned)plan.strips;
  x = x.from(blockIdx.y * plan.rows * plan.columns);
  partial += blockIdx.y * scratch_of(plan);
  moments<V> m = {};
  float pivot[V] = {};
  if (at.active) {
    x.load(pivot, at.column);
    m = thread_moments<T, V>(x, plan, at, find_rows(chunk, plan.chunk_rows, plan.rows), pivot);
  }
  tile_moments(m, space, plan.width);
  if (at.active && at.row == 0) {
    target<float> out = {partial};
    out.store(2 * chunk * plan.columns + at.column, m.mean);
    out.store((2 * chunk + 1) * plan.columns + at.column, m.m2);
    if (chunk == 0)
      out.store(2 * plan.chunks * plan.columns + at.column, pivot);
  }
}

/* From a thread's moments to those of its channels; m2 becomes the biased variance. A group's first block writes its
 * statistics (2, C). */
template <int V>
__device__ inline void finish_moments(moments<V> &m, const column_plan &plan, const place &at, float *space,
                                      float *statistics, const float (&pivot)[V]) {
  tile_moments(m, space, plan.width);
  for (int j = 0; j < V; ++j)
    m.m2[j] /= (float)plan.rows;
  if (at.active && at.row == 0 && blockIdx.x < (unsigned)plan.strips) {
    target<float> out = {statistics};
    float mean[V];
    for (int j = 0; j < V; ++j)
      mean[j] = pivot[j] + m.mean[j];
    out.store(at.column, mean);
    out.store(plan.columns + at.column, m.m2);
  }
}

/* The moments of a block's channels, from all chunks, relative to the pivot. */
template <int V>
__device__ inline moments<V> merge_chunks(const float *partial, const column_plan &plan, const place &at, float *space,
                                          float *statistics, float (&pivot)[V]) {
  moments<V> m = {};
  source<float> from = {partial};
  if (at.active) {
    from.load(pivot, 2 * plan.chunks * plan.columns + at.column);
    for (int64_t chunk = at.row; chunk < plan.chunks; chunk += at.height) {
      rows range = find_rows(chunk, plan.chunk_rows, plan.rows);
      float mean[V], m2[V];
      from.load(mean, 2 * chunk * plan.columns + at.column);
      from.load(m2, (2 * chunk + 1) * plan.columns + at.column);
      merge_moments(m, (float)(range.end - range.begin), mean, m2);
    }
  }
  finish_moments(m, plan, at, space, statistics, pivot);
  return m;
}

template <int V>
__global__ static void __launch_bounds__(THREADS)
    merge_statistics(const float *partial, column_plan plan, float *statistics) {
  LIMN_SHARED(float, space, [THREADS * (1 + 2 * V)]);
  float pivot[V] = {};
  merge_chunks<V>(partial + blockIdx.y * scratch_of(plan), plan, find_place(plan), space,
                  statistics + blockIdx.y * 2 * plan.columns, pivot);
}

/* 0 is selected, not multiplied: 0 times infinity is NaN. A NaN itself passes through. */
__device__ static inline float activate(float v, float slope) { return v < 0 ? (slope == 0 ? 0 : slope * v) : v; }

template <class T> struct forward {
  source<T> x;
  target<T> y;
  column_plan plan;
  int64_t block_rows; /* rows of a block of the second launch */
  const float *gamma, *beta;
  float eps, slope;
  const float *partial;
  float *statistics;
};

/* The part of it that the block's group is. */
template <class T> __device__ inline forward<T> of_group(forward<T> f) {
  f.x = f.x.from(blockIdx.y * f.plan.rows * f.plan.columns);
  f.y = f.y.from(blockIdx.y * f.plan.rows * f.plan.columns);
  f.statistics += blockIdx.y * 2 * f.plan.columns;
  f.partial += blockIdx.y * scratch_of(f.plan);
  return f;
}

/* x less pivot and mean is taken first: a large mean would cost digits in scale * x + shift. */
template <class T, int V>
__device__ inline void normalize_rows(const forward<T> &f, const place &at, const moments<V> &m,
                                      const float (&pivot)[V], rows range) {
  float scale[V], beta[V];
  source<float>{f.gamma}.load(scale, at.column);
  source<float>{f.beta}.load(beta, at.column);
  for (int j = 0; j < V; ++j)
    scale[j] /= sqrtf(m.m2[j] + f.eps);
  for (int64_t row = range.begin + at.row; row < range.end; row += (int64_t)at.height * BATCH) {
    int64_t left = rows_left(range, row, at.height);
    float v[BATCH][V];
    for (int i = 0; i < BATCH; ++i)
      if (i < left)
        f.x.load(v[i], element(f.plan, at, row, i));
    for (int i = 0; i < BATCH; ++i)
      if (i < left) {
        for (int j = 0; j < V; ++j)
          v[i][j] = activate((v[i][j] - pivot[j] - m.mean[j]) * scale[j] + beta[j], f.slope);
        f.y.store(element(f.plan, at, row, i), v[i]);
      }
  }
}

template <class T, int V>
__global__ static void __launch_bounds__(THREADS, 2) normalize(const __grid_constant__ forward<T> all) {
  LIMN_SHARED(float, space, [THREADS * (1 + 2 * V)]);
  forward<T> f = of_group(all);
  place at = find_place(f.plan);
  float pivot[V] = {};
  moments<V> m = merge_chunks<V>(f.partial, f.plan, at, space, f.statistics, pivot);
  if (at.active)
    normalize_rows(f, at, m, pivot, find_rows(blockIdx.x / (unsigned)f.plan.strips, f.block_rows, f.plan.rows));
}

/* Both launches in one: a block does all rows of its channels in its group. y.data NULL: the statistics alone. */
template <class T, int V>
__global__ static void __launch_bounds__(THREADS) forward_whole(const __grid_constant__ forward<T> of_all) {
  LIMN_SHARED(float, space, [THREADS * (1 + 2 * V)]);
  forward<T> f = of_group(of_all);
  place at = find_place(f.plan);
  rows all = {0, f.plan.rows};
  float pivot[V] = {};
  moments<V> m = {};
  if (at.active) {
    f.x.load(pivot, at.column);
    m = thread_moments<T, V>(f.x, f.plan, at, all, pivot);
  }
  finish_moments(m, f.plan, at, space, f.statistics, pivot);
  if (at.active && f.y.data)
    normalize_rows(f, at, m, pivot, all);
}

limn_batchnorm_grid limn_batchnorm_forward_grid(limn_batchnorm_shape s) { return find_grid(s, is_whole(s)); }

size_t limn_batchnorm_scratch(limn_batchnorm_shape s) {
  if (s.rows < 1 || s.channels < 1 || s.groups < 1)
    return 0;
  return sizeof(float) * (size_t)s.groups * (size_t)scratch_of(make_plan(s));
}

template <class T>
static void launch_moments(source<T> x, const column_plan &p, unsigned groups, float *scratch, cudaStream_t stream) {
  dim3 grid(first_blocks(p), groups);
  if (p.lanes == 4)
    LIMN_LAUNCH((partial_moments<T, 4>), grid, THREADS, 0, stream, x, p, scratch);
  else
    LIMN_LAUNCH((partial_moments<T, 1>), grid, THREADS, 0, stream, x, p, scratch);
}

/* y NULL: the statistics alone, made the same way, so that the bytes are the same. */
template <class T> static void launch_forward(const limn_batchnorm_forward_args &a, cudaStream_t stream) {
  bool whole = is_whole(a.shape);
  column_plan p = whole ? make_whole_plan(a.shape) : make_plan(a.shape);
  unsigned groups = (unsigned)a.shape.groups;
  dim3 strips((unsigned)p.strips, groups);
  forward<T> f = {make_source<T>(a.x, a.type),
                  make_target<T>(a.y, a.type),
                  p,
                  second_rows(p),
                  a.gamma,
                  a.beta,
                  a.eps,
                  a.slope,
                  a.scratch,
                  a.statistics};
  if (whole) {
    if (p.lanes == 4)
      LIMN_LAUNCH((forward_whole<T, 4>), strips, THREADS, 0, stream, f);
    else
      LIMN_LAUNCH((forward_whole<T, 1>), strips, THREADS, 0, stream, f);
    return;
  }
  launch_moments<T>(f.x, p, groups, a.scratch, stream);
  dim3 blocks(second_blocks(p, f.block_rows), groups);
  if (a.y && p.lanes == 4)
    LIMN_LAUNCH((normalize<T, 4>), blocks, THREADS, 0, stream, f);
  else if (a.y)
    LIMN_LAUNCH((normalize<T, 1>), blocks, THREADS, 0, stream, f);
  else if (p.lanes == 4)
    LIMN_LAUNCH(merge_statistics<4>, strips, THREADS, 0, stream, a.scratch, p, a.statistics);
  else
    LIMN_LAUNCH(merge_statistics<1>, strips, THREADS, 0, stream, a.scratch, p, a.statistics);
}

static void launch_any_forward(const limn_batchnorm_forward_args &args, cudaStream_t stream) {
  if (args.type == LIMN_F32)
    launch_forward<float>(args, stream);
  else if (args.type == LIMN_BF16)
    launch_forward<__nv_bfloat16>(args, stream);
  else
    launch_forward<__half>(args, stream);
}

cudaError_t limn_batchnorm_statistics(const void *x, limn_type type, limn_batchnorm_shape shape, float *statistics,
                                      float *scratch, cudaStream_t stream) {
  if (is_bad(x, type, shape, scratch))
    return cudaErrorInvalidValue;
  limn_batchnorm_forward_args args = {};
  args.x = x;
  args.type = type;
  args.shape = shape;
  args.statistics = statistics;
  args.scratch = scratch;
  launch_any_forward(args, stream);
  return cudaGetLastError();
}

cudaError_t limn_batchnorm_forward(const limn_batchnorm_forward_args *args, cudaStream_t stream) {
  if (is_bad(args->x, args->type, args->shape, args->scratch) || !args->y || !is_aligned(args->y))
    return cudaErrorInvalidValue;
  launch_any_forward(*args, stream);
  return cudaGetLastError();
}
