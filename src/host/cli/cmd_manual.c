/* limn manual: manual pages in roff, from the descriptions of the commands and the table of settings. The build calls
 * it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "console.h"
#include "flags.h"

static const cli_option options[] = {
    {"into", 0, "DIR", "write all pages there, DIR/limn.1, DIR/limn-train.1 and so on", NULL},
    CLI_OPTION_HELP,
};

/* What no table says. */
static const struct {
  const char *name, *text;
} exit_codes[] = {{"0", "done"},
                  {"1", "failed: out of memory, a full disk"},
                  {"2", "usage: an unknown option, a value out of range"},
                  {"3", "data: a file or data set is missing, broken or of the wrong kind"},
                  {"4", "device: absent, out of memory or lost"},
                  {"5", "training failed: a value is not finite, or it collapsed and on_collapse is stop"},
                  {"128+N", "stopped by signal N, after the run was saved"}},
  environment[] = {{"LIMN_CACHE",
                    "folder of plans and of other things that can be made again; else limn in the user's cache folder"},
                   {"LIMN_CUDA_GRAPHS", "0: steps are launched kernel by kernel instead of replayed as graphs"},
                   {"LIMN_CUDA_LIBRARIES", "folders, with colons between, that hold CUDA's libraries and cuDNN"},
                   {"LIMN_CUDA_MODULE", "the file of the CUDA module, when it is not the one beside the program"},
                   {"NO_COLOR", "no colours on a terminal"}};

/* Text as roff: every dash is one that can be typed, an empty line begins a paragraph, no line is taken for a request.
 */
static void put_text(FILE *stream, const char *text) {
  bool line_start = true;
  for (const char *byte = text; *byte; byte++) {
    if (line_start && *byte == '\n') {
      fputs(".PP\n", stream);
      continue;
    }
    if (line_start && (*byte == '.' || *byte == '\''))
      fputs("\\&", stream);
    line_start = *byte == '\n';
    if (*byte == '-')
      fputs("\\-", stream);
    else if (*byte == '\\')
      fputs("\\e", stream);
    else
      fputc(*byte, stream);
  }
  if (!line_start)
    fputc('\n', stream);
}

static void put_item(FILE *stream, const char *head, const char *text) {
  fputs(".TP\n.B ", stream);
  put_text(stream, head);
  put_text(stream, text);
}

static void put_title(FILE *stream, const char *page, const char *help) {
  fputs(".TH \"", stream);
  for (const char *byte = page; *byte; byte++)
    fputc(*byte >= 'a' && *byte <= 'z' ? *byte - 'a' + 'A' : *byte, stream);
  fprintf(stream, "\" 1 \"\" \"Limn %s\" \"Limn\"\n.SH NAME\n", limn_version());
  put_text(stream, page);
  fputs("\\- ", stream);
  put_text(stream, help);
}

static void put_option(FILE *stream, const cli_option *option) {
  char head[128], letter[8] = "";
  if (option->letter)
    snprintf(letter, sizeof(letter), "-%c, ", option->letter);
  snprintf(head, sizeof(head), "%s--%s%s%s", letter, option->name, option->value ? " " : "",
           option->value ? option->value : "");
  put_item(stream, head, option->help);
}

static void put_settings(FILE *stream) {
  char text[CLI_SETTING_TEXT_SIZE], option[CLI_SETTING_OPTION_SIZE], head[CLI_SETTING_OPTION_SIZE + 2];
  const char *group = "";
  fputs(".SH SETTINGS\n", stream);
  for (size_t i = 0; i < limn_setting_count(); i++) {
    const limn_setting *setting = limn_setting_at(i);
    if (strcmp(group, setting->group) != 0)
      fprintf(stream, ".SS %s\n", setting->group);
    group = setting->group;
    snprintf(head, sizeof(head), "--%s", cli_setting_option(setting, option, sizeof(option)));
    cli_setting_describe(setting, NULL, text, sizeof(text));
    put_item(stream, head, text);
  }
}

static void put_models(FILE *stream) {
  fputs(".SH MODELS\n", stream);
  for (int i = 0; limn_model_name(i); i++)
    put_item(stream, limn_model_name(i), limn_model_help(i));
}

static void put_presets(FILE *stream) {
  const limn_preset *preset;
  fputs(".SH PRESETS\n", stream);
  for (size_t i = 0; (preset = limn_preset_at(i)) != NULL; i++) {
    char text[160];
    snprintf(text, sizeof(text), "%s: %s", limn_model_name(preset->model), preset->help);
    put_item(stream, preset->name, text);
  }
}

static void put_see_also(FILE *stream, const cli_command *but) {
  fputs(".SH SEE ALSO\n", stream);
  const char *before = "";
  if (but) {
    fputs(".BR limn (1)", stream);
    before = ",\n";
  }
  for (size_t i = 0; cli_commands[i]; i++)
    if (cli_commands[i]->help && cli_commands[i] != but) {
      fprintf(stream, "%s.BR limn\\-%s (1)", before, cli_commands[i]->name);
      before = ",\n";
    }
  fputc('\n', stream);
}

static void put_program(FILE *stream) {
  put_title(stream, "limn", "train image generators and make pictures with them");
  fputs(".SH SYNOPSIS\n.B limn\n.I COMMAND\n\\&...\n.SH DESCRIPTION\n", stream);
  put_text(
      stream,
      "Limn trains image generators (DCGAN, SNGAN, R3GAN, Projected GAN, VAE, autoencoder) on a GPU or a CPU and makes "
      "pictures with them.\n"
      "Results go to standard output, progress and messages to standard error.");
  fputs(".SH COMMANDS\n", stream);
  for (size_t i = 0; cli_commands[i]; i++)
    if (cli_commands[i]->help)
      put_item(stream, cli_commands[i]->name, cli_commands[i]->help);
  fputs(".SH EXIT STATUS\n", stream);
  for (size_t i = 0; i < sizeof(exit_codes) / sizeof(exit_codes[0]); i++)
    put_item(stream, exit_codes[i].name, exit_codes[i].text);
  fputs(".SH ENVIRONMENT\n", stream);
  for (size_t i = 0; i < sizeof(environment) / sizeof(environment[0]); i++)
    put_item(stream, environment[i].name, environment[i].text);
  put_see_also(stream, NULL);
}

/* `command` NULL: of the program. */
static void put_page(FILE *stream, const cli_command *command) {
  char page[64];
  if (!command) {
    put_program(stream);
    return;
  }
  snprintf(page, sizeof(page), "limn-%s", command->name);
  put_title(stream, page, command->help);
  fputs(".SH SYNOPSIS\n.nf\n", stream);
  put_text(stream, command->usage);
  fputs(".fi\n.SH DESCRIPTION\n", stream);
  put_text(stream, command->about);
  if (command->takes_model)
    put_models(stream);
  if (cli_command_takes_preset(command))
    put_presets(stream);
  fputs(".SH OPTIONS\n", stream);
  for (size_t i = 0; i < command->option_count; i++)
    put_option(stream, &command->options[i]);
  if (command->settings == CLI_SETTINGS_LISTED)
    put_settings(stream);
  put_see_also(stream, command);
}

static int write_page(const char *folder, const cli_command *command) {
  char path[4096];
  snprintf(path, sizeof(path), "%s/limn%s%s.1", folder, command ? "-" : "", command ? command->name : "");
  FILE *stream = fopen(path, "w");
  if (stream)
    put_page(stream, command);
  bool failed = !stream || ferror(stream);
  if ((stream && fclose(stream) != 0) || failed)
    return cli_fail(CLI_FAILED, "cannot write %s: %s", path, strerror(errno));
  return CLI_OK;
}

static int write_pages(const char *folder) {
  int code = write_page(folder, NULL);
  for (size_t i = 0; cli_commands[i] && code == CLI_OK; i++)
    if (cli_commands[i]->help)
      code = write_page(folder, cli_commands[i]);
  return code;
}

static int manual(const cli_args *args) {
  const char *folder = cli_args_value(args, "into");
  if (folder) {
    int code = cli_args_expect_words(args, 0, "options only with --into");
    return code == CLI_OK ? write_pages(folder) : code;
  }
  if (args->word_count > 1)
    return cli_args_expect_words(args, 1, "the name of one command");
  const cli_command *command = args->word_count ? cli_command_find(args->words[0]) : NULL;
  if (args->word_count && !(command && command->help))
    return cli_fail(CLI_USAGE, "there is no manual page of \"%s\"; limn --help lists the commands", args->words[0]);
  put_page(stdout, command);
  return CLI_OK;
}

const cli_command cmd_manual = {
    .name = "manual",
    .usage = "limn manual [COMMAND]\n"
             "limn manual --into DIR",
    .about = "Prints the manual page of limn or of a command as roff: limn manual train | man -l -",
    CLI_OPTIONS(options),
    .run = manual,
};
