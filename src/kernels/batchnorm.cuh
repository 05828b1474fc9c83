/* What both directions of batch normalisation share: how rows are divided between blocks and threads. */
#ifndef LIMN_KERNELS_BATCHNORM_CUH
#define LIMN_KERNELS_BATCHNORM_CUH

#include "kernels/grid.cuh"
#include "kernels/reduce.cuh"
#include "kernels/types.cuh"

#define THREADS 512
#define DEPTH   8 /* rows whose moments a thread takes at once */
/* Rows that a thread reads before it writes: what is in flight keeps the memory busy. Two where three tensors are read,
 * so that two blocks' registers fit into a multiprocessor. */
#define BATCH          4
#define BATCH_OF_THREE 2
#define MOST_CHUNKS    132 /* blocks of the first launch */
#define MOST_BLOCKS    264 /* of the second */
/* What one launch does, in which a block does all rows of its channels: elements, rows, and rows that even a few blocks
 * are quick with. */
#define WHOLE         ((int64_t)1 << 21)
#define WHOLE_ROWS    16384
#define FEW_ROWS      2048
#define ENOUGH_BLOCKS 64
#define WHOLE_WIDTH   4 /* threads side by side where one launch does all: 16 channels, two sectors of memory in fp32 */

/* The rows `row`, row + height, ... of a chunk. */
struct rows {
  int64_t begin, end;
};
__device__ static inline rows find_rows(int64_t part, int64_t each, int64_t all) {
  int64_t begin = part * each;
  return {begin, begin + each < all ? begin + each : all};
}

/* How many of a thread's rows are left, this one included; the element of the i-th of them. */
__device__ static inline int64_t rows_left(rows range, int64_t row, int height) {
  return (range.end - row + height - 1) / height;
}
__device__ static inline int64_t element(const column_plan &plan, const place &at, int64_t row, int i) {
  return (row + (int64_t)i * at.height) * plan.columns + at.column;
}

/* Plans are of one group; the grid's second dimension counts groups. */
static inline column_plan make_plan(limn_batchnorm_shape s) {
  return plan_columns(s.rows, s.channels, THREADS, DEPTH, MOST_CHUNKS);
}

/* One chunk, in strips so narrow that there are enough blocks. */
static inline column_plan make_whole_plan(limn_batchnorm_shape s) {
  column_plan p = plan_columns(s.rows, s.channels, THREADS, DEPTH, 1);
  p.width = p.width < WHOLE_WIDTH ? p.width : WHOLE_WIDTH;
  p.strips = (int)divide_up(s.channels, p.width * p.lanes);
  p.chunk_rows = s.rows;
  p.chunks = 1;
  return p;
}

/* Whether one launch does it: the tensor is small, and there are blocks for the card, or each has little to do. */
static inline bool is_whole(limn_batchnorm_shape s) {
  const int64_t blocks = (int64_t)make_whole_plan(s).strips * s.groups;
  return s.rows * s.channels <= WHOLE && (s.rows <= FEW_ROWS || (s.rows <= WHOLE_ROWS && blocks >= ENOUGH_BLOCKS));
}

static inline unsigned first_blocks(const column_plan &p) { return (unsigned)p.strips * (unsigned)p.chunks; }

/* The second launch divides the rows anew. */
static inline int64_t second_rows(const column_plan &p) {
  column_plan q = plan_columns(p.rows, p.columns, THREADS, BATCH, MOST_BLOCKS);
  return q.chunk_rows;
}
static inline unsigned second_blocks(const column_plan &p, int64_t each) {
  return (unsigned)p.strips * (unsigned)divide_up(p.rows, each);
}

static inline limn_batchnorm_grid find_grid(limn_batchnorm_shape s, bool whole) {
  if (s.rows < 1 || s.channels < 1 || s.groups < 1)
    return {};
  const column_plan p = whole ? make_whole_plan(s) : make_plan(s);
  const int64_t blocks = whole ? p.strips : second_blocks(p, second_rows(p));
  return {whole ? 1 : 2, blocks * s.groups};
}

static inline bool is_bad(const void *x, limn_type type, limn_batchnorm_shape s, const float *scratch) {
  return !x || !is_aligned(x) || !is_type(type) || s.rows < 1 || s.channels < 1 || s.groups < 1 || !scratch ||
         !is_aligned(scratch);
}

/* Floats of scratch that a group needs. */
__host__ __device__ static inline int64_t scratch_of(const column_plan &p) { return (2 * p.chunks + 1) * p.columns; }

#endif
