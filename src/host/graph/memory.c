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

static int length(const limn_block *block) { return block->last - block->first + 1; }

static int by_length(const void *a, const void *b) {
  const limn_block *x = *(limn_block *const *)a, *y = *(limn_block *const *)b;
  return length(x) != length(y) ? (length(x) < length(y) ? 1 : -1) : by_size(a, b);
}

static int by_area(const void *a, const void *b) {
  const limn_block *x = *(limn_block *const *)a, *y = *(limn_block *const *)b;
  const double area_x = (double)x->bytes * length(x), area_y = (double)y->bytes * length(y);
  return area_x < area_y ? 1 : area_x > area_y ? -1 : by_size(a, b);
}

static int by_offset(const void *a, const void *b) {
  const limn_block *x = *(limn_block *const *)a, *y = *(limn_block *const *)b;
  return (x->offset > y->offset) - (x->offset < y->offset);
}

/* Each in its turn as low as it fits. alive: room for as many. */
static size_t place(limn_block **order, int count, limn_block **alive) {
  size_t arena = 0;
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
    arena = offset + bytes > arena ? offset + bytes : arena;
  }
  return arena;
}

/* No order is the best one for all programs, so each is tried. */
limn_status limn_place_blocks(limn_block *blocks, int count, size_t *arena_bytes) {
  static int (*const orders[])(const void *, const void *) = {by_area, by_length, by_size};
  const int order_count = sizeof orders / sizeof *orders;
  limn_block **order = malloc(((size_t)count + 1) * sizeof *order),
             **alive = malloc(((size_t)count + 1) * sizeof *alive);
  int best = 0;
  *arena_bytes = 0;
  if (!order || !alive) {
    free(order);
    free(alive);
    return limn_fail_memory("a memory plan");
  }
  for (int i = 0; i < count; ++i)
    order[i] = &blocks[i];
  for (int i = 0; i <= order_count; ++i) { /* the best one once more at the end */
    qsort(order, (size_t)count, sizeof *order, orders[i < order_count ? i : best]);
    size_t arena = place(order, count, alive);
    if (i == 0 || arena < *arena_bytes) {
      *arena_bytes = arena;
      best = i;
    }
  }
  free(order);
  free(alive);
  return LIMN_OK;
}
