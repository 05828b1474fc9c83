/* Runs a grid: blocks one after the other in random order, the threads of a block as fibers, woken in random order.
 * What a missing barrier would let through is what some order shows. Under ThreadSanitizer threads are ordered by
 * barriers, by
 * __syncwarp and by the start and the end of the grid alone, so that it names races, also those between blocks. */
#include <stdio.h>
#include <string.h>

#include <deque>
#include <numeric>

#include "fiber.h"
#include "fibers.h"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace virtual_gpu {
namespace {

constexpr int MAX_THREADS = 1024, WARP = 32;

enum class status { unstarted, ready, at_barrier, in_warp, done };

struct thread {
  status state;
  uint3 index;
  int fiber;
  const char *file; /* where its barrier is */
  int line;
  unsigned mask;
  warp_operation operation;
  unsigned long long value;
  int source;
};

struct lanes {
  unsigned existing, live, arrived;
};

struct {
  std::deque<fiber> fibers; /* a deque: references stay valid */
  int idle[MAX_THREADS], idle_count;
  thread threads[MAX_THREADS];
  lanes warps[MAX_THREADS / WARP];
  int count, live, at_barrier, current;
  int ready[MAX_THREADS], ready_count; /* the last one runs next */
  const std::function<void()> *body;
  const char *name;
  fiber scheduler;
} b;

int start_key, end_key, barrier_key; /* addresses for ThreadSanitizer */

[[noreturn]] void fail(const char *what, int t) {
  uint3 i = b.threads[t].index;
  die("kernel %s: %s (block %u,%u,%u thread %u,%u,%u)", b.name, what, blockIdx.x, blockIdx.y, blockIdx.z, i.x, i.y,
      i.z);
}

void make_ready(int t, status state) {
  b.threads[t].state = state;
  unsigned place = static_cast<unsigned>(random_numbers()()) % static_cast<unsigned>(b.ready_count + 1);
  b.ready[b.ready_count++] = b.ready[place];
  b.ready[place] = t;
}

void set_current(int t) {
  b.current = t;
  threadIdx = b.threads[t].index;
}

void finish(int t) {
  lanes &w = b.warps[t / WARP];
  b.threads[t].state = status::done;
  --b.live;
  w.live &= ~(1u << (t % WARP));
  for (int lane = 0; lane < WARP; ++lane)
    if ((w.arrived >> lane & 1) && (b.threads[t / WARP * WARP + lane].mask >> (t % WARP) & 1))
      fail("a thread left the kernel while lanes of its warp wait for it", t);
  if (b.at_barrier)
    fail("a thread left the kernel while others wait at __syncthreads", t);
}

/* A fiber's life: it runs threads, those that nothing stops one after the other. */
void worker() {
  enter_fiber(b.scheduler);
  for (;;) {
    __tsan_acquire(&start_key);
    (*b.body)();
    __tsan_release(&end_key);
    int done = b.current, mine = b.threads[done].fiber;
    finish(done);
#ifndef LIMN_VIRTUAL_GPU_TSAN /* for which each thread of a block needs a fiber of its own */
    if (b.ready_count && b.threads[b.ready[b.ready_count - 1]].state == status::unstarted) {
      int next = b.ready[--b.ready_count];
      b.threads[next].fiber = mine;
      b.threads[next].state = status::ready;
      set_current(next);
      continue;
    }
    b.idle[b.idle_count++] = mine;
#endif
    switch_fiber(b.fibers[static_cast<size_t>(mine)], b.scheduler);
  }
}

fiber &fiber_of(int t) { return b.fibers[static_cast<size_t>(b.threads[t].fiber)]; }

/* Gives up the fiber until the thread is made ready: to a thread that has a fiber, else to the scheduler. */
void wait() {
  int t = b.current;
  if (b.ready_count) {
    int next = b.ready[b.ready_count - 1];
    if (next == t) {
      --b.ready_count;
      return;
    }
    if (b.threads[next].state == status::ready) {
      --b.ready_count;
      set_current(next);
      switch_fiber(fiber_of(t), fiber_of(next));
      return;
    }
  }
  switch_fiber(fiber_of(t), b.scheduler);
}

int take_fiber() {
  if (b.idle_count == 0) {
    b.fibers.push_back(make_fiber(worker));
    b.idle[b.idle_count++] = static_cast<int>(b.fibers.size()) - 1;
  }
  return b.idle[--b.idle_count];
}

void start_threads() {
  b.count = b.live = static_cast<int>(blockDim.x * blockDim.y * blockDim.z);
  b.at_barrier = b.ready_count = 0;
  memset(b.warps, 0, sizeof b.warps);
  for (int t = 0; t < b.count; ++t) {
    unsigned i = static_cast<unsigned>(t);
    b.threads[t] = {};
    b.threads[t].index = {i % blockDim.x, i / blockDim.x % blockDim.y, i / blockDim.x / blockDim.y};
    b.warps[t / WARP].existing |= 1u << (t % WARP);
    b.warps[t / WARP].live |= 1u << (t % WARP);
    make_ready(t, status::unstarted);
  }
}

void run_block() {
  start_threads();
  while (b.live) {
    if (!b.ready_count)
      for (int t = 0; t < b.count; ++t) {
        if (b.threads[t].state == status::in_warp)
          fail("deadlock: waits in a warp's function for lanes that do not come", t);
        if (b.threads[t].state == status::at_barrier)
          fail("deadlock: waits at __syncthreads for threads that do not come", t);
      }
    int t = b.ready[--b.ready_count];
    if (b.threads[t].state == status::unstarted) {
      b.threads[t].fiber = take_fiber();
      b.threads[t].state = status::ready;
    }
    set_current(t);
    switch_fiber(b.scheduler, fiber_of(t));
  }
#ifdef LIMN_VIRTUAL_GPU_TSAN
  for (b.idle_count = 0; b.idle_count < static_cast<int>(b.fibers.size()); ++b.idle_count)
    b.idle[b.idle_count] = b.idle_count;
#endif
}

/* Lets the lanes of the group go, each with its result. */
void release_lanes(int base, unsigned group, warp_operation operation) {
  unsigned long long results[WARP] = {}, ballot = 0;
  for (int lane = 0; lane < WARP; ++lane) {
    if (!(group >> lane & 1))
      continue;
    int source = b.threads[base + lane].source;
    bool there = source >= 0 && source < WARP && (group >> source & 1);
    results[lane] = there ? b.threads[base + source].value : ~0ull; /* a NaN, where CUDA says undefined */
    ballot |= (b.threads[base + lane].value & 1) << lane;
  }
  for (int lane = 0; lane < WARP; ++lane)
    if (group >> lane & 1) {
      b.threads[base + lane].value = operation == warp_operation::ballot ? ballot : results[lane];
      make_ready(base + lane, status::ready);
    }
}

} // namespace

int lane() { return b.current % WARP; }

void barrier(const char *file, int line) {
  thread &self = b.threads[b.current];
  self.file = file;
  self.line = line;
  self.state = status::at_barrier;
  __tsan_release(&barrier_key);
  if (b.live != b.count)
    fail("waits at __syncthreads after a thread has left the kernel", b.current);
  if (++b.at_barrier == b.count) {
    b.at_barrier = 0;
    for (int t = 0; t < b.count; ++t) {
      if (b.threads[t].line != line || strcmp(b.threads[t].file, file) != 0)
        fail("threads wait at different __syncthreads", t);
      make_ready(t, status::ready);
    }
  }
  wait();
  __tsan_acquire(&barrier_key);
}

unsigned long long warp(warp_operation operation, unsigned mask, unsigned long long value, int source) {
  int t = b.current, base = t / WARP * WARP;
  lanes &w = b.warps[t / WARP];
  thread &self = b.threads[t];
  unsigned group = mask & w.existing, me = 1u << (t % WARP);
  if (!(mask & me))
    fail("a warp's function whose mask lacks the caller", t);
  if (group & ~w.live)
    fail("a warp's function whose mask names a lane that has left the kernel", t);
  self.mask = mask;
  self.operation = operation;
  self.value = value;
  self.source = source;
  self.state = status::in_warp;
  w.arrived |= me;
  if (operation == warp_operation::sync)
    __tsan_release(&w);
  if ((w.arrived & group) == group) {
    for (int lane = 0; lane < WARP; ++lane)
      if ((group >> lane & 1) && (b.threads[base + lane].mask != mask || b.threads[base + lane].operation != operation))
        fail("lanes of a warp disagree on the function or on its mask", base + lane);
    w.arrived &= ~group;
    release_lanes(base, group, operation);
  }
  wait();
  if (operation == warp_operation::sync)
    __tsan_acquire(&w);
  return self.value;
}

void run_grid(const char *name, const launch_shape &shape, const std::function<void()> &body) {
  b.name = name;
  b.body = &body;
  gridDim = shape.grid;
  blockDim = shape.block;
#ifdef LIMN_VIRTUAL_GPU_TSAN
  b.scheduler.tsan = __tsan_get_current_fiber();
#endif
  size_t count = static_cast<size_t>(gridDim.x) * gridDim.y * gridDim.z, start = random_numbers()() % count, step = 1;
  if (count > 2) /* a walk over all blocks */
    do
      step = 1 + random_numbers()() % (count - 1);
    while (std::gcd(step, count) != 1);
  begin_shared_grid(shape.shared_bytes);
  __tsan_release(&start_key);
  for (size_t k = 0, i = start; k < count; ++k, i = (i + step) % count) {
    blockIdx = {static_cast<unsigned>(i % gridDim.x), static_cast<unsigned>(i / gridDim.x % gridDim.y),
                static_cast<unsigned>(i / gridDim.x / gridDim.y)};
    begin_shared_block();
    run_block();
    end_shared_block();
  }
  __tsan_acquire(&end_key);
  b.name = nullptr;
}

const char *running_kernel() { return b.name; }

} // namespace virtual_gpu
