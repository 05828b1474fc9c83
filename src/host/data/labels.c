/* Labels of picture files from a CSV file (RFC 4180): two columns, the file and its label. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/file.h"
#include "data/file_list.h"

#define CSV_LIMIT ((size_t)1 << 30)

typedef struct csv_row {
  char *fields[2]; /* file, label: in the file's text */
  size_t line;
} csv_row;

/* Reading under way. */
typedef struct csv_file {
  const char *path;
  char *at; /* in the text, which ends with a NUL that is not part of it */
  char *end;
  size_t line;
  csv_row *rows;
  size_t count, capacity;
} csv_file;

/* A quoted field is unquoted in place. *out points into the text; NULL: a quote that is never closed. */
static char *take_quoted(csv_file *csv) {
  char *field = ++csv->at, *to = field;
  for (; csv->at < csv->end; ++csv->at) {
    if (*csv->at == '"' && csv->at[1] != '"') {
      ++csv->at;
      *to = '\0';
      return field;
    }
    csv->at += *csv->at == '"'; /* two stand for one */
    csv->line += *csv->at == '\n';
    *to++ = *csv->at;
  }
  return NULL;
}

/* Takes a field and says what ends it: ',', '\n' or, at the end of the text, '\0'; '?' where it is malformed. */
static char take_field(csv_file *csv, char **out) {
  char *plain_end = NULL;
  if (*csv->at == '"') {
    *out = take_quoted(csv);
    if (!*out)
      return '?';
  } else {
    *out = csv->at;
    csv->at += strcspn(csv->at, ",\r\n\"");
    plain_end = csv->at;
  }
  if (csv->at[0] == '\r' && csv->at[1] == '\n')
    ++csv->at;
  char ended_by = csv->at == csv->end ? '\0' : *csv->at;
  if (csv->at < csv->end && ended_by != ',' && ended_by != '\n')
    return '?';
  csv->at += csv->at < csv->end;
  csv->line += ended_by == '\n';
  if (plain_end)
    *plain_end = '\0';
  return ended_by;
}

static limn_status take_row(csv_file *csv) {
  csv_row row = {.line = csv->line};
  size_t count = 0;
  char ended_by;
  do {
    char *field;
    ended_by = take_field(csv, &field);
    if (ended_by == '?')
      return limn_fail(LIMN_DATA, "%s: line %zu: a field that is not closed or not whole; quote it as RFC 4180 says",
                       csv->path, row.line);
    if (count < 2)
      row.fields[count] = field;
    ++count;
  } while (ended_by == ',');
  if (count == 1 && !row.fields[0][0])
    return LIMN_OK; /* an empty line */
  if (count != 2 || !row.fields[0][0] || !row.fields[1][0])
    return limn_fail(LIMN_DATA, "%s: line %zu: not a file and a label with a comma between them", csv->path, row.line);
  void *rows = csv->rows;
  limn_status status = limn_grow(&rows, csv->count, &csv->capacity, sizeof row);
  csv->rows = rows;
  LIMN_TRY(status);
  csv->rows[csv->count++] = row;
  return LIMN_OK;
}

static bool is_header(const csv_row *row) {
  static const char *const names[] = {"file", "filename", "file_name", "path", "image", "name", "id"};
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i)
    if (strcasecmp(row->fields[0], names[i]) == 0)
      return true;
  return false;
}

static limn_status take_rows(csv_file *csv, size_t size) {
  if (strlen(csv->at) != size)
    return limn_fail(LIMN_DATA, "%s: a NUL byte in a text file; save it as CSV", csv->path);
  if (strncmp(csv->at, "\xef\xbb\xbf", 3) == 0) /* as Excel writes UTF-8 */
    csv->at += 3;
  while (csv->at < csv->end)
    LIMN_TRY(take_row(csv));
  if (csv->count > 0 && is_header(&csv->rows[0])) {
    --csv->count;
    memmove(csv->rows, csv->rows + 1, csv->count * sizeof *csv->rows);
  }
  return csv->count > 0 ? LIMN_OK : limn_fail(LIMN_DATA, "%s: no rows of file,label in it", csv->path);
}

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

static int by_base_name(const void *a, const void *b) {
  return strcmp(base_name((*(limn_file_entry *const *)a)->path), base_name((*(limn_file_entry *const *)b)->path));
}

/* The pictures by base name: (count) pointers into the list; yours (free()). NULL: out of memory. */
static limn_file_entry **sort_by_base_name(const limn_file_list *list) {
  limn_file_entry **sorted = malloc(list->count * sizeof(limn_file_entry *));
  for (size_t i = 0; sorted && i < list->count; ++i)
    sorted[i] = &list->items[i];
  if (sorted)
    qsort(sorted, list->count, sizeof *sorted, by_base_name);
  return sorted;
}

/* A picture by its path, else by a base name that it alone has. */
static limn_file_entry *find_picture(const limn_file_list *list, limn_file_entry *const *sorted, const char *name,
                                     bool *ambiguous) {
  *ambiguous = false;
  if (strncmp(name, "./", 2) == 0)
    name += 2;
  limn_file_entry *entry = limn_file_list_find(list, name);
  if (entry || strchr(name, '/'))
    return entry;
  limn_file_entry key = {.path = (char *)(uintptr_t)name}, *wanted = &key;
  limn_file_entry *const *found = bsearch(&wanted, sorted, list->count, sizeof *sorted, by_base_name);
  if (!found)
    return NULL;
  *ambiguous = (found > sorted && by_base_name(found - 1, found) == 0) ||
               (found + 1 < sorted + list->count && by_base_name(found, found + 1) == 0);
  return *found;
}

/* texts[picture] = the label of its row. */
static limn_status match(const csv_file *csv, const limn_file_list *list, limn_file_entry *const *sorted,
                         const char **texts, const char *where) {
  size_t strangers = 0, unlabelled = 0;
  const csv_row *stranger = NULL;
  const char *first = NULL;
  for (size_t i = 0; i < csv->count; ++i) {
    const csv_row *row = &csv->rows[i];
    bool ambiguous;
    const limn_file_entry *entry = find_picture(list, sorted, row->fields[0], &ambiguous);
    if (!entry) {
      stranger = strangers++ ? stranger : row;
      continue;
    }
    if (ambiguous)
      return limn_fail(LIMN_DATA, "%s: line %zu: several pictures in %s are named %s; write their sub-folders too",
                       csv->path, row->line, where, row->fields[0]);
    size_t index = (size_t)(entry - list->items);
    if (texts[index])
      return limn_fail(LIMN_DATA, "%s: line %zu: a second row for %s; keep one", csv->path, row->line, entry->path);
    texts[index] = row->fields[1];
  }
  if (strangers > 0)
    return limn_fail(LIMN_DATA, "%s: %zu of %zu rows name no picture in %s, the first in line %zu: %s", csv->path,
                     strangers, csv->count, where, stranger->line, stranger->fields[0]);
  for (size_t i = 0; i < list->count; ++i)
    if (!texts[i])
      first = unlabelled++ ? first : list->items[i].path;
  if (unlabelled > 0)
    return limn_fail(LIMN_DATA, "%s: %zu of the %zu pictures in %s have no row, the first: %s", csv->path, unlabelled,
                     list->count, where, first);
  return LIMN_OK;
}

limn_status limn_labels_read(limn_file_list *list, const char *csv_path, const char *where) {
  char *text = NULL;
  size_t size;
  const char **texts = NULL;
  limn_file_entry **sorted = NULL;
  LIMN_TRY(limn_read_file(csv_path, CSV_LIMIT, &text, &size));
  csv_file csv = {.path = csv_path, .at = text, .end = text + size, .line = 1};
  limn_status status;
  LIMN_TRY_OR_CLEANUP(status, take_rows(&csv, size));
  texts = calloc(list->count, sizeof *texts);
  sorted = sort_by_base_name(list);
  if (!texts || !sorted) {
    status = limn_fail_memory(csv_path);
    goto cleanup;
  }
  LIMN_TRY_OR_CLEANUP(status, match(&csv, list, sorted, texts, where));
  LIMN_TRY_OR_CLEANUP(status, limn_file_list_classify(list, texts, true));
  list->labelled = true;
cleanup:
  free(csv.rows);
  free(sorted);
  free(texts);
  free(text);
  return status;
}
