/* Averages over windows, resampling, and the adjoints of both: a sum over a run of rows of sums over a run of columns.
 * A thread makes an element, or four neighbouring channels' at a time; all threads of a pixel read the same weights. */
#include "kernels/pixels.cuh"

struct separable_launch {
  limn_extents from, to;
  limn_axis rows, columns;
  source<void> x;
  target<void> y;
  int64_t all;
};

template <int V>
__global__ static void __launch_bounds__(LIMN_BLOCK) separable(const __grid_constant__ separable_launch l) {
  for (int64_t i = ((int64_t)blockIdx.x * LIMN_BLOCK + threadIdx.x) * V; i < l.all;
       i += (int64_t)gridDim.x * LIMN_BLOCK * V) {
    position p = position_of(i, l.to);
    int64_t plane = plane_of(p, l.from);
    int row = l.rows.first[p.h], row_end = l.rows.start[p.h + 1];
    int column_start = l.columns.start[p.w], columns = l.columns.start[p.w + 1] - column_start;
    float sum[V];
    for (int j = 0; j < V; ++j)
      sum[j] = 0;
    for (int r = l.rows.start[p.h]; r < row_end; ++r, ++row) {
      int64_t at = plane + ((int64_t)row * l.from.w + l.columns.first[p.w]) * l.from.c;
      float of_row[V];
      for (int j = 0; j < V; ++j)
        of_row[j] = 0;
      for (int c = 0; c < columns; ++c, at += l.from.c) {
        float v[V], weight = l.columns.weights[column_start + c];
        l.x.load(v, at);
        for (int j = 0; j < V; ++j)
          of_row[j] += weight * v[j];
      }
      for (int j = 0; j < V; ++j)
        sum[j] += l.rows.weights[r] * of_row[j];
    }
    l.y.store(i, sum);
  }
}

static bool is_axis(const limn_axis &a) { return a.first && a.start && a.weights; }

cudaError_t limn_separable(const limn_separable_args *args, cudaStream_t stream) {
  const limn_separable_args &a = *args;
  if (!differ_in_sides(a.x_extents, a.y_extents) || !is_tensor(a.x, a.x_type) || !is_tensor(a.y, a.y_type) ||
      !is_axis(a.rows) || !is_axis(a.columns))
    return cudaErrorInvalidValue;
  separable_launch l = {
      a.x_extents, a.y_extents, a.rows, a.columns, {a.x, a.x_type}, {a.y, a.y_type}, elements_of(a.y_extents)};
  if (a.x_extents.c % 4 == 0)
    LIMN_LAUNCH(separable<4>, blocks_for(l.all, 4 * LIMN_BLOCK), LIMN_BLOCK, 0, stream, l);
  else
    LIMN_LAUNCH(separable<1>, blocks_for(l.all, LIMN_BLOCK), LIMN_BLOCK, 0, stream, l);
  return cudaGetLastError();
}
