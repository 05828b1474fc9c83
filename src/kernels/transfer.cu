/* Between the host's NCHW and NHWC, and between types. A picture's planes are a matrix (C, H W) that is transposed:
 * through shared memory where there are many channels, so that both sides are read and written in runs; straight where
 * a pixel is a few bytes and neighbouring pixels share cache lines anyway. */
#include "kernels/grid.cuh"
#include "kernels/types.cuh"

#define TILE         32
#define TILE_ROWS    8 /* rows of threads; LIMN_BLOCK is TILE * TILE_ROWS */
#define FEW_CHANNELS 8

struct planes {
  int64_t n, pixels, channels;
};

__global__ static void __launch_bounds__(LIMN_BLOCK) gather_pixels(const float *from, limn_master out, planes p) {
  for (int64_t i = (int64_t)blockIdx.x * LIMN_BLOCK + threadIdx.x; i < p.n * p.pixels;
       i += (int64_t)gridDim.x * LIMN_BLOCK) {
    uint64_t n = (uint64_t)i / (uint64_t)p.pixels, pixel = (uint64_t)i % (uint64_t)p.pixels;
    for (int64_t c = 0; c < p.channels; ++c) {
      const float v[1] = {from[((int64_t)n * p.channels + c) * p.pixels + (int64_t)pixel]};
      store_master(out, i * p.channels + c, v, 1);
    }
  }
}

__global__ static void __launch_bounds__(LIMN_BLOCK) scatter_pixels(const float *from, float *out, planes p) {
  for (int64_t i = (int64_t)blockIdx.x * LIMN_BLOCK + threadIdx.x; i < p.n * p.pixels;
       i += (int64_t)gridDim.x * LIMN_BLOCK) {
    uint64_t n = (uint64_t)i / (uint64_t)p.pixels, pixel = (uint64_t)i % (uint64_t)p.pixels;
    for (int64_t c = 0; c < p.channels; ++c)
      out[((int64_t)n * p.channels + c) * p.pixels + (int64_t)pixel] = from[i * p.channels + c];
  }
}

/* from (n, rows, columns), out (n, columns, rows). */
__global__ static void __launch_bounds__(LIMN_BLOCK)
    transpose(const float *from, limn_master out, int64_t n, int64_t rows, int64_t columns) {
  LIMN_SHARED(float, tile, [TILE][TILE + 1]); /* one more, so that a column's reads hit different banks */
  int x = (int)threadIdx.x % TILE, y = (int)threadIdx.x / TILE;
  int64_t across = (columns + TILE - 1) / TILE, down = (rows + TILE - 1) / TILE;
  for (int64_t k = blockIdx.x; k < n * across * down; k += gridDim.x) {
    int64_t base = k / (across * down) * rows * columns;
    int64_t row = k / across % down * TILE, column = k % across * TILE;
    for (int j = y; j < TILE; j += TILE_ROWS)
      if (row + j < rows && column + x < columns)
        tile[j][x] = from[base + (row + j) * columns + column + x];
    __syncthreads();
    for (int j = y; j < TILE; j += TILE_ROWS)
      if (column + j < columns && row + x < rows) {
        const float v[1] = {tile[x][j]};
        store_master(out, base + (column + j) * rows + row + x, v, 1);
      }
    __syncthreads();
  }
}

template <class S> __global__ static void __launch_bounds__(LIMN_BLOCK) copy(S from, limn_master out, int64_t count) {
  for (int64_t i = ((int64_t)blockIdx.x * LIMN_BLOCK + threadIdx.x) * 4; i < count;
       i += (int64_t)gridDim.x * LIMN_BLOCK * 4) {
    int valid = (int)(count - i < 4 ? count - i : 4);
    float v[4];
    load_some(from, v, i, valid);
    store_master(out, i, v, valid);
  }
}

__global__ static void __launch_bounds__(LIMN_BLOCK) cast(source<void> from, target<void> out, int64_t count) {
  for (int64_t i = ((int64_t)blockIdx.x * LIMN_BLOCK + threadIdx.x) * 4; i < count;
       i += (int64_t)gridDim.x * LIMN_BLOCK * 4) {
    int valid = (int)(count - i < 4 ? count - i : 4);
    float v[4];
    load_some(from, v, i, valid);
    store_some(out, i, v, valid);
  }
}

static bool find_planes(planes *out, limn_extents e) {
  *out = {e.n, (int64_t)e.h * e.w, e.c};
  return e.n >= 1 && e.h >= 1 && e.w >= 1 && e.c >= 1;
}

static bool is_good_master(limn_master m) {
  return m.data && is_aligned(m.data) && is_aligned(m.half) && (!m.half || is_type(m.half_type));
}

static int64_t tiles(const planes &p) { return p.n * divide_up(p.pixels, TILE) * divide_up(p.channels, TILE); }

cudaError_t limn_from_nchw(const float *nchw, limn_master out, limn_extents extents, cudaStream_t stream) {
  planes p;
  if (!find_planes(&p, extents) || !is_good_master(out) || !nchw || !is_aligned(nchw))
    return cudaErrorInvalidValue;
  if (p.pixels == 1 || p.channels == 1)
    return limn_copy(nchw, LIMN_F32, out, p.n * p.pixels * p.channels, stream);
  if (p.channels <= FEW_CHANNELS)
    LIMN_LAUNCH(gather_pixels, blocks_for(p.n * p.pixels, LIMN_BLOCK), LIMN_BLOCK, 0, stream, nchw, out, p);
  else
    LIMN_LAUNCH(transpose, blocks_for(tiles(p), 1), LIMN_BLOCK, 0, stream, nchw, out, p.n, p.channels, p.pixels);
  return cudaGetLastError();
}

cudaError_t limn_to_nchw(const float *nhwc, float *nchw, limn_extents extents, cudaStream_t stream) {
  planes p;
  limn_master out = {nchw, nullptr, LIMN_F32};
  if (!find_planes(&p, extents) || !is_good_master(out) || !nhwc || !is_aligned(nhwc))
    return cudaErrorInvalidValue;
  if (p.pixels == 1 || p.channels == 1)
    return limn_copy(nhwc, LIMN_F32, out, p.n * p.pixels * p.channels, stream);
  if (p.channels <= FEW_CHANNELS)
    LIMN_LAUNCH(scatter_pixels, blocks_for(p.n * p.pixels, LIMN_BLOCK), LIMN_BLOCK, 0, stream, nhwc, nchw, p);
  else
    LIMN_LAUNCH(transpose, blocks_for(tiles(p), 1), LIMN_BLOCK, 0, stream, nhwc, out, p.n, p.pixels, p.channels);
  return cudaGetLastError();
}

cudaError_t limn_copy(const void *x, limn_type type, limn_master out, int64_t count, cudaStream_t stream) {
  if (count < 0 || !is_type(type) || !is_aligned(x) || !is_good_master(out))
    return cudaErrorInvalidValue;
  if (count == 0)
    return cudaSuccess;
  unsigned blocks = blocks_for(count, 4 * LIMN_BLOCK);
  LIMN_LAUNCH(copy<source<void>>, blocks, LIMN_BLOCK, 0, stream, source<void>{x, type}, out, count);
  return cudaGetLastError();
}

cudaError_t limn_cast(const void *x, limn_type from, void *y, limn_type to, int64_t count, cudaStream_t stream) {
  if (count < 0 || !is_type(from) || !is_type(to) || !is_aligned(x) || !is_aligned(y))
    return cudaErrorInvalidValue;
  if (count == 0)
    return cudaSuccess;
  unsigned blocks = blocks_for(count, 4 * LIMN_BLOCK);
  LIMN_LAUNCH(cast, blocks, LIMN_BLOCK, 0, stream, source<void>{x, from}, target<void>{y, to}, count);
  return cudaGetLastError();
}

struct small_values {
  float v[LIMN_SMALL];
};

__global__ static void write_small(limn_master out, small_values values, int count) {
  int i = (int)threadIdx.x;
  if (i >= count)
    return;
  const float v[1] = {values.v[i]};
  store_master(out, i, v, 1);
}

__global__ static void write_run(limn_run_words *run, limn_run_words value) { *run = value; }

cudaError_t limn_set_small(limn_master out, const float *values, int count, cudaStream_t stream) {
  small_values s = {};
  if (count < 0 || count > LIMN_SMALL || !is_good_master(out))
    return cudaErrorInvalidValue;
  if (count == 0)
    return cudaSuccess;
  for (int i = 0; i < count; ++i)
    s.v[i] = values[i];
  LIMN_LAUNCH(write_small, 1, 32, 0, stream, out, s, count);
  return cudaGetLastError();
}

cudaError_t limn_set_run_words(limn_run_words *run, limn_run_words value, cudaStream_t stream) {
  LIMN_LAUNCH(write_run, 1, 1, 0, stream, run, value);
  return cudaGetLastError();
}
