#include "devices/cuda/planner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "devices/cuda/planning.h"

/* A whole number of the card's properties; 0 where there is none of that name. */
static int property(const char *text, const char *name) {
  const char *at = strstr(text, name), *colon = at ? strchr(at, ':') : NULL;
  return colon ? atoi(colon + 1) : 0;
}

static void forget(char *text, const char *field) {
  char *value = strstr(text, field);
  if (!value)
    return;
  value += strlen(field);
  const size_t length = strcspn(value, ",}");
  memmove(value, value + length, strlen(value + length) + 1);
}

/* Of the JSON without its white space, which a file that carried it elsewhere may have changed, and without the slot
 * that the card is in. */
static uint64_t hash_of_card(const char *text) {
  char dense[sizeof((cuda_planner *)NULL)->card_text];
  size_t size = 0;
  bool quoted = false;
  for (; *text && size < sizeof dense - 1; ++text) {
    quoted = quoted != (*text == '"'); /* no name of a card has an escape */
    if (quoted || !strchr(" \t\r\n", *text))
      dense[size++] = *text;
  }
  dense[size] = '\0';
  forget(dense, "\"cudaDeviceId\":");
  forget(dense, "\"pciDeviceId\":");
  return cuda_cache_hash(dense, strlen(dense));
}

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
  char *text = planner->card_text;
  const int64_t most = sizeof planner->card_text,
                size = cuda_descriptor_get(&set, d, json, CUDNN_TYPE_CHAR, most - 1, text);
  planner->card = hash_of_card(text);
  planner->multiprocessors = property(text, "\"multiProcessorCount\"");
  planner->generation = property(text, "\"deviceVer\"") / 10;
  limn_status status = cuda_descriptors_check(&set);
  if (status == LIMN_OK && (size < 2 || size > most))
    status = limn_fail(LIMN_DEVICE, "cuDNN %zu describes the card in %lld characters; at most %lld are understood",
                       cudnnGetVersion(), (long long)size, (long long)most);
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
    return limn_fail_memory("the planner");
  planner->deterministic = options->deterministic;
  planner->tf32 = options->tf32;
  planner->measure = options->measure;
  planner->measure_context = options->measure_context;
  limn_status status = LIMN_OK;
  if (options->choices) {
    planner->told = strdup(options->choices);
    if (!planner->told) {
      status = limn_fail_memory("the planner");
      goto cleanup;
    }
  }
  if (options->cache) {
    planner->cache = strdup(options->cache);
    if (!planner->cache) {
      status = limn_fail_memory("the planner");
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
  free(planner->told);
  free(planner->found);
  free(planner->cache);
  free(planner);
}

const char *cuda_planner_choices(const cuda_planner *planner) { return planner->found; }

const char *cuda_planner_card(const cuda_planner *planner) { return planner->card_text; }

int cuda_planner_multiprocessors(const cuda_planner *planner) { return planner->multiprocessors; }

int cuda_planner_generation(const cuda_planner *planner) { return planner->generation; }

int cuda_planner_missed(const cuda_planner *planner) { return planner->missed; }

/* Why cuDNN need not even be asked; NULL: it does. */
static const char *beyond(const cuda_operation *c) {
  const limn_pointwise a = c->activation;
  if (c->kind == LIMN_TASK_BATCHNORM && (a != LIMN_PW_RELU || c->x.c % 4 != 0))
    return "a batch normalisation is planned with ReLU and a multiple of 4 channels";
  if (c->kind == LIMN_TASK_CONV_DW && (c->bias || a != LIMN_PW_COUNT))
    return "a gradient of weights has neither bias nor activation";
  if (cuda_operation_ends_in_gradient(c))
    return c->kind == LIMN_TASK_CONV_DX && !c->bias && c->type == c->result
               ? NULL
               : "an activation's gradient can follow a gradient of data alone";
  if (a != LIMN_PW_COUNT && a != LIMN_PW_RELU && a != LIMN_PW_LEAKY_RELU && a != LIMN_PW_TANH && a != LIMN_PW_SIGMOID)
    return "that scalar function is none of those that can follow";
  if (a == LIMN_PW_LEAKY_RELU && !(c->slope >= 0 && c->slope <= 1))
    return "a leaky ReLU is computed as max(x, slope x), which wants a slope from 0 to 1";
  return NULL;
}

/* From nothing: descriptions, engines. A graph that cuDNN does not support is a choice of no plan. */
static limn_status plan_anew(cuda_choice *choice, const cuda_planner *planner, const cuda_operation *operation,
                             const char *wanted) {
  limn_status status = LIMN_OK;
  cuda_descriptors set = {.count = 0};
  cudnnBackendDescriptor_t graph = cuda_describe(&set, operation);
  if (graph) {
    status = cuda_choose(choice, planner, operation, graph, wanted);
  } else if (cuda_descriptors_unsupported(&set)) {
    cuda_descriptors_explain(&set, choice->reason, sizeof choice->reason);
  } else {
    status = cuda_descriptors_check(&set);
  }
  cuda_descriptors_release(&set);
  return status;
}

/* From a file, or anew. *choice is without an engine where there is none. */
static limn_status find_plan(cuda_choice *choice, const cuda_planner *planner, const cuda_operation *operation,
                             const char *wanted) {
  *choice = (cuda_choice){.plan = NULL};
  if (cuda_cache_load(choice, planner, operation, wanted))
    return LIMN_OK;
  *choice = (cuda_choice){.plan = NULL};
  LIMN_TRY(plan_anew(choice, planner, operation, wanted));
  cuda_cache_store(choice, planner, operation, wanted);
  return LIMN_OK;
}

/* The engine that was told where cuDNN has it, else one that is chosen; what is worth telling again is noted. */
static limn_status choose(cuda_choice *choice, cuda_planner *planner, const cuda_operation *operation) {
  char name[256], wanted[sizeof choice->engine];
  cuda_operation_name(operation, name, sizeof name);
  bool told = limn_choices_find(planner->told, name, wanted, sizeof wanted);
  if (told) {
    LIMN_TRY(find_plan(choice, planner, operation, wanted));
    told = choice->engine[0];
    planner->missed += !told;
  }
  if (!told)
    LIMN_TRY(find_plan(choice, planner, operation, NULL));
  limn_status status = choice->engine[0] && (told || planner->measure)
                           ? limn_choices_add(&planner->found, name, choice->engine)
                           : LIMN_OK;
  if (status != LIMN_OK && choice->plan)
    cudnnBackendDestroyDescriptor(choice->plan);
  return status;
}

static limn_status no_engine(const cuda_operation *operation, const char *reason) {
  char name[256];
  return limn_fail(LIMN_OK, "cuDNN %zu has no engine for %s: %s", cudnnGetVersion(),
                   cuda_operation_name(operation, name, sizeof name), reason);
}

limn_status cuda_plan_create(cuda_plan **out, cuda_planner *planner, const cuda_operation *operation) {
  *out = NULL;
  const limn_task_kind kind = operation->kind;
  if (kind != LIMN_TASK_CONV && kind != LIMN_TASK_CONV_DX && kind != LIMN_TASK_CONV_DW && kind != LIMN_TASK_BATCHNORM)
    return limn_fail(LIMN_FAILED, "task %d is neither a convolution nor a batch normalisation, which alone are planned",
                     (int)kind);
  if (beyond(operation))
    return no_engine(operation, beyond(operation));
  for (cuda_plan *plan = planner->plans; plan; plan = plan->next)
    if (cuda_operation_same(&plan->operation, operation)) {
      ++plan->holders;
      *out = plan;
      return LIMN_OK;
    }
  cuda_plan *plan = calloc(1, sizeof *plan);
  if (!plan)
    return limn_fail_memory("a plan");
  cuda_choice choice;
  limn_status status = choose(&choice, planner, operation);
  if (status != LIMN_OK || !choice.plan) {
    free(plan);
    return status != LIMN_OK ? status : no_engine(operation, choice.engine[0] ? "Limn's own is faster" : choice.reason);
  }
  plan->operation = *operation;
  plan->holders = 1;
  plan->plan = choice.plan;
  plan->workspace = choice.workspace;
  plan->tile = choice.tile;
  plan->rate = operation->type != LIMN_F32 || planner->tf32 ? cuda_tile_rate(choice.tile, planner->generation) : 1;
  memcpy(plan->engine, choice.engine, sizeof plan->engine);
  plan->planner = planner;
  plan->next = planner->plans;
  planner->plans = plan;
  *out = plan;
  return LIMN_OK;
}
