/* One parser for the options of all commands: `--name value`, `--name=value`, `-n value`, `-n64`, `-qv`, `--`. */
#ifndef LIMN_CLI_ARGS_H
#define LIMN_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limn/config.h"

typedef struct cli_option {
  const char *name;  /* without dashes; '_' and '-' are taken for each other */
  char letter;       /* 0: none */
  const char *value; /* what help calls the value ("N"); NULL: takes none */
  const char *help;
  const limn_setting *setting; /* the setting that it sets, NULL: none */
} cli_option;

/* Options that most commands have. */
#define CLI_OPTION_HELP                                                                                                \
  { "help", 'h', NULL, "show this", NULL }
#define CLI_OPTION_JSON                                                                                                \
  { "json", 0, NULL, "results as JSON on standard output", NULL }
#define CLI_OPTION_DEVICE                                                                                              \
  { "device", 0, "NAME", "auto, cpu, cuda or cuda:N (default auto)", NULL }
#define CLI_OPTION_THREADS                                                                                             \
  { "threads", 0, "N", "threads (default: all that the process may use)", NULL }

typedef struct cli_match {
  const cli_option *option;
  const char *value; /* borrowed from argv; for an option that takes none: "true" or, behind --no-NAME, "false" */
} cli_match;

typedef struct cli_args {
  const char *command; /* "train", for messages */
  const cli_option *options;
  size_t option_count;
  cli_match *matches; /* in the order given */
  size_t match_count;
  const char **words; /* what is no option */
  size_t word_count;
} cli_args;

/* argv[0] is the command's name. `options` must outlive args. On failure the message is printed and nothing is held. */
int cli_args_init(cli_args *args, const cli_option *options, size_t option_count, int argc, char **argv);
void cli_args_release(cli_args *args);

/* The value given last, NULL when the option was not given. */
const char *cli_args_value(const cli_args *args, const char *name);
bool cli_args_has(const cli_args *args, const char *name);
/* *value stays as it is when the option was not given. */
int cli_args_integer(const cli_args *args, const char *name, int64_t minimum, int64_t maximum, int64_t *value);
int cli_args_seed(const cli_args *args, const char *name, uint64_t *value);
/* A whole number of 0 to 2^64 - 1 in decimal, nothing around it. */
bool cli_parse_seed(const char *text, uint64_t *value);
/* Exactly `count` words, named in `what` for the message ("a run folder or a checkpoint"). */
int cli_args_expect_words(const cli_args *args, size_t count, const char *what);

/* The lines of the options without a setting, for --help. */
void cli_options_print(const cli_option *options, size_t count);
/* A line of a list in --help: what is told about, indented by who calls, and the text beside or below it. */
void cli_item_print(const char *head, const char *text);
/* One line: "  -n, --name VALUE   text", wrapped. */
void cli_option_print(char letter, const char *name, const char *value, const char *text);

#endif
