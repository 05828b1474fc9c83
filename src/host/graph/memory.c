/* The memory plan: blocks with lifetimes into one arena. */
#include <stdlib.h>

#include "base/error.h"
#include "graph/schedule.h"

#define ALIGNMENT 256 /* what cuDNN asks of its workspaces; more than a cache line or an AVX-512 register */

static size_t aligned(size_t bytes) { return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

/* Larger first; ties by birth, so that the plan does not depend on qsort. */
static int by_size(const void *a, const void *b) {
  const limn_block *x = *(limn_block *const *)a, *y = *(limn_block *const *)b;
  if (x->bytes != y->bytes)
    return x->bytes < y->bytes ? 1 : -1;
  return x->first != y->first ? (x->first > y->first ? 1 : -1) : (x > y) - (x < y);
}

static int by_offset(const void *a, const void *b) {
  const limn_block *x = *(limn_block *const *)a, *y = *(limn_block *const *)b;
  return (x->offset > y->offset) - (x->offset < y->offset);
}

limn_status limn_memory_plan(limn_block *blocks, int count, size_t *arena_bytes) {
  *arena_bytes = 0;
  limn_block **order = malloc(((size_t)count + 1) * sizeof *order),
             **alive = malloc(((size_t)count + 1) * sizeof *alive);
  if (!order || !alive) {
    free(order);
    free(alive);
    return limn_fail_memory("a memory plan");
  }
  for (int i = 0; i < count; ++i)
    order[i] = &blocks[i];
  qsort(order, (size_t)count, sizeof *order, by_size);
  for (int i = 0; i < count; ++i) {
    int alive_count = 0;
    for (int j = 0; j < i; ++j)
      if (order[j]->first <= order[i]->last && order[i]->first <= order[j]->last)
        alive[alive_count++] = order[j];
    qsort(alive, (size_t)alive_count, sizeof *alive, by_offset);
    size_t offset = 0, bytes = aligned(order[i]->bytes);
    for (int j = 0; j < alive_count; ++j) {
      if (alive[j]->offset >= offset + bytes)
        break;
      size_t end = alive[j]->offset + aligned(alive[j]->bytes);
      offset = end > offset ? end : offset;
    }
    order[i]->offset = offset;
    *arena_bytes = offset + bytes > *arena_bytes ? offset + bytes : *arena_bytes;
  }
  free(order);
  free(alive);
  return LIMN_OK;
}
