#include "plan_print.h"

#include <inttypes.h>
#include <string.h>

#include "console.h"
#include "flags.h"
#include "json_out.h"
#include "limn/tools.h"
#include "memory_print.h"
#include "table.h"

/* Layers of one network stand together; the end of the one that starts at `first`. */
static size_t network_end(const limn_plan *plan, size_t first) {
  size_t end = first;
  while (end < plan->layer_count && strcmp(plan->layers[end].network, plan->layers[first].network) == 0)
    end++;
  return end;
}

static void shape_text(const limn_plan_layer *layer, char *buffer, size_t size) {
  snprintf(buffer, size, "%d x %d x %d", layer->channels, layer->height, layer->width);
}

static int print_network(const limn_plan *plan, size_t first, size_t end) {
  char shape[64], parameters[CLI_NUMBER_SIZE], macs[CLI_NUMBER_SIZE];
  int64_t parameter_sum = 0;
  double mac_sum = 0;
  cli_table table;
  cli_table_init(&table, "llrrr");
  cli_table_row(&table, plan->layers[first].network, "", "output", "parameters", "MAC/image");
  for (size_t i = first; i < end; i++) {
    const limn_plan_layer *layer = &plan->layers[i];
    shape_text(layer, shape, sizeof(shape));
    parameter_sum += layer->parameters;
    mac_sum += layer->macs;
    cli_table_row(&table, layer->name, layer->kind, shape,
                  layer->parameters ? cli_format_count(layer->parameters, parameters) : "-",
                  layer->macs > 0 ? cli_format_scaled(layer->macs, macs) : "-");
  }
  cli_table_row(&table, "total", "", "", cli_format_count(parameter_sum, parameters), cli_format_scaled(mac_sum, macs));
  int code = cli_table_print(&table, 0);
  putchar('\n');
  return code;
}

static int print_memory(const limn_plan *plan) {
  char bytes[CLI_NUMBER_SIZE];
  cli_table table;
  cli_table_init(&table, "lrl");
  cli_table_row(&table, "memory", "", "");
  cli_memory_rows(&table, &plan->memory);
  cli_table_row(&table, "sum", cli_format_bytes((double)plan->memory.sum_bytes, bytes), "");
  cli_table_row(&table, "decoded pictures, beside it", cli_format_bytes((double)plan->data_bytes, bytes), "");
  int code = cli_table_print(&table, 0);
  putchar('\n');
  return code;
}

static int print_run(const limn_plan *plan, const limn_config *config) {
  char path[CLI_VALUE_SIZE], count[CLI_NUMBER_SIZE], held[CLI_NUMBER_SIZE], text[256];
  char others[LIMN_OTHER_FILES_TEXT_SIZE];
  cli_table table;
  cli_table_init(&table, "ll");
  cli_table_row(&table, "device", plan->device);
  cli_table_row(&table, "data", limn_config_get(config, "data", path, sizeof(path)));
  snprintf(text, sizeof(text), "%s, %s images (%s held out), %d x %d x %d", plan->data_kind,
           cli_format_count(plan->images, count), cli_format_count(plan->validation_images, held), plan->channels,
           plan->height, plan->width);
  cli_table_row(&table, "", text);
  if (plan->broken) {
    snprintf(text, sizeof(text), "broken and left out: %s", cli_format_count(plan->broken, count));
    cli_table_row(&table, "", text);
  }
  if (limn_other_files_text(&plan->other_files, others, sizeof(others))[0])
    cli_table_row(&table, "", others);
  if (plan->cache_bytes) {
    cli_table_row(&table, "cache", plan->cache_path);
    snprintf(text, sizeof(text), "%s of decoded pictures, %s", cli_format_bytes((double)plan->cache_bytes, count),
             plan->cache_found ? "there already" : "made just now");
    cli_table_row(&table, "", text);
  }
  if (plan->steps)
    snprintf(text, sizeof(text), "%s steps of %d images", cli_format_count(plan->steps, count), plan->batch);
  else
    snprintf(text, sizeof(text), "steps of %d images, by time", plan->batch);
  cli_table_row(&table, "length", text);
  snprintf(text, sizeof(text), "%.3g GFLOP", plan->step_flops * 1e-9);
  cli_table_row(&table, "a step", text);
  int code = cli_table_print(&table, 0);
  putchar('\n');
  return code;
}

int cli_settings_print(const limn_config *config) {
  cli_table table;
  cli_table_init(&table, "lll");
  cli_table_row(&table, "setting", "value", "from");
  for (size_t i = 0; i < limn_setting_count(); i++) {
    const limn_setting *setting = limn_setting_at(i);
    if (!cli_setting_applies(setting, limn_config_model(config)))
      continue;
    char value[CLI_VALUE_SIZE];
    limn_config_get(config, setting->name, value, sizeof(value));
    cli_table_row(&table, setting->name, value[0] ? value : "-", limn_config_origin(config, setting->name));
  }
  return cli_table_print(&table, 0);
}

static json_t *networks_json(const limn_plan *plan) {
  bool failed = false;
  json_t *networks = json_object();
  for (size_t first = 0; first < plan->layer_count;) {
    size_t end = network_end(plan, first);
    json_t *layers = json_array();
    int64_t parameters = 0;
    double macs = 0;
    for (size_t i = first; i < end; i++) {
      const limn_plan_layer *layer = &plan->layers[i];
      cli_json_append(layers,
                      json_pack("{s:s, s:s, s:[i, i, i], s:I, s:f}", "name", layer->name, "kind", layer->kind, "output",
                                layer->channels, layer->height, layer->width, "parameters",
                                (json_int_t)layer->parameters, "macs", layer->macs),
                      &failed);
      parameters += layer->parameters;
      macs += layer->macs;
    }
    json_t *network = json_object();
    cli_json_put(network, "layers", layers, &failed);
    cli_json_put(network, "parameters", json_integer((json_int_t)parameters), &failed);
    cli_json_put(network, "macs", cli_json_number(macs), &failed);
    cli_json_put(networks, plan->layers[first].network, network, &failed);
    first = end;
  }
  if (!failed)
    return networks;
  json_decref(networks);
  return NULL;
}

static int print_json(const limn_plan *plan, const limn_config *config) {
  bool failed = false;
  json_t *root = json_object();
  cli_json_put(root, "model", cli_json_text(limn_config_model(config)), &failed);
  cli_json_put(root, "device", cli_json_text(plan->device), &failed);
  cli_json_put(root, "networks", networks_json(plan), &failed);
  cli_json_put(root, "memory", cli_memory_json(&plan->memory), &failed);
  cli_json_put(root, "data_bytes", json_integer((json_int_t)plan->data_bytes), &failed);
  cli_json_put(root, "data",
               json_pack("{s:s, s:I, s:I, s:i, s:i, s:i, s:I, s:o}", "kind", plan->data_kind, "images",
                         (json_int_t)plan->images, "validation_images", (json_int_t)plan->validation_images, "channels",
                         plan->channels, "height", plan->height, "width", plan->width, "broken",
                         (json_int_t)plan->broken, "no_pictures", cli_json_other_files(&plan->other_files)),
               &failed);
  cli_json_put(root, "cache",
               plan->cache_bytes ? json_pack("{s:o, s:I, s:b}", "path", cli_json_text(plan->cache_path), "bytes",
                                             (json_int_t)plan->cache_bytes, "found", plan->cache_found)
                                 : json_null(),
               &failed);
  cli_json_put(root, "steps", json_integer((json_int_t)plan->steps), &failed);
  cli_json_put(root, "batch", json_integer(plan->batch), &failed);
  cli_json_put(root, "step_flops", cli_json_number(plan->step_flops), &failed);
  cli_json_put(root, "settings", cli_json_settings(config, true), &failed);
  return cli_json_print(root, failed);
}

int cli_plan_print(const limn_config *config, bool json) {
  limn_plan *plan = NULL;
  limn_status status = limn_plan_create(&plan, config);
  if (status != LIMN_OK)
    return cli_fail_status(status);
  int code = CLI_OK;
  if (json) {
    code = print_json(plan, config);
  } else {
    for (size_t first = 0; first < plan->layer_count && code == CLI_OK;) {
      size_t end = network_end(plan, first);
      code = print_network(plan, first, end);
      first = end;
    }
    if (code == CLI_OK)
      code = print_memory(plan);
    if (code == CLI_OK)
      code = print_run(plan, config);
    if (code == CLI_OK)
      code = cli_settings_print(config);
  }
  limn_plan_destroy(plan);
  return code;
}
