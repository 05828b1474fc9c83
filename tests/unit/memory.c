/* The memory plan: blocks that live at the same time never overlap, and the arena is no larger than it may be. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/philox.h"
#include "graph/schedule.h"

#define ALIGNMENT 256
#define MOST      120

TestSuite(memory, .timeout = 60);

static size_t aligned(size_t bytes) { return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

static bool meet(const limn_block *a, const limn_block *b) { return a->first <= b->last && b->first <= a->last; }

static bool overlap(const limn_block *a, const limn_block *b) {
  return a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
}

/* Most bytes alive at one step. */
static size_t peak(const limn_block *blocks, int count, int steps) {
  size_t most = 0;
  for (int step = 0; step < steps; ++step) {
    size_t sum = 0;
    for (int i = 0; i < count; ++i)
      sum += blocks[i].first <= step && step <= blocks[i].last ? aligned(blocks[i].bytes) : 0;
    most = sum > most ? sum : most;
  }
  return most;
}

static void check(limn_block *blocks, int count, int steps) {
  size_t arena = 12345, end = 0, sum = 0;
  cr_assert_eq(limn_place_blocks(blocks, count, &arena), LIMN_OK, "%s", limn_error_message());
  for (int i = 0; i < count; ++i) {
    cr_assert_eq(blocks[i].offset % ALIGNMENT, 0);
    for (int j = 0; j < i; ++j)
      cr_assert(!meet(&blocks[i], &blocks[j]) || !overlap(&blocks[i], &blocks[j]), "blocks %d and %d overlap", i, j);
    size_t last = blocks[i].offset + aligned(blocks[i].bytes);
    end = last > end ? last : end;
    sum += aligned(blocks[i].bytes);
  }
  cr_assert_eq(arena, end, "the arena of %zu bytes ends where its last block does, at %zu", arena, end);
  cr_assert_leq(arena, sum);
  cr_assert_geq(arena, peak(blocks, count, steps));
}

static int random_blocks(uint64_t seed, limn_block *blocks, int steps) {
  float u[4 * MOST];
  limn_philox_uniform(seed, 3000, 0, 0, u, 4 * MOST);
  int count = (int)(u[0] * MOST) + 1;
  for (int i = 0; i < count; ++i) {
    const float *of = u + 4 * i;
    int first = (int)(of[1] * (float)steps), length = (int)(of[2] * of[2] * (float)(steps - first));
    blocks[i] = (limn_block){.bytes = 1 + (size_t)(of[3] * of[3] * 5000), .first = first, .last = first + length};
  }
  return count;
}

Test(memory, random_blocks_never_overlap) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    limn_block blocks[MOST];
    int steps = 1 + (int)(seed % 60), count = random_blocks(seed, blocks, steps);
    check(blocks, count, steps);
  }
}

Test(memory, same_blocks_same_plan) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    limn_block blocks[MOST] = {{0}}, again[MOST] = {{0}};
    size_t arena, arena_again;
    int count = random_blocks(seed, blocks, 40);
    for (int i = 0; i < count; ++i) /* many of one size, as in a network */
      blocks[i].bytes = (blocks[i].bytes / 2000 + 1) * 1024;
    memcpy(again, blocks, sizeof again);
    cr_assert_eq(limn_place_blocks(blocks, count, &arena), LIMN_OK);
    cr_assert_eq(limn_place_blocks(again, count, &arena_again), LIMN_OK);
    cr_assert_eq(arena, arena_again);
    for (int i = 0; i < count; ++i)
      cr_assert_eq(blocks[i].offset, again[i].offset);
  }
}

Test(memory, blocks_of_other_times_share_a_place) {
  limn_block chain[50];
  size_t arena;
  for (int i = 0; i < 50; ++i) /* each is read by the next step: two are alive at a time */
    chain[i] = (limn_block){.bytes = 1000, .first = i, .last = i + 1};
  cr_assert_eq(limn_place_blocks(chain, 50, &arena), LIMN_OK);
  cr_expect_eq(arena, 2 * aligned(1000));
  check(chain, 50, 51);
}

/* Both ends of a lifetime count: what is read at a step may not be where that step writes. */
Test(memory, meeting_at_one_step_is_overlap) {
  limn_block blocks[2] = {{.bytes = 64, .first = 0, .last = 3}, {.bytes = 64, .first = 3, .last = 5}};
  check(blocks, 2, 6);
  cr_expect_neq(blocks[0].offset, blocks[1].offset);
}

Test(memory, small_blocks_fill_gaps) {
  limn_block blocks[4] = {{.bytes = 4096, .first = 0, .last = 1},
                          {.bytes = 1024, .first = 0, .last = 9},
                          {.bytes = 1024, .first = 2, .last = 9},
                          {.bytes = 3072, .first = 2, .last = 3}};
  size_t arena;
  cr_assert_eq(limn_place_blocks(blocks, 4, &arena), LIMN_OK);
  cr_expect_eq(arena, 5120, "the place of the first is divided between the last two");
  check(blocks, 4, 10);
}

/* Placed by size, by lifetime or by their product alone, blocks take 1.022, 1.043 and 1.039 of what is alive. */
Test(memory, arenas_are_near_what_is_alive) {
  double ratios = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    limn_block blocks[MOST];
    size_t arena;
    int steps = 1 + (int)(seed % 60), count = random_blocks(seed, blocks, steps);
    cr_assert_eq(limn_place_blocks(blocks, count, &arena), LIMN_OK);
    ratios += (double)arena / (double)peak(blocks, count, steps);
  }
  cr_expect_lt(ratios / 300, 1.015, "%g", ratios / 300);
}

Test(memory, nothing_takes_nothing) {
  size_t arena = 1;
  cr_expect_eq(limn_place_blocks(NULL, 0, &arena), LIMN_OK);
  cr_expect_eq(arena, 0);
}
