/* The parts of planning, private to plan.c and the files beside it: describe (convolution -> operation graph), choose
 * (graph -> engine -> plan), remember (plan <-> file). */
#ifndef LIMN_DEVICES_CUDA_PLANNING_H
#define LIMN_DEVICES_CUDA_PLANNING_H

#include "devices/cuda/descriptors.h"
#include "devices/cuda/plan.h"

struct cuda_planner {
  bool deterministic, tf32;
  cudnnBackendDescriptor_t properties; /* of the card */
  uint64_t card;                       /* a hash of these properties */
  cuda_measure measure;                /* NULL: engines are not timed */
  void *measure_context;
  char *cache;      /* folder, or NULL */
  cuda_plan *plans; /* every plan of this planner that somebody holds */
};

/* A tensor's unique id, by which the pointers of a run find it. */
enum { CUDA_UID_X = 1, CUDA_UID_W, CUDA_UID_Y, CUDA_UID_BIAS, CUDA_UID_RAW, CUDA_UID_SUM };

/* What planning ends in. */
typedef struct cuda_choice {
  cudnnBackendDescriptor_t plan; /* finalized; NULL: no engine */
  size_t workspace;              /* bytes */
  char engine[160];
  char reason[480]; /* why there is none, one line */
} cuda_choice;

/* The operation graph, finalized, in `set`; NULL when the set has failed. */
cudnnBackendDescriptor_t cuda_describe(cuda_descriptors *set, const cuda_convolution *convolution);
/* "CONV x=(128,3,64,64) w=(64,3,4,4) y=(128,64,32,32) stride=(2,2) pad=(1,1) bf16->bf16 bias leaky_relu(0.2)": names a
 * convolution fully, for people and as the key of files. Returns `out`. */
const char *cuda_convolution_name(const cuda_convolution *convolution, char *out, size_t size);

/* How long a plan that was just made takes. */
limn_status cuda_choice_measure(const cuda_choice *choice, const cuda_planner *planner,
                                const cuda_convolution *convolution, double *seconds);
/* The first engine by cuDNN's own order that the planner's rules allow and whose plan finalizes; where the planner
 * measures, the fastest of the first few such. */
limn_status cuda_choose(cuda_choice *choice, const cuda_planner *planner, const cuda_convolution *convolution,
                        cudnnBackendDescriptor_t graph);

/* false when there is no file for it, or none that can be believed. */
bool cuda_cache_load(cuda_choice *choice, const cuda_planner *planner, const cuda_convolution *convolution);
/* Best effort: a folder that cannot be written costs time at the next start, and nothing else. That there is no engine
 * is not kept: cuDNN says so, too, while NVRTC or the driver is missing. */
void cuda_cache_store(const cuda_choice *choice, const cuda_planner *planner, const cuda_convolution *convolution);
uint64_t cuda_cache_hash(const char *bytes, size_t size);

#endif
