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

/* What a training step is on a device, kernel by kernel: on the config's own, or on a card that need not be there. No
 * data is read (size and channels must be set, or 64 and 3 are used). */
typedef struct limn_step_row {
  char name[48];    /* "convolution backward data" */
  char engine[128]; /* what the library calls that does it; "" for kernels of Limn's own */
  int shape[4];     /* N, C, H, W of what it makes */
  int times;    /* it runs this often in a step: d_steps - 1 times what the discriminator's further steps add, else 1 */
  int launches; /* of kernels and library calls, each time; so are the next */
  double flops, bytes; /* bytes: moved to and from memory */
  size_t workspace_bytes;
  double floor_seconds; /* by the card's figures: the longer of computing and moving. 0: there are none */
} limn_step_row;

/* What the run needs of the device's memory. */
typedef struct limn_step_memory {
  size_t weight_bytes, optimizer_bytes; /* with running statistics and half-precision copies; with averages */
  size_t exchange_bytes;                /* inputs and outputs */
  size_t arena_bytes;                   /* activations, gradients, workspaces of all programs */
  size_t staging_bytes;                 /* for transfers */
  size_t reserve_bytes;                 /* kept free for the driver, CUDA and its libraries: an estimate */
  size_t sum_bytes;
} limn_step_memory;

/* Figures of a card: bytes, bytes/s, FLOP/s. */
typedef struct limn_step_card {
  const char *name;       /* "h100"; NULL: the device is no card of which these are known */
  const char *properties; /* JSON, as in a file that describes a card */
  double memory_bytes, bandwidth, fp32, tf32, half;
  double peak; /* the one of these three that belongs to the config's precision */
} limn_step_card;

typedef struct limn_step_plan {
  limn_step_row *rows; /* owned by the plan, in the order in which they run */
  size_t row_count;
  char device[128];
  char note[160]; /* why the plan is not quite the card's, one line; "" for nothing */
  int batch, channels, height, width;
  int images; /* of a step: batch x d_steps */
  int launches;
  double flops, bytes;
  /* What the step has to move even if every library call had a perfect epilogue, in the types in which the device keeps
   * things: convolutions and batchnorm with each operand read once and each result written once, optimisers, running
   * statistics; all pointwise work for nothing (docs/plan.md). */
  double least_bytes;
  double floor_seconds; /* sum over the rows; 0: there are no figures */
  limn_step_memory memory;
  limn_step_card card; /* its texts belong to the plan */
} limn_step_plan;

/* card: "h100" and others, or the path of a FILE.json (docs/plan.md); NULL: the config's device. LIMN_USAGE for a card
 * that is not known, LIMN_DATA for a file that describes none. */
LIMN_API limn_status limn_step_plan_create(limn_step_plan **out, const limn_config *config, const char *card);
LIMN_API void limn_step_plan_destroy(limn_step_plan *plan);

/* The largest batch whose training fits into the card's memory: estimated, then planned to see, up
 * to 5% short of it. A multiple of 8
 * where it is 8 or more and not the plan's own; 0: none fits. `plan` is that of the same config, with a card. */
LIMN_API limn_status limn_step_plan_largest_batch(const limn_step_plan *plan, const limn_config *config, int *batch);

/* Times the kernels of a training step one by one, on made-up pictures as limn_bench_step does. */
typedef struct limn_bench_ops_options {
  int warmup; /* whole steps before, not counted */
  int rounds; /* of whole steps, then of all kernels. 0: 20, on the CPU 5 */
} limn_bench_ops_options;

typedef struct limn_bench_row {
  limn_step_row step;                              /* floor_seconds by the peaks below */
  double seconds_median, seconds_min, seconds_max; /* each time, over the rounds */
  double share;                                    /* of the sum over all rows; of all its times together */
} limn_bench_row;

/* On a GPU every kernel begins with cold caches, on the CPU with what the one before has left there. */
typedef struct limn_bench_ops {
  limn_bench_row *rows; /* owned by the bench, in the order in which they run */
  size_t row_count;
  char device[128];
  int warmup, rounds;
  int images;                                  /* of a step: batch x d_steps */
  double seconds, flops, bytes, floor_seconds; /* sums over the rows (medians); floor 0: there are no peaks */
  double step_seconds;                         /* a whole step as it is trained with, the mean of `rounds` in a row */
  double peak_flops, peak_bandwidth;           /* FLOP/s, bytes/s; 0: not known */
  int peaks_measured;                          /* 1: just now, on this machine; 0: the card's figures */
} limn_bench_ops;

/* *out is yours. LIMN_DEVICE where the device cannot time its kernels. */
LIMN_API limn_status limn_bench_ops_create(limn_bench_ops **out, const limn_config *config,
                                           const limn_bench_ops_options *options);
LIMN_API void limn_bench_ops_destroy(limn_bench_ops *ops);

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
