/* Channels put together and taken apart. */
#include "kernels/grid.cuh"
#include "kernels/types.cuh"

struct channels_launch {
  source<void> parts[LIMN_MAX_PARTS];
  int32_t channels[LIMN_MAX_PARTS], end[LIMN_MAX_PARTS]; /* of each part's x; where it ends in the result */
  int64_t all;
  int32_t out_channels;
  target<void> out;
};

/* V elements at a time, neighbours of one pixel in one part. */
template <int V>
__global__ static void __launch_bounds__(LIMN_BLOCK) join_channels(const __grid_constant__ channels_launch s) {
  for (int64_t i = ((int64_t)blockIdx.x * LIMN_BLOCK + threadIdx.x) * V; i < s.all;
       i += (int64_t)gridDim.x * LIMN_BLOCK * V) {
    int64_t pixel = i / s.out_channels;
    int c = (int)(i % s.out_channels), part = 0, first = 0;
    while (c >= s.end[part])
      first = s.end[part++];
    float v[V];
    s.parts[part].load(v, pixel * s.channels[part] + (c - first));
    s.out.store(i, v);
  }
}

cudaError_t limn_join_channels(const limn_channels *parts, int count, int64_t pixels, void *out, limn_type type,
                               cudaStream_t stream) {
  channels_launch s = {};
  bool packed = true;
  if (count < 1 || count > LIMN_MAX_PARTS || pixels < 1 || !out || !is_aligned(out) || !is_type(type))
    return cudaErrorInvalidValue;
  for (int i = 0; i < count; ++i) {
    const limn_channels &p = parts[i];
    if (!p.x || !is_aligned(p.x) || !is_type(p.type) || p.count < 1 || p.first < 0 || p.first > p.channels - p.count)
      return cudaErrorInvalidValue;
    packed = packed && p.channels % 4 == 0 && p.first % 4 == 0 && p.count % 4 == 0;
    s.out_channels += p.count;
    s.parts[i] = source<void>{p.x, p.type}.from(p.first);
    s.channels[i] = p.channels;
    s.end[i] = s.out_channels;
  }
  s.all = pixels * s.out_channels;
  s.out = {out, type};
  if (packed)
    LIMN_LAUNCH(join_channels<4>, blocks_for(s.all, 4 * LIMN_BLOCK), LIMN_BLOCK, 0, stream, s);
  else
    LIMN_LAUNCH(join_channels<1>, blocks_for(s.all, LIMN_BLOCK), LIMN_BLOCK, 0, stream, s);
  return cudaGetLastError();
}
