/* How work is divided. Everything here depends on shapes alone, never on the card, so that sums are taken in the same
 * order everywhere; the constants suit a card of about 132 multiprocessors. */
#ifndef LIMN_KERNELS_GRID_CUH
#define LIMN_KERNELS_GRID_CUH

#include <limn_launch.h>
#include <stdint.h>

#include "kernels/kernels.h"

#define LIMN_BLOCK       256
#define LIMN_MOST_BLOCKS 1056 /* eight of LIMN_BLOCK threads fill one of 132 multiprocessors */

static inline int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
static inline int64_t at_most(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t at_least(int64_t a, int64_t b) { return a > b ? a : b; }

/* Blocks that share `count` items, `each` of them a round. */
static inline unsigned blocks_for(int64_t count, int64_t each) {
  return (unsigned)at_most(at_least(divide_up(count, each), 1), LIMN_MOST_BLOCKS);
}

static inline bool is_aligned(const void *p) { return (uintptr_t)p % 16 == 0; }

static inline bool is_type(limn_type type) { return type == LIMN_F32 || type == LIMN_BF16 || type == LIMN_F16; }

/* A matrix of `rows` rows, the column fastest, that is reduced to one row. A block of threads covers a strip of `width`
 * times `lanes` columns (width: a power of two up to 32, so that a warp reads neighbours), its other threads further
 * rows; `chunks` blocks share the rows of a strip. */
struct column_plan {
  int64_t rows, columns, chunk_rows;
  int lanes, width, strips, chunks;
};

/* depth: rows that are worth a thread's while; most: blocks in all, if there are not more strips. */
static inline column_plan plan_columns(int64_t rows, int64_t columns, int threads, int depth, int most) {
  column_plan p = {};
  p.rows = rows;
  p.columns = columns;
  p.lanes = columns % 4 == 0 ? 4 : 1;
  p.width = 1;
  while (p.width < 32 && p.width * p.lanes < columns)
    p.width *= 2;
  p.strips = (int)divide_up(columns, p.width * p.lanes);
  int64_t wanted = divide_up(rows, (int64_t)(threads / p.width) * depth);
  wanted = at_least(at_most(wanted, most / p.strips), 1);
  p.chunk_rows = at_least(divide_up(rows, wanted), 1);
  p.chunks = (int)divide_up(rows, p.chunk_rows);
  return p;
}

/* Where a thread stands in a column_plan. Threads whose column is past the last one take part in barriers alone. */
struct place {
  int row, height; /* of the block's tile, in threads */
  int64_t column;
  bool active;
};

__device__ static inline place find_place(const column_plan &p) {
  place at;
  at.row = (int)threadIdx.x / p.width;
  at.height = (int)blockDim.x / p.width;
  at.column = ((int64_t)(blockIdx.x % (unsigned)p.strips) * p.width + (int)threadIdx.x % p.width) * p.lanes;
  at.active = at.column < p.columns;
  return at;
}

#endif
