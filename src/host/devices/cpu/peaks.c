/* What this CPU does at most, with the device's threads, instruction set and precision: the best of some short
 * measurements, since other work on the machine only ever makes them slower. */
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory_limit.h"
#include "devices/cpu/cpu.h"

#define COMPUTE_ROUNDS  500000 /* some ms: long enough for a core to reach its clock rate */
#define PRODUCT_ROUNDS  5000   /* of bf16, likewise */
#define PRODUCT_DEPTH   256
#define COMPUTE_REPEATS 25
#define MEMORY_REPEATS  5
#define LEAST_MEMORY    ((size_t)192 << 20)
#define MOST_MEMORY     ((size_t)1 << 30)
#define ALIGNMENT       64

struct peaks_job {
  const struct cpu_device *cpu;
  double flops, bandwidth; /* found */
};

/* As limn_simd.multiply_adds, from bf16: products of 32 by 256 and 256 by 32, which lie in the first-level cache. */
static float multiply_bf16(const limn_bf16_loops *loops, double *flops) {
  const size_t side = LIMN_BF16_SIDE, offset = 0, tile = LIMN_BF16_TILE;
  const limn_bf16 one = 0x3f80;
  limn_bf16 a[LIMN_BF16_SIDE * PRODUCT_DEPTH] __attribute__((aligned(ALIGNMENT)));
  limn_bf16 b[LIMN_BF16_SIDE * PRODUCT_DEPTH] __attribute__((aligned(ALIGNMENT)));
  float c[LIMN_BF16_SIDE * LIMN_BF16_SIDE] __attribute__((aligned(ALIGNMENT))), total = 0;
  for (size_t i = 0; i < side * PRODUCT_DEPTH; ++i)
    a[i] = b[i] = one;
  const limn_bf16_product product = {.a = a,
                                     .stride = side,
                                     .segment = side * side,
                                     .segments = PRODUCT_DEPTH / LIMN_BF16_SIDE,
                                     .offset_count = 1,
                                     .offsets = &offset,
                                     .b = b,
                                     .b_right = tile * (PRODUCT_DEPTH / LIMN_BF16_SIDE),
                                     .c = c,
                                     .c_stride = side,
                                     .down = side * side / 2,
                                     .right = side / 2};
  loops->begin();
  for (int round = 0; round < PRODUCT_ROUNDS; ++round) {
    loops->product(&product);
    total += c[0];
  }
  loops->end();
  *flops = 2.0 * PRODUCT_ROUNDS * PRODUCT_DEPTH * (double)(side * side);
  return total;
}

static double measure_flops(const struct cpu_device *cpu) {
  double best = 0;
  for (int repeat = 0; repeat < COMPUTE_REPEATS; ++repeat) {
    double sum = 0, begin = limn_clock();
#pragma omp parallel for num_threads(cpu->threads) schedule(static) reduction(+ : sum)
    for (int t = 0; t < cpu->threads; ++t) {
      double flops = 0;
      float come_to = cpu->bf16 ? multiply_bf16(cpu->bf16, &flops) : cpu->simd->multiply_adds(COMPUTE_ROUNDS, &flops);
      sum += come_to > 0 ? flops : 0; /* it always is, which a compiler does not know */
    }
    double rate = sum / (limn_clock() - begin);
    best = rate > best ? rate : best;
  }
  return best;
}

/* Bytes of three arrays, of which the caches hold no more than a part. */
static size_t memory_size(void) {
  long cache = -1;
#ifdef _SC_LEVEL3_CACHE_SIZE
  cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
#endif
  size_t size = cache > 0 ? (size_t)cache / 2 * 3 : 0, eighth = limn_memory_limit_read(NULL).available / 8;
  size = size < LEAST_MEMORY ? LEAST_MEMORY : size > MOST_MEMORY ? MOST_MEMORY : size;
  return size > eighth ? eighth : size;
}

/* out = x + y: each element read once and written once, as the rows of a program count their bytes. Written memory is
 * read into the cache before, which neither of them counts. */
static void add_arrays(const struct cpu_device *cpu, float *out, const float *x, const float *y, size_t count) {
  size_t each = count / (size_t)cpu->threads;
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
  for (int t = 0; t < cpu->threads; ++t) {
    size_t first = (size_t)t * each;
    cpu->simd->pointwise[LIMN_PW_ADD](out + first, x + first, y + first, 0, 0, each);
  }
}

static void fill_arrays(const struct cpu_device *cpu, float *arrays, size_t count) {
  size_t each = count / (size_t)cpu->threads;
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
  for (int t = 0; t < cpu->threads; ++t)
    for (size_t array = 0; array < 3; ++array)
      cpu->simd->fill(arrays + array * count + (size_t)t * each, 1, each);
}

static limn_status measure_bandwidth(const struct cpu_device *cpu, double *best) {
  size_t unit = (size_t)cpu->threads * ALIGNMENT, count = memory_size() / sizeof(float) / 3 / unit * unit;
  float *arrays = aligned_alloc(ALIGNMENT, 3 * count * sizeof *arrays);
  if (!arrays)
    return limn_fail_memory("measuring the memory's speed");
  fill_arrays(cpu, arrays, count);
  *best = 0;
  for (int repeat = 0; repeat < MEMORY_REPEATS; ++repeat) {
    double begin = limn_clock();
    add_arrays(cpu, arrays, arrays + count, arrays + 2 * count, count);
    double rate = 3 * (double)(count * sizeof *arrays) / (limn_clock() - begin);
    *best = rate > *best ? rate : *best;
  }
  free(arrays);
  return LIMN_OK;
}

static limn_status measure(void *argument) {
  struct peaks_job *job = argument;
  job->flops = measure_flops(job->cpu);
  return measure_bandwidth(job->cpu, &job->bandwidth);
}

limn_status limn_cpu_measure_peaks(limn_device *device, double *flops, double *bandwidth) {
  const struct cpu_device *cpu = (const struct cpu_device *)device;
  struct peaks_job job = {.cpu = cpu};
  LIMN_TRY(limn_cpu_worker_call(cpu->worker, measure, &job));
  *flops = job.flops;
  *bandwidth = job.bandwidth;
  return LIMN_OK;
}
