#include "dry_run_print.h"

#include <string.h>

#include "flags.h"
#include "parts.h"
#include "report/numbers.h"

static void say_layer(limn_report *report, const limn_dry_run_layer *layer) {
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
static size_t say_network(limn_report *report, const limn_dry_run *dry_run, size_t first) {
  const char *network = dry_run->layers[first].network;
  int64_t parameters = 0;
  double macs = 0;
  size_t end = first;
  limn_report_headed(report, "llrrr", network, "", "output", "parameters", "MAC/image", NULL);
  limn_report_open(report, network);
  limn_report_open_array(report, "layers");
  for (; end < dry_run->layer_count && strcmp(dry_run->layers[end].network, network) == 0; end++) {
    say_layer(report, &dry_run->layers[end]);
    parameters += dry_run->layers[end].parameters;
    macs += dry_run->layers[end].macs;
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

static void say_data(limn_report *report, const limn_dry_run *dry_run, const char *path) {
  limn_report_show(report, "data", "%s", path);
  limn_report_show(report, "", "%s, %s images (%s held out), %d x %d x %d", dry_run->data_kind,
                   LIMN_COUNT(dry_run->images), LIMN_COUNT(dry_run->validation_images), dry_run->channels,
                   dry_run->height, dry_run->width);
  if (dry_run->broken)
    limn_report_show(report, "", "broken and left out: %s", LIMN_COUNT(dry_run->broken));
  limn_report_open(report, "data");
  limn_report_text(report, "kind", NULL, dry_run->data_kind);
  limn_report_count(report, "images", NULL, dry_run->images);
  limn_report_count(report, "validation_images", NULL, dry_run->validation_images);
  cli_put_size(report, dry_run->channels, dry_run->height, dry_run->width);
  limn_report_count(report, "broken", NULL, dry_run->broken);
  cli_say_other_files(report, "", &dry_run->other_files);
  limn_report_close(report);
}

static void say_cache(limn_report *report, const limn_dry_run *dry_run) {
  if (!dry_run->cache_bytes) {
    limn_report_null(report, "cache");
    return;
  }
  limn_report_open(report, "cache");
  limn_report_text(report, "path", "cache", dry_run->cache_path);
  limn_report_bytes(report, "bytes", NULL, dry_run->cache_bytes);
  limn_report_flag(report, "found", dry_run->cache_found);
  limn_report_close(report);
  limn_report_show(report, "", "%s of decoded pictures, %s", LIMN_BYTES(dry_run->cache_bytes),
                   dry_run->cache_found ? "there already" : "made just now");
}

static bool has(const limn_config *config, const char *setting, const char *value) {
  char text[CLI_VALUE_SIZE];
  return strcmp(limn_config_get(config, setting, text, sizeof text), value) == 0;
}

/* What ends a run whose steps nobody knows. */
static const char *end_of(const limn_config *config) {
  if (!has(config, "until", "equilibrium"))
    return "by time";
  return has(config, "time", "0") ? "until equilibrium" : "until equilibrium or by time";
}

static void say_run(limn_report *report, const limn_dry_run *dry_run, const limn_config *config) {
  char path[CLI_VALUE_SIZE];
  limn_report_section(report, NULL, "ll");
  limn_report_show(report, "device", "%s", dry_run->device);
  say_data(report, dry_run, limn_config_get(config, "data", path, sizeof(path)));
  say_cache(report, dry_run);
  if (dry_run->steps)
    limn_report_show(report, "length", "%s steps of %d images", LIMN_COUNT(dry_run->steps), dry_run->batch);
  else
    limn_report_show(report, "length", "steps of %d images, %s", dry_run->batch, end_of(config));
  limn_report_count(report, "steps", NULL, dry_run->steps);
  limn_report_count(report, "batch", NULL, dry_run->batch);
  limn_report_number(report, "step_flops", NULL, dry_run->step_flops, NULL);
  limn_report_show(report, "a step", "%.3g GFLOP", dry_run->step_flops * 1e-9);
}

void cli_say_dry_run(limn_report *report, const limn_dry_run *dry_run, const limn_config *config) {
  limn_report_text(report, "model", NULL, limn_config_model(config));
  limn_report_text(report, "device", NULL, dry_run->device);
  limn_report_open(report, "networks");
  for (size_t first = 0; first < dry_run->layer_count;)
    first = say_network(report, dry_run, first);
  limn_report_close(report);
  cli_say_memory(report, &dry_run->memory, &dry_run->data_bytes);
  say_run(report, dry_run, config);
  cli_say_settings(report, config, true, true);
}
