/* limn: the program. Finds the command and gives it its arguments. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "console.h"
#include "spinning.h"
#include "suggest.h"

static void print_help(FILE *stream) {
  fputs("usage: limn COMMAND ...\n\nLimn trains image generators and makes pictures with them.\n\n", stream);
  for (size_t i = 0; cli_commands[i]; i++)
    if (cli_commands[i]->help)
      fprintf(stream, "  %-12s %s\n", cli_commands[i]->name, cli_commands[i]->help);
  fputs("\nlimn help COMMAND says more about one; limn --version prints the version.\n"
        "A first run: limn train dcgan --data /usr/share/datasets/fashion-mnist --preset demo\n",
        stream);
}

static int dispatch(int argc, char **argv) {
  const cli_command *command = cli_command_find(argv[0]);
  if (command)
    return cli_command_run(command, argc, argv);
  cli_suggestion suggestion;
  cli_suggestion_init(&suggestion);
  for (size_t i = 0; cli_commands[i]; i++)
    if (cli_commands[i]->help)
      cli_suggestion_offer(&suggestion, cli_commands[i]->name, cli_commands[i]->name, "", "");
  cli_suggestion_offer(&suggestion, "--help", "--help", "", "");
  cli_suggestion_offer(&suggestion, "--version", "--version", "", "");
  const char *kind = argv[0][0] == '-' ? "option" : "command";
  const char *nearest = cli_suggestion_find(&suggestion, argv[0]);
  if (nearest)
    return cli_fail(CLI_USAGE, "unknown %s %s; did you mean %s?", kind, argv[0], nearest);
  return cli_fail(CLI_USAGE, "unknown %s %s; limn --help lists the commands", kind, argv[0]);
}

static int run(int argc, char **argv) {
  if (argc < 2) {
    print_help(stderr);
    return CLI_USAGE;
  }
  const char *first = argv[1];
  if (strcmp(first, "--version") == 0) {
    printf("limn %s\n", limn_version());
    return CLI_OK;
  }
  bool help = strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0 || strcmp(first, "help") == 0;
  if (help && argc == 2) {
    print_help(stdout);
    return CLI_OK;
  }
  if (help) {
    char flag[] = "--help";
    char *arguments[] = {argv[2], flag, NULL};
    return dispatch(2, arguments);
  }
  return dispatch(argc - 1, argv + 1);
}

int main(int argc, char **argv) {
  if (argc > 1 && (strcmp(argv[1], "train") == 0 || strcmp(argv[1], "bench") == 0 || strcmp(argv[1], "evaluate") == 0))
    cli_limit_spinning(argv);
  cli_console_init();
  return cli_console_finish(run(argc, argv));
}
