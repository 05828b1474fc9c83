/* What the planner promises apart from plans themselves: rules are kept, plans are shared, files are believed only when
 * they are whole, every failure of cuDNN is reported, and no descriptor is left behind. cuDNN is the real one, without
 * a GPU; the calls counted, failed and looked into here stand before its own. */
#include <dirent.h>
#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cases.h"
#include "devices/cards.h"
#include "devices/cuda/planner.h"
#include "devices/cuda/planning.h"

static int failures;
#define CHECK(condition, ...)                                                                                          \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      ++failures;                                                                                                      \
      fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);                                                  \
      fprintf(stderr, __VA_ARGS__);                                                                                    \
      fputc('\n', stderr);                                                                                             \
    }                                                                                                                  \
  } while (0)

/* ---- before cuDNN ---- */

static long calls, fail_at = -1; /* of Create, SetAttribute, GetAttribute, Finalize */
static cudnnStatus_t fail_with;
static bool in_description;          /* what failed was not an engine's plan, which another engine can make good */
static int live, searches, executed; /* descriptors; heuristics asked; plans run */
static cudnnBackendDescriptor_t engine_plan; /* the last plan that was begun */
static int refusals;                         /* how many engines' plans are refused from now on */
static int64_t packed_count, packed_uids[8];
static void *packed[8], *packed_workspace;
static cudnnStatus_t execute_with;

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }
static bool failing(void) { return calls++ == fail_at; }

cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type, cudnnBackendDescriptor_t *out) {
  cudnnStatus_t (*next)(cudnnBackendDescriptorType_t, cudnnBackendDescriptor_t *) = NULL;
  if (failing())
    return fail_with;
  *(void **)&next = real("cudnnBackendCreateDescriptor");
  cudnnStatus_t status = next(type, out);
  live += status == CUDNN_STATUS_SUCCESS;
  searches += type == CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR;
  if (type == CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR)
    engine_plan = *out;
  return status;
}

cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t descriptor) {
  cudnnStatus_t (*next)(cudnnBackendDescriptor_t) = NULL;
  *(void **)&next = real("cudnnBackendDestroyDescriptor");
  --live;
  return next(descriptor);
}

cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, int64_t count, const void *values) {
  cudnnStatus_t (*next)(cudnnBackendDescriptor_t, cudnnBackendAttributeName_t, cudnnBackendAttributeType_t, int64_t,
                        const void *) = NULL;
  if (failing()) {
    in_description = name < CUDNN_ATTR_ENGINEHEUR_MODE || name > CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP;
    return fail_with;
  }
  *(void **)&next = real("cudnnBackendSetAttribute");
  if (name == CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS && count <= 8)
    memcpy(packed_uids, values, (size_t)(packed_count = count) * sizeof *packed_uids);
  if (name == CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS && count <= 8)
    memcpy(packed, values, (size_t)count * sizeof *packed);
  if (name == CUDNN_ATTR_VARIANT_PACK_WORKSPACE)
    memcpy(&packed_workspace, values, sizeof packed_workspace);
  return next(d, name, type, count, values);
}

cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, int64_t asked, int64_t *count, void *values) {
  cudnnStatus_t (*next)(cudnnBackendDescriptor_t, cudnnBackendAttributeName_t, cudnnBackendAttributeType_t, int64_t,
                        int64_t *, void *) = NULL;
  if (failing())
    return fail_with;
  *(void **)&next = real("cudnnBackendGetAttribute");
  return next(d, name, type, asked, count, values);
}

cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t descriptor) {
  cudnnStatus_t (*next)(cudnnBackendDescriptor_t) = NULL;
  if (failing())
    return fail_with;
  if (descriptor == engine_plan && refusals > 0) {
    --refusals;
    return CUDNN_STATUS_NOT_SUPPORTED;
  }
  *(void **)&next = real("cudnnBackendFinalize");
  return next(descriptor);
}

cudnnStatus_t cudnnBackendExecute(cudnnHandle_t handle, cudnnBackendDescriptor_t plan, cudnnBackendDescriptor_t pack) {
  (void)handle, (void)plan, (void)pack;
  ++executed;
  return execute_with;
}

/* ---- tests ---- */

static cuda_planner *planner_on(const char *card, bool tf32, bool deterministic, const char *cache) {
  cuda_planner *planner = NULL;
  const limn_status status =
      cuda_planner_create(&planner, &(cuda_planner_options){.properties = limn_card_find(card)->properties,
                                                            .tf32 = tf32,
                                                            .deterministic = deterministic,
                                                            .cache = cache});
  if (status != LIMN_OK) {
    fprintf(stderr, "%s\n", limn_error_message());
    exit(1);
  }
  return planner;
}

static cuda_operation named(const char *name, limn_type type) {
  plan_case c;
  for (int i = 0; plan_case_at(i, type, &c); ++i)
    if (strcmp(c.name, name) == 0)
      return c.convolution;
  fprintf(stderr, "no case \"%s\"\n", name);
  exit(1);
}

/* The numerical notes of the engine that made the plan, as a set of bits. */
static unsigned notes_of(const cuda_planner *planner, const cuda_operation *convolution, const cuda_plan *plan) {
  cuda_descriptors set = {.count = 0};
  const cudnnBackendDescriptor_t graph = cuda_describe(&set, convolution);
  const unsigned bits = cuda_config_notes(&set, cuda_config_named(&set, planner, graph, cuda_plan_engine(plan)));
  CHECK(set.status == CUDNN_STATUS_SUCCESS, "%s", cuda_plan_engine(plan));
  cuda_descriptors_release(&set);
  return bits;
}

/* A name says all of an engine: made anew from it, the plan is the same to the byte. */
static void names_make_the_same_plans(void) {
  static const char *const cards[] = {"h100", "rtx3090"};
  for (int card = 0; card < 2; ++card) {
    cuda_planner *planner = planner_on(cards[card], true, false, NULL);
    plan_case c;
    for (int i = 0; i < 24 && plan_case_at(i, card ? LIMN_F32 : LIMN_BF16, &c); i += 2) {
      cuda_descriptors set = {.count = 0};
      const cudnnBackendDescriptor_t graph = cuda_describe(&set, &c.convolution);
      cuda_choice chosen = {.plan = NULL}, named = {.plan = NULL};
      size_t size[2] = {0};
      CHECK(cuda_choose(&chosen, planner, &c.convolution, graph, NULL) == LIMN_OK, "%s", limn_error_message());
      if (chosen.plan) {
        CHECK(cuda_choose(&named, planner, &c.convolution, graph, chosen.engine) == LIMN_OK && named.plan, "%s of %s",
              chosen.engine, c.name);
        char *texts[] = {cuda_plan_text(chosen.plan, &size[0]),
                         named.plan ? cuda_plan_text(named.plan, &size[1]) : NULL};
        CHECK(texts[0] && texts[1] && size[0] == size[1] && memcmp(texts[0], texts[1], size[0]) == 0 &&
                  chosen.workspace == named.workspace && strcmp(chosen.engine, named.engine) == 0,
              "%s of %s is another plan by its name", chosen.engine, c.name);
        free(texts[0]);
        free(texts[1]);
      }
      if (chosen.plan)
        cudnnBackendDestroyDescriptor(chosen.plan);
      if (named.plan)
        cudnnBackendDestroyDescriptor(named.plan);
      cuda_descriptors_release(&set);
    }
    cuda_operation weights = named("dcgan 64-128 dw->fp32", LIMN_BF16);
    cuda_descriptors set = {.count = 0};
    cuda_choice none = {.plan = NULL};
    static const char *const bad[] = {
        "",           "eng",     "eng1_", "eng1_k17", "eng1_k17=", "eng1_k17=2x", "eng1_k24=8_k24=8", "eng1_k999=1",
        "eng1_k-1=1", "eng9999", "Eng1",  "own"};
    const cudnnBackendDescriptor_t graph = cuda_describe(&set, &weights);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i)
      CHECK(cuda_choose(&none, planner, &weights, graph, bad[i]) == LIMN_OK && !none.plan && !none.engine[0],
            "\"%s\" is an engine", bad[i]);
    cuda_descriptors_release(&set);
    cuda_planner_destroy(planner);
  }
}

static void rules_are_kept(void) {
  const unsigned tensor_core = 1U << CUDNN_NUMERICAL_NOTE_TENSOR_CORE,
                 down_convert = 1U << CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS,
                 reduced = 1U << CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION,
                 nondeterministic = 1U << CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC;
  unsigned seen[2][2] = {{0}};
  const char *const cards[2] = {"h100", "rtx3090"};
  for (int card = 0; card < 2; ++card)
    for (int tf32 = 0; tf32 < 2; ++tf32)
      for (int deterministic = 0; deterministic < 2; ++deterministic) {
        cuda_planner *planner = planner_on(cards[card], tf32, deterministic, NULL);
        const unsigned forbidden =
            down_convert | reduced | (tf32 ? 0 : tensor_core) | (deterministic ? nondeterministic : 0);
        plan_case c;
        for (int i = 0; plan_case_at(i, LIMN_F32, &c) && c.need == PLAN_MUST; ++i) {
          cuda_plan *plan = NULL;
          CHECK(cuda_plan_create(&plan, planner, &c.convolution) == LIMN_OK && plan, "%s", limn_error_message());
          if (plan) {
            const unsigned notes = notes_of(planner, &c.convolution, plan);
            CHECK(!(notes & forbidden), "%s %s %s: notes %x", cards[card], c.name, cuda_plan_engine(plan), notes);
            seen[tf32][deterministic] |= notes;
          }
          cuda_plan_destroy(plan);
        }
        cuda_planner_destroy(planner);
      }
  CHECK(seen[1][0] & tensor_core, "no TF32 engine was ever chosen");
  CHECK(seen[0][0] & nondeterministic, "no engine that the deterministic rule would leave out was ever chosen");
}

static cuda_operation leaky_gradient(void) {
  cuda_operation c = named("dcgan 64-128 dx", LIMN_BF16);
  c.activation = LIMN_PW_LEAKY_GRAD;
  c.slope = 0.2F;
  return c;
}

static void tiles_are_read(void) {
  const cuda_operation weights = named("dcgan 64-128 dw->fp32", LIMN_BF16), data = leaky_gradient();
  const cuda_tile tile = cuda_tile_of("{\"kernelName\": \"cudnn_generated_cutlass_sm80_knob_8_128x256x32_64x64x32_4\"}",
                                      "eng1_k17=16_k24=8");
  CHECK(tile.rows == 128 && tile.columns == 256 && tile.generation == 80 && tile.split == 16, "%d x %d, sm %d, %d",
        tile.rows, tile.columns, tile.generation, tile.split);
  const cuda_tile none = cuda_tile_of("{\"engineId\": 62}", "eng62_k17=-1_k27=8");
  CHECK(none.rows == 0 && none.split == 1 && none.generation == 90, "%d, %d, sm %d", none.rows, none.split,
        none.generation);
  CHECK(cuda_tile_blocks(none, &weights) == 0 && cuda_tile_use(none, &weights) == 1, "of nothing known");
  /* 128 x 1,024 numbers in 1 x 4 tiles, of 16 parts; 4 phases of 32,768 x 64 in 256 x 1 half empty ones. */
  CHECK(cuda_tile_blocks(tile, &weights) == 64, "%" PRId64, cuda_tile_blocks(tile, &weights));
  CHECK(cuda_tile_use(tile, &weights) == 1, "%g", cuda_tile_use(tile, &weights));
  const cuda_tile wide = {.rows = 128, .columns = 128, .split = 1};
  CHECK(cuda_tile_blocks(wide, &data) == 4 * 256 && cuda_tile_use(wide, &data) == 0.5, "%" PRId64 ", %g",
        cuda_tile_blocks(wide, &data), cuda_tile_use(wide, &data));
  CHECK(cuda_tile_rate(tile, 90) < 1 && cuda_tile_rate(tile, 80) == 1 && cuda_tile_rate(tile, 120) == 1 &&
            cuda_tile_rate(none, 90) == 1,
        "rates of generations");
}

/* On each card a gradient of weights that is a long sum into few numbers has blocks for its multiprocessors, whether
 * cuDNN offers such an engine or not; one of enough numbers is left to cuDNN. */
static void long_sums_are_split(void) {
  for (size_t card = 0; card < limn_card_count(); ++card) {
    const char *name = limn_card_at(card)->name;
    cuda_planner *planner = planner_on(name, true, true, NULL);
    const cuda_operation c = named("dcgan 64-128 dw->fp32", LIMN_BF16);
    cuda_plan *plan = NULL;
    CHECK(cuda_plan_create(&plan, planner, &c) == LIMN_OK && plan, "%s: %s", name, limn_error_message());
    if (plan)
      CHECK(cuda_plan_blocks(plan) * 10 >= planner->multiprocessors * 7, "%s: %" PRId64 " blocks by %s", name,
            cuda_plan_blocks(plan), cuda_plan_engine(plan));
    cuda_plan_destroy(plan);
    cuda_planner_destroy(planner);
  }
  cuda_planner *planner = planner_on("h100", true, true, NULL);
  cuda_operation c = {.kind = LIMN_TASK_CONV_DW, .x = {256, 256, 8, 8}, .w = {512, 256, 4, 4}, .y = {256, 512, 4, 4}};
  c.attrs = (limn_conv_attrs){.stride_h = 2, .stride_w = 2, .pad_h = 1, .pad_w = 1};
  c.type = LIMN_BF16;
  c.activation = LIMN_PW_COUNT;
  cuda_plan *plan = NULL;
  CHECK(cuda_plan_create(&plan, planner, &c) == LIMN_OK && plan, "%s", limn_error_message());
  CHECK(plan && !strstr(cuda_plan_engine(plan), "_k17="), "%s", plan ? cuda_plan_engine(plan) : "");
  cuda_plan_destroy(plan);
  cuda_planner_destroy(planner);
  CHECK(live == 0, "%d descriptors are left", live);
}

/* Not cuDNN's first where that is half padding, nor where it adds up by atomics without the tensor cores. */
static void better_engines_come_first(void) {
  cuda_planner *planner = planner_on("h100", true, false, NULL);
  const cuda_operation data = leaky_gradient(), image = named("dcgan 3-64 dw", LIMN_F32);
  cuda_plan *plan = NULL, *other = NULL;
  CHECK(cuda_plan_create(&plan, planner, &data) == LIMN_OK && plan, "%s", limn_error_message());
  CHECK(plan && cuda_plan_blocks(plan) == 4 * 128, "%" PRId64 " blocks", plan ? cuda_plan_blocks(plan) : 0);
  CHECK(cuda_plan_create(&other, planner, &image) == LIMN_OK && other, "%s", limn_error_message());
  const unsigned notes = other ? notes_of(planner, &image, other) : 0;
  CHECK(notes & 1U << CUDNN_NUMERICAL_NOTE_TENSOR_CORE && !(notes & 1U << CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC), "%x",
        notes);
  cuda_plan_destroy(plan);
  cuda_plan_destroy(other);
  cuda_planner_destroy(planner);
}

static void plans_are_shared(void) {
  cuda_planner *planner = planner_on("h100", true, false, NULL);
  cuda_operation a = named("dcgan 64-128", LIMN_BF16), b = a;
  cuda_plan *first = NULL, *again = NULL, *other = NULL;
  b.attrs.pad_h = b.attrs.pad_w = 2;
  b.y.h = b.y.w = 17;
  CHECK(cuda_plan_create(&first, planner, &a) == LIMN_OK && first, "%s", limn_error_message());
  const int before = searches;
  CHECK(cuda_plan_create(&again, planner, &a) == LIMN_OK && again == first && searches == before, "planned anew");
  CHECK(cuda_plan_create(&other, planner, &b) == LIMN_OK && other && other != first, "%s", limn_error_message());
  cuda_plan_destroy(again);
  cuda_plan *steep = NULL, *flat = NULL;
  a = b = named("grey bias leaky 28-14", LIMN_F32);
  b.slope = 0.1F;
  CHECK(cuda_plan_create(&steep, planner, &a) == LIMN_OK && cuda_plan_create(&flat, planner, &b) == LIMN_OK && steep &&
            flat && steep != flat,
        "two slopes, one plan");
  cuda_plan_destroy(steep);
  cuda_plan_destroy(flat);
  CHECK(strncmp(cuda_plan_engine(first), "eng", 3) == 0, "%s", cuda_plan_engine(first));
  cuda_planner_destroy(planner); /* plans outlive their planner */
  CHECK(strncmp(cuda_plan_engine(first), "eng", 3) == 0, "%s", cuda_plan_engine(first));
  cuda_plan_destroy(first);
  cuda_plan_destroy(other);
  CHECK(live == 0, "%d descriptors are left", live);
}

/* Plans with a planner of its own on an H100, for which `choices` were told; whose engine is left in `engine`, "" where
 * there is none. Returns how many of the choices were missed. */
static int plan_told(const cuda_operation *operation, const char *choices, char engine[200]) {
  cuda_planner *planner = NULL;
  cuda_plan *plan = NULL;
  CHECK(cuda_planner_create(&planner, &(cuda_planner_options){.properties = limn_card_find("h100")->properties,
                                                              .choices = choices}) == LIMN_OK,
        "%s", limn_error_message());
  CHECK(cuda_plan_create(&plan, planner, operation) == LIMN_OK, "%s", limn_error_message());
  snprintf(engine, 200, "%s", plan ? cuda_plan_engine(plan) : "");
  const char *taken = cuda_planner_choices(planner);
  const int missed = cuda_planner_missed(planner);
  CHECK(!choices || missed ? !taken : taken && strcmp(taken, choices) == 0, "told %s, taken %s", choices, taken);
  cuda_plan_destroy(plan);
  cuda_planner_destroy(planner);
  return missed;
}

/* Where an engine refuses, the next one is taken; where all do, the plain convolution still has one. */
static void engines_may_refuse(const char *fused, const char *plain) {
  char first[200], second[200], none[200], name[256], choices[512];
  cuda_operation c = named(fused, LIMN_BF16);
  plan_told(&c, NULL, first);
  refusals = 1;
  plan_told(&c, NULL, second);
  CHECK(refusals == 0 && first[0] && second[0] && strcmp(first, second) != 0, "%s, then %s", first, second);
  refusals = 100000;
  plan_told(&c, NULL, none);
  CHECK(!none[0] && strstr(limn_error_message(), "refuse") && !strchr(limn_error_message(), '\n'), "%s: %s", none,
        limn_error_message());
  refusals = 0;

  snprintf(choices, sizeof choices, "%s %s\n", second, cuda_operation_name(&c, name, sizeof name));
  CHECK(plan_told(&c, choices, none) == 0 && strcmp(none, second) == 0, "%s instead of %s", none, second);
  snprintf(choices, sizeof choices, "eng99999 %s\n", name);
  CHECK(plan_told(&c, choices, none) == 1 && strcmp(none, first) == 0, "%s instead of %s", none, first);
  c = named(plain, LIMN_BF16);
  plan_told(&c, NULL, none);
  CHECK(none[0], "%s has no engine", plain);
  CHECK(live == 0, "%d descriptors are left", live);
}

/* Without a file or an engine of cuDNN's: what a checkpoint says of Limn's own kernels. */
static void own_kernels_are_told(void) {
  char engine[200], name[256], choices[512];
  const cuda_operation c = named("G batchnorm 64", LIMN_BF16);
  snprintf(choices, sizeof choices, "%s %s\n", CUDA_OWN_ENGINE, cuda_operation_name(&c, name, sizeof name));
  CHECK(plan_told(&c, choices, engine) == 0 && !engine[0], "%s", engine);
  CHECK(plan_told(&c, NULL, engine) == 0 && engine[0], "%s", limn_error_message());
  cuda_operation odd = c;
  odd.x.c = odd.y.c = 6;
  CHECK(plan_told(&odd, NULL, engine) == 0 && !engine[0] && strstr(limn_error_message(), "4 channels"), "%s", engine);
}

static void nonsense_is_refused(void) {
  cuda_planner *planner = NULL;
  cuda_plan *plan = NULL;
  CHECK(cuda_planner_create(&planner, &(cuda_planner_options){.properties = "{\"warpSize\": 32"}) == LIMN_DEVICE &&
            !planner && strstr(limn_error_message(), "CUDNN_STATUS"),
        "%s", limn_error_message());
  CHECK(cuda_planner_create(&planner, &(cuda_planner_options){.device = 0}) == LIMN_DEVICE || planner, "%s",
        limn_error_message()); /* a machine with a GPU has a planner for it */
  cuda_planner_destroy(planner);
  planner = planner_on("a100", true, false, NULL);
  cuda_operation c = named("dcgan 64-128 dw", LIMN_BF16);
  const int before = searches;
  c.bias = true;
  CHECK(cuda_plan_create(&plan, planner, &c) == LIMN_OK && !plan, "a bias behind a gradient of weights");
  c = named("dcgan 64-128", LIMN_BF16);
  c.activation = LIMN_PW_EXP;
  CHECK(cuda_plan_create(&plan, planner, &c) == LIMN_OK && !plan, "exp");
  c.activation = LIMN_PW_LEAKY_RELU;
  c.slope = 2;
  CHECK(cuda_plan_create(&plan, planner, &c) == LIMN_OK && !plan && searches == before, "a slope of 2");
  c.kind = LIMN_TASK_LATCH;
  CHECK(cuda_plan_create(&plan, planner, &c) == LIMN_FAILED && !plan, "a latch");
  c = named("dcgan 64-128", LIMN_BF16);
  c.y.h = 99; /* not what the convolution makes */
  CHECK(cuda_plan_create(&plan, planner, &c) == LIMN_DEVICE && !plan && strlen(limn_error_message()) > 20, "%s",
        limn_error_message());
  c = named("G last tanh", LIMN_BF16);
  CHECK(cuda_plan_create(&plan, planner, &c) == LIMN_OK && !plan && strstr(limn_error_message(), "tanh"), "%s",
        limn_error_message());
  cuda_planner_destroy(planner);
  CHECK(live == 0, "%d descriptors are left", live);
}

static void tensors_are_handed_over(void) {
  cuda_planner *planner = planner_on("h100", true, false, NULL);
  char memory[6];
  const cuda_operands operands = {
      .x = memory, .w = memory + 1, .y = memory + 2, .bias = (const float *)(const void *)(memory + 3)};
  for (int biased = 0; biased < 2; ++biased) {
    cuda_plan *plan = NULL;
    cuda_operation c = named(biased ? "VAE bias relu 64-128" : "dcgan 64-128", LIMN_F32);
    CHECK(cuda_plan_create(&plan, planner, &c) == LIMN_OK && plan, "%s", limn_error_message());
    const int ran = executed;
    CHECK(cuda_plan_run(plan, NULL, &operands, memory + 4) == LIMN_OK && executed == ran + 1, "%s",
          limn_error_message());
    CHECK(packed_count == 3 + biased && packed_workspace == memory + 4, "%" PRId64 " tensors", packed_count);
    for (int64_t i = 0; i < packed_count; ++i)
      CHECK(packed[i] == memory + (packed_uids[i] - CUDA_UID_X), "tensor %" PRId64, packed_uids[i]);
    execute_with = CUDNN_STATUS_EXECUTION_FAILED;
    CHECK(cuda_plan_run(plan, NULL, &operands, NULL) == LIMN_DEVICE && strstr(limn_error_message(), "EXECUTION_FAILED"),
          "%s", limn_error_message());
    execute_with = CUDNN_STATUS_SUCCESS;
    cuda_plan_destroy(plan);
  }
  cuda_planner_destroy(planner);
  CHECK(live == 0, "%d descriptors are left", live);
}

/* The N-th call of cuDNN fails, for every N, until planning gets through without meeting it. */
static void failures_are_reported(const char *name, cudnnStatus_t with, int step) {
  cuda_planner *planner = planner_on("h100", false, true, NULL);
  const cuda_operation c = named(name, LIMN_F32);
  const int at_rest = live;
  int errors = 0;
  fail_with = with;
  for (fail_at = 0;; fail_at += step) {
    cuda_plan *plan = NULL;
    calls = 0;
    in_description = false;
    const limn_status status = cuda_plan_create(&plan, planner, &c);
    CHECK(!in_description || !plan, "call %ld: a description is incomplete and planned all the same", fail_at);
    CHECK(status == LIMN_OK || (status == LIMN_DEVICE && !plan && strstr(limn_error_message(), "CUDNN_STATUS")),
          "call %ld: status %d, %s", fail_at, status, limn_error_message());
    CHECK(status == LIMN_OK || strchr(limn_error_message(), '\n') == NULL, "%s", limn_error_message());
    errors += status != LIMN_OK;
    cuda_plan_destroy(plan);
    CHECK(live == at_rest, "call %ld: %d descriptors are left", fail_at, live - at_rest);
    if (calls <= fail_at || failures > 20)
      break;
  }
  CHECK(fail_at > 50 && errors > 10, "%ld calls failed, %d were errors", fail_at, errors);
  fail_at = -1;
  cuda_planner_destroy(planner);
}

static void planners_fail_cleanly(void) {
  const int at_rest = live;
  fail_with = CUDNN_STATUS_INTERNAL_ERROR;
  for (fail_at = 0; fail_at < 4; ++fail_at) {
    cuda_planner *planner = NULL;
    calls = 0;
    CHECK(cuda_planner_create(&planner, &(cuda_planner_options){.properties = limn_card_find("a100")->properties}) ==
                  LIMN_DEVICE &&
              !planner && live == at_rest,
          "call %ld", fail_at);
  }
  fail_at = -1;
}

/* ---- files ---- */

static char *only_file(const char *folder, char *path, size_t size) {
  DIR *d = opendir(folder);
  path[0] = 0;
  for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d))
    if (e->d_name[0] != '.')
      snprintf(path, size, "%s/%s", folder, e->d_name);
  if (d)
    closedir(d);
  return path;
}

static size_t read_bytes(const char *path, char *out, size_t size) {
  FILE *f = fopen(path, "rb");
  const size_t got = f ? fread(out, 1, size, f) : 0;
  if (f)
    fclose(f);
  return got;
}

static void write_bytes(const char *path, const char *bytes, size_t size) {
  FILE *f = fopen(path, "wb");
  if (f) {
    fwrite(bytes, 1, size, f);
    fclose(f);
  }
}

typedef struct outcome {
  bool searched; /* engines of cuDNN were, so no file was used */
  char engine[200];
} outcome;

/* Plans with a planner of its own. */
static outcome plan_with_files(const char *folder, const char *card, bool deterministic,
                               const cuda_operation *convolution) {
  cuda_planner *planner = planner_on(card, false, deterministic, folder);
  cuda_plan *plan = NULL;
  outcome out;
  const int before = searches;
  CHECK(cuda_plan_create(&plan, planner, convolution) == LIMN_OK, "%s", limn_error_message());
  if (plan)
    snprintf(out.engine, sizeof out.engine, "%s %zu", cuda_plan_engine(plan), cuda_plan_workspace(plan));
  else
    snprintf(out.engine, sizeof out.engine, "%s", limn_error_message());
  cuda_plan_destroy(plan);
  cuda_planner_destroy(planner);
  out.searched = searches > before;
  return out;
}

static bool same(outcome a, outcome b) { return strcmp(a.engine, b.engine) == 0; }

/* `path` holds `size` bytes of a good file. */
static void damage(const char *folder, const char *path, const cuda_operation *c, outcome good) {
  static char whole[1 << 20], damaged[1 << 20], rewritten[1 << 20];
  const size_t size = read_bytes(path, whole, sizeof whole);
  CHECK(size > 100 && size < sizeof whole, "a file of %zu bytes", size);
  const size_t places[] = {0, 12, 30, 60, 120, size / 2, size - 2};
  for (size_t i = 0; i < 2 * sizeof places / sizeof *places; ++i) {
    const size_t at = places[i / 2] < size ? places[i / 2] : size - 1;
    memcpy(damaged, whole, size);
    damaged[at] ^= 1;
    write_bytes(path, damaged, i % 2 ? at : size); /* cut off there, or one bit */
    const outcome now = plan_with_files(folder, "h100", false, c);
    CHECK(now.searched && same(now, good), "byte %zu: %s, then %s", at, good.engine, now.engine);
    CHECK(read_bytes(path, rewritten, sizeof rewritten) == size && memcmp(rewritten, whole, size) == 0,
          "the file that was damaged at byte %zu is not as before", at);
  }
}

static void files_are_believed_when_whole(const char *name, limn_type type, bool quick) {
  char parent[] = "/tmp/limn_plans_XXXXXX", folder[64], path[400];
  if (!mkdtemp(parent)) {
    CHECK(false, "no temporary folder");
    return;
  }
  snprintf(folder, sizeof folder, "%s/plans", parent);
  const cuda_operation c = named(name, type);
  const outcome first = plan_with_files(folder, "h100", false, &c), again = plan_with_files(folder, "h100", false, &c);
  CHECK(first.searched && !again.searched && same(first, again), "%s: %s, then %s", name, first.engine, again.engine);
  if (quick)
    damage(folder, only_file(folder, path, sizeof path), &c, first);
  while (only_file(folder, path, sizeof path)[0] && unlink(path) == 0)
    continue;
  if (quick) { /* what one card or one set of rules has planned is no good for another */
    plan_with_files(folder, "h100", false, &c);
    CHECK(plan_with_files(folder, "a100", false, &c).searched, "%s: an H100's file for an A100", name);
    CHECK(plan_with_files(folder, "h100", true, &c).searched, "%s: a file of other rules", name);
    while (only_file(folder, path, sizeof path)[0] && unlink(path) == 0)
      continue;
    rmdir(folder);
    write_bytes(folder, "", 0); /* a folder that cannot be: plans are made all the same */
    CHECK(same(plan_with_files(folder, "h100", false, &c), first), "%s: without a folder", name);
    unlink(folder);
  }
  rmdir(folder);
  rmdir(parent);
}

/* cuDNN writes into a plan's file what it was told: types, extents, strides. */
static void descriptions_are_right(void) {
  static char text[1 << 20];
  char folder[] = "/tmp/limn_plans_XXXXXX", path[400];
  if (!mkdtemp(folder)) {
    CHECK(false, "no temporary folder");
    return;
  }
  const cuda_operation c = named("dcgan 64-128 dw->fp32", LIMN_BF16);
  const cuda_operation none = named("G last tanh", LIMN_BF16);
  CHECK(plan_with_files(folder, "rtx3090", false, &none).searched && !only_file(folder, path, sizeof path)[0],
        "a file that says that there is no engine");
  plan_with_files(folder, "rtx3090", false, &c);
  text[read_bytes(only_file(folder, path, sizeof path), text, sizeof text - 1)] = 0;
  const char *const said[] = {
      "\"name\":\"1\",\"dataType\":\"CUDNN_DATA_BFLOAT16\",\"dim\":[128,64,32,32],\"stride\":[65536,1,2048,64]",
      "\"name\":\"2\",\"dataType\":\"CUDNN_DATA_FLOAT\",\"dim\":[128,64,4,4],\"stride\":[1024,1,256,64]",
      "\"name\":\"3\",\"dataType\":\"CUDNN_DATA_BFLOAT16\",\"dim\":[128,128,16,16],\"stride\":[32768,1,2048,128]",
      "\"pad\":[1,1],\"stride\":[2,2],\"dilation\":[1,1]",
      "\"mode\":\"CUDNN_CROSS_CORRELATION\",\"mathPrec\":\"CUDNN_DATA_FLOAT\"",
  };
  for (size_t i = 0; i < sizeof said / sizeof *said; ++i)
    CHECK(strstr(text, said[i]), "%s is not in %.600s", said[i], text);
  unlink(path);
  rmdir(folder);
}

int main(void) {
  keep_leaks_legible();
  nonsense_is_refused();
  tiles_are_read();
  long_sums_are_split();
  better_engines_come_first();
  plans_are_shared();
  tensors_are_handed_over();
  rules_are_kept();
  names_make_the_same_plans();
  engines_may_refuse("D first leaky", "dcgan 3-64");
  own_kernels_are_told();
  planners_fail_cleanly();
  failures_are_reported("dcgan 64-128", CUDNN_STATUS_INTERNAL_ERROR, 1);
  failures_are_reported("dcgan 64-128", CUDNN_STATUS_NOT_SUPPORTED_SHAPE, 1);
  failures_are_reported("VAE bias relu 64-128", CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED, 1);
  descriptions_are_right();
  files_are_believed_when_whole("dcgan 64-128 dx", LIMN_BF16, true);
  files_are_believed_when_whole("grey bias leaky 28-14", LIMN_F32, false); /* compiled while it is planned */
  CHECK(live == 0, "%d descriptors are left", live);
  if (failures == 0)
    puts("ok");
  return failures > 0;
}
