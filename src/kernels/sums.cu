/* Pointwise groups, summed. The kept axes come first (a sum for each row), last (a sum for each column) or neither; a
 * first launch leaves sums of parts in scratch, a second one adds them. */
#include "kernels/axes.cuh"
#include "kernels/grid.cuh"
#include "kernels/interpreter.cuh"
#include "kernels/reduce.cuh"

#define ROW_PART     4096 /* elements that are worth a block's while */
#define COLUMN_DEPTH 4
#define MOST_CHUNKS  528

#define MERGE_WIDTH 8 /* columns of a block that adds parts: 32 bytes */

enum shape_of_sum { TO_ROWS, TO_COLUMNS, TO_ANY };

struct sum_plan {
  shape_of_sum shape;
  int64_t kept, summed; /* elements of the result; elements that make one */
  int64_t parts, part;  /* rows: parts of a row, elements of a part */
  column_plan columns;
};

/* An axis of one element is kept and summed alike, so it hinders neither form. */
static bool plan_sum(sum_plan *out, limn_extents domain, limn_extents to) {
  const int32_t from[4] = {domain.n, domain.h, domain.w, domain.c}, kept[4] = {to.n, to.h, to.w, to.c};
  *out = {};
  out->kept = 1;
  bool rows = true, columns = true, seen_sum = false, seen_kept = false;
  for (int axis = 0; axis < 4; ++axis) {
    if (kept[axis] != 1 && kept[axis] != from[axis])
      return false;
    out->kept *= kept[axis];
    if (from[axis] == 1)
      continue;
    bool is_kept = kept[axis] != 1;
    rows = rows && !(is_kept && seen_sum);
    columns = columns && !(!is_kept && seen_kept);
    seen_sum = seen_sum || !is_kept;
    seen_kept = seen_kept || is_kept;
  }
  out->summed = (int64_t)domain.n * domain.h * domain.w * domain.c / out->kept;
  out->shape = rows ? TO_ROWS : columns ? TO_COLUMNS : TO_ANY;
  if (rows) {
    int64_t wanted = at_least(at_most(divide_up(out->summed, ROW_PART), LIMN_MOST_BLOCKS / out->kept), 1);
    out->part = divide_up(divide_up(out->summed, wanted), 4) * 4;
    out->parts = divide_up(out->summed, out->part);
  } else if (columns) {
    out->columns = plan_columns(out->summed, out->kept, LIMN_BLOCK, COLUMN_DEPTH, MOST_CHUNKS);
  }
  return true;
}

static size_t scratch_floats(const sum_plan &s) {
  if (s.shape == TO_ROWS)
    return s.parts > 1 ? (size_t)(s.kept * s.parts) : 0;
  if (s.shape == TO_COLUMNS)
    return s.columns.chunks > 1 ? (size_t)(s.kept * s.columns.chunks) : 0;
  return 0;
}

size_t limn_pointwise_sum_scratch(const limn_group *group, limn_extents to) {
  sum_plan s;
  return plan_sum(&s, group->domain, to) ? scratch_floats(s) * sizeof(float) : 0;
}

/* out[row * parts + part]. V is 4 where rows start at multiples of 4. */
template <int V>
__global__ static void __launch_bounds__(LIMN_BLOCK)
    sum_rows(const __grid_constant__ program p, const __grid_constant__ sum_plan s, float *out) {
  LIMN_SHARED(float, space, [32]);
  for (int64_t k = blockIdx.x; k < s.kept * s.parts; k += gridDim.x) {
    int64_t row = k / s.parts, begin = k % s.parts * s.part;
    int64_t end = begin + s.part < s.summed ? begin + s.part : s.summed;
    float total = 0;
    for (int64_t i = begin + (int64_t)threadIdx.x * V; i < end; i += LIMN_BLOCK * V) {
      int valid = end - i < V ? (int)(end - i) : V;
      float v[V];
      evaluate(v, p, row * s.summed + i, valid);
      for (int j = 0; j < V; ++j)
        total += j < valid ? v[j] : 0;
    }
    total = block_sum(total, space);
    if (threadIdx.x == 0)
      out[k] = total;
  }
}

/* out[row] = the sum of a row of parts. */
__global__ static void __launch_bounds__(LIMN_BLOCK)
    merge_rows(const float *parts, int64_t rows, int64_t length, float *out) {
  LIMN_SHARED(float, space, [32]);
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    float total = 0;
    for (int64_t i = threadIdx.x; i < length; i += LIMN_BLOCK)
      total += parts[row * length + i];
    total = block_sum(total, space);
    if (threadIdx.x == 0)
      out[row] = total;
  }
}

/* out[chunk][column] */
template <int V>
__global__ static void __launch_bounds__(LIMN_BLOCK)
    sum_columns(const __grid_constant__ program p, const __grid_constant__ column_plan plan, float *out) {
  LIMN_SHARED(float, space, [LIMN_BLOCK * V]);
  place at = find_place(plan);
  int64_t chunk = blockIdx.x / (unsigned)plan.strips, begin = chunk * plan.chunk_rows;
  int64_t end = begin + plan.chunk_rows < plan.rows ? begin + plan.chunk_rows : plan.rows;
  float total[V] = {};
  if (at.active)
    for (int64_t row = begin + at.row; row < end; row += at.height) {
      float v[V];
      evaluate(v, p, row * plan.columns + at.column, V);
      for (int j = 0; j < V; ++j)
        total[j] += v[j];
    }
  tile_sum<LIMN_BLOCK>(total, space, plan.width);
  if (at.active && at.row == 0)
    target<float>{out}.store(chunk * plan.columns + at.column, total);
}

/* out[column] = the sum of a column of parts (chunks, columns). */
__global__ static void __launch_bounds__(LIMN_BLOCK)
    merge_columns(const float *parts, int chunks, int64_t columns, float *out) {
  LIMN_SHARED(float, space, [LIMN_BLOCK]);
  int64_t column = (int64_t)blockIdx.x * MERGE_WIDTH + threadIdx.x % MERGE_WIDTH;
  float total[1] = {0};
  if (column < columns)
    for (int chunk = (int)threadIdx.x / MERGE_WIDTH; chunk < chunks; chunk += LIMN_BLOCK / MERGE_WIDTH)
      total[0] += parts[chunk * columns + column];
  tile_sum<LIMN_BLOCK>(total, space, MERGE_WIDTH);
  if (column < columns && threadIdx.x < MERGE_WIDTH)
    out[column] = total[0];
}

/* The form that no model has on its hot path: any axes, a block for each sum. */
__global__ static void __launch_bounds__(LIMN_BLOCK)
    sum_any(const __grid_constant__ program p, const __grid_constant__ any_axes a, float *out) {
  LIMN_SHARED(float, space, [32]);
  for (int64_t k = blockIdx.x; k < a.kept; k += gridDim.x) {
    int64_t first = element_of(a, 0, k);
    float total = 0;
    for (int64_t i = threadIdx.x; i < a.summed; i += LIMN_BLOCK) {
      float v[1];
      evaluate(v, p, first + element_of(a, 1, i), 1);
      total += v[0];
    }
    total = block_sum(total, space);
    if (threadIdx.x == 0)
      out[k] = total;
  }
}

static void launch_rows(const program &p, const sum_plan &s, float *out, float *scratch, cudaStream_t stream) {
  float *parts = s.parts > 1 ? scratch : out;
  unsigned blocks = blocks_for(s.kept * s.parts, 1);
  if (s.summed % 4 == 0)
    LIMN_LAUNCH(sum_rows<4>, blocks, LIMN_BLOCK, 0, stream, p, s, parts);
  else
    LIMN_LAUNCH(sum_rows<1>, blocks, LIMN_BLOCK, 0, stream, p, s, parts);
  if (s.parts > 1)
    LIMN_LAUNCH(merge_rows, blocks_for(s.kept, 1), LIMN_BLOCK, 0, stream, parts, s.kept, s.parts, out);
}

static void launch_columns(const program &p, const column_plan &c, float *out, float *scratch, cudaStream_t stream) {
  float *parts = c.chunks > 1 ? scratch : out;
  unsigned blocks = (unsigned)c.strips * (unsigned)c.chunks;
  if (c.lanes == 4)
    LIMN_LAUNCH(sum_columns<4>, blocks, LIMN_BLOCK, 0, stream, p, c, parts);
  else
    LIMN_LAUNCH(sum_columns<1>, blocks, LIMN_BLOCK, 0, stream, p, c, parts);
  if (c.chunks > 1)
    LIMN_LAUNCH(merge_columns, (unsigned)divide_up(c.columns, MERGE_WIDTH), LIMN_BLOCK, 0, stream, parts, c.chunks,
                c.columns, out);
}

cudaError_t limn_pointwise_sum(const limn_group *group, limn_extents to, float *out, float *scratch,
                               cudaStream_t stream) {
  program p;
  sum_plan s;
  any_axes axes;
  if (!limn_make_program(&p, group) || !find_axes(&axes, group->domain, to) || !plan_sum(&s, group->domain, to) ||
      !is_aligned(out) || (scratch_floats(s) > 0 && (!scratch || !is_aligned(scratch))))
    return cudaErrorInvalidValue;
  if (s.summed == 1)
    return limn_pointwise_map(group, out, LIMN_F32, stream);
  if (s.shape == TO_ROWS)
    launch_rows(p, s, out, scratch, stream);
  else if (s.shape == TO_COLUMNS)
    launch_columns(p, s.columns, out, scratch, stream);
  else
    LIMN_LAUNCH(sum_any, blocks_for(s.kept, 1), LIMN_BLOCK, 0, stream, p, axes, out);
  return cudaGetLastError();
}
