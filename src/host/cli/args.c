#include "args.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "limn/tools.h"
#include "suggest.h"

/* '_' and '-' are the same in an option's name; `length` bytes of `given` count. */
static bool same_name(const char *name, const char *given, size_t length) {
  for (size_t i = 0; i < length; i++) {
    char a = name[i] == '_' ? '-' : name[i], b = given[i] == '_' ? '-' : given[i];
    if (a == '\0' || a != b)
      return false;
  }
  return name[length] == '\0';
}

static const cli_option *find(const cli_args *args, const char *given, size_t length) {
  for (size_t i = 0; i < args->option_count; i++)
    if (same_name(args->options[i].name, given, length))
      return &args->options[i];
  return NULL;
}

static int unknown_option(const cli_args *args, const char *given, size_t length) {
  char word[80];
  snprintf(word, sizeof(word), "%.*s", (int)length, given);
  cli_suggestion suggestion;
  cli_suggestion_init(&suggestion);
  bool settings = false;
  for (size_t i = 0; i < args->option_count; i++) {
    cli_suggestion_offer_with_aliases(&suggestion, args->options[i].name, "--", "");
    settings |= args->options[i].setting != NULL;
  }
  for (size_t i = 0; settings && i < limn_setting_count(); i++) {
    const limn_setting *setting = limn_setting_at(i);
    if (!setting->flag)
      cli_suggestion_offer_with_aliases(&suggestion, setting->name, "--set ", "=VALUE");
  }
  const char *nearest = cli_suggestion_find(&suggestion, word);
  if (nearest)
    return cli_fail(CLI_USAGE, "unknown option --%s; did you mean %s?", word, nearest);
  return cli_fail(CLI_USAGE, "unknown option --%s; limn %s --help lists them", word, args->command);
}

static void add_match(cli_args *args, const cli_option *option, const char *value) {
  args->matches[args->match_count++] = (cli_match){option, value};
}

/* A value may start with one dash (a negative number), not with two: that is the next option, and the value is missing.
 */
static const char *next_value(int argc, char **argv, int *index) {
  if (*index + 1 >= argc || strncmp(argv[*index + 1], "--", 2) == 0)
    return NULL;
  return argv[++*index];
}

static int parse_long(cli_args *args, int argc, char **argv, int *index) {
  const char *given = argv[*index] + 2;
  size_t length = strcspn(given, "=");
  const char *value = given[length] == '=' ? given + length + 1 : NULL;
  const cli_option *option = find(args, given, length);
  if (!option && length > 3 && strncmp(given, "no-", 3) == 0 && !value) {
    option = find(args, given + 3, length - 3);
    if (option && option->setting && !option->value) {
      add_match(args, option, "false");
      return CLI_OK;
    }
    option = NULL;
  }
  if (!option)
    return unknown_option(args, given, length);
  if (!option->value) {
    if (value && !option->setting)
      return cli_fail(CLI_USAGE, "--%s takes no value, and here it has \"%s\"", option->name, value);
    /* The next word belongs to a switch only where it says true or false: `limn train --flip dcgan`. */
    if (!value && option->setting && *index + 1 < argc && limn_setting_is_truth(argv[*index + 1]))
      value = argv[++*index];
    add_match(args, option, value ? value : "true");
    return CLI_OK;
  }
  if (!value)
    value = next_value(argc, argv, index);
  if (!value)
    return cli_fail(CLI_USAGE, "--%s needs a value: --%s %s", option->name, option->name, option->value);
  add_match(args, option, value);
  return CLI_OK;
}

static int parse_letters(cli_args *args, int argc, char **argv, int *index) {
  for (const char *letter = argv[*index] + 1; *letter; letter++) {
    const cli_option *option = NULL;
    for (size_t i = 0; i < args->option_count && !option; i++)
      if (args->options[i].letter == *letter)
        option = &args->options[i];
    if (!option)
      return cli_fail(CLI_USAGE, "unknown option -%c in %s; limn %s --help lists them", *letter, argv[*index],
                      args->command);
    if (!option->value) {
      add_match(args, option, "true");
      continue;
    }
    const char *value = letter[1] ? letter + 1 : next_value(argc, argv, index);
    if (!value)
      return cli_fail(CLI_USAGE, "-%c needs a value: -%c %s", *letter, *letter, option->value);
    add_match(args, option, value);
    return CLI_OK;
  }
  return CLI_OK;
}

int cli_args_init(cli_args *args, const cli_option *options, size_t option_count, int argc, char **argv) {
  *args = (cli_args){.command = argv[0], .options = options, .option_count = option_count};
  /* No argument makes more matches than it has bytes ("-qv"). */
  size_t most = 1;
  for (int i = 1; i < argc; i++)
    most += strlen(argv[i]) + 1;
  args->matches = calloc(most, sizeof(*args->matches));
  args->words = calloc((size_t)argc + 1, sizeof(*args->words));
  if (!args->matches || !args->words) {
    cli_args_release(args);
    return cli_fail_memory();
  }
  int code = CLI_OK;
  bool options_over = false;
  for (int i = 1; i < argc && code == CLI_OK; i++) {
    if (options_over || argv[i][0] != '-' || argv[i][1] == '\0')
      args->words[args->word_count++] = argv[i];
    else if (strcmp(argv[i], "--") == 0)
      options_over = true;
    else if (argv[i][1] == '-')
      code = parse_long(args, argc, argv, &i);
    else
      code = parse_letters(args, argc, argv, &i);
  }
  if (code != CLI_OK)
    cli_args_release(args);
  return code;
}

void cli_args_release(cli_args *args) {
  free(args->matches);
  free(args->words);
  *args = (cli_args){0};
}

const char *cli_args_value(const cli_args *args, const char *name) {
  for (size_t i = args->match_count; i-- > 0;)
    if (strcmp(args->matches[i].option->name, name) == 0)
      return args->matches[i].value;
  return NULL;
}

bool cli_args_has(const cli_args *args, const char *name) { return cli_args_value(args, name) != NULL; }

int cli_args_integer(const cli_args *args, const char *name, int64_t minimum, int64_t maximum, int64_t *value) {
  const char *text = cli_args_value(args, name);
  if (!text)
    return CLI_OK;
  char *end;
  errno = 0;
  long long number = strtoll(text, &end, 10);
  if (end == text || *end || errno || number < minimum || number > maximum)
    return cli_fail(CLI_USAGE, "--%s is \"%s\"; it takes a whole number from %" PRId64 " to %" PRId64, name, text,
                    minimum, maximum);
  *value = number;
  return CLI_OK;
}

bool cli_parse_seed(const char *text, uint64_t *value) {
  if (!*text || text[strspn(text, "0123456789")] != '\0')
    return false;
  errno = 0;
  unsigned long long number = strtoull(text, NULL, 10);
  if (errno)
    return false;
  *value = number;
  return true;
}

int cli_args_seed(const cli_args *args, const char *name, uint64_t *value) {
  const char *text = cli_args_value(args, name);
  if (text && !cli_parse_seed(text, value))
    return cli_fail(CLI_USAGE, "--%s is \"%s\"; a seed is a whole number from 0 to 18446744073709551615", name, text);
  return CLI_OK;
}

int cli_args_expect_words(const cli_args *args, size_t count, const char *what) {
  if (args->word_count < count)
    return cli_fail(CLI_USAGE, "limn %s needs %s; limn %s --help says more", args->command, what, args->command);
  if (args->word_count > count)
    return cli_fail(CLI_USAGE, "limn %s does not know what to do with \"%s\"; it takes %s", args->command,
                    args->words[count], what);
  return CLI_OK;
}

void cli_item_print(const char *head, const char *text) {
  enum { column = 28, width = 100 };
  if (strlen(head) >= column)
    printf("%s\n%*s", head, column, "");
  else
    printf("%-*s", column, head);
  cli_print_wrapped(stdout, column, width, text);
}

void cli_option_print(char letter, const char *name, const char *value, const char *text) {
  char head[80];
  snprintf(head, sizeof(head), "  %c%c%s --%s%s%s", letter ? '-' : ' ', letter ? letter : ' ', letter ? "," : " ", name,
           value ? " " : "", value ? value : "");
  cli_item_print(head, text);
}

void cli_options_print(const cli_option *options, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (!options[i].setting)
      cli_option_print(options[i].letter, options[i].name, options[i].value, options[i].help);
}
