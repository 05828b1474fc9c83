#include "plan_print.h"

#include <string.h>

#include "flags.h"
#include "parts.h"
#include "report/numbers.h"

static void say_layer(limn_report *report, const limn_plan_layer *layer) {
  limn_report_row(report);
  limn_report_open(report, NULL);
  limn_report_text(report, "name", LIMN_CELL, layer->name);
  limn_report_text(report, "kind", LIMN_CELL, layer->kind);
  limn_report_cell(report, "%d x %d x %d", layer->channels, layer->height, layer->width);
  limn_report_integers(report, "output", (int64_t[]){layer->channels, layer->height, layer->width}, 3);
  limn_report_count(report, "parameters", NULL, layer->parameters);
  limn_report_cell(report, "%s", layer->parameters ? LIMN_COUNT(layer->parameters) : "-");
  limn_report_number(report, "macs", NULL, layer->macs, NULL);
  limn_report_cell(report, "%s", layer->macs > 0 ? LIMN_SCALED(layer->macs) : "-");
  limn_report_close(report);
}

/* Layers of one network stand together. Returns where it ends. */
static size_t say_network(limn_report *report, const limn_plan *plan, size_t first) {
  const char *network = plan->layers[first].network;
  int64_t parameters = 0;
  double macs = 0;
  size_t end = first;
  limn_report_headed(report, "llrrr", network, "", "output", "parameters", "MAC/image", NULL);
  limn_report_open(report, network);
  limn_report_open_array(report, "layers");
  for (; end < plan->layer_count && strcmp(plan->layers[end].network, network) == 0; end++) {
    say_layer(report, &plan->layers[end]);
    parameters += plan->layers[end].parameters;
    macs += plan->layers[end].macs;
  }
  limn_report_close(report);
  limn_report_row(report);
  limn_report_cell(report, "total");
  limn_report_cell(report, "%s", "");
  limn_report_cell(report, "%s", "");
  limn_report_count(report, "parameters", LIMN_CELL, parameters);
  limn_report_cell(report, "%s", LIMN_SCALED(macs));
  limn_report_number(report, "macs", NULL, macs, NULL);
  limn_report_close(report);
  return end;
}

static void say_plan_data(limn_report *report, const limn_plan *plan, const char *path) {
  limn_report_show(report, "data", "%s", path);
  limn_report_show(report, "", "%s, %s images (%s held out), %d x %d x %d", plan->data_kind, LIMN_COUNT(plan->images),
                   LIMN_COUNT(plan->validation_images), plan->channels, plan->height, plan->width);
  if (plan->broken)
    limn_report_show(report, "", "broken and left out: %s", LIMN_COUNT(plan->broken));
  limn_report_open(report, "data");
  limn_report_text(report, "kind", NULL, plan->data_kind);
  limn_report_count(report, "images", NULL, plan->images);
  limn_report_count(report, "validation_images", NULL, plan->validation_images);
  cli_put_size(report, plan->channels, plan->height, plan->width);
  limn_report_count(report, "broken", NULL, plan->broken);
  cli_say_other_files(report, "", &plan->other_files);
  limn_report_close(report);
}

static void say_cache(limn_report *report, const limn_plan *plan) {
  if (!plan->cache_bytes) {
    limn_report_null(report, "cache");
    return;
  }
  limn_report_open(report, "cache");
  limn_report_text(report, "path", "cache", plan->cache_path);
  limn_report_bytes(report, "bytes", NULL, plan->cache_bytes);
  limn_report_flag(report, "found", plan->cache_found);
  limn_report_close(report);
  limn_report_show(report, "", "%s of decoded pictures, %s", LIMN_BYTES(plan->cache_bytes),
                   plan->cache_found ? "there already" : "made just now");
}

static void say_run(limn_report *report, const limn_plan *plan, const limn_config *config) {
  char path[CLI_VALUE_SIZE];
  limn_report_section(report, NULL, "ll");
  limn_report_show(report, "device", "%s", plan->device);
  say_plan_data(report, plan, limn_config_get(config, "data", path, sizeof(path)));
  say_cache(report, plan);
  if (plan->steps)
    limn_report_show(report, "length", "%s steps of %d images", LIMN_COUNT(plan->steps), plan->batch);
  else
    limn_report_show(report, "length", "steps of %d images, by time", plan->batch);
  limn_report_count(report, "steps", NULL, plan->steps);
  limn_report_count(report, "batch", NULL, plan->batch);
  limn_report_number(report, "step_flops", NULL, plan->step_flops, NULL);
  limn_report_show(report, "a step", "%.3g GFLOP", plan->step_flops * 1e-9);
}

void cli_say_plan(limn_report *report, const limn_plan *plan, const limn_config *config) {
  limn_report_text(report, "model", NULL, limn_config_model(config));
  limn_report_text(report, "device", NULL, plan->device);
  limn_report_open(report, "networks");
  for (size_t first = 0; first < plan->layer_count;)
    first = say_network(report, plan, first);
  limn_report_close(report);
  cli_say_memory(report, &plan->memory);
  limn_report_bytes(report, "data_bytes", "decoded pictures, beside it", plan->data_bytes);
  say_run(report, plan, config);
  cli_say_settings(report, config, true, true);
}
