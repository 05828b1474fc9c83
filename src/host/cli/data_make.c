#include "data_make.h"

#include <string.h>

#include "console.h"
#include "output.h"
#include "parts.h"

static const char *const kinds[] = {"stacked-mnist"};
#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

static const char *const own[] = {"from", "output", "number"}, *const taken[] = {"from", "output", "number", "seed",
                                                                                 "json"};

bool cli_data_is_make(const cli_args *args) { return args->word_count == 2 && strcmp(args->words[0], "make") == 0; }

static bool is_among(const char *name, const char *const *names, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (strcmp(name, names[i]) == 0)
      return true;
  return false;
}

int cli_data_expect_no_make(const cli_args *args) {
  for (size_t i = 0; i < args->match_count; i++)
    if (is_among(args->matches[i].option->name, own, sizeof(own) / sizeof(own[0])))
      return cli_fail(CLI_USAGE, "--%s is for limn data make %s", args->matches[i].option->name, kinds[0]);
  return CLI_OK;
}

static int check(const cli_args *args) {
  const char *kind = args->words[1];
  if (!is_among(kind, kinds, KIND_COUNT)) {
    const char *near = limn_nearest(kind, kinds, KIND_COUNT);
    return near ? cli_fail(CLI_USAGE, "unknown data set %s; did you mean %s?", kind, near)
                : cli_fail(CLI_USAGE, "unknown data set %s; limn data makes %s", kind, kinds[0]);
  }
  for (size_t i = 0; i < args->match_count; i++)
    if (!is_among(args->matches[i].option->name, taken, sizeof(taken) / sizeof(taken[0])))
      return cli_fail(CLI_USAGE, "limn data make %s takes no --%s", kind, args->matches[i].option->name);
  if (!cli_args_value(args, "from"))
    return cli_fail(CLI_USAGE,
                    "make it of what? --from a folder or file of grey pictures with labels, such as MNIST's");
  if (!cli_args_value(args, "output"))
    return cli_fail(CLI_USAGE, "make it where? --output FILE.npz");
  return CLI_OK;
}

static int say(const cli_args *args, const limn_stacked_options *options, int modes) {
  if (!cli_args_has(args, "json")) {
    puts(options->to);
    fprintf(stderr, "%u pictures, %d modes\n", options->count, modes);
    return CLI_OK;
  }
  limn_report *report = cli_report(args);
  limn_report_text(report, "file", NULL, options->to);
  limn_report_count(report, "pictures", NULL, options->count);
  limn_report_count(report, "modes", NULL, modes);
  return cli_print(report, LIMN_OK);
}

int cli_data_make(const cli_args *args) {
  limn_stacked_options options = {.seed = 1};
  int64_t count = LIMN_STACKED_COUNT;
  int modes = 0, code = check(args);
  if (code == CLI_OK)
    code = cli_args_integer(args, "number", 1, 100000000, &count);
  if (code == CLI_OK)
    code = cli_args_seed(args, "seed", &options.seed);
  if (code != CLI_OK)
    return code;
  options.from = cli_args_value(args, "from");
  options.to = cli_args_value(args, "output");
  options.count = (uint32_t)count;
  limn_status status = limn_make_stacked(&options, &modes);
  return status == LIMN_OK ? say(args, &options, modes) : cli_fail_status(status);
}
