/* limn plan: what a training step is on a device, which need not be there. */
#include <stdlib.h>

#include "commands.h"
#include "console.h"
#include "flags.h"
#include "limn/tools.h"
#include "parts.h"
#include "plan_print.h"

static const cli_option own_options[] = {
    {"device-spec", 0, "CARD", "plan for a card: h100, h200, a100, rtx3090, rtx4090, rtx5090 or a FILE.json", NULL},
    {"all", 0, NULL, "a line for every kernel, in the order in which they run", NULL},
    {"no-largest", 0, NULL, "leave out the search for the largest batch that fits, which takes some seconds", NULL},
    {"preset", 0, "NAME", "a named group of settings", NULL},
    {"config", 0, "F.yaml", "settings from a file of `name: value` lines", NULL},
    {"set", 0, "NAME=VALUE", "one setting by its name; may be given again", NULL},
    CLI_OPTION_JSON,
    CLI_OPTION_HELP,
};

static int plan_step(const cli_args *args) {
  const char *model = args->words[0];
  limn_config *config = NULL;
  limn_plan *plan = NULL;
  cli_plan shown = {.largest = -1, .every = cli_args_has(args, "all")};
  int code = cli_flags_config(&config, args, model, NULL);
  if (code != CLI_OK)
    return code;
  limn_status status = limn_plan_create(&plan, config, cli_args_value(args, "device-spec"));
  bool search = status == LIMN_OK && cli_plan_capacity(plan) > 0 && !cli_args_has(args, "no-largest") &&
                (plan->card.name || !cli_plan_fits(plan));
  if (search)
    status = limn_plan_largest_batch(plan, config, &shown.largest);
  shown.plan = plan;
  shown.config = config;
  limn_report *report = cli_report(args);
  if (status == LIMN_OK)
    cli_say_plan(report, &shown);
  code = cli_print(report, status);
  limn_plan_destroy(plan);
  limn_config_destroy(config);
  return code;
}

static int plan(const cli_args *args) {
  char models[LIMN_MODEL_NAMES_SIZE];
  if (args->word_count == 0)
    return cli_fail(CLI_USAGE, "plan what? limn plan %s", limn_model_names(~0u, "|", "|", models, sizeof(models)));
  if (args->word_count > 1)
    return cli_fail(CLI_USAGE, "limn plan does not know what to do with \"%s\"", args->words[1]);
  return plan_step(args);
}

const cli_command cmd_plan = {
    .name = "plan",
    .help = "what a training step is on a graphics card that need not be there",
    .usage = "limn plan MODEL [--device-spec CARD] [options]",
    .about =
        "Lists the kernels of a training step on --device, or on a card that need not be there, with what each\n"
        "computes and moves; for a card also how fast the step could be at best, and whether it fits. Nothing is run\n"
        "and no data is read: pictures are of --size and --channels (64 and 3 unless given). Every setting of limn\n"
        "train can be given; limn train --help lists them.",
    .takes_model = true,
    CLI_OPTIONS(own_options),
    .settings = CLI_SETTINGS_TAKEN,
    .run = plan,
};
