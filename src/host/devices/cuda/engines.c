#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "devices/cuda/planning.h"

/* How many engines are asked of cuDNN in one mode. Its list is the best first, and a plan is found among the first few
 * unless the planner's rules leave those out. */
#define MAX_CONFIGS 48
#define MAX_OFFERS  (MAX_CONFIGS + 2)
/* What may be spent on timing, where that is done: a compiled engine takes about a second, the others next to nothing.
 */
#define TIME_FOR_ALL      24
#define TIME_FOR_COMPILED 3
/* Where nothing is timed: how full an engine's tiles have to be for others not to be asked, how many are, and the
 * multiply-adds of an operation that is worth it (about a microsecond's). */
#define FULL_TILES 0.75
#define MAX_FILLED 4
#define LEAST_WORK 0x1p28

/* What is looked for, and how the offers of cuDNN have ended so far; `first` keeps why the first engine could not be
 * had, which is the most telling: cuDNN thought that one the best. */
typedef struct offers {
  bool timed;  /* the fastest is taken, not the first */
  double best; /* seconds of the choice */
  int offered, forbidden, failed;
  char first[320];
} offers;

static void note_failure(offers *o, const cuda_descriptors *set) {
  if (!o->first[0])
    cuda_descriptors_explain(set, o->first, sizeof o->first);
}

/* Running out of memory says nothing about the engine that was tried. */
static bool out_of_memory(const cuda_descriptors *set) {
  return set->status == CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
}

/* Of cuDNN's numerical notes. */
#define HAS(notes, note) ((notes) >> CUDNN_NUMERICAL_NOTE_##note & 1u)

/* What the planner's rules say of an engine. On fp32 inputs TENSOR_CORE means that they are rounded to TF32 on the way
 * in (10 bits of mantissa), DOWN_CONVERT_INPUTS that they are first copied to 16 bits, which is not what anybody who
 * asked for fp32 or TF32 expects. */
static bool allowed(cuda_descriptors *set, const cuda_planner *planner, const cuda_operation *operation,
                    cudnnBackendDescriptor_t config) {
  const unsigned notes = cuda_config_notes(set, config);
  const bool fp32 = operation->type == LIMN_F32;
  const bool ruled_out =
      (HAS(notes, NONDETERMINISTIC) && planner->deterministic) || (HAS(notes, TENSOR_CORE) && fp32 && !planner->tf32) ||
      (HAS(notes, DOWN_CONVERT_INPUTS) && fp32) || HAS(notes, REDUCED_PRECISION_REDUCTION); /* sums in 16 bits */
  return set->status == CUDNN_STATUS_SUCCESS && !ruled_out;
}

/* Makes the plan of one engine. An engine that refuses is noted, not an error. */
static limn_status attempt(cuda_choice *choice, offers *o, const cuda_planner *planner,
                           cudnnBackendDescriptor_t config) {
  limn_status status = LIMN_OK;
  cuda_descriptors set = {.count = 0};
  cudnnBackendDescriptor_t plan =
      cuda_descriptor_create(&set, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, "make the plan of an engine");
  cuda_descriptor_set(&set, plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &config);
  cuda_descriptor_set(&set, plan, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
                      &planner->properties);
  cuda_descriptor_finalize(&set, plan);
  if (set.status != CUDNN_STATUS_SUCCESS && !out_of_memory(&set)) {
    note_failure(o, &set);
    ++o->failed;
    goto cleanup;
  }
  int64_t workspace = 0;
  cuda_descriptor_get(&set, plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &workspace);
  cuda_config_name(&set, config, choice->engine, sizeof choice->engine);
  LIMN_TRY_OR_CLEANUP(status, cuda_descriptors_check(&set));
  size_t size = 0;
  char *text = cuda_plan_text(plan, &size);
  choice->tile = cuda_tile_of(text ? text : "", choice->engine);
  free(text);
  choice->workspace = (size_t)workspace;
  choice->plan = plan;
  cuda_descriptors_detach(&set, plan);
cleanup:
  cuda_descriptors_release(&set);
  return status;
}

/* cuDNN's offers in one mode, the best first; none when it has none. */
static int list_configs(cuda_descriptors *set, const cuda_planner *planner, cudnnBackendDescriptor_t graph,
                        cudnnBackendHeurMode_t mode, cudnnBackendDescriptor_t *configs) {
  cudnnBackendDescriptor_t heuristics =
      cuda_descriptor_create(set, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, "list engines");
  cuda_descriptor_set(set, heuristics, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &graph);
  cuda_descriptor_set(set, heuristics, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
  cuda_descriptor_set(set, heuristics, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
                      &planner->properties);
  cuda_descriptor_finalize(set, heuristics);
  int64_t count =
      cuda_descriptor_get(set, heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, NULL);
  count = count < MAX_CONFIGS ? count : MAX_CONFIGS;
  for (int64_t i = 0; i < count; ++i)
    configs[i] = cuda_descriptor_create(set, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, "list engines");
  count = count ? cuda_descriptor_get(set, heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                                      count, configs)
                : 0;
  return (int)count;
}

/* Whether a configuration divides sums between blocks. */
static bool splits(cuda_descriptors *set, cudnnBackendDescriptor_t config) {
  char name[LIMN_ENGINE_SIZE] = "";
  cuda_descriptors own = {.count = 0};
  cuda_config_name(&own, config, name, sizeof name);
  cuda_descriptors_take_failure(set, &own);
  return cuda_tile_of("", name).split > 1;
}

/* Engines that add up by atomics, with plain multiply-adds where tensor cores may be used: for few channels cuDNN
 * thinks them the best, but they are neither repeatable nor near the card's rate. They go behind the others. */
static void demote_atomics(cuda_descriptors *set, cudnnBackendDescriptor_t *configs, int count) {
  cudnnBackendDescriptor_t last[MAX_CONFIGS];
  int kept = 0, moved = 0;
  for (int i = 0; i < count; ++i) {
    cuda_descriptors own = {.count = 0};
    const unsigned notes = cuda_config_notes(&own, configs[i]);
    cuda_descriptors_take_failure(set, &own);
    if (HAS(notes, NONDETERMINISTIC) && !HAS(notes, TENSOR_CORE))
      last[moved++] = configs[i];
    else
      configs[kept++] = configs[i];
  }
  memcpy(configs + kept, last, sizeof *last * (size_t)moved);
}

/* The offers in one mode, the best first. Where cuDNN offers no split of a sum that wants one: ours with a block for
 * each multiprocessor before its own, with two behind them. */
static int list_offers(cuda_descriptors *set, const cuda_planner *planner, const cuda_operation *operation,
                       cudnnBackendDescriptor_t graph, cudnnBackendHeurMode_t mode,
                       cudnnBackendDescriptor_t configs[MAX_OFFERS]) {
  int count = list_configs(set, planner, graph, mode, configs);
  if (operation->type != LIMN_F32 || planner->tf32)
    demote_atomics(set, configs, count);
  cudnnBackendDescriptor_t whole = count ? cuda_split_config(set, planner, operation, graph, 1) : NULL,
                           twice = count ? cuda_split_config(set, planner, operation, graph, 2) : NULL;
  for (int i = 0; (whole || twice) && i < count; ++i)
    if (splits(set, configs[i]))
      return count;
  if (whole) {
    memmove(configs + 1, configs, sizeof *configs * (size_t)count++);
    configs[0] = whole;
  }
  if (twice)
    configs[count++] = twice;
  return count;
}

/* The candidate takes the choice's place if it is the first or, by the clock, the fastest so far; or it goes. */
static limn_status keep_faster(cuda_choice *choice, cuda_choice *candidate, offers *o, const cuda_planner *planner,
                               const cuda_operation *operation) {
  double seconds = 0;
  limn_status status = o->timed ? cuda_choice_measure(candidate, planner, operation, &seconds) : LIMN_OK;
  cuda_choice *loser = status == LIMN_OK && seconds < o->best ? choice : candidate;
  if (loser->plan)
    cudnnBackendDestroyDescriptor(loser->plan);
  if (loser == choice) {
    *choice = *candidate;
    o->best = seconds;
  }
  return status;
}

/* Without a clock cuDNN's order counts, unless much of that engine's tiles is padding: then the fullest of a few. */
static bool wants_another(const cuda_choice *choice, int tried, const cuda_operation *o) {
  const double work = (double)limn_shape_count(o->y) * o->w.c * o->w.h * o->w.w;
  return !choice->plan || (tried < MAX_FILLED && work >= LEAST_WORK && cuda_tile_use(choice->tile, o) < FULL_TILES);
}

static limn_status keep_fuller(cuda_choice *choice, cuda_choice *candidate, const cuda_operation *operation) {
  const bool fuller =
      !choice->plan || cuda_tile_use(candidate->tile, operation) > cuda_tile_use(choice->tile, operation);
  cuda_choice *loser = fuller ? choice : candidate;
  if (loser->plan)
    cudnnBackendDestroyDescriptor(loser->plan);
  if (fuller)
    *choice = *candidate;
  return LIMN_OK;
}

/* What the rules allow, planned; else choice->plan stays NULL. */
static limn_status try_config(cuda_choice *choice, offers *o, const cuda_planner *planner,
                              const cuda_operation *operation, cudnnBackendDescriptor_t config) {
  cuda_descriptors set = {.count = 0};
  const bool may = allowed(&set, planner, operation, config);
  o->forbidden += !may;
  limn_status status = cuda_descriptors_check(&set);
  cuda_descriptors_release(&set);
  return status == LIMN_OK && may ? attempt(choice, o, planner, config) : status;
}

static limn_status try_mode(cuda_choice *choice, offers *o, const cuda_planner *planner,
                            const cuda_operation *operation, cudnnBackendDescriptor_t graph,
                            cudnnBackendHeurMode_t mode) {
  limn_status status = LIMN_OK;
  cudnnBackendDescriptor_t configs[MAX_OFFERS];
  cuda_descriptors set = {.count = 0};
  const int count = list_offers(&set, planner, operation, graph, mode, configs);
  if (cuda_descriptors_unsupported(&set)) {
    note_failure(o, &set);
    goto cleanup;
  }
  LIMN_TRY_OR_CLEANUP(status, cuda_descriptors_check(&set));
  o->offered += count;
  int spent = 0, tried = 0;
  for (int i = 0; i < count && spent < TIME_FOR_ALL && (o->timed || wants_another(choice, tried, operation)); ++i) {
    cuda_choice candidate = {.plan = NULL};
    LIMN_TRY_OR_CLEANUP(status, try_config(&candidate, o, planner, operation, configs[i]));
    if (!candidate.plan)
      continue;
    ++tried;
    spent += candidate.tile.rows ? TIME_FOR_COMPILED : 1;
    LIMN_TRY_OR_CLEANUP(status, o->timed ? keep_faster(choice, &candidate, o, planner, operation)
                                         : keep_fuller(choice, &candidate, operation));
  }
cleanup:
  cuda_descriptors_release(&set);
  return status;
}

static void explain(cuda_choice *choice, const offers *o) {
  char *out = choice->reason;
  const size_t size = sizeof choice->reason;
  if (o->offered == 0)
    snprintf(out, size, "none is offered for this card (those with a bias or activation need NVRTC and a driver)%s%s",
             o->first[0] ? "; " : "", o->first);
  else if (o->failed == 0)
    snprintf(out, size, "all %d on offer are ruled out by the precision or determinism asked for", o->forbidden);
  else
    snprintf(out, size, "of %d on offer %d are ruled out and %d refuse; the first %s", o->offered, o->forbidden,
             o->failed, o->first);
}

/* What is not one operation of cuDNN's can also be done with kernels of Limn's. */
static bool has_own(const cuda_operation *o) {
  return o->kind == LIMN_TASK_BATCHNORM || o->bias || o->activation != LIMN_PW_COUNT;
}

static limn_status try_own(cuda_choice *choice, offers *o, const cuda_planner *planner,
                           const cuda_operation *operation) {
  cuda_choice own = {.engine = CUDA_OWN_ENGINE};
  return keep_faster(choice, &own, o, planner, operation);
}

/* Lists of cuDNN's are not asked, so that an engine need not be on one. */
static limn_status try_named(cuda_choice *choice, offers *o, const cuda_planner *planner,
                             const cuda_operation *operation, cudnnBackendDescriptor_t graph, const char *name) {
  if (has_own(operation) && strcmp(name, CUDA_OWN_ENGINE) == 0)
    return try_own(choice, o, planner, operation);
  cuda_descriptors set = {.count = 0};
  cudnnBackendDescriptor_t config = cuda_config_named(&set, planner, graph, name);
  limn_status status = cuda_descriptors_check(&set);
  if (status == LIMN_OK && config)
    status = try_config(choice, o, planner, operation, config);
  cuda_descriptors_release(&set);
  return status;
}

limn_status cuda_choose(cuda_choice *choice, const cuda_planner *planner, const cuda_operation *operation,
                        cudnnBackendDescriptor_t graph, const char *wanted) {
  offers o = {.timed = planner->measure && !wanted, .best = (double)INFINITY};
  if (wanted)
    return try_named(choice, &o, planner, operation, graph, wanted);
  LIMN_TRY(try_mode(choice, &o, planner, operation, graph, CUDNN_HEUR_MODE_A));
  if (!choice->plan)
    LIMN_TRY(try_mode(choice, &o, planner, operation, graph, CUDNN_HEUR_MODE_FALLBACK));
  if (choice->plan)
    return has_own(operation) && o.timed ? try_own(choice, &o, planner, operation) : LIMN_OK;
  explain(choice, &o);
  return LIMN_OK;
}
