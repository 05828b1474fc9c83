/* What a run would be (--dry-run): a session without a run folder, whose programs are planned and cannot run. */
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "limn/tools.h"
#include "models/outline.h"
#include "train/memory.h"
#include "train/session.h"
#include "train/training_data.h"

static limn_status describe_network(limn_dry_run *dry_run, const limn_outline *network) {
  limn_dry_run_layer *layers =
      realloc(dry_run->layers, (dry_run->layer_count + (size_t)network->layer_count) * sizeof *dry_run->layers);
  if (!layers)
    return limn_fail_memory("a dry run");
  dry_run->layers = layers;
  for (int i = 0; i < network->layer_count; ++i) {
    const limn_outline_layer *l = &network->layers[i];
    limn_dry_run_layer *row = &layers[dry_run->layer_count++];
    *row = (limn_dry_run_layer){.channels = l->shape.c,
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

static limn_status describe_layers(limn_dry_run *dry_run, const limn_model *model) {
  limn_status status = LIMN_OK;
  for (int n = 0; n < 2 && status == LIMN_OK; ++n) {
    limn_outline outline;
    LIMN_TRY(limn_outline_take(&outline, model, n));
    status = describe_network(dry_run, &outline);
    limn_outline_release(&outline);
  }
  return status;
}

static limn_status make_dry_run(limn_dry_run *dry_run, limn_config *config, limn_training_data *data) {
  limn_session session;
  LIMN_TRY(limn_config_check(config));
  LIMN_TRY(limn_training_data_open(data, config, NULL, NULL));
  LIMN_TRY(limn_session_open(
      &session, config, 1,
      &(limn_session_data){
          .held_out = data->held_out, .held_out_count = data->held_out_count, .blank = true, .planning = true}));
  limn_status status = describe_layers(dry_run, &session.model);
  if (status == LIMN_OK)
    status = limn_training_memory(&session, NULL, &dry_run->memory);
  if (status == LIMN_OK) {
    dry_run->step_flops = limn_session_flops(&session);
    snprintf(dry_run->device, sizeof dry_run->device, "%s", session.device->description);
    snprintf(dry_run->data_kind, sizeof dry_run->data_kind, "%s", data->info.kind);
    dry_run->images = data->info.count;
    dry_run->validation_images = data->validation_count;
    dry_run->broken = data->info.broken;
    dry_run->other_files = data->info.other_files;
    dry_run->channels = config->channels;
    dry_run->height = config->height;
    dry_run->width = config->width;
    dry_run->batch = config->batch;
    dry_run->data_bytes = data->info.memory_bytes + (size_t)data->held_out_count * (size_t)config->channels *
                                                        (size_t)config->height * (size_t)config->width;
    snprintf(dry_run->cache_path, sizeof dry_run->cache_path, "%s", data->info.cache_path);
    dry_run->cache_bytes = data->info.cache_bytes;
    dry_run->cache_found = data->info.cache_found;
    int batches = session.algorithm->batches_per_step(config);
    limn_training_end end = {0};
    status = limn_training_find_end(config, data->training_count, batches, &end);
    dry_run->steps = (int64_t)end.step;
  }
  limn_session_release(&session);
  return status;
}

limn_status limn_dry_run_create(limn_dry_run **out, const limn_config *wanted) {
  *out = NULL;
  limn_dry_run *dry_run = calloc(1, sizeof *dry_run);
  limn_config *config = NULL;
  limn_training_data data = {0};
  limn_status status = dry_run ? limn_config_copy(&config, wanted) : limn_fail_memory("a dry run");
  if (status == LIMN_OK)
    status = make_dry_run(dry_run, config, &data);
  limn_training_data_close(&data);
  limn_config_destroy(config);
  if (status != LIMN_OK) {
    limn_dry_run_destroy(dry_run);
    return status;
  }
  *out = dry_run;
  return LIMN_OK;
}

void limn_dry_run_destroy(limn_dry_run *dry_run) {
  if (!dry_run)
    return;
  free(dry_run->layers);
  free(dry_run);
}
