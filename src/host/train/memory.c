#include "train/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "train/evaluation.h"

/* What a driver, a CUDA context, cuDNN and cuBLAS keep for themselves: some 0.5 to 0.8 GB on cards of today. */
#define RESERVE_BYTES ((size_t)1 << 30)
#define DRAWN         32    /* held-out pictures, at most */
#define LARGEST_BATCH 65536 /* the setting's own limit */
#define BATCH_TRIES   3     /* plans that may go into finding a larger one: workspaces grow by jumps */
#define PARTS_TRIES   4     /* divisions of a batch that are planned */
#define SPARE_BYTES   7.5e8 /* of what a device says is free: libraries load code into it as they run */
#define SPARE_PART    0.25  /* and no more than this part of it */

/* Training of a VAE has programs for the held-out pictures too, which take their share of memory; how many pictures
 * there are is up to the data, so it is assumed that they fill a batch and what is drawn of them. */
limn_status limn_session_plan(limn_session *s, const limn_config *config, const limn_card *card) {
  const bool validates = limn_algorithm_of(config)->validate && config->validation > 0;
  const int batch = limn_config_micro_batch(config);
  return limn_session_init(
      s, config, 1,
      &(limn_session_data){.held_out_count = validates ? (uint32_t)(batch > DRAWN ? batch : DRAWN) : 0,
                           .card = card,
                           .blank = true,
                           .planning = true});
}

/* The number format that convolutions read: a CUDA device keeps weights and inputs in it beside fp32. */
static bool has_half_copies(const limn_session *s) {
  const char *precision = s->config->precision;
  return strcmp(s->device->ops->kind, "cuda") == 0 &&
         (strcmp(precision, "bf16") == 0 || strcmp(precision, "fp16") == 0);
}

/* Also what transfers need on a card: two slots for the largest leaf of numbers, and two for each leaf of pictures,
 * which are its only memory. */
static void measure_leaves(limn_step_memory *memory, const limn_session *s) {
  bool half = has_half_copies(s), cuda = strcmp(s->device->ops->kind, "cuda") == 0;
  size_t largest = 0;
  for (size_t i = 0; i < limn_store_count(s->store); ++i) {
    const char *name;
    const limn_tensor *leaf = limn_store_at(s->store, i, &name);
    bool weight = leaf->role == LIMN_ROLE_PARAMETER || leaf->role == LIMN_ROLE_FROZEN;
    bool copied = half && (weight || leaf->role == LIMN_ROLE_INPUT);
    size_t count = (size_t)limn_shape_count(leaf->shape), bytes = count * (copied ? 6 : 4);
    if (leaf->role == LIMN_ROLE_PICTURES) {
      *(cuda ? &memory->staging_bytes : &memory->exchange_bytes) += cuda ? 2 * count : count;
      continue;
    }
    largest = count > largest ? count : largest;
    if (leaf->role == LIMN_ROLE_OPTIMIZER || leaf->role == LIMN_ROLE_SUM)
      memory->optimizer_bytes += bytes;
    else if (weight || leaf->role == LIMN_ROLE_BUFFER)
      memory->weight_bytes += bytes;
    else
      memory->exchange_bytes += bytes;
  }
  memory->staging_bytes += cuda ? 2 * largest * sizeof(float) : 0;
}

limn_step_memory limn_session_memory(const limn_session *s) {
  limn_step_memory memory = {0};
  measure_leaves(&memory, s);
  const limn_program *programs[LIMN_SESSION_PROGRAMS];
  int count = limn_session_programs(s, programs);
  for (int i = 0; i < count; ++i) {
    limn_program_info info;
    limn_program_get_info(programs[i], &info);
    memory.arena_bytes += info.arena_bytes;
    memory.unshared_arena_bytes += info.naive_bytes;
  }
  if (strcmp(s->device->ops->kind, "cuda") == 0)
    memory.reserve_bytes = RESERVE_BYTES;
  memory.sum_bytes = memory.weight_bytes + memory.optimizer_bytes + memory.exchange_bytes + memory.arena_bytes +
                     memory.staging_bytes + memory.reserve_bytes;
  return memory;
}

limn_status limn_training_memory(const limn_session *s, const limn_card *card, limn_step_memory *memory) {
  *memory = limn_session_memory(s);
  LIMN_TRY(limn_training_evaluation_bytes(s->config, card, &memory->judge_bytes));
  memory->sum_bytes += memory->judge_bytes;
  return LIMN_OK;
}

static int round_batch(double batch, int largest) {
  int whole = batch > largest ? largest : batch < 1 ? 0 : (int)batch;
  return whole < 8 ? whole : whole / 8 * 8;
}

/* The bytes of training with a micro-batch of that size, and those of them that grow with it. *bytes is infinite where
 * no engine takes tensors so large. What libraries keep is no part of what a real card says is free. */
static limn_status bytes_of_batch(limn_config *config, const limn_card *card, int batch, double *bytes,
                                  double *growing) {
  limn_session session;
  config->batch = batch * config->accumulate;
  limn_status status = limn_session_plan(&session, config, card);
  *bytes = (double)INFINITY;
  if (status == LIMN_DEVICE)
    return LIMN_OK;
  LIMN_TRY(status);
  limn_step_memory memory = limn_session_memory(&session);
  *bytes = (double)(memory.sum_bytes - (card ? 0 : memory.reserve_bytes));
  *growing = (double)(memory.arena_bytes + memory.exchange_bytes + memory.staging_bytes);
  limn_session_release(&session);
  return LIMN_OK;
}

/* A search along a line through the last two micro-batches that were planned. The first step takes all activations and
 * gradients to grow with them. */
static limn_status find_largest(limn_config *config, const limn_card *card, double capacity, int *best) {
  const int largest = LARGEST_BATCH / config->accumulate;
  double bytes, before, growing = 0;
  int last = limn_config_micro_batch(config), above = largest + 1; /* the least that is known not to fit */
  *best = 0;
  LIMN_TRY(bytes_of_batch(config, card, last, &before, &growing));
  if (!isfinite(before))
    return LIMN_DEVICE; /* not even planned: the message says why */
  double slope = growing / last;
  *best = before <= capacity ? last : 0;
  int candidate = round_batch(last + (capacity - before) / slope, largest);
  for (int i = 0; candidate > *best; ++i) {
    LIMN_TRY(bytes_of_batch(config, card, candidate, &bytes, &growing));
    bool fits = bytes <= capacity;
    if (fits)
      *best = candidate;
    else
      above = candidate;
    if (fits && i >= BATCH_TRIES)
      break;
    double next = candidate / 2.0;
    if (isfinite(bytes) && (fits || i < BATCH_TRIES)) {
      if (candidate != last && (bytes - before) / (candidate - last) > 0)
        slope = (bytes - before) / (candidate - last);
      next = candidate + (capacity - bytes) / slope;
      before = bytes;
      last = candidate;
    }
    if (fits && next < 1.05 * candidate)
      break;
    candidate = round_batch(next < above - 1 ? next : above - 1, largest);
  }
  return LIMN_OK;
}

limn_status limn_largest_batch(limn_config *config, const limn_card *card, double capacity, int *batch) {
  limn_status status = find_largest(config, card, capacity, batch);
  *batch *= config->accumulate;
  return status;
}

double limn_usable_memory(double bytes) { return bytes - fmin(SPARE_BYTES, SPARE_PART * bytes); }

static bool is_cuda(const limn_session *s) { return strcmp(s->device->ops->kind, "cuda") == 0; }

/* 0 also where there is none to be had: the run will say why. */
static double judge_bytes(const limn_config *config, const limn_card *card) {
  size_t bytes = 0;
  return limn_training_evaluation_bytes(config, card, &bytes) == LIMN_OK ? (double)bytes : 0;
}

/* What has to be free, of a device whose libraries have taken theirs. A run has opened its judge by then. */
static double bytes_to_take(const limn_session *s) {
  const limn_step_memory memory = limn_session_memory(s);
  return (double)(memory.sum_bytes - memory.reserve_bytes) + (s->planning ? judge_bytes(s->config, NULL) : 0);
}

static double usable_memory_of(const limn_session *s) {
  return limn_usable_memory(s->device->memory_bytes) - (s->planning ? judge_bytes(s->config, NULL) : 0);
}

bool limn_session_fits(const limn_session *s) {
  return s->device->memory_bytes <= 0 || bytes_to_take(s) <= s->device->memory_bytes;
}

limn_status limn_fitting_batch(const limn_session *s, int *batch) {
  limn_config *config = NULL;
  *batch = 0;
  limn_status status = limn_config_copy(&config, s->config);
  if (status == LIMN_OK && s->device->memory_bytes > 0)
    status = limn_largest_batch(config, NULL, usable_memory_of(s), batch);
  limn_config_destroy(config);
  return status;
}

/* Whether the batch fits when it is worked through in that many parts. */
static bool fits_in_parts(const limn_session *s, limn_config *config, int parts) {
  double bytes = INFINITY, growing;
  config->accumulate = parts;
  config->batch = s->config->batch;
  return limn_config_check(config) == LIMN_OK &&
         bytes_of_batch(config, NULL, config->batch / parts, &bytes, &growing) == LIMN_OK &&
         bytes <= usable_memory_of(s);
}

limn_status limn_fitting_parts(const limn_session *s, int batch, int *parts) {
  const limn_config *c = s->config;
  limn_config *config = NULL;
  const int micro = batch > 0 ? batch / c->accumulate : 0;
  *parts = 0;
  LIMN_TRY(limn_config_copy(&config, c));
  /* Sums of gradients take memory of their own, so that a part may have to be smaller than a batch that fits. */
  for (int k = c->accumulate + 1, tries = 0; micro > 0 && k <= c->batch && tries < PARTS_TRIES && *parts == 0; ++k) {
    if (c->batch % k != 0 || c->batch / k > micro || c->batch / k % c->pack != 0)
      continue;
    ++tries;
    if (fits_in_parts(s, config, k))
      *parts = k;
  }
  limn_config_destroy(config);
  return LIMN_OK;
}

/* With the message so far and what fits: a smaller batch, or the same in parts. */
static limn_status say_what_fits(const limn_session *s) {
  int batch = 0, parts = 0;
  char message[256], in_parts[48] = "";
  snprintf(message, sizeof message, "%s", limn_error_message());
  if (limn_fitting_batch(s, &batch) != LIMN_OK || batch <= 0 || batch >= s->config->batch)
    return limn_fail(LIMN_DEVICE, "%s", message);
  if (limn_fitting_parts(s, batch, &parts) == LIMN_OK && parts > 0)
    snprintf(in_parts, sizeof in_parts, ", and so would --accumulate %d", parts);
  return limn_fail(LIMN_DEVICE, "%s: --batch %d would fit%s", message, batch, in_parts);
}

limn_status limn_session_check_memory(const limn_session *s) {
  if ((is_cuda(s) && !s->planning) || limn_session_fits(s)) /* a card that could not hold it has said so already */
    return LIMN_OK;
  limn_fail(LIMN_DEVICE, "training takes %.1f GB of memory and %s has %.1f GB for it; use a smaller --batch or size",
            bytes_to_take(s) / 1e9, s->device->memory_of ? s->device->memory_of : s->device->description,
            s->device->memory_bytes / 1e9);
  return say_what_fits(s);
}

limn_status limn_session_open(limn_session *s, const limn_config *config, uint64_t horizon,
                              const limn_session_data *data) {
  limn_status status = limn_session_begin(s, config, horizon, data);
  if (status == LIMN_OK)
    status = limn_session_check_memory(s);
  else if (status == LIMN_DEVICE && s->device && s->device->starved)
    status = say_what_fits(s);
  if (status != LIMN_OK)
    limn_session_release(s);
  return status;
}

static int default_batch(const limn_config *config) {
  limn_config *fresh = NULL;
  int batch = 64;
  if (limn_config_create(&fresh, limn_config_model(config)) == LIMN_OK)
    batch = fresh->batch;
  limn_config_destroy(fresh);
  return batch;
}

limn_status limn_choose_batch(limn_config *config, const limn_card *card, uint32_t pictures) {
  limn_config *tried = NULL;
  limn_session session;
  const int unit = limn_config_batch_unit(config), least = default_batch(config);
  int batch = (least + unit - 1) / unit * unit;
  LIMN_TRY(limn_config_copy(&tried, config));
  tried->batch = batch;
  limn_status status = limn_session_plan(&session, tried, card);
  if (status == LIMN_OK) {
    double capacity = card ? card->memory_bytes - judge_bytes(tried, card) : usable_memory_of(&session);
    bool search = is_cuda(&session) || !limn_session_fits(&session);
    limn_session_release(&session);
    if (search)
      status = limn_largest_batch(tried, card, capacity, &batch);
    if (status == LIMN_OK && batch == 0)
      status = limn_fail(LIMN_DEVICE,
                         "batch auto: not even one picture fits into the device's memory of %.1f GB; use a "
                         "smaller size",
                         capacity / 1e9);
  }
  limn_config_destroy(tried);
  LIMN_TRY(status);
  config->batch = ((uint32_t)batch < pictures ? batch : (int)pictures) / unit * unit;
  if (config->batch == 0)
    return limn_fail(LIMN_DATA,
                     "batch auto: of %d pictures there is no multiple of %d (accumulate %d, pack %d): set "
                     "these lower",
                     (uint32_t)batch < pictures ? batch : (int)pictures, unit, config->accumulate, config->pack);
  return LIMN_OK;
}
