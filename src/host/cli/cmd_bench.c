/* limn bench: measurements. */
#include <stdlib.h>
#include <string.h>

#include "bench_ops_print.h"
#include "commands.h"
#include "console.h"
#include "flags.h"
#include "limn/tools.h"
#include "parts.h"
#include "report/numbers.h"

#define MOST_ROUNDS 10000
#define MOST_STEPS  1000000

static const cli_option own_options[] = {
    {"rounds", 0, "N", "rounds; median and spread are over them (default 5; ops on a GPU: 20)", NULL},
    {"warmup", 0, "N", "steps before the first round, not counted (default 3)", NULL},
    {"steps-per-round", 0, "N", "step: training steps a round (default 10)", NULL},
    {"paced", 0, NULL,
     "step: prints milliseconds a step after the first one and each round, and goes on at a line of input", NULL},
    {"trace", 0, NULL, "step: the kernels in it one by one, which is limn bench ops", NULL},
    {"order", 0, "ORDER", "ops: by share, the longest first (default), or as they run in the program", NULL},
    {"all", 0, NULL, "ops: a line for every kernel, also where several are alike", NULL},
    {"preset", 0, "NAME", "a named group of settings", NULL},
    {"config", 0, "F.yaml", "settings from a file of `name: value` lines", NULL},
    {"set", 0, "NAME=VALUE", "one setting by its name; may be given again", NULL},
    CLI_OPTION_JSON,
    CLI_OPTION_HELP,
};

static void say_step(limn_report *report, const limn_config *config, const limn_bench_options *options,
                     const limn_bench_result *result) {
  limn_report_text(report, "model", "model", limn_config_model(config));
  limn_report_text(report, "device", "device", result->device);
  limn_report_count(report, "warmup", NULL, options->warmup);
  limn_report_count(report, "rounds", NULL, options->rounds);
  limn_report_count(report, "steps_per_round", NULL, options->steps_per_round);
  limn_report_show(report, "a step", "%.2f ms median, %.2f to %.2f, over %d rounds of %d steps",
                   result->milliseconds_median, result->milliseconds_min, result->milliseconds_max, options->rounds,
                   options->steps_per_round);
  limn_report_number(report, "milliseconds_median", NULL, result->milliseconds_median, NULL);
  limn_report_number(report, "milliseconds_min", NULL, result->milliseconds_min, NULL);
  limn_report_number(report, "milliseconds_max", NULL, result->milliseconds_max, NULL);
  limn_report_number(report, "host_milliseconds", NULL, result->host_milliseconds, NULL);
  limn_report_show(report, "speed", "%.1f images/s, %.1f GFLOP/s", result->images_per_second, result->gflops);
  limn_report_number(report, "images_per_second", NULL, result->images_per_second, NULL);
  limn_report_number(report, "gflops", NULL, result->gflops, NULL);
  limn_report_number(report, "first_step_seconds", "first step", result->first_step_seconds, "%.2f s from the start");
  limn_report_bytes(report, "arena_bytes", "arena", result->arena_bytes);
  limn_report_bytes(report, "peak_rss_bytes", "peak RSS", result->peak_rss_bytes);
  cli_say_settings(report, config, false, false);
}

/* For callers who measure something else between the rounds (bench/vs_pytorch). Does not wait behind the last one;
 * input that has ended is no reason to wait either. */
static void print_and_wait(void *context, double milliseconds) {
  int *left = context, c;
  printf("%.4f\n", milliseconds);
  fflush(stdout);
  if ((*left)-- == 0)
    return;
  do
    c = getchar();
  while (c != '\n' && c != EOF);
}

static int bench_step(const cli_args *args, const char *model) {
  limn_config *config = NULL;
  int64_t rounds = 5, steps = 10, warmup = 3;
  int code = cli_args_integer(args, "rounds", 1, MOST_ROUNDS, &rounds);
  if (code == CLI_OK)
    code = cli_args_integer(args, "steps-per-round", 1, MOST_STEPS, &steps);
  if (code == CLI_OK)
    code = cli_args_integer(args, "warmup", 0, MOST_STEPS, &warmup);
  if (code == CLI_OK)
    code = cli_flags_config(&config, args, model, NULL);
  if (code != CLI_OK)
    return code;
  limn_bench_options options = {.warmup = (int)warmup, .rounds = (int)rounds, .steps_per_round = (int)steps};
  int left = (int)rounds;
  if (cli_args_has(args, "paced")) {
    options.done = print_and_wait;
    options.context = &left;
  }
  limn_bench_result result = {0};
  limn_status status = limn_bench_step(config, &options, &result);
  limn_report *report = cli_report(args);
  if (status == LIMN_OK)
    say_step(report, config, &options, &result);
  code = cli_print(report, status);
  limn_config_destroy(config);
  return code;
}

static int parse_order(const cli_args *args, bool *by_share) {
  static const char *const orders[] = {"share", "program"};
  const char *order = cli_args_value(args, "order");
  *by_share = !order || strcmp(order, "share") == 0;
  if (*by_share || strcmp(order, "program") == 0)
    return CLI_OK;
  const char *near = limn_nearest(order, orders, 2);
  if (near)
    return cli_fail(CLI_USAGE, "--order is \"%s\"; did you mean %s?", order, near);
  return cli_fail(CLI_USAGE, "--order is \"%s\"; it takes share or program", order);
}

static int bench_ops(const cli_args *args, const char *model) {
  limn_config *config = NULL;
  cli_bench_ops shown = {.every = cli_args_has(args, "all")};
  int64_t rounds = 0, warmup = 3;
  int code = cli_args_integer(args, "rounds", 1, MOST_ROUNDS, &rounds);
  if (code == CLI_OK)
    code = cli_args_integer(args, "warmup", 0, MOST_STEPS, &warmup);
  if (code == CLI_OK)
    code = parse_order(args, &shown.by_share);
  if (code == CLI_OK)
    code = cli_flags_config(&config, args, model, NULL);
  if (code != CLI_OK)
    return code;
  limn_bench_ops *ops = NULL;
  limn_status status =
      limn_bench_ops_create(&ops, config, &(limn_bench_ops_options){.warmup = (int)warmup, .rounds = (int)rounds});
  shown.ops = ops;
  shown.config = config;
  limn_report *report = cli_report(args);
  if (status == LIMN_OK)
    cli_say_bench_ops(report, &shown);
  code = cli_print(report, status);
  limn_bench_ops_destroy(ops);
  limn_config_destroy(config);
  return code;
}

static void say_data(limn_report *report, const limn_bench_data_result *result, const char *data, int rounds) {
  limn_report_text(report, "data", "data", data);
  limn_report_show(report, "pictures", "%s of %dx%dx%d, %s decoded", LIMN_COUNT(result->images), result->channels,
                   result->height, result->width, LIMN_BYTES(result->decoded_bytes));
  limn_report_show(report, "measured", "%d rounds of half a second, batches of %d", rounds, result->batch);
  limn_report_count(report, "images", NULL, result->images);
  cli_put_size(report, result->channels, result->height, result->width);
  limn_report_count(report, "batch", NULL, result->batch);
  limn_report_count(report, "rounds", NULL, rounds);
  limn_report_bytes(report, "decoded_bytes", NULL, result->decoded_bytes);
  if (result->make_seconds > 0)
    limn_report_number(report, "make_seconds", "first start", result->make_seconds,
                       "%.2f s, once: decoding all and writing the cache");
  else
    limn_report_null(report, "make_seconds");
  limn_report_headed(report, "lrrrr", "from", "start", "images/s", "least", "most", NULL);
  limn_report_open_array(report, "rows");
  for (size_t i = 0; i < result->row_count; i++) {
    const limn_bench_data_row *row = &result->rows[i];
    limn_report_row(report);
    limn_report_open(report, NULL);
    limn_report_text(report, "from", LIMN_CELL, row->from);
    limn_report_number(report, "open_seconds", LIMN_CELL, row->open_seconds, "%.2f s");
    limn_report_number(report, "images_per_second_median", NULL, row->images_per_second_median, NULL);
    limn_report_number(report, "images_per_second_min", NULL, row->images_per_second_min, NULL);
    limn_report_number(report, "images_per_second_max", NULL, row->images_per_second_max, NULL);
    limn_report_cell(report, "%s", LIMN_COUNT((int64_t)row->images_per_second_median));
    limn_report_cell(report, "%s", LIMN_COUNT((int64_t)row->images_per_second_min));
    limn_report_cell(report, "%s", LIMN_COUNT((int64_t)row->images_per_second_max));
    limn_report_close(report);
  }
  limn_report_close(report);
}

static int bench_data(const cli_args *args, const char *model) {
  limn_config *config = NULL;
  char data[CLI_VALUE_SIZE];
  int64_t rounds = 5;
  int code = cli_args_integer(args, "rounds", 1, MOST_ROUNDS, &rounds);
  if (code == CLI_OK)
    code = cli_flags_config(&config, args, model, NULL);
  if (code != CLI_OK)
    return code;
  limn_bench_data_result result;
  limn_status status = limn_bench_data(config, (int)rounds, &result);
  limn_config_get(config, "data", data, sizeof(data));
  limn_report *report = cli_report(args);
  if (status == LIMN_OK)
    say_data(report, &result, data, (int)rounds);
  code = cli_print(report, status);
  limn_config_destroy(config);
  return code;
}

enum { STEP, OPS, DATA };

/* `foreign`: options of other benchmarks, up to a NULL. */
static const struct benchmark {
  const char *name;
  int (*run)(const cli_args *args, const char *model);
  const char *model; /* whose settings are used when none has to be named; else NULL */
  const char *foreign[8];
} benchmarks[] = {
    [STEP] = {"step", bench_step, NULL, {"order", "all"}},
    [OPS] = {"ops", bench_ops, NULL, {"steps-per-round", "paced"}},
    [DATA] = {"data", bench_data, "dcgan", {"order", "all", "warmup", "steps-per-round", "paced", "trace"}},
};

static int find_benchmark(const char *name, const struct benchmark **out) {
  static const char *const names[] = {"step", "ops", "data"};
  for (size_t i = 0; i < sizeof(benchmarks) / sizeof(benchmarks[0]); i++)
    if (strcmp(name, benchmarks[i].name) == 0) {
      *out = &benchmarks[i];
      return CLI_OK;
    }
  const char *near = limn_nearest(name, names, sizeof(names) / sizeof(names[0]));
  if (near)
    return cli_fail(CLI_USAGE, "unknown benchmark %s; did you mean %s?", name, near);
  return cli_fail(CLI_USAGE, "unknown benchmark %s; there are step, ops and data", name);
}

static int run_benchmark(const cli_args *args) {
  const struct benchmark *benchmark = NULL;
  char models[LIMN_MODEL_NAMES_SIZE];
  if (args->word_count == 0)
    return cli_fail(CLI_USAGE, "bench what? limn bench step or limn bench ops, of %s, or limn bench data",
                    limn_model_names(~0u, "|", "|", models, sizeof(models)));
  int code = find_benchmark(args->words[0], &benchmark);
  if (!benchmark)
    return code;
  size_t words = benchmark->model ? 1 : 2;
  if (args->word_count < words)
    return cli_fail(CLI_USAGE, "bench %s of which model? limn bench %s %s", benchmark->name, benchmark->name,
                    limn_model_names(~0u, "|", "|", models, sizeof(models)));
  if (args->word_count > words)
    return cli_fail(CLI_USAGE, "limn bench %s does not know what to do with \"%s\"", benchmark->name,
                    args->words[words]);
  if (benchmark == &benchmarks[STEP] && cli_args_has(args, "trace"))
    benchmark = &benchmarks[OPS];
  for (const char *const *option = benchmark->foreign; *option; option++)
    if (cli_args_has(args, *option))
      return cli_fail(CLI_USAGE, "limn bench %s has no --%s; limn bench --help says what has", benchmark->name,
                      *option);
  return benchmark->run(args, benchmark->model ? benchmark->model : args->words[1]);
}

const cli_command cmd_bench = {
    .name = "bench",
    .help = "time training steps and the kernels in them",
    .usage = "limn bench step MODEL [options]\n"
             "limn bench ops MODEL [options]\n"
             "limn bench data --data PATH [--size SIZE] [options]",
    .about =
        "Times training steps, or the kernels that they are made of one by one, on made-up pictures of --size and\n"
        "--channels (64 and 3 unless given): no data is read. Every setting of limn train can be given; limn train\n"
        "--help lists them.\n\n"
        "ops: each kernel begins with cold caches on a GPU, and on the CPU with what the one before has left. Peaks\n"
        "are the card's figures, or those of the CPU as measured just before.\n\n"
        "data: how many pictures a second the loader makes ready when each is decoded from its file, when they come\n"
        "from the cache of decoded pictures, and from memory; and how long a run takes to start then. What the system\n"
        "keeps of the files in memory makes the first two faster than a disk would.",
    .words = "step ops data",
    .takes_model = true,
    CLI_OPTIONS(own_options),
    .settings = CLI_SETTINGS_TAKEN,
    .run = run_benchmark,
};
