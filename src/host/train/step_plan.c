/* What a training step is on a device, kernel by kernel, without running it (limn plan): a session of which only the
 * lists of its programs are read. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "devices/cards.h"
#include "limn/tools.h"
#include "train/step_rows.h"

/* What a driver, a CUDA context, cuDNN and cuBLAS keep for themselves: some 0.5 to 0.8 GB on cards of today. */
#define RESERVE_BYTES ((size_t)1 << 30)
#define LARGEST_BATCH 65536 /* the setting's own limit */
#define BATCH_TRIES   3     /* plans that may go into finding a larger one: workspaces grow by jumps */

/* The public part first, so that a plan is freed by its address. */
struct step_plan {
  limn_step_plan base;
  limn_card_file *card; /* NULL: the config's device */
};

/* The config of a plan: a copy with a size, for the card if there is one. *out is the caller's, on failure too. */
static limn_status planned_config(limn_config **out, const limn_config *wanted, bool card) {
  LIMN_TRY(limn_config_copy(out, wanted));
  limn_session_assume_pictures(*out);
  if (card && strcmp((*out)->device, "cpu") == 0)
    return limn_fail(LIMN_USAGE, "the device is cpu and the plan is for a card: leave one of them out");
  if (card)
    LIMN_TRY(limn_config_set(*out, "device", "cuda", LIMN_SOURCE_FLAG));
  return limn_config_check(*out);
}

/* Training of a VAE has programs for the held-out pictures too, which take their share of memory; how many pictures
 * there are is up to the data, so a batch of them is assumed. */
static limn_status open_session(limn_session *s, const limn_config *config, const limn_card *card) {
  bool validates = limn_algorithm_of(config)->validate && config->validation > 0;
  return limn_session_init(
      s, config, 1, &(limn_session_data){.held_out_count = validates ? (uint32_t)config->batch : 0, .card = card});
}

/* The number format that convolutions read: a CUDA device keeps weights and inputs in it beside fp32. */
static bool has_half_copies(const limn_session *s) {
  const char *precision = s->config->precision;
  return strcmp(s->device->ops->kind, "cuda") == 0 &&
         (strcmp(precision, "bf16") == 0 || strcmp(precision, "fp16") == 0);
}

/* Also the largest single transfer: pictures travel as bytes, everything else as floats. */
static void measure_leaves(limn_step_memory *memory, const limn_session *s, size_t *transfer) {
  bool half = has_half_copies(s);
  for (size_t i = 0; i < limn_store_count(s->store); ++i) {
    const char *name;
    const limn_tensor *leaf = limn_store_at(s->store, i, &name);
    bool copied = half && (leaf->role == LIMN_ROLE_PARAMETER || leaf->role == LIMN_ROLE_INPUT);
    bool pictures = leaf->role == LIMN_ROLE_INPUT && leaf->shape.h * leaf->shape.w > 1;
    size_t count = (size_t)limn_shape_count(leaf->shape), bytes = count * (copied ? 6 : 4);
    size_t travels = pictures ? count : count * sizeof(float);
    *transfer = travels > *transfer ? travels : *transfer;
    if (leaf->role == LIMN_ROLE_OPTIMIZER)
      memory->optimizer_bytes += bytes;
    else if (leaf->role == LIMN_ROLE_PARAMETER || leaf->role == LIMN_ROLE_BUFFER)
      memory->weight_bytes += bytes;
    else
      memory->exchange_bytes += bytes;
  }
}

static limn_step_memory measure_memory(const limn_session *s) {
  limn_step_memory memory = {0};
  size_t transfer = 0;
  measure_leaves(&memory, s, &transfer);
  const limn_program *const programs[] = {s->train, s->extra, s->generate, s->reconstruct, s->validation};
  for (size_t i = 0; i < sizeof programs / sizeof *programs; ++i) {
    limn_program_info info = {0};
    if (programs[i])
      limn_program_get_info(programs[i], &info);
    memory.arena_bytes += info.arena_bytes;
  }
  if (strcmp(s->device->ops->kind, "cuda") == 0) {
    memory.staging_bytes = 2 * transfer; /* one is filled while the other travels */
    memory.reserve_bytes = RESERVE_BYTES;
  }
  memory.sum_bytes = memory.weight_bytes + memory.optimizer_bytes + memory.exchange_bytes + memory.arena_bytes +
                     memory.staging_bytes + memory.reserve_bytes;
  return memory;
}

static double least_bytes(const limn_session *s) {
  double sum = 0;
  for (size_t i = 0; i < limn_store_count(s->store); ++i) {
    const char *name;
    const limn_tensor *leaf = limn_store_at(s->store, i, &name);
    double bytes = sizeof(float) * (double)limn_shape_count(leaf->shape);
    bool kept =
        leaf->role == LIMN_ROLE_PARAMETER || leaf->role == LIMN_ROLE_BUFFER || leaf->role == LIMN_ROLE_OPTIMIZER;
    if (kept)
      sum += 2 * bytes;
    else if (leaf->role == LIMN_ROLE_INPUT && limn_shape_equal(leaf->shape, s->batch)) /* the step's own pictures */
      sum += bytes * s->algorithm->batches_per_step(s->config);
  }
  return sum;
}

static void add_rows(limn_step_plan *plan, const limn_step_part *part) {
  for (int i = 0; i < part->row_count; ++i) {
    limn_step_row *row = &plan->rows[plan->row_count++];
    *row = limn_step_row_of(part, i, plan->card.peak, plan->card.bandwidth);
    plan->launches += row->times * row->launches;
    plan->flops += row->times * row->flops;
    plan->bytes += row->times * row->bytes;
    plan->floor_seconds += row->times * row->floor_seconds;
  }
}

static limn_status describe(limn_step_plan *plan, const limn_session *s) {
  limn_step_part parts[2];
  int part_count;
  plan->rows = calloc(limn_step_parts(s, parts, &part_count) + 1, sizeof *plan->rows);
  if (!plan->rows)
    return limn_fail_memory("a plan");
  snprintf(plan->device, sizeof plan->device, "%s", s->device->description);
  plan->batch = s->batch.n;
  plan->channels = s->batch.c;
  plan->height = s->batch.h;
  plan->width = s->batch.w;
  plan->images = s->batch.n * s->algorithm->batches_per_step(s->config);
  for (int i = 0; i < part_count; ++i)
    add_rows(plan, &parts[i]);
  plan->least_bytes = least_bytes(s);
  plan->memory = measure_memory(s);
  return LIMN_OK;
}

static limn_step_card card_of(const limn_card *card, const char *precision) {
  bool half = strcmp(precision, "bf16") == 0 || strcmp(precision, "fp16") == 0, fp32 = strcmp(precision, "fp32") == 0;
  return (limn_step_card){.name = card->name,
                          .properties = card->properties,
                          .memory_bytes = card->memory_bytes,
                          .bandwidth = card->bandwidth,
                          .fp32 = card->fp32,
                          .tf32 = card->tf32,
                          .half = card->half,
                          .peak = half   ? card->half
                                  : fp32 ? card->fp32
                                         : card->tf32};
}

static limn_status make_plan(struct step_plan *plan, const limn_config *config) {
  limn_session session;
  LIMN_TRY(open_session(&session, config, plan->card ? &plan->card->card : NULL));
  if (plan->card)
    plan->base.card = card_of(&plan->card->card, config->precision);
  limn_status status = describe(&plan->base, &session);
  limn_session_release(&session);
  return status;
}

limn_status limn_step_plan_create(limn_step_plan **out, const limn_config *wanted, const char *card) {
  *out = NULL;
  limn_config *config = NULL;
  struct step_plan *plan = calloc(1, sizeof *plan);
  limn_status status = plan ? LIMN_OK : limn_fail_memory("a plan");
  if (status == LIMN_OK && card)
    status = limn_card_load(&plan->card, card);
  if (status == LIMN_OK)
    status = planned_config(&config, wanted, card != NULL);
  if (status == LIMN_OK && card && limn_planning_driver_open() != LIMN_OK)
    snprintf(plan->base.note, sizeof plan->base.note, "%s: on the card cuDNN fuses more, into fewer launches",
             limn_error_message());
  if (status == LIMN_OK)
    status = make_plan(plan, config);
  limn_config_destroy(config);
  if (status != LIMN_OK) {
    limn_step_plan_destroy(plan ? &plan->base : NULL);
    return status;
  }
  *out = &plan->base;
  return LIMN_OK;
}

void limn_step_plan_destroy(limn_step_plan *base) {
  struct step_plan *plan = (struct step_plan *)base;
  if (!plan)
    return;
  limn_card_file_destroy(plan->card);
  free(base->rows);
  free(plan);
}

static int round_batch(double batch) {
  int whole = batch > LARGEST_BATCH ? LARGEST_BATCH : batch < 1 ? 0 : (int)batch;
  return whole < 8 ? whole : whole / 8 * 8;
}

/* The bytes of training with a batch of that size. *bytes is infinite where no engine takes tensors so large. */
static limn_status bytes_of_batch(limn_config *config, const limn_card *card, int batch, double *bytes) {
  limn_session session;
  config->batch = batch;
  limn_status status = open_session(&session, config, card);
  *bytes = (double)INFINITY;
  if (status == LIMN_DEVICE)
    return LIMN_OK;
  LIMN_TRY(status);
  *bytes = (double)measure_memory(&session).sum_bytes;
  limn_session_release(&session);
  return LIMN_OK;
}

/* A search along a line through the last two batches that were planned. The first step takes all activations and
 * gradients to grow with the batch. */
static limn_status search(const limn_step_plan *plan, limn_config *config, const limn_card *card, int *best) {
  const limn_step_memory *memory = &plan->memory;
  double capacity = card->memory_bytes, bytes, before = (double)memory->sum_bytes;
  int last = plan->batch, above = LARGEST_BATCH + 1; /* the least that is known not to fit */
  double slope = (double)(memory->arena_bytes + memory->exchange_bytes) / last;
  *best = before <= capacity ? last : 0;
  int candidate = round_batch(last + (capacity - before) / slope);
  for (int i = 0; candidate > *best; ++i) {
    LIMN_TRY(bytes_of_batch(config, card, candidate, &bytes));
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
    candidate = round_batch(next < above - 1 ? next : above - 1);
  }
  return LIMN_OK;
}

limn_status limn_step_plan_largest_batch(const limn_step_plan *base, const limn_config *wanted, int *batch) {
  const struct step_plan *plan = (const struct step_plan *)base;
  limn_config *config = NULL;
  *batch = 0;
  if (!plan->card)
    return limn_fail(LIMN_USAGE, "the largest batch can only be told for a card: its memory is not known");
  limn_status status = planned_config(&config, wanted, true);
  if (status == LIMN_OK)
    status = search(base, config, &plan->card->card, batch);
  limn_config_destroy(config);
  return status;
}
