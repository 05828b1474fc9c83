/* What a training step is on a device, kernel by kernel, without running it (limn plan): a session of which only the
 * lists of its programs are read. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "devices/cards.h"
#include "limn/tools.h"
#include "sizing/step_rows.h"
#include "train/memory.h"

/* The public part first, so that a plan is freed by its address. */
struct whole_plan {
  limn_plan base;
  limn_card_file *card; /* NULL: the config's device */
};

/* The config of a plan: a copy with a size, for the card if there is one. *out is the caller's, on failure too. */
static limn_status planned_config(limn_config **out, const limn_config *wanted, const limn_card *card) {
  LIMN_TRY(limn_config_copy(out, wanted));
  limn_session_assume_pictures(*out);
  if (card && strcmp((*out)->device, "cpu") == 0)
    return limn_fail(LIMN_USAGE, "the device is cpu and the plan is for a card: leave one of them out");
  if (card)
    LIMN_TRY(limn_config_set(*out, "device", "cuda", LIMN_FROM_FLAG));
  LIMN_TRY(limn_config_check(*out));
  return (*out)->batch ? LIMN_OK : limn_choose_batch(*out, card, UINT32_MAX);
}

static void add_rows(limn_plan *plan, const limn_step_part *part, const limn_device *device) {
  for (int i = 0; i < part->row_count; ++i) {
    limn_step_row *row = &plan->rows[plan->row_count++];
    *row = limn_step_row_of(part, i, device->peak_flops, device->peak_bandwidth);
    plan->launches += row->times * row->launches;
    plan->flops += row->times * row->flops;
    plan->bytes += row->times * row->bytes;
    plan->floor_seconds += row->times * row->floor_seconds;
  }
}

static limn_status describe(limn_plan *plan, const limn_session *s, const limn_card *card) {
  limn_step_part parts[LIMN_SESSION_PARTS];
  int part_count;
  plan->rows = calloc(limn_step_parts(s, parts, &part_count) + 1, sizeof *plan->rows);
  if (!plan->rows)
    return limn_fail_memory("a plan");
  snprintf(plan->device, sizeof plan->device, "%s", s->device->description);
  plan->batch = s->config->batch;
  plan->channels = s->batch.c;
  plan->height = s->batch.h;
  plan->width = s->batch.w;
  plan->images = s->config->batch * s->algorithm->batches_per_step(s->config);
  for (int i = 0; i < part_count; ++i) {
    limn_program_info info = {0};
    limn_program_get_info(parts[i].program, &info);
    plan->least_bytes += parts[i].times * info.least_bytes;
    add_rows(plan, &parts[i], s->device);
  }
  plan->available_bytes = plan->card.name ? 0 : s->device->memory_bytes;
  return limn_training_memory(s, card, &plan->memory);
}

static limn_step_card card_of(const limn_card_file *file, const char *precision) {
  const limn_card *card = &file->card;
  return (limn_step_card){.name = card->name,
                          .text = file->text,
                          .memory_bytes = card->memory_bytes,
                          .bandwidth = card->bandwidth,
                          .peak = limn_card_peak(card, precision)};
}

static limn_status make_plan(struct whole_plan *plan, const limn_config *config) {
  limn_session session;
  const limn_card *card = plan->card ? &plan->card->card : NULL;
  LIMN_TRY(limn_session_plan(&session, config, card));
  if (plan->card)
    plan->base.card = card_of(plan->card, config->precision);
  limn_status status = describe(&plan->base, &session, card);
  limn_session_release(&session);
  return status;
}

limn_status limn_plan_create(limn_plan **out, const limn_config *wanted, const char *card) {
  *out = NULL;
  limn_config *config = NULL;
  struct whole_plan *plan = calloc(1, sizeof *plan);
  limn_status status = plan ? LIMN_OK : limn_fail_memory("a plan");
  if (status == LIMN_OK && card)
    status = limn_card_load(&plan->card, card);
  if (status == LIMN_OK && card && limn_planning_driver_open() != LIMN_OK)
    snprintf(plan->base.note, sizeof plan->base.note, "%s: on the card cuDNN fuses more, into fewer launches",
             limn_error_message());
  if (status == LIMN_OK)
    status = planned_config(&config, wanted, plan->card ? &plan->card->card : NULL);
  if (status == LIMN_OK)
    status = make_plan(plan, config);
  limn_config_destroy(config);
  if (status != LIMN_OK) {
    limn_plan_destroy(plan ? &plan->base : NULL);
    return status;
  }
  *out = &plan->base;
  return LIMN_OK;
}

void limn_plan_destroy(limn_plan *base) {
  struct whole_plan *plan = (struct whole_plan *)base;
  if (!plan)
    return;
  limn_card_file_destroy(plan->card);
  free(base->rows);
  free(plan);
}

limn_status limn_plan_largest_batch(const limn_plan *base, const limn_config *wanted, int *batch) {
  const struct whole_plan *plan = (const struct whole_plan *)base;
  const limn_card *card = plan->card ? &plan->card->card : NULL;
  limn_config *config = NULL;
  *batch = 0;
  if (!card && base->available_bytes <= 0)
    return limn_fail(LIMN_USAGE, "the largest batch cannot be told: the memory of %s is not known", base->device);
  limn_status status = planned_config(&config, wanted, card);
  const double capacity = card ? card->memory_bytes : limn_usable_memory(base->available_bytes);
  if (status == LIMN_OK)
    status = limn_largest_batch(config, card, capacity - (double)base->memory.judge_bytes, batch);
  limn_config_destroy(config);
  return status;
}
