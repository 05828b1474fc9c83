/* Cards out of JSON files. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "devices/cards.h"

#define LARGEST_FILE 65536 /* bytes: some thirty numbers */

static limn_status unknown_card(const char *name) {
  char known[256] = "";
  for (size_t i = 0, used = 0; i < limn_card_count() && used < sizeof known; ++i)
    used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", limn_card_at(i)->name);
  return limn_fail(LIMN_USAGE, "there is no card \"%s\": known are %s; others come from a FILE.json", name, known);
}

static limn_status missing(const char *path, const char *field, const char *kind) {
  return limn_fail(LIMN_DATA, "%s: \"%s\" is missing or no %s", path, field, kind);
}

static limn_status read_number(const json_t *root, const char *path, const char *field, double *out) {
  const json_t *value = json_object_get(root, field);
  *out = json_number_value(value);
  return *out > 0 ? LIMN_OK : missing(path, field, "number over 0");
}

/* cuDNN says of properties that it cannot take that they are bad, and not which. Those of a card that is known are all
 * that it asks for. */
static limn_status check_properties(const json_t *properties, const char *path) {
  json_t *known = json_loads(limn_card_at(0)->properties, 0, NULL);
  if (!known)
    return limn_fail_memory("a card");
  limn_status status = LIMN_OK;
  for (void *entry = json_object_iter(known); entry && status == LIMN_OK; entry = json_object_iter_next(known, entry)) {
    const char *key = json_object_iter_key(entry);
    const json_t *value = json_object_get(properties, key);
    if (!value || json_typeof(value) != json_typeof(json_object_iter_value(entry)))
      status = limn_fail(LIMN_DATA, "%s: \"properties\" has no \"%s\", or one of another type", path, key);
  }
  json_decref(known);
  return status;
}

static limn_status read_card(limn_card_file *file, const json_t *root, const char *path) {
  const char *name = json_string_value(json_object_get(root, "name"));
  const json_t *properties = json_object_get(root, "properties");
  if (!name || !name[0])
    return missing(path, "name", "text");
  if (!json_is_object(properties))
    return missing(path, "properties", "object");
  LIMN_TRY(check_properties(properties, path));
  LIMN_TRY(read_number(root, path, "memory_bytes", &file->card.memory_bytes));
  LIMN_TRY(read_number(root, path, "bandwidth", &file->card.bandwidth));
  LIMN_TRY(read_number(root, path, "fp32", &file->card.fp32));
  LIMN_TRY(read_number(root, path, "tf32", &file->card.tf32));
  LIMN_TRY(read_number(root, path, "half", &file->card.half));
  file->name = strdup(name);
  file->properties = json_dumps(properties, JSON_COMPACT);
  return file->name && file->properties ? LIMN_OK : limn_fail_memory("a card");
}

static limn_status read_file(limn_card_file *file, const char *path) {
  char *text = NULL;
  size_t size = 0;
  json_error_t error;
  LIMN_TRY(limn_read_file(path, LARGEST_FILE, &text, &size));
  json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
  free(text);
  if (!root)
    return limn_fail(LIMN_DATA, "%s:%d: %s", path, error.line, error.text);
  limn_status status = json_is_object(root)
                           ? read_card(file, root, path)
                           : limn_fail(LIMN_DATA, "%s: not a JSON object, which describes a card", path);
  json_decref(root);
  return status;
}

limn_status limn_card_text(char **out, const limn_card *card) {
  json_t *properties = json_loads(card->properties, 0, NULL);
  json_t *root = properties ? json_pack("{s:s, s:o, s:f, s:f, s:f, s:f, s:f}", "name", card->name, "properties",
                                        properties, "memory_bytes", card->memory_bytes, "bandwidth", card->bandwidth,
                                        "fp32", card->fp32, "tf32", card->tf32, "half", card->half)
                            : NULL;
  *out = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
  json_decref(root);
  return *out         ? LIMN_OK
         : properties ? limn_fail_memory("a card")
                      : limn_fail(LIMN_FAILED, "the properties of %s are no JSON", card->name);
}

static limn_status copy_known(limn_card_file *file, const char *name) {
  const limn_card *known = limn_card_find(name);
  if (!known)
    return unknown_card(name);
  file->card = *known;
  file->name = strdup(known->name);
  file->properties = strdup(known->properties);
  return file->name && file->properties ? LIMN_OK : limn_fail_memory("a card");
}

limn_status limn_card_load(limn_card_file **out, const char *name) {
  *out = NULL;
  limn_card_file *file = calloc(1, sizeof *file);
  if (!file)
    return limn_fail_memory("a card");
  limn_status status = strpbrk(name, "/.") ? read_file(file, name) : copy_known(file, name);
  file->card.name = file->name;
  file->card.properties = file->properties;
  if (status == LIMN_OK)
    status = limn_card_text(&file->text, &file->card);
  if (status != LIMN_OK) {
    limn_card_file_destroy(file);
    return status;
  }
  *out = file;
  return LIMN_OK;
}

void limn_card_file_destroy(limn_card_file *file) {
  if (!file)
    return;
  free(file->name);
  free(file->properties);
  free(file->text);
  free(file);
}
