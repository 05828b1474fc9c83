/* limn: the program. Finds the command and gives it its arguments. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "console.h"
#include "spinning.h"
#include "suggest.h"

static const struct {
  const char *name, *help;
  int (*run)(int argc, char **argv);
} commands[] = {
    {"train", "train a DCGAN, a VAE or an autoencoder on pictures", cmd_train},
    {"sample", "make pictures with a trained generator", cmd_sample},
    {"interpolate", "pictures on the way between seeds", cmd_interpolate},
    {"inspect", "what a run, a checkpoint or a safetensors file holds", cmd_inspect},
    {"data", "what a data set holds, what is wrong with it and what a run would see", cmd_data},
    {"doctor", "what this machine has for Limn, and what it lacks", cmd_doctor},
    {"bench", "time training steps and the kernels in them", cmd_bench},
    {"plan", "what a training step is on a graphics card that need not be there", cmd_plan},
};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void print_help(FILE *stream) {
  fputs("usage: limn COMMAND ...\n\nLimn trains image generators and makes pictures with them.\n\n", stream);
  for (int i = 0; i < COMMANDS; i++)
    fprintf(stream, "  %-12s %s\n", commands[i].name, commands[i].help);
  fputs("\nlimn help COMMAND says more about one; limn --version prints the version.\n"
        "A first run: limn train dcgan --data /usr/share/datasets/fashion-mnist --preset demo\n",
        stream);
}

static int dispatch(int argc, char **argv) {
  for (int i = 0; i < COMMANDS; i++)
    if (strcmp(argv[0], commands[i].name) == 0)
      return commands[i].run(argc, argv);
  cli_suggestion suggestion;
  cli_suggestion_init(&suggestion);
  for (int i = 0; i < COMMANDS; i++)
    cli_suggestion_offer(&suggestion, commands[i].name, commands[i].name, "", "");
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
  if (argc > 1 && (strcmp(argv[1], "train") == 0 || strcmp(argv[1], "bench") == 0))
    cli_limit_spinning(argv);
  cli_console_init();
  return cli_console_finish(run(argc, argv));
}
