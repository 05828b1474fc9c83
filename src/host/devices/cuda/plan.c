#include "devices/cuda/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "devices/cuda/planning.h"

struct cuda_plan {
  cuda_convolution convolution;
  int holders;
  cudnnBackendDescriptor_t plan;
  size_t workspace;
  char engine[160];
  cuda_planner *planner; /* whose list it is in; NULL once that is gone */
  cuda_plan *next;
};

static limn_status describe_card(cuda_planner *planner, const cuda_planner_options *options) {
  cuda_descriptors set = {.count = 0};
  cudnnBackendDescriptor_t d =
      cuda_descriptor_create(&set, CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, "read a card's properties");
  const cudnnBackendAttributeName_t json = CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION;
  if (options->properties) {
    cuda_descriptor_set(&set, d, json, CUDNN_TYPE_CHAR, (int64_t)strlen(options->properties) + 1, options->properties);
  } else {
    const int32_t device = options->device;
    cuda_descriptor_set(&set, d, CUDNN_ATTR_DEVICEPROP_DEVICE_ID, CUDNN_TYPE_INT32, 1, &device);
  }
  cuda_descriptor_finalize(&set, d);
  char text[4096] = "";
  const int64_t size = cuda_descriptor_get(&set, d, json, CUDNN_TYPE_CHAR, sizeof text - 1, text);
  planner->card = cuda_cache_hash(text, strlen(text));
  limn_status status = cuda_descriptors_check(&set);
  if (status == LIMN_OK && (size < 2 || size > (int64_t)sizeof text))
    status = limn_fail(LIMN_DEVICE, "cuDNN %zu describes the card in %lld characters; at most %zu are understood",
                       cudnnGetVersion(), (long long)size, sizeof text);
  if (status == LIMN_OK) {
    planner->properties = d;
    cuda_descriptors_detach(&set, d);
  }
  cuda_descriptors_release(&set);
  return status;
}

limn_status cuda_planner_create(cuda_planner **out, const cuda_planner_options *options) {
  *out = NULL;
  cuda_planner *planner = calloc(1, sizeof *planner);
  if (!planner)
    return limn_fail_memory("the planner of convolutions");
  planner->deterministic = options->deterministic;
  planner->tf32 = options->tf32;
  planner->measure = options->measure;
  planner->measure_context = options->measure_context;
  limn_status status = LIMN_OK;
  if (options->cache) {
    planner->cache = strdup(options->cache);
    if (!planner->cache) {
      status = limn_fail_memory("the planner of convolutions");
      goto cleanup;
    }
    mkdir(planner->cache, 0700); /* where that fails, nothing is kept */
  }
  LIMN_TRY_OR_CLEANUP(status, describe_card(planner, options));
  *out = planner;
  return LIMN_OK;
cleanup:
  cuda_planner_destroy(planner);
  return status;
}

void cuda_planner_destroy(cuda_planner *planner) {
  if (!planner)
    return;
  for (cuda_plan *plan = planner->plans; plan; plan = plan->next)
    plan->planner = NULL;
  if (planner->properties)
    cudnnBackendDestroyDescriptor(planner->properties);
  free(planner->cache);
  free(planner);
}

static bool same_shape(limn_shape a, limn_shape b) { return a.n == b.n && a.c == b.c && a.h == b.h && a.w == b.w; }

static bool same_convolution(const cuda_convolution *a, const cuda_convolution *b) {
  return a->kind == b->kind && same_shape(a->x, b->x) && same_shape(a->w, b->w) && same_shape(a->y, b->y) &&
         a->attrs.stride_h == b->attrs.stride_h && a->attrs.stride_w == b->attrs.stride_w &&
         a->attrs.pad_h == b->attrs.pad_h && a->attrs.pad_w == b->attrs.pad_w && a->type == b->type &&
         a->result == b->result && a->bias == b->bias && a->activation == b->activation &&
         (a->activation != LIMN_PW_LEAKY_RELU || a->slope == b->slope);
}

/* Why cuDNN need not even be asked; NULL: it does. */
static const char *beyond(const cuda_convolution *c) {
  const limn_pointwise a = c->activation;
  if (c->kind == LIMN_STEP_CONV_DW && (c->bias || a != LIMN_PW_COUNT))
    return "a gradient of weights has neither bias nor activation";
  if (a != LIMN_PW_COUNT && a != LIMN_PW_RELU && a != LIMN_PW_LEAKY_RELU && a != LIMN_PW_TANH && a != LIMN_PW_SIGMOID)
    return "that scalar function is none of those that can follow";
  if (a == LIMN_PW_LEAKY_RELU && !(c->slope >= 0 && c->slope <= 1))
    return "a leaky ReLU is computed as max(x, slope x), which wants a slope from 0 to 1";
  return NULL;
}

/* From nothing: descriptions, engines. A graph that cuDNN does not support is a choice of no plan. */
static limn_status plan_anew(cuda_choice *choice, const cuda_planner *planner, const cuda_convolution *convolution) {
  limn_status status = LIMN_OK;
  cuda_descriptors set = {.count = 0};
  cudnnBackendDescriptor_t graph = cuda_describe(&set, convolution);
  if (graph) {
    status = cuda_choose(choice, planner, convolution, graph);
  } else if (cuda_descriptors_unsupported(&set)) {
    cuda_descriptors_explain(&set, choice->reason, sizeof choice->reason);
  } else {
    status = cuda_descriptors_check(&set);
  }
  cuda_descriptors_release(&set);
  return status;
}

limn_status cuda_choice_measure(const cuda_choice *choice, const cuda_planner *planner,
                                const cuda_convolution *convolution, double *seconds) {
  cuda_plan plan = {.convolution = *convolution, .plan = choice->plan, .workspace = choice->workspace};
  snprintf(plan.engine, sizeof plan.engine, "%s", choice->engine);
  return planner->measure(planner->measure_context, &plan, convolution, seconds);
}

static limn_status no_engine(const cuda_convolution *convolution, const char *reason) {
  char name[256];
  return limn_fail(LIMN_OK, "cuDNN %zu has no engine for %s: %s", cudnnGetVersion(),
                   cuda_convolution_name(convolution, name, sizeof name), reason);
}

limn_status cuda_plan_create(cuda_plan **out, cuda_planner *planner, const cuda_convolution *convolution) {
  *out = NULL;
  if (convolution->kind != LIMN_STEP_CONV && convolution->kind != LIMN_STEP_CONV_DX &&
      convolution->kind != LIMN_STEP_CONV_DW)
    return limn_fail(LIMN_FAILED, "step %d is no convolution, and only convolutions are planned",
                     (int)convolution->kind);
  if (beyond(convolution))
    return no_engine(convolution, beyond(convolution));
  for (cuda_plan *plan = planner->plans; plan; plan = plan->next)
    if (same_convolution(&plan->convolution, convolution)) {
      ++plan->holders;
      *out = plan;
      return LIMN_OK;
    }
  cuda_plan *plan = calloc(1, sizeof *plan);
  if (!plan)
    return limn_fail_memory("a convolution's plan");
  cuda_choice choice = {.plan = NULL};
  if (!cuda_cache_load(&choice, planner, convolution)) {
    choice = (cuda_choice){.plan = NULL};
    limn_status status = plan_anew(&choice, planner, convolution);
    if (status != LIMN_OK) {
      free(plan);
      return status;
    }
    cuda_cache_store(&choice, planner, convolution);
  }
  if (!choice.plan) {
    free(plan);
    return no_engine(convolution, choice.reason);
  }
  plan->convolution = *convolution;
  plan->holders = 1;
  plan->plan = choice.plan;
  plan->workspace = choice.workspace;
  memcpy(plan->engine, choice.engine, sizeof plan->engine);
  plan->planner = planner;
  plan->next = planner->plans;
  planner->plans = plan;
  *out = plan;
  return LIMN_OK;
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

size_t cuda_plan_workspace(const cuda_plan *plan) { return plan->workspace; }

const char *cuda_plan_engine(const cuda_plan *plan) { return plan->engine; }

limn_status cuda_plan_run(const cuda_plan *plan, cudnnHandle_t handle, void *x, void *w, void *y, const float *bias,
                          void *workspace) {
  const int64_t uids[4] = {CUDA_UID_X, CUDA_UID_W, CUDA_UID_Y, CUDA_UID_BIAS};
  const void *pointers[4] = {x, w, y, bias};
  const int64_t count = plan->convolution.bias ? 4 : 3;
  cuda_descriptors set = {.count = 0};
  cudnnBackendDescriptor_t pack =
      cuda_descriptor_create(&set, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, "hand over a convolution's tensors");
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
                         cuda_convolution_name(&plan->convolution, name, sizeof name), cudnnGetErrorString(ran));
    }
  }
  cuda_descriptors_release(&set);
  return status;
}
