/* Pictures: a block makes a piece of one sample, so that each of its threads draws the sample's window once; a thread
 * makes four neighbours in memory at a time where samples are a multiple of that. The bytes of neighbours lie in one
 * run for each channel. */
#include "kernels/grid.cuh"
#include "kernels/philox.cuh"
#include "kernels/types.cuh"

#define ROUNDS 2 /* of four elements, a thread and piece */

struct pictures_launch {
  limn_pictures_args a;
  const limn_run_words *run;
  uint32_t elements; /* of a sample of the result */
  int64_t pieces;    /* of a sample */
};

/* Where a sample's window begins, and whether it is mirrored. */
struct cut {
  int row, column;
  bool mirrored;
};

__device__ static inline int draw_offset(uint32_t word, int outside, int inside, int reach) {
  return (int)__umulhi(word, (uint32_t)(outside - inside + 2 * reach + 1)) - reach;
}

__device__ static inline cut find_cut(const pictures_launch &l, int64_t sample) {
  const limn_pictures_args &a = l.a;
  cut c = {(a.from_h - a.extents.h) / 2, (a.from_w - a.extents.w) / 2, false};
  if (!a.flip && !a.moved)
    return c;
  words bits = philox((uint64_t)sample, a.random_stream, l.run->step, a.seed);
  c.mirrored = a.flip && bits.v[0] >> 31;
  if (a.moved) {
    c.row = draw_offset(bits.v[1], a.from_h, a.extents.h, a.reach_h);
    c.column = draw_offset(bits.v[2], a.from_w, a.extents.w, a.reach_w);
  }
  return c;
}

__device__ static inline int within(int at, int side) { return at < 0 ? 0 : at < side ? at : side - 1; }

/* Elements e ... e + V - 1 of a sample's result, in the order of memory; `planes` is the sample's. */
template <int V>
__device__ static inline void picture_elements(float (&v)[V], const limn_pictures_args &a, const cut &c,
                                               const uint8_t *planes, uint32_t e) {
  uint32_t pixel = e / (uint32_t)a.extents.c;
  int channel = (int)(e % (uint32_t)a.extents.c);
  int h = (int)(pixel / (uint32_t)a.extents.w), w = (int)(pixel % (uint32_t)a.extents.w);
  for (int j = 0; j < V; ++j) {
    int row = within(c.row + h, a.from_h), column = within(c.column + (c.mirrored ? a.extents.w - 1 - w : w), a.from_w);
    v[j] = a.scale * (float)planes[((int64_t)channel * a.from_h + row) * a.from_w + column] + a.shift;
    if (++channel < a.extents.c)
      continue;
    channel = 0;
    if (++w == a.extents.w) {
      w = 0;
      ++h;
    }
  }
}

template <int V>
__global__ static void __launch_bounds__(LIMN_BLOCK) convert_pictures(const __grid_constant__ pictures_launch l) {
  const limn_pictures_args &a = l.a;
  const uint8_t *bytes = a.bytes + (l.run->slots >> a.leaf & 1 ? a.slot_bytes : 0);
  int64_t sample_bytes = (int64_t)a.extents.c * a.from_h * a.from_w;
  for (int64_t k = blockIdx.x; k < a.extents.n * l.pieces; k += gridDim.x) {
    int64_t sample = k / l.pieces;
    const uint8_t *planes = bytes + sample * sample_bytes;
    cut c = find_cut(l, sample);
    uint32_t first = (uint32_t)(k % l.pieces) * (LIMN_BLOCK * V * ROUNDS) + threadIdx.x * V;
    for (int round = 0; round < ROUNDS; ++round) {
      uint32_t e = first + (uint32_t)round * (LIMN_BLOCK * V);
      if (e >= l.elements)
        break;
      float v[V];
      picture_elements(v, a, c, planes, e);
      int64_t at = sample * l.elements + e;
      if (a.out.data)
        target<float>{a.out.data}.store(at, v);
      if (a.out.half)
        target<void>{a.out.half, a.out.half_type}.store(at, v);
    }
  }
}

static bool is_good(const limn_pictures_args &a) {
  const limn_extents &e = a.extents;
  return a.bytes && a.leaf >= 0 && a.leaf < 64 && (a.out.data || a.out.half) && is_aligned(a.out.data) &&
         is_aligned(a.out.half) && (!a.out.half || is_type(a.out.half_type)) && e.n >= 1 && e.c >= 1 && e.h >= 1 &&
         e.w >= 1 && e.h <= a.from_h && e.w <= a.from_w && a.reach_h >= 0 && a.reach_w >= 0 &&
         (int64_t)e.h * e.w * e.c <= INT32_MAX;
}

cudaError_t limn_pictures(const limn_pictures_args *args, const limn_run_words *run, cudaStream_t stream) {
  if (!run || !is_good(*args))
    return cudaErrorInvalidValue;
  pictures_launch l = {*args, run, 0, 0};
  l.elements = (uint32_t)((int64_t)args->extents.h * args->extents.w * args->extents.c);
  int width = l.elements % 4 == 0 ? 4 : 1;
  l.pieces = divide_up(l.elements, (int64_t)LIMN_BLOCK * width * ROUNDS);
  unsigned blocks = blocks_for(args->extents.n * l.pieces, 1);
  if (width == 4)
    LIMN_LAUNCH(convert_pictures<4>, blocks, LIMN_BLOCK, 0, stream, l);
  else
    LIMN_LAUNCH(convert_pictures<1>, blocks, LIMN_BLOCK, 0, stream, l);
  return cudaGetLastError();
}
