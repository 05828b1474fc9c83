#include "json_out.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "flags.h"

void cli_json_put(json_t *object, const char *key, json_t *value, bool *failed) {
  if (json_object_set_new(object, key, value) != 0)
    *failed = true;
}

void cli_json_append(json_t *array, json_t *value, bool *failed) {
  if (json_array_append_new(array, value) != 0)
    *failed = true;
}

json_t *cli_json_text(const char *text) {
  json_t *string = json_string(text);
  if (string)
    return string;
  char *copy = strdup(text);
  if (!copy)
    return NULL;
  for (char *byte = copy; *byte; byte++)
    if ((unsigned char)*byte >= 0x80)
      *byte = '?';
  string = json_string(copy);
  free(copy);
  return string;
}

json_t *cli_json_number(double value) { return isfinite(value) ? json_real(value) : json_null(); }

/* The text of a setting as the JSON value of its type. Numbers that do not fit stay text. */
static json_t *typed_value(const limn_setting *setting, const char *text) {
  char *end;
  errno = 0;
  if (strcmp(setting->type, "integer") == 0) {
    long long integer = strtoll(text, &end, 10);
    if (end != text && !*end && !errno)
      return json_integer(integer);
  } else if (strcmp(setting->type, "number") == 0) {
    double number = strtod(text, &end);
    if (end != text && !*end && isfinite(number))
      return json_real(number);
  } else if (strcmp(setting->type, "flag") == 0) {
    return json_boolean(strcmp(text, "true") == 0 || strcmp(text, "yes") == 0 || strcmp(text, "1") == 0);
  }
  return cli_json_text(text);
}

json_t *cli_json_settings(const limn_config *config, bool origins) {
  bool failed = false;
  json_t *root = json_object();
  for (size_t i = 0; i < limn_setting_count(); i++) {
    const limn_setting *setting = limn_setting_at(i);
    if (!cli_setting_applies(setting, limn_config_model(config)))
      continue;
    char text[CLI_VALUE_SIZE];
    json_t *value = typed_value(setting, limn_config_get(config, setting->name, text, sizeof(text)));
    if (origins) {
      json_t *pair = json_object();
      cli_json_put(pair, "value", value, &failed);
      cli_json_put(pair, "origin", cli_json_text(limn_config_origin(config, setting->name)), &failed);
      value = pair;
    }
    cli_json_put(root, setting->name, value, &failed);
  }
  if (!failed)
    return root;
  json_decref(root);
  return NULL;
}

json_t *cli_json_other_files(const limn_other_files *files) {
  bool failed = false;
  if (files->count == 0)
    return json_null();
  json_t *root = json_object(), *endings = json_object();
  for (uint32_t i = 0; i < files->ending_count; i++)
    cli_json_put(endings, files->endings[i].ending[0] ? files->endings[i].ending : "none",
                 json_integer(files->endings[i].count), &failed);
  cli_json_put(root, "count", json_integer(files->count), &failed);
  cli_json_put(root, "endings", endings, &failed);
  cli_json_put(root, "first", cli_json_text(files->first), &failed);
  if (!failed)
    return root;
  json_decref(root);
  return NULL;
}

int cli_json_print(json_t *root, bool failed) {
  int code = CLI_OK;
  if (!root || failed)
    code = cli_fail_memory();
  else if (json_dumpf(root, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) != 0)
    code = ferror(stdout) ? CLI_OK /* said once, at the end */ : cli_fail_memory();
  else
    putchar('\n');
  json_decref(root);
  return code;
}
