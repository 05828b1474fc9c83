/* The parts of planning, private to planner.c and the files below it: describe (operation -> operation graph), choose
 * (graph -> engine -> plan), remember (plan <-> file). */
#ifndef LIMN_DEVICES_CUDA_PLANNING_H
#define LIMN_DEVICES_CUDA_PLANNING_H

#include "devices/choices.h"
#include "devices/cuda/descriptors.h"
#include "devices/cuda/plan.h"

struct cuda_planner {
  bool deterministic, tf32;
  cudnnBackendDescriptor_t properties; /* of the card */
  char card_text[4096];                /* the same in cuDNN's JSON */
  uint64_t card;                       /* a hash of that */
  int multiprocessors, generation;     /* of the card; compute capability times 10 */
  cuda_measure measure;                /* NULL: engines are not timed */
  void *measure_context;
  char *cache;        /* folder, or NULL */
  char *told, *found; /* choices that were given and that were made, or NULL (devices/choices.h) */
  int missed;         /* of the given ones, those that cuDNN does not have */
  cuda_plan *plans;   /* every plan of this planner that somebody holds */
};

/* A tensor's unique id, by which the pointers of a run find it. */
enum {
  CUDA_UID_X = 1,
  CUDA_UID_W,
  CUDA_UID_Y,
  CUDA_UID_BIAS,
  CUDA_UID_RAW,
  CUDA_UID_SUM,
  CUDA_UID_ACTIVATED,
  CUDA_UID_GAMMA,
  CUDA_UID_ZEROS,
  CUDA_UID_MEAN,
  CUDA_UID_VARIANCE,
  CUDA_UID_INVERSE, /* 1 / sqrt(variance + eps) */
  CUDA_UID_RUNNING_MEAN,
  CUDA_UID_EPS,
  CUDA_UID_SHARE
};

/* How a plan's kernel divides its work. */
typedef struct cuda_tile {
  int rows, columns; /* of the result, taken as a matrix product's, that a block makes; 0: cuDNN does not tell */
  int split;         /* blocks that share the sums of a tile */
  int generation;    /* compute capability, times 10, that the kernel was written for; 0: cuDNN does not tell */
} cuda_tile;

/* What planning ends in. */
typedef struct cuda_choice {
  cudnnBackendDescriptor_t plan; /* finalized; NULL: no engine, or CUDA_OWN_ENGINE */
  cuda_tile tile;
  size_t workspace; /* bytes */
  char engine[LIMN_ENGINE_SIZE];
  char reason[480]; /* why there is none, one line */
} cuda_choice;

struct cuda_plan {
  cuda_operation operation;
  int holders;
  cudnnBackendDescriptor_t plan;
  size_t workspace;
  cuda_tile tile;
  double rate;
  char engine[LIMN_ENGINE_SIZE];
  cuda_planner *planner; /* whose list it is in; NULL once that is gone */
  cuda_plan *next;
};

/* The operation graph, finalized, in `set`; NULL when the set has failed. */
cudnnBackendDescriptor_t cuda_describe(cuda_descriptors *set, const cuda_operation *operation);

/* What descriptions are made of (describe_parts.c). */
typedef struct cuda_described_tensor {
  int64_t uid;
  limn_shape shape; /* logical (N, C, H, W); in memory C is the fastest */
  limn_type type;
  bool is_virtual; /* lives in registers, between two fused operations */
  bool by_value;   /* a number on the host */
} cuda_described_tensor;
cudnnBackendDescriptor_t cuda_describe_tensor(cuda_descriptors *set, cuda_described_tensor tensor);
/* slope: of RELU_FWD and RELU_BWD below zero. */
cudnnBackendDescriptor_t cuda_describe_mode(cuda_descriptors *set, cudnnPointwiseMode_t mode, double slope);
/* y = mode(x [, b]); slope belongs to RELU_FWD, 0 otherwise. */
cudnnBackendDescriptor_t cuda_describe_pointwise(cuda_descriptors *set, cudnnPointwiseMode_t mode, double slope,
                                                 cudnnBackendDescriptor_t x, cudnnBackendDescriptor_t b,
                                                 cudnnBackendDescriptor_t y);
cudnnBackendDescriptor_t cuda_describe_graph(cuda_descriptors *set, const cudnnBackendDescriptor_t *operations,
                                             int64_t count);
/* describe_batchnorm.c */
cudnnBackendDescriptor_t cuda_describe_batchnorm(cuda_descriptors *set, const cuda_operation *operation);

/* tile.c. plan: in cuDNN's JSON; engine: its name. */
cuda_tile cuda_tile_of(const char *plan, const char *engine);
/* Blocks of a convolution's launch; 0: not known. */
int64_t cuda_tile_blocks(cuda_tile tile, const cuda_operation *operation);
/* How much of the tiles is result and not padding, 0 to 1; 1 where it is not known. */
double cuda_tile_use(cuda_tile tile, const cuda_operation *operation);
/* Of the tensor cores' rate: that of kernels which leave the card's own instructions unused. */
double cuda_tile_rate(cuda_tile tile, int generation);

/* configs.c. cuDNN's numerical notes on the engine, a bit each; its name, "eng6_k2=3_k13=1"; the configuration of a
 * name, in `set`: NULL where it is none, and where cuDNN does not support it. */
unsigned cuda_config_notes(cuda_descriptors *set, cudnnBackendDescriptor_t config);
void cuda_config_name(cuda_descriptors *set, cudnnBackendDescriptor_t config, char *out, size_t size);
cudnnBackendDescriptor_t cuda_config_named(cuda_descriptors *set, const cuda_planner *planner,
                                           cudnnBackendDescriptor_t graph, const char *name);

/* splits.c: a configuration that splits the sums of an operation for which cuDNN offers none that does, so that there
 * are up to `share` blocks a multiprocessor. It lives in `set`. NULL where there would be no more blocks than with a
 * smaller share, and where cuDNN supports none. */
cudnnBackendDescriptor_t cuda_split_config(cuda_descriptors *set, const cuda_planner *planner,
                                           const cuda_operation *operation, cudnnBackendDescriptor_t graph, int share);

/* How long a plan that was just made takes. */
limn_status cuda_choice_measure(const cuda_choice *choice, const cuda_planner *planner, const cuda_operation *operation,
                                double *seconds);
/* The first engine by cuDNN's own order that the planner's rules allow and whose plan finalizes; where the planner
 * measures, the fastest of the first few such. wanted: the engine of that name and no other, untimed; NULL: any. */
limn_status cuda_choose(cuda_choice *choice, const cuda_planner *planner, const cuda_operation *operation,
                        cudnnBackendDescriptor_t graph, const char *wanted);

/* false when there is no file for it, or none that can be believed. wanted as above. */
bool cuda_cache_load(cuda_choice *choice, const cuda_planner *planner, const cuda_operation *operation,
                     const char *wanted);
/* Best effort: a folder that cannot be written costs time at the next start, and nothing else. That there is no engine
 * is not kept: cuDNN says so, too, while NVRTC or the driver is missing. */
void cuda_cache_store(const cuda_choice *choice, const cuda_planner *planner, const cuda_operation *operation,
                      const char *wanted);
/* A plan in cuDNN's JSON (free()); NULL when cuDNN will not, or memory is out. */
char *cuda_plan_text(cudnnBackendDescriptor_t plan, size_t *size);
uint64_t cuda_cache_hash(const char *bytes, size_t size);

#endif
