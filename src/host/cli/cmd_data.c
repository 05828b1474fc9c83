/* limn data: the data set's doctor. */
#include <stdlib.h>

#include "commands.h"
#include "console.h"
#include "data_print.h"
#include "flags.h"

static const cli_option own_options[] = {
    {"contact-sheet", 0, "FILE.png", "a picture of up to 64 of them, evenly spread, as a run sees them", NULL},
    {"config", 0, "F.yaml", "settings from a file of `name: value` lines", NULL},
    {"set", 0, "NAME=VALUE", "one setting by its name; may be given again", NULL},
    CLI_OPTION_JSON,
    CLI_OPTION_HELP,
};
enum { OWN_OPTIONS = sizeof(own_options) / sizeof(own_options[0]) };

static int print_help(void) {
  fputs(
      "usage: limn data PATH [--size SIZE] [--channels N] [options]\n\n"
      "Reads every picture and says what there is: formats, modes, sizes, classes, broken pictures, copies, what a "
      "run\n"
      "makes of them, and which --size suits. Every setting of limn train that is about data can be given; limn train\n"
      "--help lists them. Without --size, where sizes differ, one is proposed.\n\n"
      "Copies have the same pixels. Nearly the same are pictures that look alike when they are shrunk, as scaled or\n"
      "re-encoded ones do.\n\n"
      "Exit code 3 when nothing is usable.\n\n"
      "Options\n",
      stdout);
  cli_options_print(own_options, OWN_OPTIONS);
  return CLI_OK;
}

static void tell(void *context, const char *text) {
  (void)context;
  fprintf(stderr, "%s\n", text);
}

static int examine(const cli_args *args) {
  limn_config *config = NULL;
  limn_data_report *report = NULL;
  cli_data shown = {.path = args->words[0], .sheet = cli_args_value(args, "contact-sheet")};
  /* The settings of the data are those of every model. */
  int code = cli_flags_config(&config, args, "vae", NULL);
  if (code != CLI_OK)
    return code;
  limn_status status = limn_config_set(config, "data", shown.path, LIMN_SOURCE_FLAG);
  if (status == LIMN_OK)
    status = limn_data_report_create(&report, config, shown.sheet, tell, NULL);
  if (status != LIMN_OK) {
    code = cli_fail_status(status);
  } else {
    bool usable = report->broken < report->count;
    shown.report = report;
    shown.sheet = usable ? shown.sheet : NULL;
    code = cli_args_has(args, "json") ? cli_data_print_json(&shown) : cli_data_print_text(&shown);
    if (code == CLI_OK && !usable)
      code = cli_fail(CLI_DATA, "%s: nothing is usable: all pictures are broken", shown.path);
  }
  limn_data_report_destroy(report);
  limn_config_destroy(config);
  return code;
}

int cmd_data(int argc, char **argv) {
  cli_option *options = NULL;
  size_t option_count = 0;
  cli_args args = {0};
  int code = cli_flags_create(&options, &option_count, own_options, OWN_OPTIONS);
  if (code == CLI_OK)
    code = cli_args_init(&args, options, option_count, argc, argv);
  if (code == CLI_OK) {
    if (cli_args_has(&args, "help"))
      code = print_help();
    else if ((code = cli_args_expect_words(&args, 1, "a folder or file of pictures")) == CLI_OK)
      code = examine(&args);
    cli_args_release(&args);
  }
  free(options);
  return code;
}
