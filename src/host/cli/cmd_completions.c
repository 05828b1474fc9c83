/* limn completions: what shells complete, from the descriptions of the commands and the table of settings. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "console.h"

static const cli_option options[] = {CLI_OPTION_HELP};

#define WORDS_SIZE 256

/* What follows an option: some of `words`, a file, or something that nobody can guess (neither). */
typedef struct value {
  char words[512]; /* with a space behind each */
  bool file, setting;
} value;

/* The alternatives of "a|b|cuda:N" that stand for themselves. */
static void add_alternatives(value *v, const char *text) {
  while (*text) {
    size_t length = strcspn(text, "|"), used = strlen(v->words);
    bool literal = length > 0;
    for (size_t i = 0; i < length; i++)
      literal = literal && !isupper((unsigned char)text[i]) && text[i] != ' ';
    if (literal && used + length + 2 < sizeof(v->words))
      snprintf(v->words + used, sizeof(v->words) - used, "%.*s ", (int)length, text);
    text += length + (text[length] == '|');
  }
}

/* A name that several models have comes once. */
static void add_presets(value *v) {
  const limn_preset *preset;
  char word[64];
  for (size_t i = 0; (preset = limn_preset_at(i)) != NULL; i++) {
    const size_t used = strlen(v->words);
    snprintf(word, sizeof(word), "%s ", preset->name);
    if (!strstr(v->words, word) && used + strlen(word) < sizeof(v->words))
      snprintf(v->words + used, sizeof(v->words) - used, "%s", word);
  }
}

static value value_of(const cli_option *option) {
  static const char *const files[] = {"FILE", "DIR", "RUN", "PATH", ".yaml"};
  const char *range = option->setting ? option->setting->range : option->value;
  char names[LIMN_MODEL_NAMES_SIZE];
  value v = {.setting = option->value && strcmp(option->value, "NAME=VALUE") == 0};
  if (option->value && strcmp(option->value, "MODEL") == 0)
    snprintf(v.words, sizeof(v.words), "%s ", limn_model_names(~0u, " ", " ", names, sizeof(names)));
  if (strcmp(option->name, "preset") == 0)
    add_presets(&v);
  for (size_t i = 0; option->value && i < sizeof(files) / sizeof(files[0]); i++)
    v.file = v.file || strstr(option->value, files[i]);
  if (option->value && strchr(range, '|'))
    add_alternatives(&v, range);
  return v;
}

/* Text between single quotes of a shell; `escaped` bytes get a backslash. */
static void put_quoted(const char *text, const char *escaped, const char *quote) {
  for (; *text; text++)
    if (*text == '\'')
      fputs(quote, stdout);
    else if (strchr(escaped, *text))
      printf("\\%c", *text);
    else
      putchar(*text);
}

static void put_settings(void) {
  for (size_t i = 0; i < limn_setting_count(); i++)
    printf("%s= ", limn_setting_at(i)->name);
}

static void put_commands(void) {
  for (size_t i = 0; cli_commands[i]; i++)
    if (cli_commands[i]->help)
      printf("%s ", cli_commands[i]->name);
}

/* ---- bash ---- */

static void put_bash_value(const cli_option *option) {
  value v = value_of(option);
  if (!option->value)
    return;
  printf("    --%s", option->name);
  if (option->letter)
    printf(" | -%c", option->letter);
  if (v.words[0])
    printf(") words='%s' ;;\n", v.words);
  else if (v.setting) {
    fputs(") compopt -o nospace; words='", stdout);
    put_settings();
    fputs("' ;;\n", stdout);
  } else {
    puts(v.file ? ") words='' files=1 ;;" : ") nothing=1 ;;");
  }
}

static void put_bash_command(const cli_command *command, const cli_option *all, size_t count) {
  char buffer[WORDS_SIZE];
  printf("  %s)\n    options='", command->name);
  for (size_t i = 0; i < count; i++)
    printf("--%s ", all[i].name);
  const char *words = cli_command_words(command, buffer, sizeof(buffer));
  printf("'\n    words='%s'\n%s    case $before in\n", words ? words : "", words ? "" : "    files=1\n");
  for (size_t i = 0; i < count; i++)
    put_bash_value(&all[i]);
  fputs("    esac\n    ;;\n", stdout);
}

static void put_bash_head(void) {
  fputs("# Completion of limn for bash; made by `limn completions bash`.\n"
        "_limn() {\n"
        "  local word=$2 before=$3 options='' words='' files='' nothing=''\n"
        "  COMPREPLY=()\n"
        "  if ((COMP_CWORD == 1)); then\n"
        "    mapfile -t COMPREPLY < <(compgen -W '",
        stdout);
  put_commands();
  fputs("help --help --version' -- \"$word\")\n"
        "    return\n"
        "  fi\n"
        "  case ${COMP_WORDS[1]} in\n"
        "  help) words='",
        stdout);
  put_commands();
  fputs("' ;;\n", stdout);
}

static void put_bash_tail(void) {
  fputs("  esac\n"
        "  if [[ $word == -* && -z $nothing ]]; then words=$options files=''; fi\n"
        "  if [[ -n $nothing || $before == = ]]; then return; fi\n"
        "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
        "  if [[ -n $files ]]; then\n"
        "    compopt -o filenames 2>/dev/null\n"
        "    mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- \"$word\")\n"
        "  fi\n"
        "}\n"
        "complete -F _limn limn\n",
        stdout);
}

/* ---- zsh ---- */

static void put_zsh_option(const cli_option *option, bool letter) {
  value v = value_of(option);
  printf("      '%s-", v.setting ? "*" : "");
  if (letter)
    printf("%c", option->letter);
  else
    printf("-%s%s", option->name, option->value ? "=" : "");
  putchar('[');
  put_quoted(option->help, "[]:\\", "'\\''");
  putchar(']');
  if (option->value) {
    putchar(':');
    put_quoted(option->value, ":\\", "'\\''");
    putchar(':');
    if (v.words[0])
      printf("(%.*s)", (int)strlen(v.words) - 1, v.words);
    else if (v.setting) {
      putchar('(');
      put_settings();
      putchar(')');
    } else if (v.file)
      fputs("_files", stdout);
  }
  fputs("' \\\n", stdout);
}

static void put_zsh_command(const cli_command *command, const cli_option *all, size_t count) {
  char buffer[WORDS_SIZE];
  printf("  %s)\n    _arguments \\\n", command->name);
  for (size_t i = 0; i < count; i++) {
    put_zsh_option(&all[i], false);
    if (all[i].letter)
      put_zsh_option(&all[i], true);
  }
  const char *words = cli_command_words(command, buffer, sizeof(buffer));
  if (!words)
    fputs("      '*:file:_files'\n    ;;\n", stdout);
  else
    printf("      '*::word:(%s)'\n    ;;\n", words);
}

static void put_zsh_head(void) {
  fputs("#compdef limn\n# Completion of limn for zsh; made by `limn completions zsh`.\n_limn() {\n  local -a "
        "commands=(\n",
        stdout);
  for (size_t i = 0; cli_commands[i]; i++)
    if (cli_commands[i]->help) {
      printf("    '%s:", cli_commands[i]->name);
      put_quoted(cli_commands[i]->help, ":\\", "'\\''");
      fputs("'\n", stdout);
    }
  fputs("    'help:say more about a command'\n"
        "  )\n"
        "  if ((CURRENT == 2)); then\n"
        "    _describe command commands\n"
        "    return\n"
        "  fi\n"
        "  local command=$words[2]\n"
        "  shift words\n"
        "  ((CURRENT--))\n"
        "  case $command in\n"
        "  help) _describe command commands ;;\n",
        stdout);
}

static void put_zsh_tail(void) { fputs("  esac\n}\n_limn \"$@\"\n", stdout); }

/* ---- fish ---- */

static void put_fish_text(const char *text) {
  fputs(" -d '", stdout);
  put_quoted(text, "\\", "\\'");
  fputs("'\n", stdout);
}

static void put_fish_option(const cli_command *command, const cli_option *option) {
  value v = value_of(option);
  printf("complete -c limn -n '__fish_seen_subcommand_from %s' -l %s", command->name, option->name);
  if (option->letter)
    printf(" -s %c", option->letter);
  if (v.words[0])
    printf(" -x -a '%.*s'", (int)strlen(v.words) - 1, v.words);
  else if (v.setting) {
    fputs(" -x -a '", stdout);
    put_settings();
    putchar('\'');
  } else if (option->value)
    fputs(v.file ? " -r -F" : " -x", stdout);
  put_fish_text(option->help);
}

static void put_fish_command(const cli_command *command, const cli_option *all, size_t count) {
  char buffer[WORDS_SIZE];
  printf("complete -c limn -n __fish_use_subcommand -f -a %s", command->name);
  put_fish_text(command->help);
  const char *words = cli_command_words(command, buffer, sizeof(buffer));
  if (words)
    printf("complete -c limn -n '__fish_seen_subcommand_from %s' -f -a '%s'\n", command->name, words);
  for (size_t i = 0; i < count; i++)
    put_fish_option(command, &all[i]);
}

static void put_fish_head(void) { fputs("# Completion of limn for fish; made by `limn completions fish`.\n", stdout); }

static void put_nothing(void) {}

/* A shell: what stands before its commands, for each of them, and behind. */
static const struct shell {
  const char *name;
  void (*head)(void);
  void (*command)(const cli_command *command, const cli_option *all, size_t count);
  void (*tail)(void);
} shells[] = {
    {"bash", put_bash_head, put_bash_command, put_bash_tail},
    {"zsh", put_zsh_head, put_zsh_command, put_zsh_tail},
    {"fish", put_fish_head, put_fish_command, put_nothing},
};

static int put_script(const struct shell *shell) {
  shell->head();
  for (size_t i = 0; cli_commands[i]; i++) {
    cli_option *all = NULL;
    size_t count = 0;
    if (!cli_commands[i]->help)
      continue;
    int code = cli_command_options(cli_commands[i], &all, &count);
    if (code != CLI_OK)
      return code;
    shell->command(cli_commands[i], all, count);
    free(all);
  }
  shell->tail();
  return CLI_OK;
}

static int completions(const cli_args *args) {
  int code = cli_args_expect_words(args, 1, "the name of one shell: bash, zsh or fish");
  if (code != CLI_OK)
    return code;
  for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++)
    if (strcmp(args->words[0], shells[i].name) == 0)
      return put_script(&shells[i]);
  return cli_fail(CLI_USAGE, "there are no completions for \"%s\"; there are bash, zsh and fish", args->words[0]);
}

const cli_command cmd_completions = {
    .name = "completions",
    .usage = "limn completions bash|zsh|fish",
    .about = "Prints a script for the shell that completes limn's commands, options and values.",
    .words = "bash zsh fish",
    CLI_OPTIONS(options),
    .run = completions,
};
