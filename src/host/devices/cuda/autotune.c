/* Times an operation's plan, or Limn's own kernels for it, as a step runs it: in a graph, on memory of its own. The
 * arithmetic takes no longer for one
 * number than for another, so that the memory holds zeros. */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "devices/cuda/cuda.h"

#define ROUNDS 3 /* the fastest counts: what disturbs a round only makes it slower */
/* A round's launches: as many as take the card longer than the host takes for a graph's launch. */
#define LEAST_SECONDS 100e-6
#define MOST_LAUNCHES 20

struct trial {
  void *x, *w, *y, *bias, *activated, *gamma, *statistics, *spare, *workspace;
  cuda_plan *apart; /* Limn's own way to a convolution with something fused: this one without */
  cudaEvent_t begin, end;
};

static size_t bytes_of(limn_shape shape, limn_type type) {
  return (size_t)limn_shape_count(shape) * cuda_type_size(type);
}

static limn_batchnorm_shape rows_of(const cuda_operation *o) {
  return (limn_batchnorm_shape){.rows = limn_shape_count(o->x) / o->x.c, .channels = o->x.c, .groups = 1};
}

/* *there is false where Limn's own way is asked for and there is none. */
static limn_status trial_init(struct trial *t, struct cuda_device *cuda, const cuda_plan *plan, const cuda_operation *o,
                              bool *there) {
  const limn_task_kind kind = o->kind;
  const bool norm = kind == LIMN_TASK_BATCHNORM;
  if (!plan && !norm) {
    const cuda_operation plain = cuda_operation_alone(o);
    LIMN_TRY(cuda_plan_create(&t->apart, cuda->planner, &plain));
    *there = t->apart != NULL;
    if (!*there)
      return LIMN_OK;
  }
  const size_t channels = sizeof(float) * (size_t)(kind == LIMN_TASK_CONV ? o->y.c : o->x.c);
  const size_t workspace = plan       ? cuda_plan_workspace(plan)
                           : t->apart ? cuda_plan_workspace(t->apart)
                                      : limn_batchnorm_scratch(rows_of(o));
  const struct {
    void **memory;
    size_t bytes;
  } parts[] = {{&t->x, bytes_of(o->x, kind == LIMN_TASK_CONV_DX ? o->result : o->type)},
               {&t->w, norm ? 0 : bytes_of(o->w, kind == LIMN_TASK_CONV_DW ? o->result : o->type)},
               {&t->y, bytes_of(o->y, kind == LIMN_TASK_CONV || norm ? o->result : o->type)},
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
  cuda_plan_destroy(t->apart);
  if (t->begin)
    cudaEventDestroy(t->begin);
  if (t->end)
    cudaEventDestroy(t->end);
}

/* The plain convolution, and the pass behind it that a fused one would spare. */
static limn_status run_apart(const struct trial *t, const struct cuda_device *cuda, const cuda_operation *o) {
  const bool forward = o->kind == LIMN_TASK_CONV;
  limn_group group;
  limn_result result;
  cuda_describe_epilogue(&group, &result,
                         &(cuda_epilogue){.shape = forward ? o->y : o->x,
                                          .type = o->result,
                                          .activated = o->type,
                                          .bias = o->bias,
                                          .activation = o->activation,
                                          .slope = o->slope});
  result.out = forward ? t->y : t->x;
  group.inputs[0].data = result.out;
  group.inputs[1].data = o->bias ? t->bias : t->activated;
  LIMN_TRY(cuda_plan_run(t->apart, cuda->cudnn, &(cuda_operands){.x = t->x, .w = t->w, .y = t->y}, t->workspace));
  return cuda_check(cuda, limn_run_pass(&group, &result, 1, NULL, cuda->work), "timing an engine");
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
  if (t->apart)
    return run_apart(t, cuda, o);
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

/* What a graph of an engine's launches is made of. */
struct launches {
  const struct trial *trial;
  const struct cuda_device *cuda;
  const cuda_plan *plan;
  const cuda_operation *operation;
  int count;
};

static limn_status enqueue(void *context) {
  const struct launches *l = context;
  for (int i = 0; i < l->count; ++i)
    LIMN_TRY(run_once(l->trial, l->cuda, l->plan, l->operation));
  return LIMN_OK;
}

/* From one event to the other; graph NULL: of plain launches. Of a graph one run goes ahead: the card is busy with it
 * until the host has put the next behind it, so that no time of the host is counted. */
static limn_status time_once(struct launches *l, cudaGraphExec_t graph, double *seconds) {
  const struct cuda_device *cuda = l->cuda;
  const struct trial *t = l->trial;
  float milliseconds = 0;
  if (graph)
    LIMN_TRY(cuda_check(cuda, cudaGraphLaunch(graph, cuda->work), "timing an engine"));
  LIMN_TRY(cuda_check(cuda, cudaEventRecord(t->begin, cuda->work), "timing an engine"));
  LIMN_TRY(graph ? cuda_check(cuda, cudaGraphLaunch(graph, cuda->work), "timing an engine") : enqueue(l));
  LIMN_TRY(cuda_check(cuda, cudaEventRecord(t->end, cuda->work), "timing an engine"));
  LIMN_TRY(cuda_check(cuda, cudaEventSynchronize(t->end), "timing an engine"));
  LIMN_TRY(cuda_check(cuda, cudaEventElapsedTime(&milliseconds, t->begin, t->end), "timing an engine"));
  *seconds = (double)milliseconds / 1e3 / l->count;
  return LIMN_OK;
}

/* An engine that does not run is no choice: its time stays infinite. Nor is one that cannot be captured. */
static limn_status time_rounds(struct launches *l, double *seconds) {
  double once = 0;
  cudaGraphExec_t graph = NULL;
  l->count = 1;
  if (enqueue(l) != LIMN_OK) /* which loads its code */
    return LIMN_OK;
  LIMN_TRY(time_once(l, NULL, &once));
  l->count = once > 0 && LEAST_SECONDS / once < MOST_LAUNCHES ? (int)ceil(LEAST_SECONDS / once) : MOST_LAUNCHES;
  if (cuda_capture(l->cuda, enqueue, l, &graph) != LIMN_OK)
    return cuda_check(l->cuda, cudaStreamSynchronize(l->cuda->work), "timing an engine");
  limn_status status = LIMN_OK;
  for (int round = 0; status == LIMN_OK && round < ROUNDS; ++round) {
    double now = 0;
    status = time_once(l, graph, &now);
    *seconds = round == 0 ? now : fmin(*seconds, now);
  }
  cudaGraphExecDestroy(graph);
  return status;
}

limn_status cuda_measure_plan(void *context, const cuda_plan *plan, const cuda_operation *operation, double *seconds) {
  struct cuda_device *cuda = context;
  struct trial t = {NULL};
  *seconds = (double)INFINITY;
  bool there = true;
  limn_status status = trial_init(&t, cuda, plan, operation, &there);
  struct launches launches = {&t, cuda, plan, operation, 1};
  if (status == LIMN_OK && there)
    status = time_rounds(&launches, seconds);
  trial_release(&t);
  return status;
}
