/* limn inspect: what a run folder or a safetensors file holds. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "args.h"
#include "commands.h"
#include "console.h"
#include "flags.h"
#include "inspect_file.h"
#include "json_out.h"
#include "limn/inspect.h"
#include "plan_print.h"
#include "table.h"

static const cli_option options[] = {
    CLI_OPTION_JSON,
    {"verbose", 'v', NULL, "a run: its settings; a file: the least, mean and greatest value of each tensor", NULL},
    CLI_OPTION_HELP,
};

static int print_overview(const limn_run_summary *run, const char *path) {
  char text[CLI_NUMBER_SIZE];
  cli_table table;
  cli_table_init(&table, "ll");
  cli_table_row(&table, "run", path);
  cli_table_row(&table, "model", run->model);
  cli_table_row(&table, "data", run->data);
  cli_table_row(&table, "saved step", cli_format_count((int64_t)run->step, text));
  if (run->picture[0])
    cli_table_row(&table, "picture", run->picture);
  for (size_t i = 0; i < run->fact_count; i++)
    cli_table_row(&table, run->facts[i].name, run->facts[i].value);
  return cli_table_print(&table, 0);
}

static int print_metrics(const limn_run_summary *run) {
  char value[CLI_NUMBER_SIZE], step[CLI_NUMBER_SIZE + 8];
  cli_table table;
  cli_table_init(&table, "lrl");
  for (size_t i = 0; i < run->metric_count; i++) {
    char digits[CLI_NUMBER_SIZE];
    snprintf(value, sizeof(value), "%.6g", run->metrics[i].value);
    snprintf(step, sizeof(step), "step %s", cli_format_count((int64_t)run->metrics[i].step, digits));
    cli_table_row(&table, run->metrics[i].name, value, step);
  }
  puts("\nlast metrics");
  return cli_table_print(&table, 2);
}

static int print_checkpoints(const limn_run_summary *run) {
  char step[CLI_NUMBER_SIZE], bytes[CLI_NUMBER_SIZE];
  cli_table table;
  cli_table_init(&table, "rrl");
  for (size_t i = 0; i < run->checkpoint_count; i++) {
    const limn_run_checkpoint *point = &run->checkpoints[i];
    cli_table_row(&table, cli_format_count((int64_t)point->step, step), cli_format_bytes((double)point->bytes, bytes),
                  point->latest && point->best ? "latest, best"
                  : point->latest              ? "latest"
                  : point->best                ? "best"
                                               : "");
  }
  puts("\ncheckpoints");
  return cli_table_print(&table, 2);
}

static int print_run(const limn_run_summary *run, const char *path, const limn_config *config) {
  int code = print_overview(run, path);
  if (code == CLI_OK && run->metric_count)
    code = print_metrics(run);
  if (code == CLI_OK && run->checkpoint_count)
    code = print_checkpoints(run);
  if (code == CLI_OK && config) {
    putchar('\n');
    code = cli_settings_print(config);
  }
  return code;
}

static int print_run_json(const limn_run_summary *run, const char *path, const limn_config *config) {
  bool failed = false;
  json_t *root = json_object(), *facts = json_object(), *metrics = json_object(), *checkpoints = json_array();
  for (size_t i = 0; i < run->fact_count; i++)
    cli_json_put(facts, run->facts[i].name, cli_json_text(run->facts[i].value), &failed);
  for (size_t i = 0; i < run->metric_count; i++) {
    json_t *metric = json_object();
    cli_json_put(metric, "value", cli_json_number(run->metrics[i].value), &failed);
    cli_json_put(metric, "step", json_integer((json_int_t)run->metrics[i].step), &failed);
    cli_json_put(metrics, run->metrics[i].name, metric, &failed);
  }
  for (size_t i = 0; i < run->checkpoint_count; i++) {
    const limn_run_checkpoint *point = &run->checkpoints[i];
    cli_json_append(checkpoints,
                    json_pack("{s:I, s:I, s:b, s:b}", "step", (json_int_t)point->step, "bytes",
                              (json_int_t)point->bytes, "latest", point->latest, "best", point->best),
                    &failed);
  }
  cli_json_put(root, "run", cli_json_text(path), &failed);
  cli_json_put(root, "model", cli_json_text(run->model), &failed);
  cli_json_put(root, "data", cli_json_text(run->data), &failed);
  cli_json_put(root, "step", json_integer((json_int_t)run->step), &failed);
  cli_json_put(root, "picture", run->picture[0] ? cli_json_text(run->picture) : json_null(), &failed);
  cli_json_put(root, "about", facts, &failed);
  cli_json_put(root, "metrics", metrics, &failed);
  cli_json_put(root, "checkpoints", checkpoints, &failed);
  cli_json_put(root, "settings", cli_json_settings(config, false), &failed);
  return cli_json_print(root, failed);
}

static int inspect_run(const char *path, bool json, bool verbose) {
  limn_run_summary *run = NULL;
  limn_config *config = NULL;
  limn_status status = limn_run_summary_create(&run, path);
  if (status != LIMN_OK)
    return cli_fail_status(status);
  int code = json || verbose ? cli_run_config(&config, path, NULL) : CLI_OK;
  if (code == CLI_OK)
    code = json ? print_run_json(run, path, config) : print_run(run, path, config);
  limn_config_destroy(config);
  limn_run_summary_destroy(run);
  return code;
}

static int inspect(const cli_args *args) {
  int code = cli_args_expect_words(args, 1, "one run folder or safetensors file");
  if (code != CLI_OK)
    return code;
  const char *path = args->words[0];
  bool json = cli_args_has(args, "json"), verbose = cli_args_has(args, "verbose");
  struct stat about;
  if (stat(path, &about) != 0)
    return cli_fail(CLI_DATA, "cannot read %s: %s", path, strerror(errno));
  return S_ISDIR(about.st_mode) ? inspect_run(path, json, verbose) : cli_inspect_file(path, json, verbose);
}

const cli_command cmd_inspect = {
    .name = "inspect",
    .help = "what a run, a checkpoint or a safetensors file holds",
    .usage = "limn inspect RUN|FILE.safetensors [options]",
    .about = "A run: model, data, steps, last metrics, checkpoints. A file: metadata and tensors.",
    CLI_OPTIONS(options),
    .run = inspect,
};
