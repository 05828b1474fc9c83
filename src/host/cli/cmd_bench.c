/* limn bench: measurements. */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "console.h"
#include "flags.h"
#include "json_out.h"
#include "limn/tools.h"
#include "table.h"

static const cli_option own_options[] = {
    {"rounds", 0, "N", "rounds; median and spread are over them (default 5)", NULL},
    {"steps-per-round", 0, "N", "training steps a round (default 10)", NULL},
    {"warmup", 0, "N", "steps before the first round, not counted (default 3)", NULL},
    {"preset", 0, "NAME", "a named group of settings", NULL},
    {"config", 0, "F.yaml", "settings from a file of `name: value` lines", NULL},
    {"set", 0, "NAME=VALUE", "one setting by its name; may be given again", NULL},
    CLI_OPTION_JSON,
    CLI_OPTION_HELP,
};
enum { OWN_OPTIONS = sizeof(own_options) / sizeof(own_options[0]) };

static int print_help(void) {
  fputs("usage: limn bench step dcgan|vae|autoencoder [options]\n\n"
        "Times training steps on made-up pictures of --size and --channels (64 and 3 unless given): no data is read.\n"
        "Every setting of limn train can be given; limn train --help lists them.\n\n"
        "Options\n",
        stdout);
  cli_options_print(own_options, OWN_OPTIONS);
  return CLI_OK;
}

static int print_json(const limn_config *config, const limn_bench_options *options, const limn_bench_result *result) {
  bool failed = false;
  json_t *root = json_object();
  cli_json_put(root, "model", cli_json_text(limn_config_model(config)), &failed);
  cli_json_put(root, "device", cli_json_text(result->device), &failed);
  cli_json_put(root, "warmup", json_integer(options->warmup), &failed);
  cli_json_put(root, "rounds", json_integer(options->rounds), &failed);
  cli_json_put(root, "steps_per_round", json_integer(options->steps_per_round), &failed);
  cli_json_put(root, "milliseconds_median", cli_json_number(result->milliseconds_median), &failed);
  cli_json_put(root, "milliseconds_min", cli_json_number(result->milliseconds_min), &failed);
  cli_json_put(root, "milliseconds_max", cli_json_number(result->milliseconds_max), &failed);
  cli_json_put(root, "images_per_second", cli_json_number(result->images_per_second), &failed);
  cli_json_put(root, "gflops", cli_json_number(result->gflops), &failed);
  cli_json_put(root, "first_step_seconds", cli_json_number(result->first_step_seconds), &failed);
  cli_json_put(root, "arena_bytes", json_integer((json_int_t)result->arena_bytes), &failed);
  cli_json_put(root, "peak_rss_bytes", json_integer((json_int_t)result->peak_rss_bytes), &failed);
  cli_json_put(root, "settings", cli_json_settings(config, false), &failed);
  return cli_json_print(root, failed);
}

static int print_text(const limn_config *config, const limn_bench_options *options, const limn_bench_result *result) {
  char text[128], bytes[CLI_NUMBER_SIZE];
  cli_table table;
  cli_table_init(&table, "ll");
  cli_table_row(&table, "model", limn_config_model(config));
  cli_table_row(&table, "device", result->device);
  snprintf(text, sizeof(text), "%.2f ms median, %.2f to %.2f, over %d rounds of %d steps", result->milliseconds_median,
           result->milliseconds_min, result->milliseconds_max, options->rounds, options->steps_per_round);
  cli_table_row(&table, "a step", text);
  snprintf(text, sizeof(text), "%.1f images/s, %.1f GFLOP/s", result->images_per_second, result->gflops);
  cli_table_row(&table, "speed", text);
  snprintf(text, sizeof(text), "%.2f s from the start", result->first_step_seconds);
  cli_table_row(&table, "first step", text);
  cli_table_row(&table, "arena", cli_format_bytes((double)result->arena_bytes, bytes));
  cli_table_row(&table, "peak RSS", cli_format_bytes((double)result->peak_rss_bytes, bytes));
  return cli_table_print(&table, 0);
}

static int bench_step(const cli_args *args, const char *model) {
  limn_config *config = NULL;
  int64_t rounds = 5, steps = 10, warmup = 3;
  int code = cli_args_integer(args, "rounds", 1, 10000, &rounds);
  if (code == CLI_OK)
    code = cli_args_integer(args, "steps-per-round", 1, 1000000, &steps);
  if (code == CLI_OK)
    code = cli_args_integer(args, "warmup", 0, 1000000, &warmup);
  if (code == CLI_OK)
    code = cli_flags_config(&config, args, model, NULL);
  if (code != CLI_OK)
    return code;
  limn_bench_options options = {.warmup = (int)warmup, .rounds = (int)rounds, .steps_per_round = (int)steps};
  limn_bench_result result = {0};
  limn_status status = limn_bench_step(config, &options, &result);
  if (status != LIMN_OK)
    code = cli_fail_status(status);
  else if (cli_args_has(args, "json"))
    code = print_json(config, &options, &result);
  else
    code = print_text(config, &options, &result);
  limn_config_destroy(config);
  return code;
}

static int check_words(const cli_args *args) {
  if (args->word_count == 0)
    return cli_fail(CLI_USAGE, "bench what? limn bench step dcgan|vae|autoencoder");
  if (strcmp(args->words[0], "step") != 0) {
    static const char *const benchmarks[] = {"step"};
    bool near = limn_nearest(args->words[0], benchmarks, 1) != NULL;
    return cli_fail(CLI_USAGE, "unknown benchmark %s; %s", args->words[0],
                    near ? "did you mean step?" : "there is step");
  }
  if (args->word_count == 1)
    return cli_fail(CLI_USAGE, "bench step of which model? limn bench step dcgan|vae|autoencoder");
  if (args->word_count > 2)
    return cli_fail(CLI_USAGE, "limn bench step does not know what to do with \"%s\"", args->words[2]);
  return CLI_OK;
}

int cmd_bench(int argc, char **argv) {
  cli_option *options = NULL;
  size_t option_count = 0;
  cli_args args = {0};
  int code = cli_flags_create(&options, &option_count, own_options, OWN_OPTIONS);
  if (code == CLI_OK)
    code = cli_args_init(&args, options, option_count, argc, argv);
  if (code == CLI_OK) {
    if (cli_args_has(&args, "help"))
      code = print_help();
    else if ((code = check_words(&args)) == CLI_OK)
      code = bench_step(&args, args.words[1]);
    cli_args_release(&args);
  }
  free(options);
  return code;
}
