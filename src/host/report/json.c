#include "report/json.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* A copy that jansson takes. */
static char *as_utf8(const char *text) {
  char *copy = strdup(text);
  if (copy && !limn_text_is_utf8(copy))
    for (char *byte = copy; *byte; byte++)
      if ((unsigned char)*byte >= 0x80)
        *byte = '?';
  return copy;
}

json_t *limn_json_text(const char *text) {
  if (!text)
    return json_null();
  char *copy = as_utf8(text);
  json_t *string = copy ? json_string(copy) : NULL;
  free(copy);
  return string;
}

/* False where it is in no tree now. */
static bool attach(limn_json *json, const char *key, json_t *value) {
  json_t *parent = json->open[json->depth - 1];
  if (json_is_array(parent))
    return json_array_append_new(parent, value) == 0;
  char *name = key ? as_utf8(key) : NULL;
  bool attached = name && json_object_set_new(parent, name, value) == 0;
  if (!name)
    json_decref(value);
  free(name);
  return attached;
}

void limn_json_open(limn_json *json, const char *key, json_t *value) {
  if (json->depth == LIMN_JSON_DEPTH) {
    json->failed = true;
    json_decref(value);
    return;
  }
  bool whole = value && (json->depth == 0 || attach(json, key, value));
  json->failed = json->failed || !whole;
  json->open[json->depth++] = whole ? value : NULL;
}

void limn_json_put(limn_json *json, const char *key, json_t *value) {
  if (json->depth == 0)
    limn_json_open(json, NULL, json_object());
  if (!key && json_is_object(json->open[json->depth - 1]))
    json_decref(value);
  else if (!attach(json, key, value))
    json->failed = true;
}

void limn_json_close(limn_json *json) {
  if (json->depth > 1)
    json->depth--;
}

/* Into a buffer of the size that it takes: jansson leaves out what its own, growing one finds no memory for. */
void limn_json_print(limn_json *json, FILE *stream) {
  const size_t flags = JSON_INDENT(2) | JSON_REAL_PRECISION(15), size = json_dumpb(json->open[0], NULL, 0, flags);
  char *text = size ? malloc(size) : NULL;
  if (text && json_dumpb(json->open[0], text, size, flags) == size) {
    fwrite(text, 1, size, stream);
    fputc('\n', stream);
  } else {
    json->failed = true;
  }
  free(text);
}

void limn_json_release(limn_json *json) {
  json_decref(json->open[0]);
  *json = (limn_json){0};
}
