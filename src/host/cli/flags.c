#include "flags.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "console.h"
#include "suggest.h"

bool cli_setting_applies(const limn_setting *setting, const char *model) {
  int index = limn_model_index(model);
  return index >= 0 && (setting->models & 1u << index) != 0;
}

/* What help calls the value of a setting; NULL for a switch. */
static const char *value_name(const limn_setting *setting) {
  static const char *const names[][2] = {{"integer", "N"},     {"number", "X"},  {"size", "SIZE"}, {"duration", "TIME"},
                                         {"choice", "CHOICE"}, {"path", "PATH"}, {"text", "TEXT"}};
  if (strcmp(setting->type, "flag") == 0)
    return NULL;
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    if (strcmp(setting->type, names[i][0]) == 0)
      return names[i][1];
  return "VALUE";
}

size_t cli_flags_fill(cli_option *options) {
  size_t count = 0;
  for (size_t i = 0; i < limn_setting_count(); i++) {
    const limn_setting *setting = limn_setting_at(i);
    if (setting->flag)
      options[count++] = (cli_option){setting->flag, 0, value_name(setting), setting->help, setting};
  }
  return count;
}

static int no_model(const char *model) {
  char all[LIMN_MODEL_NAMES_SIZE];
  cli_suggestion suggestion;
  cli_suggestion_init(&suggestion);
  for (int i = 0; limn_model_name(i); i++)
    cli_suggestion_offer(&suggestion, limn_model_name(i), limn_model_name(i), "", "");
  cli_suggestion_offer(&suggestion, "gan", "dcgan", "", "");
  cli_suggestion_offer(&suggestion, "ae", "autoencoder", "", "");
  const char *nearest = cli_suggestion_find(&suggestion, model);
  if (nearest)
    return cli_fail(CLI_USAGE, "unknown model \"%s\"; did you mean %s?", model, nearest);
  return cli_fail(CLI_USAGE, "unknown model \"%s\"; there are %s", model,
                  limn_model_names(~0u, ", ", " and ", all, sizeof(all)));
}

int cli_run_config(limn_config **out, const char *run, const char *model) {
  char *path;
  if (asprintf(&path, "%s/config.yaml", run) < 0)
    return cli_fail_memory();
  int code = CLI_OK;
  limn_status status = LIMN_OK;
  if (access(path, R_OK) != 0)
    code = cli_fail(CLI_DATA, "%s is no run folder: there is no config.yaml in it to read", run);
  else if ((status = limn_config_create_from_file(out, path)) != LIMN_OK)
    code = cli_fail_status(status);
  else if (model && strcmp(model, limn_config_model(*out)) != 0)
    code =
        cli_fail(CLI_USAGE, "%s is a run of %s, not of %s; leave the model out", run, limn_config_model(*out), model);
  free(path);
  return code;
}

static int unknown_setting(const char *name) {
  cli_suggestion suggestion;
  cli_suggestion_init(&suggestion);
  for (size_t i = 0; i < limn_setting_count(); i++)
    cli_suggestion_offer_with_aliases(&suggestion, limn_setting_at(i)->name, "", "");
  const char *nearest = cli_suggestion_find(&suggestion, name);
  if (nearest)
    return cli_fail(CLI_USAGE, "unknown setting %s; did you mean %s?", name, nearest);
  return cli_fail(CLI_USAGE, "unknown setting %s; limn train --help lists them", name);
}

static int set_pair(limn_config *config, const char *pair) {
  const char *equals = strchr(pair, '=');
  if (!equals || equals == pair)
    return cli_fail(CLI_USAGE, "--set is \"%s\"; it takes name=value, as in --set lr=0.0002", pair);
  char name[128];
  snprintf(name, sizeof(name), "%.*s", (int)(equals - pair < 127 ? equals - pair : 127), pair);
  /* The table's names have underscores; typed with dashes they are meant all the same. */
  for (char *byte = name; *byte; byte++)
    if (*byte == '-')
      *byte = '_';
  if (!limn_setting_find(name))
    return unknown_setting(name);
  limn_status status = limn_config_set(config, name, equals + 1, LIMN_FROM_SET);
  return status == LIMN_OK ? CLI_OK : cli_fail_status(status);
}

/* Weakest first: the order on the command line counts only among equals. */
static int apply(limn_config *config, const cli_args *args) {
  for (int pass = LIMN_FROM_PRESET; pass <= LIMN_FROM_FLAG; pass++)
    for (size_t i = 0; i < args->match_count; i++) {
      const cli_match *match = &args->matches[i];
      const limn_setting *setting = match->option->setting;
      limn_status status = LIMN_OK;
      int code = CLI_OK;
      if (pass == LIMN_FROM_FLAG && setting)
        status = limn_config_set(config, setting->name, match->value, LIMN_FROM_FLAG);
      else if (pass == LIMN_FROM_PRESET && !setting && strcmp(match->option->name, "preset") == 0)
        status = limn_config_preset(config, match->value);
      else if (pass == LIMN_FROM_FILE && !setting && strcmp(match->option->name, "config") == 0)
        status = limn_config_load(config, match->value);
      else if (pass == LIMN_FROM_SET && !setting && strcmp(match->option->name, "set") == 0)
        code = set_pair(config, match->value);
      if (status != LIMN_OK)
        code = cli_fail_status(status);
      if (code != CLI_OK)
        return code;
    }
  return CLI_OK;
}

/* What cannot change when a run goes on is refused before anything is read. */
static int apply_to_run(limn_config *config, const cli_args *args, const char *run) {
  limn_config *before = NULL;
  int code = apply(config, args);
  if (code == CLI_OK)
    code = cli_run_config(&before, run, NULL);
  limn_status status = code == CLI_OK ? limn_config_resume(config, before) : LIMN_OK;
  if (status != LIMN_OK)
    code = cli_fail_status(status);
  limn_config_destroy(before);
  return code;
}

/* The defaults of a model: of the one named or, with NULL, the one that the file of settings names. */
static limn_status create_config(limn_config **out, const char *model, const char *file) {
  limn_config *named = NULL;
  if (model)
    return limn_config_create(out, model);
  limn_status status = limn_config_create_from_file(&named, file);
  if (status == LIMN_OK)
    status = limn_config_create(out, limn_config_model(named));
  limn_config_destroy(named);
  return status;
}

int cli_flags_config(limn_config **out, const cli_args *args, const char *model, const char *resume) {
  *out = NULL;
  if (model && limn_model_index(model) < 0)
    return no_model(model);
  int code = CLI_OK;
  if (resume) {
    code = cli_run_config(out, resume, model);
  } else {
    limn_status status = create_config(out, model, cli_args_value(args, "config"));
    if (status != LIMN_OK)
      code = cli_fail_status(status);
  }
  if (code == CLI_OK)
    code = resume ? apply_to_run(*out, args, resume) : apply(*out, args);
  if (code != CLI_OK) {
    limn_config_destroy(*out);
    *out = NULL;
  }
  return code;
}

/* "; default 0.0002", or one a model where they differ; model NULL: of all models. */
static void describe_default(const limn_setting *setting, const char *model, char *text, size_t size) {
  const char *first = NULL;
  bool equal = true;
  for (int i = 0; limn_model_name(i); i++) {
    if (!cli_setting_applies(setting, limn_model_name(i)) || (model && strcmp(model, limn_model_name(i)) != 0))
      continue;
    if (!first)
      first = limn_setting_default(setting, i);
    equal = equal && strcmp(first, limn_setting_default(setting, i)) == 0;
  }
  text[0] = '\0';
  if (!first || (equal && !*first))
    return;
  size_t used = (size_t)snprintf(text, size, "; default %s", equal ? first : "");
  const char *before = "";
  for (int i = 0; limn_model_name(i) && !equal && used < size; i++)
    if (cli_setting_applies(setting, limn_model_name(i))) {
      used += (size_t)snprintf(text + used, size - used, "%s%s %s", before, limn_setting_default(setting, i),
                               limn_model_name(i));
      before = ", ";
    }
  /* "DCGAN: ..." says which model a source is for; where only one is shown it might be another's. */
  if (*setting->reference && used < size && !(model && strchr(setting->reference, ':')))
    snprintf(text + used, size - used, " [%s]", setting->reference);
}

/* "; only vae, autoencoder", "" where all models have it. */
static void describe_models(const limn_setting *setting, char *text, size_t size) {
  char names[LIMN_MODEL_NAMES_SIZE];
  bool all = true;
  for (int i = 0; limn_model_name(i); i++)
    all = all && cli_setting_applies(setting, limn_model_name(i));
  text[0] = '\0';
  if (!all)
    snprintf(text, size, "; only %s", limn_model_names(setting->models, ", ", ", ", names, sizeof(names)));
}

void cli_setting_describe(const limn_setting *setting, const char *model, char *text, size_t size) {
  char standard[256], models[LIMN_MODEL_NAMES_SIZE + 16] = "";
  describe_default(setting, model, standard, sizeof(standard));
  if (!model)
    describe_models(setting, models, sizeof(models));
  snprintf(text, size, "%s (%s%s%s)", setting->help, setting->range && *setting->range ? setting->range : setting->type,
           standard, models);
}

const char *cli_setting_option(const limn_setting *setting, char *buffer, size_t size) {
  const char *value = value_name(setting);
  if (setting->flag)
    snprintf(buffer, size, "%s%s%s", setting->flag, value ? " " : "", value ? value : "");
  else
    snprintf(buffer, size, "set %s=%s", setting->name, value ? value : "true");
  return buffer;
}

void cli_flags_print(const char *model) {
  char text[CLI_SETTING_TEXT_SIZE], option[CLI_SETTING_OPTION_SIZE];
  const char *group = "";
  for (size_t i = 0; i < limn_setting_count(); i++) {
    const limn_setting *setting = limn_setting_at(i);
    if (model && !cli_setting_applies(setting, model))
      continue;
    if (strcmp(group, setting->group) != 0)
      printf("\nSettings: %s\n", setting->group);
    group = setting->group;
    cli_setting_describe(setting, model, text, sizeof(text));
    cli_option_print(0, cli_setting_option(setting, option, sizeof(option)), NULL, text);
  }
}
