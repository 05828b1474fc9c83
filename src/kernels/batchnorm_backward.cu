/* Batch normalisation's gradients, divided as the forward pass is: sums by chunks, then what follows from them; or both
 * in one launch. */
#include "kernels/batchnorm.cuh"

__device__ static inline float leak(float g, float y, float slope) { return y > 0 ? g : slope == 0 ? 0 : slope * g; }

/* T void: the types differ and are looked at in the loop. */
template <class T> struct backward {
  source<T> x, dy, y; /* y.data NULL: no activation */
  target<T> dx;       /* dx.data NULL: none */
  column_plan plan;
  int64_t block_rows;
  int groups;
  const float *statistics, *gamma;
  float *dgamma, *dbeta;
  float eps, slope;
  float *partial; /* (chunks, 2, C): sum g, sum g (x - mean) */
};

template <class T> __device__ inline backward<T> of_group(backward<T> b, int group) {
  int64_t first = group * b.plan.rows * b.plan.columns;
  b.x = b.x.from(first);
  b.dy = b.dy.from(first);
  b.y = b.y.from(first);
  b.dx = b.dx.from(first);
  b.statistics += group * 2 * b.plan.columns;
  b.partial += group * scratch_of(b.plan);
  return b;
}

/* g and x of N rows; what is missing counts as g = 0. */
template <int N, class T, int V>
__device__ inline void load_gradients(float (&g)[N][V], float (&x)[N][V], const backward<T> &b, const place &at,
                                      rows range, int64_t row) {
  int64_t left = rows_left(range, row, at.height);
  for (int i = 0; i < N; ++i) {
    for (int j = 0; j < V; ++j)
      g[i][j] = x[i][j] = 0;
    if (i < left) {
      b.dy.load(g[i], element(b.plan, at, row, i));
      b.x.load(x[i], element(b.plan, at, row, i));
    }
  }
  if (b.y.data) {
    float y[N][V] = {};
    for (int i = 0; i < N; ++i)
      if (i < left)
        b.y.load(y[i], element(b.plan, at, row, i));
    for (int i = 0; i < N; ++i)
      for (int j = 0; j < V; ++j)
        g[i][j] = leak(g[i][j], y[i][j], b.slope);
  }
}

/* A thread's sum of g and of g (x - mean). */
template <class T, int V>
__device__ inline void thread_sums(float (&sum)[V], float (&product)[V], const backward<T> &b, const place &at,
                                   rows range) {
  float mean[V];
  source<float>{b.statistics}.load(mean, at.column);
  for (int64_t row = range.begin + at.row; row < range.end; row += (int64_t)at.height * BATCH) {
    float g[BATCH][V], x[BATCH][V];
    load_gradients<BATCH>(g, x, b, at, range, row);
    for (int i = 0; i < BATCH; ++i)
      for (int j = 0; j < V; ++j) {
        sum[j] += g[i][j];
        product[j] += g[i][j] * (x[i][j] - mean[j]);
      }
  }
}

template <class T, int V>
__global__ static void __launch_bounds__(THREADS) gradient_sums(const __grid_constant__ backward<T> all) {
  LIMN_SHARED(float, space, [THREADS * V]);
  backward<T> b = of_group(all, (int)blockIdx.y);
  place at = find_place(b.plan);
  int64_t chunk = blockIdx.x / (unsigned)b.plan.strips;
  float sum[V] = {}, product[V] = {};
  if (at.active)
    thread_sums(sum, product, b, at, find_rows(chunk, b.plan.chunk_rows, b.plan.rows));
  tile_sum<THREADS>(sum, space, b.plan.width);
  tile_sum<THREADS>(product, space, b.plan.width);
  if (at.active && at.row == 0) {
    target<float> out = {b.partial};
    out.store(2 * chunk * b.plan.columns + at.column, sum);
    out.store((2 * chunk + 1) * b.plan.columns + at.column, product);
  }
}

/* A thread's share of the chunks' sums. */
template <class T, int V>
__device__ inline void merge_gradients(float (&sum)[V], float (&product)[V], const backward<T> &b, const place &at) {
  source<float> from = {b.partial};
  for (int64_t chunk = at.row; chunk < b.plan.chunks; chunk += at.height) {
    float v[V], w[V];
    from.load(v, 2 * chunk * b.plan.columns + at.column);
    from.load(w, (2 * chunk + 1) * b.plan.columns + at.column);
    for (int j = 0; j < V; ++j) {
      sum[j] += v[j];
      product[j] += w[j];
    }
  }
}

/* What the sums of a group's channels lead to. */
template <int V> struct channel_gradients { float mean[V], inverse[V], sum[V], product[V]; }; /* product: sum g xhat */

/* From the threads' sums; every thread of the block takes part. */
template <class T, int V>
__device__ inline channel_gradients<V> finish_sums(float (&sum)[V], float (&product)[V], const backward<T> &b,
                                                   const place &at, float *space) {
  channel_gradients<V> g = {};
  tile_sum<THREADS>(sum, space, b.plan.width);
  tile_sum<THREADS>(product, space, b.plan.width);
  if (!at.active)
    return g;
  source<float>{b.statistics}.load(g.mean, at.column);
  source<float>{b.statistics}.load(g.inverse, b.plan.columns + at.column);
  for (int j = 0; j < V; ++j) {
    g.inverse[j] = 1 / sqrtf(g.inverse[j] + b.eps);
    g.sum[j] = sum[j];
    g.product[j] = product[j] * g.inverse[j];
  }
  return g;
}

template <class T, int V>
__device__ inline channel_gradients<V> merge_group(const backward<T> &b, const place &at, float *space) {
  float sum[V] = {}, product[V] = {};
  if (at.active)
    merge_gradients(sum, product, b, at);
  return finish_sums(sum, product, b, at, space);
}

/* dbeta and dgamma: sums over the groups, in their order. */
template <int V> struct totals {
  float dbeta[V], dgamma[V];

  __device__ void add(const channel_gradients<V> &g) {
    for (int j = 0; j < V; ++j) {
      dbeta[j] += g.sum[j];
      dgamma[j] += g.product[j];
    }
  }
  template <class T> __device__ void store(const backward<T> &b, const place &at) const {
    if (!at.active || at.row != 0)
      return;
    if (b.dbeta)
      target<float>{b.dbeta}.store(at.column, dbeta);
    if (b.dgamma)
      target<float>{b.dgamma}.store(at.column, dgamma);
  }
};

/* dx of the rows of `range`. */
template <class T, int V>
__device__ inline void write_input_gradient(channel_gradients<V> c, const backward<T> &b, const place &at, rows range) {
  if (!at.active || !b.dx.data)
    return;
  float scale[V];
  source<float>{b.gamma}.load(scale, at.column);
  for (int j = 0; j < V; ++j) {
    scale[j] *= c.inverse[j];
    c.sum[j] /= (float)b.plan.rows;
    c.product[j] *= c.inverse[j] / (float)b.plan.rows; /* dx = scale (g - sum - (x - mean) product) */
  }
  for (int64_t row = range.begin + at.row; row < range.end; row += (int64_t)at.height * BATCH_OF_THREE) {
    int64_t left = rows_left(range, row, at.height);
    float g[BATCH_OF_THREE][V], x[BATCH_OF_THREE][V];
    load_gradients<BATCH_OF_THREE>(g, x, b, at, range, row);
    for (int i = 0; i < BATCH_OF_THREE; ++i)
      if (i < left) {
        for (int j = 0; j < V; ++j)
          g[i][j] = scale[j] * (g[i][j] - c.sum[j] - (x[i][j] - c.mean[j]) * c.product[j]);
        b.dx.store(element(b.plan, at, row, i), g[i]);
      }
  }
}

/* A block does rows of one group. The first group's first block of a strip adds up the others' sums too: they are
 * few, and read from the second-level cache. */
template <class T, int V>
__global__ static void __launch_bounds__(THREADS, 2) gradient_input(const __grid_constant__ backward<T> all) {
  LIMN_SHARED(float, space, [THREADS * V]);
  backward<T> b = of_group(all, (int)blockIdx.y);
  place at = find_place(b.plan);
  channel_gradients<V> own = merge_group<T, V>(b, at, space);
  if (blockIdx.y == 0 && blockIdx.x < (unsigned)b.plan.strips) {
    totals<V> t = {};
    t.add(own);
    for (int group = 1; group < b.groups; ++group)
      t.add(merge_group<T, V>(of_group(all, group), at, space));
    t.store(b, at);
  }
  write_input_gradient(own, b, at, find_rows(blockIdx.x / (unsigned)b.plan.strips, b.block_rows, b.plan.rows));
}

/* Both launches in one, where there is one group: a block does all rows of its channels. dx may lie where dy does: all
 * threads have read dy before the first writes its dx. */
template <class T, int V>
__global__ static void __launch_bounds__(THREADS) backward_whole(const __grid_constant__ backward<T> b) {
  LIMN_SHARED(float, space, [THREADS * V]);
  place at = find_place(b.plan);
  rows range = {0, b.plan.rows};
  totals<V> t = {};
  float sum[V] = {}, product[V] = {};
  if (at.active)
    thread_sums(sum, product, b, at, range);
  channel_gradients<V> own = finish_sums(sum, product, b, at, space);
  t.add(own);
  t.store(b, at);
  write_input_gradient(own, b, at, range);
}

/* Several groups add up to one gradient of gamma and beta, for which blocks of different groups have to wait. */
static bool is_backward_whole(limn_batchnorm_shape s) { return s.groups == 1 && is_whole(s); }

limn_batchnorm_grid limn_batchnorm_backward_grid(limn_batchnorm_shape s) { return find_grid(s, is_backward_whole(s)); }

template <class T> static void launch_backward(const limn_batchnorm_backward_args &a, cudaStream_t stream) {
  bool whole = is_backward_whole(a.shape);
  column_plan p = whole ? make_whole_plan(a.shape) : make_plan(a.shape);
  unsigned groups = (unsigned)a.shape.groups;
  backward<T> b = {make_source<T>(a.x, a.x_type),
                   make_source<T>(a.dy, a.dy_type),
                   make_source<T>(a.y, a.y_type),
                   make_target<T>(a.dx, a.dx_type),
                   p,
                   second_rows(p),
                   a.shape.groups,
                   a.statistics,
                   a.gamma,
                   a.dgamma,
                   a.dbeta,
                   a.eps,
                   a.slope,
                   a.scratch};
  if (whole) {
    if (p.lanes == 4)
      LIMN_LAUNCH((backward_whole<T, 4>), (unsigned)p.strips, THREADS, 0, stream, b);
    else
      LIMN_LAUNCH((backward_whole<T, 1>), (unsigned)p.strips, THREADS, 0, stream, b);
    return;
  }
  dim3 first(first_blocks(p), groups), blocks(second_blocks(p, b.block_rows), groups);
  if (!a.dx)
    blocks = dim3((unsigned)p.strips);
  if (p.lanes == 4) {
    LIMN_LAUNCH((gradient_sums<T, 4>), first, THREADS, 0, stream, b);
    LIMN_LAUNCH((gradient_input<T, 4>), blocks, THREADS, 0, stream, b);
  } else {
    LIMN_LAUNCH((gradient_sums<T, 1>), first, THREADS, 0, stream, b);
    LIMN_LAUNCH((gradient_input<T, 1>), blocks, THREADS, 0, stream, b);
  }
}

cudaError_t limn_batchnorm_backward(const limn_batchnorm_backward_args *args, cudaStream_t stream) {
  const limn_batchnorm_backward_args a = *args;
  if (is_bad(a.x, a.x_type, a.shape, a.scratch) || !a.dy || !is_aligned(a.dy) || !is_type(a.dy_type) ||
      !is_aligned(a.y) || !is_aligned(a.dx) || (a.y && !is_type(a.y_type)) ||
      (a.dx && (!is_type(a.dx_type) || !a.gamma)))
    return cudaErrorInvalidValue;
  bool same = a.dy_type == a.x_type && (!a.y || a.y_type == a.x_type) && (!a.dx || a.dx_type == a.x_type);
  if (!same)
    launch_backward<void>(a, stream);
  else if (a.x_type == LIMN_F32)
    launch_backward<float>(a, stream);
  else if (a.x_type == LIMN_BF16)
    launch_backward<__nv_bfloat16>(a, stream);
  else
    launch_backward<__half>(a, stream);
  return cudaGetLastError();
}
