/* The largest of windows, and what flows to it and from it. A thread makes an element, or four neighbouring channels'
 * at a time. Nothing remembers where the largest lay: a few loads from the cache find it again. */
#include "kernels/pixels.cuh"

struct max_pool_launch {
  limn_pool_windows s;
  source<void> x, v;
  target<void> out;
  int64_t all; /* elements of `out` */
};

/* Of each of V channels the largest of the window of pixel (h, w) of y and, in `at`, its pixel. */
template <int V>
__device__ static inline void find(float (&most)[V], int (&at)[V], const max_pool_launch &l, int64_t plane, int h,
                                   int w) {
  const limn_pool_windows &s = l.s;
  int top = h * s.stride_h - s.pad_h, left = w * s.stride_w - s.pad_w;
  int bottom = min(top + s.window_h, s.x.h), right = min(left + s.window_w, s.x.w);
  top = max(top, 0);
  left = max(left, 0);
  l.x.load(most, plane + ((int64_t)top * s.x.w + left) * s.x.c);
  for (int j = 0; j < V; ++j)
    at[j] = top * s.x.w + left;
  for (int row = top; row < bottom; ++row)
    for (int column = left; column < right; ++column) {
      int pixel = row * s.x.w + column;
      float v[V];
      l.x.load(v, plane + (int64_t)pixel * s.x.c);
      for (int j = 0; j < V; ++j)
        if (v[j] > most[j] || isnan(v[j])) {
          most[j] = v[j];
          at[j] = pixel;
        }
    }
}

template <int V>
__global__ static void __launch_bounds__(LIMN_BLOCK) largest(const __grid_constant__ max_pool_launch l) {
  for (int64_t i = ((int64_t)blockIdx.x * LIMN_BLOCK + threadIdx.x) * V; i < l.all;
       i += (int64_t)gridDim.x * LIMN_BLOCK * V) {
    position p = position_of(i, l.s.y);
    float most[V];
    int at[V];
    find(most, at, l, plane_of(p, l.s.x), p.h, p.w);
    l.out.store(i, most);
  }
}

template <int V> __global__ static void __launch_bounds__(LIMN_BLOCK) pick(const __grid_constant__ max_pool_launch l) {
  for (int64_t i = ((int64_t)blockIdx.x * LIMN_BLOCK + threadIdx.x) * V; i < l.all;
       i += (int64_t)gridDim.x * LIMN_BLOCK * V) {
    position p = position_of(i, l.s.y);
    int64_t plane = plane_of(p, l.s.x);
    float most[V], v[V];
    int at[V];
    find(most, at, l, plane, p.h, p.w);
    for (int j = 0; j < V; ++j)
      v[j] = load_one(l.v, plane + (int64_t)at[j] * l.s.x.c + j);
    l.out.store(i, v);
  }
}

/* The windows of an axis that pixel i is in: first ... last. */
__device__ static inline void windows_of(int i, int window, int stride, int pad, int count, int *first, int *last) {
  int behind = i + pad - window; /* the last pixel of the first window is no further back than i */
  *first = behind < 0 ? 0 : behind / stride + 1;
  *last = min((i + pad) / stride, count - 1);
}

/* A pixel asks every window that it is in, always in the same order. */
template <int V>
__global__ static void __launch_bounds__(LIMN_BLOCK) flow_back(const __grid_constant__ max_pool_launch l) {
  const limn_pool_windows &s = l.s;
  for (int64_t i = ((int64_t)blockIdx.x * LIMN_BLOCK + threadIdx.x) * V; i < l.all;
       i += (int64_t)gridDim.x * LIMN_BLOCK * V) {
    position p = position_of(i, s.x);
    int64_t plane = plane_of(p, s.x), y_plane = plane_of(p, s.y);
    int pixel = p.h * s.x.w + p.w, top, bottom, left, right;
    windows_of(p.h, s.window_h, s.stride_h, s.pad_h, s.y.h, &top, &bottom);
    windows_of(p.w, s.window_w, s.stride_w, s.pad_w, s.y.w, &left, &right);
    float sum[V];
    for (int j = 0; j < V; ++j)
      sum[j] = 0;
    for (int h = top; h <= bottom; ++h)
      for (int w = left; w <= right; ++w) {
        float most[V], dy[V];
        int at[V];
        find(most, at, l, plane, h, w);
        l.v.load(dy, y_plane + ((int64_t)h * s.y.w + w) * s.y.c);
        for (int j = 0; j < V; ++j)
          sum[j] += at[j] == pixel ? dy[j] : 0;
      }
    l.out.store(i, sum);
  }
}

/* Whether windows along an axis each have a pixel. */
static bool are_windows(int64_t side, int64_t count, int64_t window, int64_t stride, int64_t pad) {
  return window >= 1 && stride >= 1 && pad >= 0 && pad < window && (count - 1) * stride - pad < side;
}

static cudaError_t prepare(max_pool_launch *l, const limn_max_pool_args &a, const limn_extents &out) {
  const limn_pool_windows &s = a.windows;
  if (!differ_in_sides(s.x, s.y) || !is_tensor(a.x, a.x_type) || !is_tensor(a.out, a.out_type) ||
      !are_windows(s.x.h, s.y.h, s.window_h, s.stride_h, s.pad_h) ||
      !are_windows(s.x.w, s.y.w, s.window_w, s.stride_w, s.pad_w))
    return cudaErrorInvalidValue;
  *l = {s, {a.x, a.x_type}, {a.v, a.v_type}, {a.out, a.out_type}, elements_of(out)};
  return cudaSuccess;
}

#define LAUNCH(kernel, l, stream)                                                                                      \
  do {                                                                                                                 \
    if ((l).s.x.c % 4 == 0)                                                                                            \
      LIMN_LAUNCH(kernel<4>, blocks_for((l).all, 4 * LIMN_BLOCK), LIMN_BLOCK, 0, stream, l);                           \
    else                                                                                                               \
      LIMN_LAUNCH(kernel<1>, blocks_for((l).all, LIMN_BLOCK), LIMN_BLOCK, 0, stream, l);                               \
  } while (0)

cudaError_t limn_max_pool(const limn_max_pool_args *args, cudaStream_t stream) {
  max_pool_launch l;
  cudaError_t error = prepare(&l, *args, args->windows.y);
  if (error != cudaSuccess)
    return error;
  LAUNCH(largest, l, stream);
  return cudaGetLastError();
}

cudaError_t limn_max_pool_dx(const limn_max_pool_args *args, cudaStream_t stream) {
  max_pool_launch l;
  cudaError_t error = is_tensor(args->v, args->v_type) ? prepare(&l, *args, args->windows.x) : cudaErrorInvalidValue;
  if (error != cudaSuccess)
    return error;
  LAUNCH(flow_back, l, stream);
  return cudaGetLastError();
}

cudaError_t limn_max_pool_pick(const limn_max_pool_args *args, cudaStream_t stream) {
  max_pool_launch l;
  cudaError_t error = is_tensor(args->v, args->v_type) ? prepare(&l, *args, args->windows.y) : cudaErrorInvalidValue;
  if (error != cudaSuccess)
    return error;
  LAUNCH(pick, l, stream);
  return cudaGetLastError();
}
