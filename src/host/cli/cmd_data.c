/* limn data: the data set's doctor, and its maker. */
#include "commands.h"
#include "console.h"
#include "data_make.h"
#include "data_print.h"
#include "flags.h"
#include "output.h"
#include "parts.h"

static const cli_option own_options[] = {
    {"model", 0, "MODEL", "whose training is reckoned and whose settings are taken (dcgan)", NULL},
    {"contact-sheet", 0, "FILE", "a picture (.png, .jpg, .webp) of up to 64 of them, evenly spread, as a run sees them",
     NULL},
    CLI_OPTIONS_DATA_MAKE,
    {"config", 0, "F.yaml", "settings from a file of `name: value` lines", NULL},
    {"set", 0, "NAME=VALUE", "one setting by its name; may be given again", NULL},
    CLI_OPTION_JSON,
    CLI_OPTION_HELP,
};

static void tell(void *context, const char *text) {
  (void)context;
  fprintf(stderr, "%s\n", text);
}

static int examine(const cli_args *args) {
  limn_config *config = NULL;
  limn_data_report *report = NULL;
  const char *model = cli_args_value(args, "model");
  cli_data shown = {.path = args->word_count ? args->words[0] : NULL, .sheet = cli_args_value(args, "contact-sheet")};
  int code = cli_args_expect_words(args, 1, "a folder or file of pictures");
  if (code == CLI_OK)
    code = cli_data_expect_no_make(args);
  if (code == CLI_OK && shown.sheet && cli_output_is_standard(shown.sheet))
    code = cli_fail(CLI_USAGE, "--contact-sheet %s: the report goes to standard output; name a file", shown.sheet);
  if (code == CLI_OK)
    code = cli_flags_config(&config, args, model ? model : "dcgan", NULL);
  if (code != CLI_OK)
    return code;
  limn_status status = limn_config_set(config, "data", shown.path, LIMN_FROM_FLAG);
  if (status == LIMN_OK)
    status = limn_data_report_create(&report, config, shown.sheet, tell, NULL);
  if (status != LIMN_OK) {
    code = cli_fail_status(status);
  } else {
    bool usable = report->broken < report->count;
    shown.report = report;
    shown.model = limn_config_model(config);
    shown.sheet = usable ? shown.sheet : NULL;
    limn_report *said = cli_report(args);
    cli_say_data(said, &shown);
    code = cli_print(said, LIMN_OK);
    if (code == CLI_OK && !usable)
      code = cli_fail(CLI_DATA, "%s: nothing is usable: %s", shown.path,
                      report->count ? "all pictures are broken" : "none of its files is a picture that Limn reads");
  }
  limn_data_report_destroy(report);
  limn_config_destroy(config);
  return code;
}

static int examine_or_make(const cli_args *args) {
  return cli_data_is_make(args) ? cli_data_make(args) : examine(args);
}

const cli_command cmd_data = {
    .name = "data",
    .help = "what a data set holds, what is wrong with it and what a run would see",
    .usage = "limn data PATH [--size SIZE] [--channels N] [options]\n"
             "limn data make stacked-mnist --from PATH -o FILE.npz [-n N] [--seed N]",
    .about =
        "Reads every picture and says what there is: formats, modes, sizes, classes, broken pictures, copies, what a\n"
        "run makes of them, which --size suits, and what memory and disk training takes. Every setting of limn train\n"
        "can be given; limn train --help lists them. Without --size, where sizes differ, one is proposed.\n\n"
        "Copies have the same pixels. Nearly the same are pictures that look alike when they are shrunk, as scaled or\n"
        "re-encoded ones do.\n\n"
        "Exit code 3 when nothing is usable.\n\n"
        "limn data make stacked-mnist stacks three random pictures of MNIST, or of what is like it, as red, green and\n"
        "blue, by PacGAN's protocol: 1,000 modes, labelled 100 a + 10 b + c. It prints where the file is, which\n"
        "limn train --data takes.",
    CLI_OPTIONS(own_options),
    .settings = CLI_SETTINGS_TAKEN,
    .run = examine_or_make,
};
