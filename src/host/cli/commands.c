#include "commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "flags.h"

const cli_command *const cli_commands[] = {&cmd_train,  &cmd_sample, &cmd_interpolate, &cmd_evaluate, &cmd_inspect,
                                           &cmd_export, &cmd_data,   &cmd_features,    &cmd_doctor,   &cmd_bench,
                                           &cmd_plan,   &cmd_manual, &cmd_completions, NULL};

const cli_command *cli_command_find(const char *name) {
  for (size_t i = 0; cli_commands[i]; i++)
    if (strcmp(name, cli_commands[i]->name) == 0)
      return cli_commands[i];
  return NULL;
}

int cli_command_options(const cli_command *command, cli_option **out, size_t *count) {
  bool settings = command->settings != CLI_SETTINGS_NONE;
  size_t own = command->option_count;
  cli_option *options = calloc(own + (settings ? limn_setting_count() : 0) + 1, sizeof(*options));
  if (!options)
    return cli_fail_memory();
  memcpy(options, command->options, own * sizeof(*options));
  *count = own + (settings ? cli_flags_fill(options + own) : 0);
  *out = options;
  return CLI_OK;
}

const char *cli_command_words(const cli_command *command, char *buffer, size_t size) {
  size_t used = (size_t)snprintf(buffer, size, "%s", command->words ? command->words : "");
  if (!command->takes_model)
    return command->words;
  if (used && used + 1 < size)
    buffer[used++] = ' ';
  limn_model_names(~0u, " ", " ", buffer + used, size - used);
  return buffer;
}

bool cli_command_takes_preset(const cli_command *command) {
  for (size_t i = 0; i < command->option_count; i++)
    if (strcmp(command->options[i].name, "preset") == 0)
      return true;
  return false;
}

/* model -1: of all models. */
static void print_presets(int model) {
  const limn_preset *preset;
  puts("\nPresets");
  for (size_t i = 0; (preset = limn_preset_at(i)) != NULL; i++) {
    char head[64], text[160];
    if (model >= 0 && preset->model != model)
      continue;
    snprintf(head, sizeof(head), "      %s", preset->name);
    snprintf(text, sizeof(text), "%s: %s", limn_model_name(preset->model), preset->help);
    cli_item_print(head, model >= 0 ? preset->help : text);
  }
}

static void print_help(const cli_command *command, const cli_args *args) {
  const char *before = "usage: ";
  for (const char *line = command->usage; *line; before = "       ") {
    int length = (int)strcspn(line, "\n");
    printf("%s%.*s\n", before, length, line);
    line += length + (line[length] == '\n');
  }
  printf("\n%s\n", command->about);
  if (command->takes_model)
    puts("\nModels");
  for (int i = 0; command->takes_model && limn_model_name(i); i++) {
    char head[64];
    snprintf(head, sizeof(head), "      %s", limn_model_name(i));
    cli_item_print(head, limn_model_help(i));
  }
  if (cli_command_takes_preset(command))
    print_presets(args->word_count ? limn_model_index(args->words[0]) : -1);
  puts("\nOptions");
  cli_options_print(command->options, command->option_count);
  if (command->settings != CLI_SETTINGS_LISTED)
    return;
  const char *model = args->word_count ? args->words[0] : NULL;
  cli_flags_print(model && limn_model_index(model) >= 0 ? model : NULL);
}

int cli_command_run(const cli_command *command, int argc, char **argv) {
  cli_option *options = NULL;
  size_t option_count = 0;
  cli_args args = {0};
  int code = cli_command_options(command, &options, &option_count);
  if (code == CLI_OK)
    code = cli_args_init(&args, options, option_count, argc, argv);
  if (code == CLI_OK) {
    if (cli_args_has(&args, "help"))
      print_help(command, &args);
    else
      code = command->run(&args);
    cli_args_release(&args);
  }
  free(options);
  return code;
}
