/* How fast training steps are, on made-up pictures. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/philox.h"
#include "limn/tools.h"
#include "sizing/bench.h"
#include "train/memory.h"

#define HORIZON 1000000 /* steps that a schedule of the learning rate would take: more than are run */

/* Noise: no layer's work depends on what the pictures show. */
static uint8_t *make_pictures(const limn_config *config) {
  enum { SOME = 256 };
  size_t count = (size_t)limn_shape_count(limn_session_bytes(config));
  uint8_t *bytes = malloc(count + SOME);
  for (size_t i = 0; bytes && i < count; i += SOME) {
    float u[SOME];
    limn_philox_uniform(config->seed, LIMN_STREAM_DRAWING, 0, i, u, SOME);
    for (size_t j = 0; j < SOME; ++j)
      bytes[i + j] = (uint8_t)(256 * u[j]);
  }
  return bytes;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double limn_bench_median(double *values, int count) {
  qsort(values, (size_t)count, sizeof *values, ascending);
  return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

limn_status limn_bench_init(limn_bench *bench, const limn_config *wanted) {
  *bench = (limn_bench){0};
  LIMN_TRY(limn_config_copy(&bench->config, wanted));
  limn_session_assume_pictures(bench->config);
  limn_status status = limn_config_check(bench->config);
  if (status == LIMN_OK && bench->config->batch == 0)
    status = limn_choose_batch(bench->config, NULL, UINT32_MAX);
  if (status == LIMN_OK && !(bench->pictures = make_pictures(bench->config)))
    status = limn_fail_memory("a bench");
  if (status == LIMN_OK)
    status = limn_session_open(&bench->session, bench->config, HORIZON, &(limn_session_data){0});
  if (status != LIMN_OK) {
    free(bench->pictures);
    limn_config_destroy(bench->config);
  }
  return status;
}

void limn_bench_release(limn_bench *bench) {
  limn_session_release(&bench->session);
  free(bench->pictures);
  limn_config_destroy(bench->config);
}

limn_status limn_bench_run(limn_bench *bench, int steps) {
  float gate;
  const double began = limn_thread_time();
  const int parts = bench->session.algorithm->batches_per_step(bench->config);
  const limn_batch batch = {.pixels = bench->pictures};
  for (int i = 0; i < steps; ++i, ++bench->step)
    for (int part = 0; part < parts; ++part)
      LIMN_TRY(limn_session_step(&bench->session, bench->step, part, &batch));
  bench->host_seconds += limn_thread_time() - began;
  /* A leaf that steps write can be read only when they are through. */
  return limn_tensor_download(limn_store_find(bench->session.store, "gate"), &gate);
}

static void tell(const limn_bench_options *options, double milliseconds) {
  if (options->done)
    options->done(options->context, milliseconds);
}

static limn_status measure(limn_bench *bench, const limn_bench_options *options, double started,
                           limn_bench_result *result, double *times) {
  LIMN_TRY(limn_bench_run(bench, 1));
  result->first_step_seconds = limn_clock() - started;
  tell(options, 1e3 * result->first_step_seconds);
  LIMN_TRY(limn_bench_run(bench, options->warmup));
  bench->host_seconds = 0;
  for (int r = 0; r < options->rounds; ++r) {
    double begin = limn_clock();
    LIMN_TRY(limn_bench_run(bench, options->steps_per_round));
    times[r] = 1e3 * (limn_clock() - begin) / options->steps_per_round;
    tell(options, times[r]);
  }
  result->host_milliseconds = 1e3 * bench->host_seconds / options->rounds / options->steps_per_round;
  result->milliseconds_median = limn_bench_median(times, options->rounds);
  result->milliseconds_min = times[0];
  result->milliseconds_max = times[options->rounds - 1];
  return LIMN_OK;
}

static void summarise(const limn_session *s, limn_bench_result *result) {
  limn_session_part parts[LIMN_SESSION_PARTS];
  for (int i = limn_session_parts(s, parts) - 1; i >= 0; --i) {
    limn_program_info info;
    limn_program_get_info(parts[i].program, &info);
    result->arena_bytes += info.arena_bytes;
  }
  int batches = s->algorithm->batches_per_step(s->config);
  double seconds = result->milliseconds_median / 1e3;
  result->images_per_second = s->config->batch * batches / seconds;
  result->gflops = limn_session_flops(s) / seconds / 1e9;
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  result->peak_rss_bytes = (size_t)usage.ru_maxrss * 1024;
  snprintf(result->device, sizeof result->device, "%s", s->device->description);
}

limn_status limn_bench_step(const limn_config *config, const limn_bench_options *options, limn_bench_result *result) {
  double started = limn_clock();
  *result = (limn_bench_result){0};
  if (options->warmup < 0 || options->rounds < 1 || options->steps_per_round < 1)
    return limn_fail(LIMN_USAGE, "a bench needs at least one round of one step");
  double *times = calloc((size_t)options->rounds, sizeof *times);
  if (!times)
    return limn_fail_memory("a bench");
  limn_bench bench;
  limn_status status = limn_bench_init(&bench, config);
  if (status == LIMN_OK) {
    status = measure(&bench, options, started, result, times);
    if (status == LIMN_OK)
      summarise(&bench.session, result);
    limn_bench_release(&bench);
  }
  free(times);
  return status;
}
