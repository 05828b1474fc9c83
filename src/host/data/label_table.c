#include "data/label_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "data/file_list.h"

#define SIZE_LIMIT ((size_t)1 << 30)

/* How many fields the line has that begins at *at, which moves on to the next; quotes that are not closed end with the
 * text. */
static size_t count_fields(const char **at, char separator) {
  const char *c = *at;
  size_t count = 1;
  bool quoted = false;
  for (; *c && (quoted || *c != '\n'); ++c) {
    if (*c == '"')
      quoted = !quoted;
    count += !quoted && *c == separator;
  }
  *at = *c ? c + 1 : c;
  return count;
}

/* The one of which the first two lines have the same number of fields, more than one; else which the first line has; or
 * spaces. Tabs come first, as names seldom hold one. */
static char choose_separator(const char *text) {
  static const char separators[] = "\t,;";
  char seen = ' ';
  text += strspn(text, "\r\n");
  for (const char *separator = separators; *separator; ++separator) {
    const char *at = text;
    const size_t first = count_fields(&at, *separator);
    at += strspn(at, "\r\n");
    if (first > 1 && (!*at || count_fields(&at, *separator) == first))
      return *separator;
    if (first > 1 && seen == ' ')
      seen = *separator;
  }
  return seen;
}

/* A quoted field is unquoted in place. *out points into the text; NULL: a quote that is never closed. */
static char *take_quoted(limn_label_table *table) {
  char *field = ++table->at, *to = field;
  for (; table->at < table->end; ++table->at) {
    if (*table->at == '"' && table->at[1] != '"') {
      ++table->at;
      *to = '\0';
      return field;
    }
    table->at += *table->at == '"'; /* two stand for one */
    table->line += *table->at == '\n';
    *to++ = *table->at;
  }
  return NULL;
}

/* Takes a field and says what ends it: the separator, '\n' or, at the end of the text, '\0'; '?' where it is malformed.
 */
static char take_field(limn_label_table *table, char **out) {
  const char stops[] = {table->separator, '\r', '\n', '"', '\0'};
  char *plain_end = NULL;
  if (*table->at == '"') {
    *out = take_quoted(table);
    if (!*out)
      return '?';
  } else {
    *out = table->at;
    table->at += strcspn(table->at, stops);
    plain_end = table->at;
  }
  if (table->at[0] == '\r' && table->at[1] == '\n')
    ++table->at;
  char ended_by = table->at == table->end ? '\0' : *table->at;
  if (table->at < table->end && ended_by != table->separator && ended_by != '\n')
    return '?';
  table->at += table->at < table->end;
  table->line += ended_by == '\n';
  if (plain_end)
    *plain_end = '\0';
  return ended_by;
}

static limn_status add_field(limn_label_table *table, char *field) {
  void *fields = table->fields;
  limn_status status = limn_grow(&fields, table->count, &table->capacity, sizeof *table->fields);
  table->fields = fields;
  LIMN_TRY(status);
  table->fields[table->count++] = field;
  return LIMN_OK;
}

static limn_status take_fields(limn_label_table *table) {
  char ended_by, *field;
  do {
    ended_by = take_field(table, &field);
    if (ended_by == '?')
      return limn_fail(LIMN_DATA, "%s: line %zu: a field that is not closed or not whole; quote it as RFC 4180 says",
                       table->path, table->row_line);
    LIMN_TRY(add_field(table, field));
  } while (ended_by == table->separator);
  if (table->count == 1 && !table->fields[0][0])
    table->count = 0; /* an empty line */
  return LIMN_OK;
}

static limn_status take_words(limn_label_table *table) {
  char *line = table->at, *rest = NULL;
  const size_t length = strcspn(line, "\n");
  table->at = line + length + (line + length < table->end);
  line[length] = '\0';
  ++table->line;
  for (char *word = strtok_r(line, " \r", &rest); word; word = strtok_r(NULL, " \r", &rest))
    LIMN_TRY(add_field(table, word));
  return LIMN_OK;
}

limn_status limn_label_table_next(limn_label_table *table) {
  for (table->count = 0; table->count == 0 && table->at < table->end;) {
    table->row_line = table->line;
    LIMN_TRY(table->separator == ' ' ? take_words(table) : take_fields(table));
  }
  return LIMN_OK;
}

limn_status limn_label_table_open(limn_label_table *table, const char *path) {
  size_t size;
  *table = (limn_label_table){.path = path, .line = 1};
  LIMN_TRY(limn_read_file(path, SIZE_LIMIT, &table->text, &size));
  table->at = table->text;
  table->end = table->text + size;
  if (strlen(table->text) != size) {
    limn_label_table_close(table);
    return limn_fail(LIMN_DATA, "%s: a NUL byte in a text file; save it as CSV in UTF-8", path);
  }
  if (strncmp(table->at, "\xef\xbb\xbf", 3) == 0) /* as Excel writes UTF-8 */
    table->at += 3;
  table->separator = choose_separator(table->at);
  return LIMN_OK;
}

void limn_label_table_close(limn_label_table *table) {
  free(table->fields);
  free(table->text);
  memset(table, 0, sizeof *table);
}
