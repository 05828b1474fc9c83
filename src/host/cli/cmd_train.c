/* limn train: a new run, or more of an old one. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "console.h"
#include "dry_run_print.h"
#include "flags.h"
#include "interrupt.h"
#include "limn/train.h"
#include "parts.h"
#include "progress.h"
#include "report/numbers.h"

static const cli_option own_options[] = {
    {"preset", 0, "NAME", "a named group of settings, such as demo", NULL},
    {"config", 0, "F.yaml", "settings from a file of `name: value` lines, such as a run's config.yaml", NULL},
    {"set", 0, "NAME=VALUE", "one setting by its name; may be given again", NULL},
    {"resume", 0, "RUN", "go on with a run; needs no model and no data named again", NULL},
    {"dry-run", 0, NULL, "show networks, memory, data and settings, and train nothing", NULL},
    CLI_OPTION_JSON,
    {"quiet", 'q', NULL, "no progress", NULL},
    {"verbose", 'v', NULL, "more progress: every measure, pictures, checkpoints", NULL},
    CLI_OPTION_HELP,
};

static int check_combination(const cli_args *args, const char *resume) {
  char models[LIMN_MODEL_NAMES_SIZE];
  if (args->word_count > 1)
    return cli_fail(CLI_USAGE, "limn train does not know what to do with \"%s\"; pictures are named by --data PATH",
                    args->words[1]);
  if (!resume && args->word_count == 0 && !cli_args_has(args, "config"))
    return cli_fail(CLI_USAGE, "train what? limn train %s --data PATH, or limn train --resume RUN",
                    limn_model_names(~0u, "|", "|", models, sizeof(models)));
  if (resume && cli_args_has(args, "out"))
    return cli_fail(CLI_USAGE, "--resume and --out cannot go together: a resumed run stays in its folder, %s", resume);
  if (resume && cli_args_has(args, "preset"))
    return cli_fail(CLI_USAGE, "--resume and --preset cannot go together: %s has its settings in config.yaml", resume);
  if (resume && cli_args_has(args, "init"))
    return cli_fail(CLI_USAGE, "--resume and --init cannot go together: %s has its weights in its checkpoint", resume);
  if (cli_args_has(args, "quiet") && cli_args_has(args, "verbose"))
    return cli_fail(CLI_USAGE, "--quiet and --verbose cannot go together");
  return CLI_OK;
}

static int print_result(const limn_train_result *result, bool json) {
  if (!json) {
    if (result->path[0])
      puts(result->path);
    if (result->picture[0])
      puts(result->picture);
    return CLI_OK;
  }
  limn_report *report = limn_report_create(true);
  limn_report_text(report, "run", NULL, result->path);
  limn_report_text(report, "picture", NULL, cli_given(result->picture));
  limn_report_count(report, "step", NULL, (int64_t)result->step);
  limn_report_count(report, "checkpoint", NULL, (int64_t)result->checkpoint);
  limn_report_number(report, "seconds", NULL, result->seconds, NULL);
  limn_report_flag(report, "stopped", result->stopped);
  limn_report_count(report, "broken_pictures", NULL, result->broken);
  cli_say_other_files(report, NULL, &result->other_files);
  return cli_print(report, LIMN_OK);
}

static int show_dry_run(const limn_config *config, const cli_args *args) {
  limn_dry_run *dry_run = NULL;
  limn_status status = limn_dry_run_create(&dry_run, config);
  limn_report *report = cli_report(args);
  if (status == LIMN_OK)
    cli_say_dry_run(report, dry_run, config);
  limn_dry_run_destroy(dry_run);
  return cli_print(report, status);
}

static int say_stopped(const limn_train_result *result, int signal_number) {
  char run[2 * sizeof(result->path)];
  if (result->path[0])
    fprintf(stderr, "stopped at step %" PRIu64 " and saved; go on with: limn train --resume %s\n", result->step,
            cli_shell_quote(result->path, run, sizeof(run)));
  else
    fputs("stopped before there was anything to save\n", stderr);
  return 128 + signal_number;
}

/* A full disk or the like: what was saved can go on once that is mended. */
static int say_failed(limn_status status, const limn_train_result *result) {
  char run[2 * sizeof(result->path)];
  if (status != LIMN_FAILED || !result->checkpoint)
    return cli_fail_status(status);
  return cli_fail(-(int)status, "%s; step %" PRIu64 " is saved: limn train --resume %s", limn_error_message(),
                  result->checkpoint, cli_shell_quote(result->path, run, sizeof(run)));
}

static void on_event(void *context, const limn_event *event) {
  if (event->kind == LIMN_EVENT_START)
    cli_interrupt_begin();
  cli_progress_event(context, event);
}

static int run_training(const limn_config *config, const cli_args *args, const char *resume) {
  cli_progress progress;
  cli_progress_init(&progress, cli_args_has(args, "quiet") ? -1 : cli_args_has(args, "verbose"));
  limn_train_options options = {.config = config, .resume = resume, .on_event = on_event, .context = &progress};
  cli_interrupt_init(&options.stop, &options.save);
  limn_train_result *result = calloc(1, sizeof(*result));
  if (!result)
    return cli_fail_memory();
  limn_status status = limn_train(&options, result);
  cli_progress_finish(&progress);
  int code = CLI_OK;
  if (status != LIMN_OK)
    code = say_failed(status, result);
  else if (result->stopped && *options.stop)
    code = say_stopped(result, (int)*options.stop);
  else if (progress.verbosity >= 0)
    fprintf(stderr, "done: step %s, %s\n", LIMN_COUNT((int64_t)result->step), LIMN_SECONDS(result->seconds));
  if (status == LIMN_OK && print_result(result, cli_args_has(args, "json")) != CLI_OK)
    code = CLI_FAILED;
  free(result);
  return code;
}

static int train(const cli_args *args) {
  limn_config *config = NULL;
  const char *resume = cli_args_value(args, "resume");
  int code = check_combination(args, resume);
  if (code == CLI_OK)
    code = cli_flags_config(&config, args, args->word_count ? args->words[0] : NULL, resume);
  if (code == CLI_OK)
    code = cli_args_has(args, "dry-run") ? show_dry_run(config, args) : run_training(config, args, resume);
  limn_config_destroy(config);
  return code;
}

const cli_command cmd_train = {
    .name = "train",
    .help = "train a GAN or an autoencoder on pictures",
    .usage = "limn train MODEL --data PATH [options]\n"
             "limn train --config F.yaml [options]\n"
             "limn train --resume RUN [options]",
    .about =
        "Trains on a folder or an archive of pictures, or on IDX, CIFAR or NumPy files, and leaves a run folder:\n"
        "config.yaml, metrics.jsonl, samples/, checkpoints/, run.json. Prints the run folder and the last picture.\n"
        "SIGINT, SIGTERM and SIGHUP finish the step, save and stop; a second one quits at once. SIGUSR1 saves and\n"
        "goes on. A run that goes on may be given another length, interval of writing, path or device; its other\n"
        "settings stay.\n\n"
        "A switch (--flip) stands alone for true, as --no-flip for false, or before true, false, yes, no, on or off.\n"
        "A flag is stronger than --set, --set than --config, --config than --preset, wherever they stand.",
    .takes_model = true,
    CLI_OPTIONS(own_options),
    .settings = CLI_SETTINGS_LISTED,
    .run = train,
};
