/* Windows on numbers: a block makes a piece of one sample, so that each of its threads draws the sample's window once.
 */
#include "kernels/philox.cuh"
#include "kernels/pixels.cuh"

#define ROUNDS 2 /* of V elements, a thread and piece */

struct window_launch {
  limn_window_args a;
  const uint64_t *step;
  source<void> x;
  target<void> y;
  int64_t elements, pieces; /* of a sample */
};

/* Pixel (h, w) of the result of limn_window_numbers without `adjoint` is pixel (h + row, w + column) of what it reads,
 * w counted from the other side where that is mirrored. The part that is cut out lies in that result. */
struct view {
  bool mirrored;
  int row, column, cut_top, cut_left;
};

__device__ static inline int draw(uint32_t word, int first, int places) {
  return first + (int)__umulhi(word, (uint32_t)places);
}

__device__ static inline view find_view(const window_launch &l, int64_t sample) {
  const limn_window_args &a = l.a;
  words move = philox(2 * (uint64_t)sample, a.random_stream, *l.step, a.seed);
  view v = {a.flip && move.v[0] >> 31, 0, 0, 0, 0};
  if (a.moved) {
    v.row = draw(move.v[1], -a.reach_h, 2 * a.reach_h + 1);
    v.column = draw(move.v[2], -a.reach_w, 2 * a.reach_w + 1);
  }
  if (a.cut_h) { /* the centre of an even number lies between pixels, or outside them */
    words cut = philox(2 * (uint64_t)sample + 1, a.random_stream, *l.step, a.seed);
    v.cut_top = draw(cut.v[0], -(a.cut_h / 2), a.extents.h + (a.cut_h % 2 == 0));
    v.cut_left = draw(cut.v[1], -(a.cut_w / 2), a.extents.w + (a.cut_w % 2 == 0));
  }
  return v;
}

/* The pixel that (h, w) is made of; -1: none. */
__device__ static inline int pixel_for(const limn_window_args &a, const view &v, int h, int w) {
  int sign = a.adjoint ? -1 : 1, seen = a.adjoint && v.mirrored ? a.extents.w - 1 - w : w;
  int row = h + sign * v.row, column = seen + sign * v.column;
  int cut_row = (a.adjoint ? row : h) - v.cut_top, cut_column = (a.adjoint ? column : w) - v.cut_left;
  if (row < 0 || row >= a.extents.h || column < 0 || column >= a.extents.w ||
      (cut_row >= 0 && cut_row < a.cut_h && cut_column >= 0 && cut_column < a.cut_w))
    return -1;
  return row * a.extents.w + (!a.adjoint && v.mirrored ? a.extents.w - 1 - column : column);
}

template <int V>
__global__ static void __launch_bounds__(LIMN_BLOCK) window_numbers(const __grid_constant__ window_launch l) {
  const limn_extents &e = l.a.extents;
  for (int64_t k = blockIdx.x; k < e.n * l.pieces; k += gridDim.x) {
    int64_t sample = k / l.pieces, first = sample * l.elements;
    view seen = find_view(l, sample);
    for (int round = 0; round < ROUNDS; ++round) {
      int64_t i = (k % l.pieces * ROUNDS + round) * LIMN_BLOCK * V + threadIdx.x * V;
      if (i >= l.elements)
        break;
      int c = (int)(i % e.c), pixel = (int)(i / e.c), from = pixel_for(l.a, seen, pixel / e.w, pixel % e.w);
      float v[V];
      for (int j = 0; j < V; ++j)
        v[j] = 0;
      if (from >= 0)
        l.x.load(v, first + (int64_t)from * e.c + c);
      l.y.store(first + i, v);
    }
  }
}

static bool is_good(const limn_window_args &a) {
  return are_extents(a.extents) && is_tensor(a.x, a.x_type) && is_tensor(a.y, a.y_type) && a.reach_h >= 0 &&
         a.reach_w >= 0 && a.reach_h < a.extents.h && a.reach_w < a.extents.w && a.cut_h >= 0 && a.cut_w >= 0 &&
         a.cut_h <= a.extents.h && a.cut_w <= a.extents.w;
}

cudaError_t limn_window_numbers(const limn_window_args *args, const uint64_t *step, cudaStream_t stream) {
  if (!step || !is_good(*args))
    return cudaErrorInvalidValue;
  window_launch l = {*args, step, {args->x, args->x_type}, {args->y, args->y_type}, 0, 0};
  l.elements = (int64_t)args->extents.h * args->extents.w * args->extents.c;
  int width = args->extents.c % 4 == 0 ? 4 : 1;
  l.pieces = divide_up(l.elements, (int64_t)LIMN_BLOCK * width * ROUNDS);
  unsigned blocks = blocks_for(args->extents.n * l.pieces, 1);
  if (width == 4)
    LIMN_LAUNCH(window_numbers<4>, blocks, LIMN_BLOCK, 0, stream, l);
  else
    LIMN_LAUNCH(window_numbers<1>, blocks, LIMN_BLOCK, 0, stream, l);
  return cudaGetLastError();
}
