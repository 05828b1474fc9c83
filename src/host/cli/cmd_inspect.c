/* limn inspect: what a run folder or a file of tensors holds. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "args.h"
#include "commands.h"
#include "console.h"
#include "flags.h"
#include "inspect_file.h"
#include "limn/inspect.h"
#include "parts.h"
#include "report/numbers.h"

static const cli_option options[] = {
    CLI_OPTION_JSON,
    {"verbose", 'v', NULL, "a run: its settings; a file: the least, mean and greatest value of each tensor", NULL},
    CLI_OPTION_HELP,
};

static void say_overview(limn_report *report, const limn_run_summary *run, const char *path) {
  limn_report_text(report, "run", "run", path);
  limn_report_text(report, "model", "model", run->model);
  limn_report_text(report, "data", "data", run->data);
  limn_report_count(report, "step", "saved step", (int64_t)run->step);
  limn_report_text(report, "picture", "picture", cli_given(run->picture));
  limn_report_open(report, "about");
  for (size_t i = 0; i < run->fact_count; i++)
    limn_report_text(report, run->facts[i].name, run->facts[i].name, run->facts[i].value);
  limn_report_close(report);
}

static void say_metrics(limn_report *report, const limn_run_summary *run) {
  limn_report_section(report, "last metrics", "lrl");
  limn_report_open(report, "metrics");
  for (size_t i = 0; i < run->metric_count; i++) {
    const limn_run_metric *metric = &run->metrics[i];
    limn_report_open(report, metric->name);
    limn_report_number(report, "value", metric->name, metric->value, "%.6g");
    limn_report_count(report, "step", NULL, (int64_t)metric->step);
    limn_report_cell(report, "step %s", LIMN_COUNT((int64_t)metric->step));
    limn_report_close(report);
  }
  limn_report_close(report);
}

static void say_checkpoints(limn_report *report, const limn_run_summary *run) {
  limn_report_section(report, "checkpoints", "rrl");
  limn_report_open_array(report, "checkpoints");
  for (size_t i = 0; i < run->checkpoint_count; i++) {
    const limn_run_checkpoint *point = &run->checkpoints[i];
    limn_report_row(report);
    limn_report_open(report, NULL);
    limn_report_count(report, "step", LIMN_CELL, (int64_t)point->step);
    limn_report_bytes(report, "bytes", LIMN_CELL, point->bytes);
    limn_report_flag(report, "latest", point->latest);
    limn_report_flag(report, "best", point->best);
    limn_report_cell(report, "%s%s%s", point->latest ? "latest" : "", point->latest && point->best ? ", " : "",
                     point->best ? "best" : "");
    limn_report_close(report);
  }
  limn_report_close(report);
}

static int inspect_run(const cli_args *args, const char *path) {
  limn_run_summary *run = NULL;
  limn_config *config = NULL;
  limn_status status = limn_run_summary_create(&run, path);
  if (status != LIMN_OK)
    return cli_fail_status(status);
  bool settings = cli_args_has(args, "json") || cli_args_has(args, "verbose");
  int code = settings ? cli_run_config(&config, path, NULL) : CLI_OK;
  if (code == CLI_OK) {
    limn_report *report = cli_report(args);
    say_overview(report, run, path);
    say_metrics(report, run);
    say_checkpoints(report, run);
    if (settings)
      cli_say_settings(report, config, false, true);
    code = cli_print(report, LIMN_OK);
  }
  limn_config_destroy(config);
  limn_run_summary_destroy(run);
  return code;
}

static int inspect(const cli_args *args) {
  int code = cli_args_expect_words(args, 1, "one run folder, or a .safetensors, .pt or .pth file");
  if (code != CLI_OK)
    return code;
  const char *path = args->words[0];
  struct stat about;
  if (stat(path, &about) != 0)
    return cli_fail(CLI_DATA, "cannot read %s: %s", path, strerror(errno));
  return S_ISDIR(about.st_mode) ? inspect_run(args, path) : cli_inspect_file(args, path);
}

const cli_command cmd_inspect = {
    .name = "inspect",
    .help = "what a run, a checkpoint or a file of tensors holds",
    .usage = "limn inspect RUN|FILE [options]",
    .about = "A run: model, data, steps, last metrics, checkpoints. A file: metadata and tensors.",
    CLI_OPTIONS(options),
    .run = inspect,
};
