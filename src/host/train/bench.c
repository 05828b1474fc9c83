/* How fast training steps are, on made-up pictures. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/philox.h"
#include "limn/tools.h"
#include "train/session.h"

#define DEFAULT_SIZE     64
#define DEFAULT_CHANNELS 3

static limn_status same_batch(void *context, const uint8_t **nchw) {
  *nchw = context;
  return LIMN_OK;
}

/* Noise: no layer's work depends on what the pictures show. */
static uint8_t *make_pictures(const limn_config *config) {
  size_t count = (size_t)config->batch * (size_t)config->channels * (size_t)config->height * (size_t)config->width;
  uint8_t *bytes = malloc(count + 4);
  for (size_t i = 0; bytes && i < count; i += 4) {
    float u[4];
    limn_philox_uniform(config->seed, LIMN_STREAM_DRAWING, 0, i, u, 4);
    for (size_t j = 0; j < 4; ++j)
      bytes[i + j] = (uint8_t)(256 * u[j]);
  }
  return bytes;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static limn_status run_steps(limn_session *s, uint64_t *step, int count) {
  for (int i = 0; i < count; ++i)
    LIMN_TRY(limn_session_step(s, (*step)++));
  return LIMN_OK;
}

static limn_status measure(limn_session *s, const limn_bench_options *options, double started,
                           limn_bench_result *result, double *times) {
  uint64_t step = 0;
  LIMN_TRY(run_steps(s, &step, 1));
  result->first_step_seconds = limn_clock() - started;
  LIMN_TRY(run_steps(s, &step, options->warmup));
  for (int r = 0; r < options->rounds; ++r) {
    double begin = limn_clock();
    LIMN_TRY(run_steps(s, &step, options->steps_per_round));
    times[r] = 1e3 * (limn_clock() - begin) / options->steps_per_round;
  }
  qsort(times, (size_t)options->rounds, sizeof *times, ascending);
  return LIMN_OK;
}

static void summarise(const limn_session *s, const double *times, int rounds, limn_bench_result *result) {
  limn_program_info info, extra = {0};
  limn_program_get_info(s->train, &info);
  if (s->extra)
    limn_program_get_info(s->extra, &extra);
  int batches = s->algorithm->batches_per_step(s->config);
  result->milliseconds_min = times[0];
  result->milliseconds_max = times[rounds - 1];
  result->milliseconds_median = rounds % 2 ? times[rounds / 2] : (times[rounds / 2 - 1] + times[rounds / 2]) / 2;
  double seconds = result->milliseconds_median / 1e3;
  result->images_per_second = s->config->batch * batches / seconds;
  result->gflops = (info.flops + extra.flops * (batches - 1)) / seconds / 1e9;
  result->arena_bytes = info.arena_bytes + extra.arena_bytes;
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  result->peak_rss_bytes = (size_t)usage.ru_maxrss * 1024;
  snprintf(result->device, sizeof result->device, "%s", s->device->description);
}

static limn_status bench(limn_config *config, const limn_bench_options *options, limn_bench_result *result) {
  double started = limn_clock();
  config->height = config->height ? config->height : DEFAULT_SIZE;
  config->width = config->width ? config->width : DEFAULT_SIZE;
  config->channels = config->channels ? config->channels : DEFAULT_CHANNELS;
  LIMN_TRY(limn_config_check(config));
  limn_session session = {0};
  uint8_t *pictures = make_pictures(config);
  double *times = calloc((size_t)options->rounds, sizeof *times);
  limn_status status = pictures && times ? LIMN_OK : limn_fail_memory("a bench");
  if (status == LIMN_OK)
    status = limn_session_init(&session, config, 1000000, &(limn_session_data){.next = same_batch, .source = pictures});
  if (status == LIMN_OK) {
    status = measure(&session, options, started, result, times);
    if (status == LIMN_OK)
      summarise(&session, times, options->rounds, result);
    limn_session_release(&session);
  }
  free(pictures);
  free(times);
  return status;
}

limn_status limn_bench_step(const limn_config *wanted, const limn_bench_options *options, limn_bench_result *result) {
  *result = (limn_bench_result){0};
  if (options->warmup < 0 || options->rounds < 1 || options->steps_per_round < 1)
    return limn_fail(LIMN_USAGE, "a bench needs at least one round of one step");
  limn_config *config = NULL;
  LIMN_TRY(limn_config_copy(&config, wanted));
  limn_status status = bench(config, options, result);
  limn_config_destroy(config);
  return status;
}
