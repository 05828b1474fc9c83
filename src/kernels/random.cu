/* Random numbers, by docs/randomness.md: Philox4x32-10 (Salmon et al. 2011) on the index of an element in logical
 * order. */
#include "kernels/grid.cuh"
#include "kernels/philox.cuh"
#include "kernels/types.cuh"

/* Box & Muller 1958, cos and sin of the very angle that the CPU takes them of. */
__device__ static inline void to_normals(float *out, uint32_t bits0, uint32_t bits1) {
  double radius = sqrt(-2.0 * log(((double)(bits0 >> 8) + 0.5) * 0x1p-24));
  double angle = 6.283185307179586 * ((double)(bits1 >> 8) * 0x1p-24);
  out[0] = (float)(radius * cos(angle));
  out[1] = (float)(radius * sin(angle));
}

struct random_launch {
  limn_master out;
  int64_t count, pixels, channels;
  uint64_t seed;
  const uint64_t *step;
  uint32_t stream;
};

/* Element i of N, C, H, W lies in another place in memory unless a channel is one pixel or there is one channel. */
__device__ static inline int64_t memory_index(const random_launch &r, uint64_t i) {
  uint64_t pixel = i % (uint64_t)r.pixels, plane = i / (uint64_t)r.pixels;
  uint64_t n = plane / (uint64_t)r.channels, c = plane % (uint64_t)r.channels;
  return (int64_t)((n * (uint64_t)r.pixels + pixel) * (uint64_t)r.channels + c);
}

template <bool NORMAL>
__global__ static void __launch_bounds__(LIMN_BLOCK) draw(const __grid_constant__ random_launch r) {
  uint64_t step = *r.step;
  bool dense = r.pixels == 1 || r.channels == 1;
  int64_t fours = (r.count + 3) / 4;
  for (int64_t k = (int64_t)blockIdx.x * LIMN_BLOCK + threadIdx.x; k < fours; k += (int64_t)gridDim.x * LIMN_BLOCK) {
    words bits = philox((uint64_t)k, r.stream, step, r.seed);
    float v[4];
    if (NORMAL) {
      to_normals(v, bits.v[0], bits.v[1]);
      to_normals(v + 2, bits.v[2], bits.v[3]);
    } else {
      for (int j = 0; j < 4; ++j)
        v[j] = (float)(bits.v[j] >> 8) * 0x1p-24f;
    }
    int valid = (int)(r.count - 4 * k < 4 ? r.count - 4 * k : 4);
    if (dense) {
      store_master(r.out, 4 * k, v, valid);
      continue;
    }
    for (int j = 0; j < valid; ++j) {
      const float one[1] = {v[j]};
      store_master(r.out, memory_index(r, (uint64_t)(4 * k + j)), one, 1);
    }
  }
}

static bool make_launch(random_launch *out, limn_master to, limn_extents e) {
  if (!to.data || !is_aligned(to.data) || !is_aligned(to.half) || (to.half && !is_type(to.half_type)) || e.n < 1 ||
      e.h < 1 || e.w < 1 || e.c < 1)
    return false;
  *out = {};
  out->out = to;
  out->pixels = (int64_t)e.h * e.w;
  out->channels = e.c;
  out->count = out->pixels * e.n * e.c;
  return true;
}

template <bool NORMAL>
static cudaError_t launch_draw(limn_master out, limn_extents extents, uint64_t seed, uint32_t random_stream,
                               const uint64_t *step, cudaStream_t stream) {
  random_launch r;
  if (!make_launch(&r, out, extents))
    return cudaErrorInvalidValue;
  r.seed = seed;
  r.step = step;
  r.stream = random_stream;
  LIMN_LAUNCH(draw<NORMAL>, blocks_for(r.count, 4 * LIMN_BLOCK), LIMN_BLOCK, 0, stream, r);
  return cudaGetLastError();
}

cudaError_t limn_random_normal(limn_master out, limn_extents extents, uint64_t seed, uint32_t random_stream,
                               const uint64_t *step, cudaStream_t stream) {
  return launch_draw<true>(out, extents, seed, random_stream, step, stream);
}

cudaError_t limn_random_uniform(limn_master out, limn_extents extents, uint64_t seed, uint32_t random_stream,
                                const uint64_t *step, cudaStream_t stream) {
  return launch_draw<false>(out, extents, seed, random_stream, step, stream);
}
