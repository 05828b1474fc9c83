/* Times an operation's plan, or Limn's own kernels for it, on memory of its own. The arithmetic takes no longer for one
 * number than for another, so that the memory holds zeros. */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "devices/cuda/cuda.h"

#define ROUNDS 5 /* the fastest counts: what disturbs a round only makes it slower */

struct trial {
  void *x, *w, *y, *bias, *activated, *gamma, *statistics, *spare, *workspace;
  cudaEvent_t begin, end;
};

static size_t bytes_of(limn_shape shape, limn_type type) {
  return (size_t)limn_shape_count(shape) * cuda_type_size(type);
}

static limn_batchnorm_shape rows_of(const cuda_operation *o) {
  return (limn_batchnorm_shape){.rows = limn_shape_count(o->x) / o->x.c, .channels = o->x.c, .groups = 1};
}

static limn_status trial_init(struct trial *t, struct cuda_device *cuda, const cuda_plan *plan,
                              const cuda_operation *o) {
  const limn_step_kind kind = o->kind;
  const bool norm = kind == LIMN_STEP_BATCHNORM;
  const size_t channels = sizeof(float) * (size_t)(kind == LIMN_STEP_CONV ? o->y.c : o->x.c);
  const size_t workspace = plan ? cuda_plan_workspace(plan) : limn_batchnorm_scratch(rows_of(o));
  const struct {
    void **memory;
    size_t bytes;
  } parts[] = {{&t->x, bytes_of(o->x, kind == LIMN_STEP_CONV_DX ? o->result : o->type)},
               {&t->w, norm ? 0 : bytes_of(o->w, kind == LIMN_STEP_CONV_DW ? o->result : o->type)},
               {&t->y, bytes_of(o->y, kind == LIMN_STEP_CONV || norm ? o->result : o->type)},
               {&t->bias, o->bias ? channels : 0},
               {&t->activated, cuda_operation_ends_in_gradient(o) ? bytes_of(o->x, o->type) : 0},
               {&t->gamma, norm ? channels : 0},
               {&t->statistics, norm ? 2 * channels : 0},
               {&t->spare, norm ? 2 * channels : 0},
               {&t->workspace, workspace}};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; ++i) {
    if (!parts[i].bytes)
      continue;
    LIMN_TRY(cuda_allocate(cuda, parts[i].memory, parts[i].bytes));
    LIMN_TRY(cuda_check(cuda, cudaMemsetAsync(*parts[i].memory, 0, parts[i].bytes, cuda->work), "timing an engine"));
  }
  LIMN_TRY(cuda_check(cuda, cudaEventCreateWithFlags(&t->begin, cudaEventDefault), "timing an engine"));
  return cuda_check(cuda, cudaEventCreateWithFlags(&t->end, cudaEventDefault), "timing an engine");
}

static void trial_release(struct trial *t) {
  void *const memory[] = {t->x, t->w, t->y, t->bias, t->activated, t->gamma, t->statistics, t->spare, t->workspace};
  for (size_t i = 0; i < sizeof memory / sizeof *memory; ++i)
    if (memory[i])
      cudaFree(memory[i]);
  if (t->begin)
    cudaEventDestroy(t->begin);
  if (t->end)
    cudaEventDestroy(t->end);
}

static limn_status run_once(const struct trial *t, const struct cuda_device *cuda, const cuda_plan *plan,
                            const cuda_operation *o) {
  const float eps = 1;
  if (plan)
    return cuda_plan_run(plan, cuda->cudnn,
                         &(cuda_operands){.x = t->x,
                                          .w = t->w,
                                          .y = t->y,
                                          .bias = t->bias,
                                          .activated = t->activated,
                                          .gamma = t->gamma,
                                          .zeros = t->gamma,
                                          .statistics = t->statistics,
                                          .spare = t->spare,
                                          .eps = eps},
                         t->workspace);
  const limn_batchnorm_forward_args args = {.x = t->x,
                                            .y = t->y,
                                            .type = o->type,
                                            .shape = rows_of(o),
                                            .gamma = t->gamma,
                                            .beta = t->bias,
                                            .eps = eps,
                                            .statistics = t->statistics,
                                            .scratch = t->workspace};
  return cuda_check(cuda, limn_batchnorm_forward(&args, cuda->work), "timing an engine");
}

static limn_status time_rounds(const struct trial *t, const struct cuda_device *cuda, const cuda_plan *plan,
                               const cuda_operation *o, double *seconds) {
  for (int round = 0; round <= ROUNDS; ++round) { /* the first only warms up */
    float milliseconds = 0;
    LIMN_TRY(cuda_check(cuda, cudaEventRecord(t->begin, cuda->work), "timing an engine"));
    if (run_once(t, cuda, plan, o) != LIMN_OK)
      return LIMN_OK; /* an engine that does not run is no choice: its time stays infinite */
    LIMN_TRY(cuda_check(cuda, cudaEventRecord(t->end, cuda->work), "timing an engine"));
    LIMN_TRY(cuda_check(cuda, cudaEventSynchronize(t->end), "timing an engine"));
    LIMN_TRY(cuda_check(cuda, cudaEventElapsedTime(&milliseconds, t->begin, t->end), "timing an engine"));
    if (round > 0)
      *seconds = fmin(*seconds, (double)milliseconds / 1e3);
  }
  return LIMN_OK;
}

limn_status cuda_measure_plan(void *context, const cuda_plan *plan, const cuda_operation *operation, double *seconds) {
  struct cuda_device *cuda = context;
  struct trial t = {NULL};
  *seconds = (double)INFINITY;
  limn_status status = trial_init(&t, cuda, plan, operation);
  if (status == LIMN_OK)
    status = time_rounds(&t, cuda, plan, operation, seconds);
  trial_release(&t);
  return status;
}
