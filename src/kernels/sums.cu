/* Passes that sum. The kept axes come first (a sum for each row), last (a sum for each column) or neither; a first
 * launch leaves sums of parts in scratch, a second one adds them. A sum to a single number beside one to rows or
 * columns has the same parts, all of which are then added. */
#include "kernels/axes.cuh"
#include "kernels/forms.cuh"
#include "kernels/grid.cuh"
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

/* Sums of parts that the pass leaves of each sum. */
static int64_t part_count(const sum_plan &s) {
  return s.kept * (s.shape == TO_ROWS ? s.parts : s.shape == TO_COLUMNS ? s.columns.chunks : 1);
}

static int64_t elements(limn_extents e) { return (int64_t)e.n * e.h * e.w * e.c; }
static bool is_same(limn_extents a, limn_extents b) { return a.n == b.n && a.h == b.h && a.w == b.w && a.c == b.c; }

/* The extents of all sums that are not to a single number; false: there are two of them. */
static bool find_sums(limn_extents *to, limn_extents domain, const limn_result *results, int count) {
  *to = {1, 1, 1, 1};
  for (int k = 0; k < count; ++k) {
    limn_extents e = results[k].to;
    if (is_same(e, domain) || elements(e) == 1)
      continue;
    if (elements(*to) > 1 && !is_same(*to, e))
      return false;
    *to = e;
  }
  return true;
}

/* The parts of a sum that the second launch adds: of each row (they lie side by side), or of each column. */
struct merge_job {
  const float *parts;
  float *out;
  int64_t kept, length; /* sums, parts of each */
  bool columns;
  unsigned first; /* its first block */
};

/* Where the pass leaves each of its sums, and what then remains to be done. */
struct sum_outputs {
  float *to[LIMN_MAX_TASK_OUTPUTS];
  merge_job jobs[LIMN_MAX_TASK_OUTPUTS];
  int job_count;
  unsigned blocks;
  size_t scratch_floats;
};

static sum_outputs place_sums(const sum_plan &s, limn_extents domain, const limn_result *results, int count,
                              float *scratch) {
  sum_outputs out = {};
  int64_t parts = part_count(s);
  int summed = 0;
  for (int k = 0; k < count; ++k) {
    if (is_same(results[k].to, domain))
      continue;
    float *to = static_cast<float *>(results[k].out);
    int64_t kept = elements(results[k].to);
    if (parts == kept) {
      out.to[summed++] = to;
      continue;
    }
    float *at = scratch ? scratch + out.scratch_floats : nullptr;
    bool columns = kept > 1 && s.shape == TO_COLUMNS;
    out.jobs[out.job_count++] = {at, to, kept, parts / kept, columns, out.blocks};
    out.blocks += (unsigned)(columns ? divide_up(kept, MERGE_WIDTH) : kept);
    out.scratch_floats += (size_t)(divide_up(parts, 4) * 4);
    out.to[summed++] = at;
  }
  return out;
}

size_t limn_pass_scratch(const limn_group *group, const limn_result *results, int count) {
  limn_extents to;
  sum_plan s;
  if (!find_sums(&to, group->domain, results, count) || !plan_sum(&s, group->domain, to))
    return 0;
  return place_sums(s, group->domain, results, count, nullptr).scratch_floats * sizeof(float);
}

/* out[row * parts + part]. V is 4 where rows start at multiples of 4. */
template <class Form, int V>
__global__ static void __launch_bounds__(LIMN_BLOCK)
    sum_rows(const __grid_constant__ program p, const __grid_constant__ sum_plan s,
             const __grid_constant__ sum_outputs out) {
  LIMN_SHARED(float, space, [32]);
  for (int64_t k = blockIdx.x; k < s.kept * s.parts; k += gridDim.x) {
    int64_t row = k / s.parts, begin = k % s.parts * s.part;
    int64_t end = begin + s.part < s.summed ? begin + s.part : s.summed;
    float total[Form::SUMS] = {};
    for (int64_t i = begin + (int64_t)threadIdx.x * V; i < end; i += LIMN_BLOCK * V) {
      int valid = end - i < V ? (int)(end - i) : V;
      float slots[Form::SLOTS][V];
      evaluate<Form>(slots, p, row * s.summed + i, valid);
      store_results<Form>(slots, p, row * s.summed + i, valid);
#pragma unroll(Form::UNROLL)
      for (int o = 0; o < Form::summed_count(p); ++o)
        for (int j = 0; j < V; ++j)
          total[o] += j < valid ? slots[Form::summed(p, o)][j] : 0;
    }
#pragma unroll(Form::UNROLL)
    for (int o = 0; o < Form::summed_count(p); ++o) {
      float sum = block_sum(total[o], space);
      if (threadIdx.x == 0)
        out.to[o][k] = sum;
    }
  }
}

/* out[chunk][column] */
template <class Form, int V>
__global__ static void __launch_bounds__(LIMN_BLOCK)
    sum_columns(const __grid_constant__ program p, const __grid_constant__ column_plan plan,
                const __grid_constant__ sum_outputs out) {
  LIMN_SHARED(float, space, [LIMN_BLOCK * V]);
  place at = find_place(plan);
  int64_t chunk = blockIdx.x / (unsigned)plan.strips, begin = chunk * plan.chunk_rows;
  int64_t end = begin + plan.chunk_rows < plan.rows ? begin + plan.chunk_rows : plan.rows;
  float total[Form::SUMS][V] = {};
  if (at.active)
    for (int64_t row = begin + at.row; row < end; row += at.height) {
      float slots[Form::SLOTS][V];
      evaluate<Form>(slots, p, row * plan.columns + at.column, V);
      store_results<Form>(slots, p, row * plan.columns + at.column, V);
#pragma unroll(Form::UNROLL)
      for (int o = 0; o < Form::summed_count(p); ++o)
        for (int j = 0; j < V; ++j)
          total[o][j] += slots[Form::summed(p, o)][j];
    }
#pragma unroll(Form::UNROLL)
  for (int o = 0; o < Form::summed_count(p); ++o) {
    tile_sum<LIMN_BLOCK>(total[o], space, plan.width);
    if (at.active && at.row == 0)
      target<float>{out.to[o]}.store(chunk * plan.columns + at.column, total[o]);
  }
}

/* The form that no model has on its hot path: any axes, a block for each sum. */
__global__ static void __launch_bounds__(LIMN_BLOCK)
    sum_any(const __grid_constant__ program p, const __grid_constant__ any_axes a,
            const __grid_constant__ sum_outputs out) {
  LIMN_SHARED(float, space, [32]);
  for (int64_t k = blockIdx.x; k < a.kept; k += gridDim.x) {
    int64_t first = element_of(a, 0, k);
    float total[LIMN_MAX_TASK_OUTPUTS] = {};
    for (int64_t i = threadIdx.x; i < a.summed; i += LIMN_BLOCK) {
      int64_t at = first + element_of(a, 1, i);
      float slots[LIMN_SLOTS][1];
      evaluate<any_form>(slots, p, at, 1);
      store_results<any_form>(slots, p, at, 1);
      for (int o = 0; o < p.left.summed_count; ++o)
        total[o] += slots[p.left.summed[o]][0];
    }
    for (int o = 0; o < p.left.summed_count; ++o) {
      float sum = block_sum(total[o], space);
      if (threadIdx.x == 0)
        out.to[o][k] = sum;
    }
  }
}

/* A block for each row of parts, or for MERGE_WIDTH columns. */
__global__ static void __launch_bounds__(LIMN_BLOCK) merge_parts(const __grid_constant__ sum_outputs s) {
  LIMN_SHARED(float, space, [LIMN_BLOCK]);
  int k = 0;
  while (k + 1 < s.job_count && s.jobs[k + 1].first <= blockIdx.x)
    ++k;
  const merge_job &job = s.jobs[k];
  int64_t block = blockIdx.x - job.first;
  if (!job.columns) {
    float total = 0;
    for (int64_t i = threadIdx.x; i < job.length; i += LIMN_BLOCK)
      total += job.parts[block * job.length + i];
    total = block_sum(total, space);
    if (threadIdx.x == 0)
      job.out[block] = total;
    return;
  }
  int64_t column = block * MERGE_WIDTH + threadIdx.x % MERGE_WIDTH;
  float total[1] = {0};
  if (column < job.kept)
    for (int64_t part = threadIdx.x / MERGE_WIDTH; part < job.length; part += LIMN_BLOCK / MERGE_WIDTH)
      total[0] += job.parts[part * job.kept + column];
  tile_sum<LIMN_BLOCK>(total, space, MERGE_WIDTH);
  if (column < job.kept && threadIdx.x < MERGE_WIDTH)
    job.out[column] = total[0];
}

/* The loop of forms that goes with it: NO_LOOP where one element at a time is not worth one. */
static form_loop loop_of(const sum_plan &s) {
  if (s.shape == TO_ROWS)
    return s.summed % 4 == 0 ? ROWS : NO_LOOP;
  return s.shape == TO_ANY ? NO_LOOP : s.columns.lanes == 4 ? COLUMNS : FEW_COLUMNS;
}

static void launch_pass(const program &p, const sum_plan &s, const any_axes &axes, const sum_outputs &out,
                        cudaStream_t stream) {
  const column_plan &c = s.columns;
  unsigned blocks = s.shape == TO_COLUMNS ? (unsigned)c.strips * (unsigned)c.chunks
                                          : blocks_for(s.shape == TO_ROWS ? s.kept * s.parts : s.kept, 1);
  form_loop loop = loop_of(s);
  if (s.shape == TO_ANY)
    LIMN_LAUNCH(sum_any, blocks, LIMN_BLOCK, 0, stream, p, axes, out);
  else if (loop == ROWS)
    launch_form<ROWS>(
        p, [&](auto form) { LIMN_LAUNCH((sum_rows<decltype(form), 4>), blocks, LIMN_BLOCK, 0, stream, p, s, out); });
  else if (loop == COLUMNS)
    launch_form<COLUMNS>(
        p, [&](auto form) { LIMN_LAUNCH((sum_columns<decltype(form), 4>), blocks, LIMN_BLOCK, 0, stream, p, c, out); });
  else if (loop == FEW_COLUMNS)
    launch_form<FEW_COLUMNS>(
        p, [&](auto form) { LIMN_LAUNCH((sum_columns<decltype(form), 1>), blocks, LIMN_BLOCK, 0, stream, p, c, out); });
  else
    LIMN_LAUNCH((sum_rows<any_form, 1>), blocks, LIMN_BLOCK, 0, stream, p, s, out);
}

bool limn_sums_are_compiled(const program *p, limn_extents domain, const limn_result *results, int count) {
  limn_extents to;
  sum_plan s;
  if (!find_sums(&to, domain, results, count) || !plan_sum(&s, domain, to))
    return false;
  form_loop loop = loop_of(s);
  return (loop == ROWS && has_form<ROWS>(*p)) || (loop == COLUMNS && has_form<COLUMNS>(*p)) ||
         (loop == FEW_COLUMNS && has_form<FEW_COLUMNS>(*p));
}

cudaError_t limn_launch_sums(const program *p, const limn_group *group, const limn_result *results, int count,
                             float *scratch, cudaStream_t stream) {
  limn_extents to;
  sum_plan s;
  any_axes axes;
  if (!find_sums(&to, group->domain, results, count) || !find_axes(&axes, group->domain, to) ||
      !plan_sum(&s, group->domain, to))
    return cudaErrorInvalidValue;
  sum_outputs out = place_sums(s, group->domain, results, count, scratch);
  if (out.job_count && (!scratch || !is_aligned(scratch)))
    return cudaErrorInvalidValue;
  launch_pass(*p, s, axes, out, stream);
  if (out.job_count)
    LIMN_LAUNCH(merge_parts, out.blocks, LIMN_BLOCK, 0, stream, out);
  return cudaGetLastError();
}
