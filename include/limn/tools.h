/* What only our own program needs. Not installed. */
#ifndef LIMN_TOOLS_H
#define LIMN_TOOLS_H

#include <stddef.h>
#include <stdint.h>

#include "limn/config.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a run would be, for --dry-run. */
typedef struct limn_plan_layer {
  char network[24];            /* "generator" */
  char name[64];               /* "main.0" */
  char kind[64];               /* "transposed convolution 4x4, stride 2", "batchnorm", "relu" */
  int channels, height, width; /* of the output */
  int64_t parameters;
  double macs; /* multiply-accumulates an image, forward */
} limn_plan_layer;

typedef struct limn_plan {
  limn_plan_layer *layers; /* owned by the plan */
  size_t layer_count;
  char device[128];
  char data_kind[32]; /* "idx", "png folder" */
  uint32_t images, validation_images;
  int channels, height, width;
  int64_t steps; /* 0: by time */
  int batch;
  size_t weight_bytes, optimizer_bytes, arena_bytes, unshared_arena_bytes, data_bytes;
  double step_flops;
} limn_plan;

LIMN_API limn_status limn_plan_create(limn_plan **out, const limn_config *config);
LIMN_API void limn_plan_destroy(limn_plan *plan);

/* Times training steps on made-up pictures: no data set is read (size and channels must be set, or 64 and 3 are used).
 */
typedef struct limn_bench_options {
  int warmup, rounds; /* steps not counted; rounds of steps */
  int steps_per_round;
} limn_bench_options;

typedef struct limn_bench_result {
  double milliseconds_median, milliseconds_min, milliseconds_max; /* a step, over the rounds */
  double images_per_second, gflops;                               /* at the median */
  double first_step_seconds;                                      /* from the call to the end of the first step */
  size_t arena_bytes, peak_rss_bytes;
  char device[128];
} limn_bench_result;

LIMN_API limn_status limn_bench_step(const limn_config *config, const limn_bench_options *options,
                                     limn_bench_result *result);

/* The machine as Limn sees it. */
typedef struct limn_doctor_line {
  char what[32]; /* "CPU", "oneDNN", "CUDA" */
  char found[192];
  char remedy[192]; /* "" when nothing is to be done */
  int usable;
} limn_doctor_line;
/* Fills up to `capacity` lines; *count is how many there are. */
LIMN_API limn_status limn_doctor(limn_doctor_line *lines, size_t capacity, size_t *count);

#ifdef __cplusplus
}
#endif
#endif
