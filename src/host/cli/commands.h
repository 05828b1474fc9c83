/* The commands: a file and a description each. From the descriptions come --help, the manual pages (manual.c) and the
 * completions of shells (completions.c). */
#ifndef LIMN_CLI_COMMANDS_H
#define LIMN_CLI_COMMANDS_H

#include "args.h"

/* What of the table of settings a command takes. */
typedef enum cli_settings {
  CLI_SETTINGS_NONE,
  CLI_SETTINGS_TAKEN,  /* each setting with a flag is an option too */
  CLI_SETTINGS_LISTED, /* and --help lists them all */
} cli_settings;

typedef struct cli_command {
  const char *name;  /* "sample" */
  const char *help;  /* one line for `limn --help`; NULL: not listed there */
  const char *usage; /* a line for each form: "limn sample RUN|CHECKPOINT [options]" */
  const char *about; /* paragraphs, an empty line between two */
  const char *words; /* what completions offer beside options, with spaces between; NULL: files */
  bool takes_model;  /* its usage says MODEL: --help and the manual list them, and completions offer them too */
  const cli_option *options;
  size_t option_count;
  cli_settings settings;
  int (*run)(const cli_args *args); /* returns the exit code */
} cli_command;

/* For descriptions: an array of options with its length. */
#define CLI_OPTIONS(array) .options = (array), .option_count = sizeof(array) / sizeof((array)[0])

extern const cli_command cmd_train, cmd_sample, cmd_interpolate, cmd_inspect, cmd_export, cmd_data, cmd_doctor,
    cmd_bench, cmd_plan, cmd_evaluate, cmd_features, cmd_manual, cmd_completions;

/* In the order of `limn --help`; NULL behind the last. */
extern const cli_command *const cli_commands[];
/* NULL when there is none of that name. */
const cli_command *cli_command_find(const char *name);

/* Whether it has the option --preset: --help and the manual then list them. */
bool cli_command_takes_preset(const cli_command *command);

/* The words that completions offer; NULL: files. */
const char *cli_command_words(const cli_command *command, char *buffer, size_t size);

/* All options of a command, those of settings behind its own. *out is yours (free()). */
int cli_command_options(const cli_command *command, cli_option **out, size_t *count);
/* Parses the arguments behind the command's name, argv[0], and runs it or, with --help, prints its help. */
int cli_command_run(const cli_command *command, int argc, char **argv);

#endif
