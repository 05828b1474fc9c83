#include "devices/cuda/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "devices/cuda/planning.h"

#define MOST_OPERANDS 11

limn_status cuda_choice_measure(const cuda_choice *choice, const cuda_planner *planner, const cuda_operation *operation,
                                double *seconds) {
  cuda_plan plan = {.operation = *operation, .plan = choice->plan, .workspace = choice->workspace};
  snprintf(plan.engine, sizeof plan.engine, "%s", choice->engine);
  return planner->measure(planner->measure_context, choice->plan ? &plan : NULL, operation, seconds);
}

void cuda_plan_destroy(cuda_plan *plan) {
  if (!plan || --plan->holders > 0)
    return;
  if (plan->planner) {
    cuda_plan **link = &plan->planner->plans;
    while (*link != plan)
      link = &(*link)->next;
    *link = plan->next;
  }
  cudnnBackendDestroyDescriptor(plan->plan);
  free(plan);
}

char *cuda_plan_text(cudnnBackendDescriptor_t plan, size_t *size) {
  cuda_descriptors set = {.count = 0};
  const cudnnBackendAttributeName_t name = CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION;
  int64_t count = cuda_descriptor_get(&set, plan, name, CUDNN_TYPE_CHAR, 0, NULL);
  char *text = count > 0 ? calloc((size_t)count + 1, 1) : NULL;
  if (!text)
    return NULL;
  cuda_descriptor_get(&set, plan, name, CUDNN_TYPE_CHAR, count, text);
  *size = strlen(text);
  if (set.status == CUDNN_STATUS_SUCCESS)
    return text;
  free(text);
  return NULL;
}

size_t cuda_plan_workspace(const cuda_plan *plan) { return plan->workspace; }

const char *cuda_plan_engine(const cuda_plan *plan) { return plan->engine; }

double cuda_plan_rate(const cuda_plan *plan) { return plan->rate; }

int64_t cuda_plan_blocks(const cuda_plan *plan) { return cuda_tile_blocks(plan->tile, &plan->operation); }

typedef struct pointer {
  int64_t uid;
  const void *at;
} pointer;

static limn_status execute(const cuda_plan *plan, cudnnHandle_t handle, const pointer *operands, int64_t count,
                           void *workspace) {
  int64_t uids[MOST_OPERANDS];
  const void *pointers[MOST_OPERANDS];
  for (int64_t i = 0; i < count; ++i) {
    uids[i] = operands[i].uid;
    pointers[i] = operands[i].at;
  }
  cuda_descriptors set = {.count = 0};
  cudnnBackendDescriptor_t pack =
      cuda_descriptor_create(&set, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, "hand over a plan's tensors");
  cuda_descriptor_set(&set, pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, count, pointers);
  cuda_descriptor_set(&set, pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, count, uids);
  cuda_descriptor_set(&set, pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace);
  cuda_descriptor_finalize(&set, pack);
  limn_status status = cuda_descriptors_check(&set);
  if (status == LIMN_OK) {
    cudnnStatus_t ran = cudnnBackendExecute(handle, plan->plan, pack);
    if (ran != CUDNN_STATUS_SUCCESS) {
      char name[256];
      status = limn_fail(LIMN_DEVICE, "cuDNN %zu could not run %s on %s: %s", cudnnGetVersion(), plan->engine,
                         cuda_operation_name(&plan->operation, name, sizeof name), cudnnGetErrorString(ran));
    }
  }
  cuda_descriptors_release(&set);
  return status;
}

/* cuDNN keeps the inverse deviation, of which the variance cannot be had again without eps and some digits. But its
 * running variance, (1 - share) old + share n / (n - 1) variance, is the variance itself for old = 0 and this share. */
static limn_status run_batchnorm(const cuda_plan *plan, cudnnHandle_t handle, const cuda_operands *o, void *workspace) {
  const limn_shape s = plan->operation.x;
  const double rows = (double)s.n * s.h * s.w;
  const float eps = o->eps, share = (float)((rows - 1) / rows);
  const pointer operands[] = {{CUDA_UID_X, o->x},
                              {CUDA_UID_Y, o->y},
                              {CUDA_UID_BIAS, o->bias},
                              {CUDA_UID_GAMMA, o->gamma},
                              {CUDA_UID_ZEROS, o->zeros},
                              {CUDA_UID_MEAN, o->statistics},
                              {CUDA_UID_VARIANCE, o->statistics + s.c},
                              {CUDA_UID_INVERSE, o->spare},
                              {CUDA_UID_RUNNING_MEAN, o->spare + s.c},
                              {CUDA_UID_EPS, &eps},
                              {CUDA_UID_SHARE, &share}};
  return execute(plan, handle, operands, sizeof operands / sizeof *operands, workspace);
}

limn_status cuda_plan_run(const cuda_plan *plan, cudnnHandle_t handle, const cuda_operands *o, void *workspace) {
  if (plan->operation.kind == LIMN_TASK_BATCHNORM)
    return run_batchnorm(plan, handle, o, workspace);
  const bool gradient = cuda_operation_ends_in_gradient(&plan->operation);
  const pointer last = gradient ? (pointer){CUDA_UID_ACTIVATED, o->activated} : (pointer){CUDA_UID_BIAS, o->bias};
  const pointer operands[] = {{CUDA_UID_X, o->x}, {CUDA_UID_W, o->w}, {CUDA_UID_Y, o->y}, last};
  return execute(plan, handle, operands, gradient || plan->operation.bias ? 4 : 3, workspace);
}
