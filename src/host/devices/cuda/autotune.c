/* Times a convolution's plan on memory of its own. The arithmetic takes no longer for one number than for another, so
 * that the memory holds zeros. */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "devices/cuda/cuda.h"

#define ROUNDS 5 /* the fastest counts: what disturbs a round only makes it slower */

struct trial {
  void *x, *w, *y, *bias, *workspace;
  cudaEvent_t begin, end;
};

static size_t bytes_of(limn_shape shape, limn_type type) {
  return (size_t)limn_shape_count(shape) * cuda_type_size(type);
}

static limn_status trial_init(struct trial *t, struct cuda_device *cuda, const cuda_plan *plan,
                              const cuda_convolution *c) {
  const limn_step_kind kind = c->kind;
  const size_t workspace = cuda_plan_workspace(plan);
  const struct {
    void **memory;
    size_t bytes;
  } parts[] = {{&t->x, bytes_of(c->x, kind == LIMN_STEP_CONV_DX ? c->result : c->type)},
               {&t->w, bytes_of(c->w, kind == LIMN_STEP_CONV_DW ? c->result : c->type)},
               {&t->y, bytes_of(c->y, kind == LIMN_STEP_CONV ? c->result : c->type)},
               {&t->bias, c->bias ? sizeof(float) * (size_t)(kind == LIMN_STEP_CONV_DX ? c->x.c : c->y.c) : 0},
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
  void *const memory[] = {t->x, t->w, t->y, t->bias, t->workspace};
  for (size_t i = 0; i < sizeof memory / sizeof *memory; ++i)
    if (memory[i])
      cudaFree(memory[i]);
  if (t->begin)
    cudaEventDestroy(t->begin);
  if (t->end)
    cudaEventDestroy(t->end);
}

static limn_status time_rounds(const struct trial *t, const struct cuda_device *cuda, const cuda_plan *plan,
                               double *seconds) {
  for (int round = 0; round <= ROUNDS; ++round) { /* the first only warms up */
    float milliseconds = 0;
    LIMN_TRY(cuda_check(cuda, cudaEventRecord(t->begin, cuda->work), "timing an engine"));
    if (cuda_plan_run(plan, cuda->cudnn, t->x, t->w, t->y, t->bias, t->workspace) != LIMN_OK)
      return LIMN_OK; /* an engine that does not run is no choice: its time stays infinite */
    LIMN_TRY(cuda_check(cuda, cudaEventRecord(t->end, cuda->work), "timing an engine"));
    LIMN_TRY(cuda_check(cuda, cudaEventSynchronize(t->end), "timing an engine"));
    LIMN_TRY(cuda_check(cuda, cudaEventElapsedTime(&milliseconds, t->begin, t->end), "timing an engine"));
    if (round > 0)
      *seconds = fmin(*seconds, (double)milliseconds / 1e3);
  }
  return LIMN_OK;
}

limn_status cuda_measure_plan(void *context, const cuda_plan *plan, const cuda_convolution *convolution,
                              double *seconds) {
  struct cuda_device *cuda = context;
  struct trial t = {NULL};
  *seconds = (double)INFINITY;
  limn_status status = trial_init(&t, cuda, plan, convolution);
  if (status == LIMN_OK)
    status = time_rounds(&t, cuda, plan, seconds);
  trial_release(&t);
  return status;
}
