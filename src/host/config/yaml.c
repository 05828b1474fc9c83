/* config.yaml: one mapping of names to plain values, read and written through libyaml. */
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/error.h"
#include "base/file.h"
#include "config/settings.h"

#define FILE_LIMIT   (1u << 20)
#define LONGEST_TEXT 4608 /* a path and then some */

typedef struct entry {
  char *key, *value;
  int line;
} entry;

typedef struct entry_list {
  entry *entries;
  size_t count, capacity;
} entry_list;

static void entry_list_release(entry_list *list) {
  for (size_t i = 0; i < list->count; ++i) {
    free(list->entries[i].key);
    free(list->entries[i].value);
  }
  free(list->entries);
  *list = (entry_list){0};
}

static limn_status entry_list_add(entry_list *list, const char *key, const char *value, int line) {
  if (list->count == list->capacity) {
    size_t capacity = list->capacity ? 2 * list->capacity : 64;
    entry *grown = realloc(list->entries, capacity * sizeof *grown);
    if (!grown)
      return limn_fail_memory("a settings file");
    list->entries = grown;
    list->capacity = capacity;
  }
  entry new = {strdup(key), strdup(value), line};
  if (!new.key || !new.value) {
    free(new.key);
    free(new.value);
    return limn_fail_memory("a settings file");
  }
  list->entries[list->count++] = new;
  return LIMN_OK;
}

typedef struct reader {
  const char *path;
  yaml_parser_t parser;
  yaml_event_t event; /* the current one */
} reader;

static int line_of(const reader *r) { return (int)r->event.start_mark.line + 1; }

static limn_status next_event(reader *r) {
  yaml_event_delete(&r->event);
  if (yaml_parser_parse(&r->parser, &r->event))
    return LIMN_OK;
  memset(&r->event, 0, sizeof r->event);
  if (r->parser.error == YAML_MEMORY_ERROR)
    return limn_fail_memory("a settings file");
  int line = (int)(r->parser.error == YAML_READER_ERROR ? r->parser.mark.line : r->parser.problem_mark.line) + 1;
  return limn_fail(LIMN_DATA, "%s:%d: not YAML: %s; write `name: value` lines", r->path, line,
                   r->parser.problem ? r->parser.problem : "unreadable");
}

/* The current event must be a plain scalar of printable text. */
static limn_status check_scalar(const reader *r, const char *what) {
  const yaml_event_t *event = &r->event;
  if (event->type != YAML_SCALAR_EVENT)
    return limn_fail(LIMN_DATA, "%s:%d: %s must be a plain text or number: settings are `name: value` lines", r->path,
                     line_of(r), what);
  if (event->data.scalar.anchor || event->data.scalar.tag)
    return limn_fail(LIMN_DATA, "%s:%d: anchors and tags have no meaning here: leave them out", r->path, line_of(r));
  if (memchr(event->data.scalar.value, '\0', event->data.scalar.length))
    return limn_fail(LIMN_DATA, "%s:%d: %s holds a NUL character: remove it", r->path, line_of(r), what);
  return LIMN_OK;
}

static limn_status read_pair(reader *r, entry_list *list) {
  char key[64];
  LIMN_TRY(check_scalar(r, "a name"));
  int line = line_of(r);
  if (r->event.data.scalar.length >= sizeof key)
    return limn_fail(LIMN_DATA, "%s:%d: there is no setting with so long a name (%.32s...); remove the line", r->path,
                     line, (const char *)r->event.data.scalar.value);
  memcpy(key, r->event.data.scalar.value, r->event.data.scalar.length + 1); /* libyaml ends it with a NUL */
  for (size_t i = 0; i < list->count; ++i)
    if (strcmp(list->entries[i].key, key) == 0)
      return limn_fail(LIMN_DATA, "%s:%d: %s stands in line %d already: keep one of them", r->path, line, key,
                       list->entries[i].line);
  LIMN_TRY(next_event(r));
  LIMN_TRY(check_scalar(r, key));
  return entry_list_add(list, key, (const char *)r->event.data.scalar.value, line);
}

static limn_status read_document(reader *r, entry_list *list) {
  LIMN_TRY(next_event(r)); /* the start of the stream */
  LIMN_TRY(next_event(r));
  if (r->event.type == YAML_STREAM_END_EVENT)
    return LIMN_OK; /* empty, or comments only */
  LIMN_TRY(next_event(r));
  if (r->event.type != YAML_MAPPING_START_EVENT)
    return limn_fail(LIMN_DATA, "%s:%d: not a list of settings: write `name: value` lines", r->path, line_of(r));
  for (;;) {
    LIMN_TRY(next_event(r));
    if (r->event.type == YAML_MAPPING_END_EVENT)
      break;
    LIMN_TRY(read_pair(r, list));
  }
  LIMN_TRY(next_event(r)); /* the end of the document */
  LIMN_TRY(next_event(r));
  if (r->event.type != YAML_STREAM_END_EVENT)
    return limn_fail(LIMN_DATA, "%s:%d: a second document: one file holds one list of settings", r->path, line_of(r));
  return LIMN_OK;
}

static limn_status read_entries(const char *path, entry_list *list) {
  char *text = NULL;
  size_t size = 0;
  LIMN_TRY(limn_read_file(path, FILE_LIMIT, &text, &size));
  reader r = {.path = path};
  limn_status status;
  if (!yaml_parser_initialize(&r.parser)) {
    status = limn_fail_memory("a settings file");
  } else {
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, size);
    status = read_document(&r, list);
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
  }
  free(text);
  return status;
}

static limn_status apply_entry(limn_config *config, const char *path, const entry *e) {
  size_t index = 0;
  limn_status status = limn_setting_look_up(e->key, &index);
  if (status == LIMN_OK)
    status = limn_config_assign(config, index, e->value, LIMN_FROM_FILE, path);
  if (status == LIMN_USAGE)
    status = limn_fail(LIMN_DATA, "%s:%d: %s", path, e->line, limn_error_message());
  return status;
}

static limn_status apply_entries(limn_config *config, const char *path, const entry_list *list) {
  for (size_t i = 0; i < list->count; ++i) {
    const entry *e = &list->entries[i];
    if (strcmp(e->key, "model") != 0)
      LIMN_TRY(apply_entry(config, path, e));
    else if (strcmp(e->value, limn_config_model(config)) != 0)
      return limn_fail(LIMN_DATA, "%s:%d: these are settings of the model %.32s, not of %s: name another file", path,
                       e->line, e->value, limn_config_model(config));
  }
  return LIMN_OK;
}

limn_status limn_config_load(limn_config *config, const char *path) {
  entry_list list = {0};
  limn_status status = read_entries(path, &list);
  if (status == LIMN_OK)
    status = apply_entries(config, path, &list);
  entry_list_release(&list);
  return status;
}

limn_status limn_config_create_from_file(limn_config **out, const char *path) {
  entry_list list = {0};
  limn_config *config = NULL;
  const entry *model = NULL;
  char models[LIMN_MODEL_NAMES_SIZE];
  limn_status status;
  LIMN_TRY_OR_CLEANUP(status, read_entries(path, &list));
  for (size_t i = 0; i < list.count && !model; ++i)
    if (strcmp(list.entries[i].key, "model") == 0)
      model = &list.entries[i];
  if (!model) {
    status = limn_fail(LIMN_DATA, "%s: no line `model: NAME`, of %s: add it", path,
                       limn_model_names(~0u, ", ", " or ", models, sizeof models));
    goto cleanup;
  }
  status = limn_config_create(&config, model->value);
  if (status == LIMN_USAGE)
    status = limn_fail(LIMN_DATA, "%s:%d: %s", path, model->line, limn_error_message());
  if (status == LIMN_OK)
    status = apply_entries(config, path, &list);
cleanup:
  entry_list_release(&list);
  if (status == LIMN_OK)
    *out = config;
  else
    limn_config_destroy(config);
  return status;
}

/* Texts are quoted, so that no other YAML reader takes a path for a number, a date or a truth value. */
static int emit_scalar(yaml_emitter_t *emitter, const char *text, bool quoted) {
  yaml_event_t event;
  return yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text, (int)strlen(text), !quoted, 1,
                                      quoted ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_ANY_SCALAR_STYLE) &&
         yaml_emitter_emit(emitter, &event);
}

static int emit_settings(yaml_emitter_t *emitter, const limn_config *config) {
  if (!emit_scalar(emitter, "model", false) || !emit_scalar(emitter, limn_config_model(config), false))
    return 0;
  for (size_t i = 0; i < limn_setting_count(); ++i) {
    const limn_setting_row *row = limn_setting_row_at(i);
    char value[LONGEST_TEXT];
    /* A run lies where it lies: its settings can be those of another one. */
    if (!(row->setting.models & (1u << config->model)) || row->offset == offsetof(struct limn_config, out))
      continue;
    limn_setting_format(row, config, value, sizeof value);
    bool quoted = row->kind == LIMN_SETTING_TEXT || row->kind == LIMN_SETTING_COLOR;
    if (!emit_scalar(emitter, row->setting.name, false) || !emit_scalar(emitter, value, quoted))
      return 0;
  }
  return 1;
}

static int emit_document(yaml_emitter_t *emitter, const limn_config *config) {
  yaml_event_t event;
  return yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) && yaml_emitter_emit(emitter, &event) &&
         yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) && yaml_emitter_emit(emitter, &event) &&
         yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE) &&
         yaml_emitter_emit(emitter, &event) && emit_settings(emitter, config) &&
         yaml_mapping_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event) &&
         yaml_document_end_event_initialize(&event, 1) && yaml_emitter_emit(emitter, &event) &&
         yaml_stream_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
}

limn_status limn_config_write(const limn_config *config, const char *path) {
  limn_durable_file file = {0};
  yaml_emitter_t emitter;
  LIMN_TRY(limn_durable_open(&file, path));
  if (!yaml_emitter_initialize(&emitter)) {
    limn_durable_discard(&file);
    return limn_fail_memory("a settings file");
  }
  yaml_emitter_set_output_file(&emitter, file.stream);
  yaml_emitter_set_unicode(&emitter, 1);
  yaml_emitter_set_width(&emitter, -1);
  int good = emit_document(&emitter, config);
  limn_status status = LIMN_OK;
  if (!good && emitter.error == YAML_WRITER_ERROR)
    status = limn_fail(LIMN_FAILED, "%s: cannot write: is the disk full?", path);
  else if (!good)
    status = limn_fail(LIMN_FAILED, "%s: cannot write the settings: %s", path,
                       emitter.problem ? emitter.problem : "out of memory");
  yaml_emitter_delete(&emitter);
  if (status == LIMN_OK)
    return limn_durable_commit(&file);
  limn_durable_discard(&file);
  return status;
}
