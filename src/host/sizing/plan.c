/* What a run would be (--dry-run): a session without a run folder, whose programs are planned and cannot run. */
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "limn/tools.h"
#include "models/outline.h"
#include "train/memory.h"
#include "train/session.h"
#include "train/training_data.h"

static limn_status describe_network(limn_plan *plan, const limn_outline *network) {
  limn_plan_layer *layers =
      realloc(plan->layers, (plan->layer_count + (size_t)network->layer_count) * sizeof *plan->layers);
  if (!layers)
    return limn_fail_memory("a plan");
  plan->layers = layers;
  for (int i = 0; i < network->layer_count; ++i) {
    const limn_outline_layer *l = &network->layers[i];
    limn_plan_layer *row = &layers[plan->layer_count++];
    *row = (limn_plan_layer){.channels = l->shape.c,
                             .height = l->shape.h,
                             .width = l->shape.w,
                             .parameters = l->parameters,
                             .macs = l->macs};
    snprintf(row->network, sizeof row->network, "%s", network->network->name);
    snprintf(row->name, sizeof row->name, "%s", l->name);
    snprintf(row->kind, sizeof row->kind, "%s", l->kind);
  }
  return LIMN_OK;
}

static limn_status describe_layers(limn_plan *plan, const limn_model *model) {
  limn_status status = LIMN_OK;
  for (int n = 0; n < 2 && status == LIMN_OK; ++n) {
    limn_outline outline;
    LIMN_TRY(limn_outline_take(&outline, model, n));
    status = describe_network(plan, &outline);
    limn_outline_release(&outline);
  }
  return status;
}

static double step_flops(const limn_session *s) {
  limn_program_info step, extra = {0};
  limn_program_get_info(s->train, &step);
  if (s->extra)
    limn_program_get_info(s->extra, &extra);
  return step.flops + extra.flops * (s->algorithm->batches_per_step(s->config) - 1);
}

static limn_status make_plan(limn_plan *plan, limn_config *config, limn_training_data *data) {
  limn_session session;
  LIMN_TRY(limn_config_check(config));
  LIMN_TRY(limn_training_data_open(data, config, NULL, NULL));
  LIMN_TRY(limn_session_open(
      &session, config, 1,
      &(limn_session_data){
          .held_out = data->held_out, .held_out_count = data->held_out_count, .blank = true, .planning = true}));
  limn_status status = describe_layers(plan, &session.model);
  if (status == LIMN_OK) {
    plan->memory = limn_session_memory(&session);
    plan->step_flops = step_flops(&session);
    snprintf(plan->device, sizeof plan->device, "%s", session.device->description);
    snprintf(plan->data_kind, sizeof plan->data_kind, "%s", data->info.kind);
    plan->images = data->info.count;
    plan->validation_images = data->validation_count;
    plan->broken = data->info.broken;
    plan->other_files = data->info.other_files;
    plan->channels = config->channels;
    plan->height = config->height;
    plan->width = config->width;
    plan->batch = config->batch;
    plan->data_bytes = data->info.memory_bytes + (size_t)data->held_out_count * (size_t)config->channels *
                                                     (size_t)config->height * (size_t)config->width;
    snprintf(plan->cache_path, sizeof plan->cache_path, "%s", data->info.cache_path);
    plan->cache_bytes = data->info.cache_bytes;
    plan->cache_found = data->info.cache_found;
    int batches = session.algorithm->batches_per_step(config);
    limn_training_end end = {0};
    status = limn_training_find_end(config, data->training_count, batches, &end);
    plan->steps = (int64_t)end.step;
  }
  limn_session_release(&session);
  return status;
}

limn_status limn_plan_create(limn_plan **out, const limn_config *wanted) {
  *out = NULL;
  limn_plan *plan = calloc(1, sizeof *plan);
  limn_config *config = NULL;
  limn_training_data data = {0};
  limn_status status = plan ? limn_config_copy(&config, wanted) : limn_fail_memory("a plan");
  if (status == LIMN_OK)
    status = make_plan(plan, config, &data);
  limn_training_data_close(&data);
  limn_config_destroy(config);
  if (status != LIMN_OK) {
    limn_plan_destroy(plan);
    return status;
  }
  *out = plan;
  return LIMN_OK;
}

void limn_plan_destroy(limn_plan *plan) {
  if (!plan)
    return;
  free(plan->layers);
  free(plan);
}
