#include "table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"

void cli_table_init(cli_table *table, const char *columns) { *table = (cli_table){.columns = columns}; }

static void release(cli_table *table) {
  size_t width = strlen(table->columns);
  for (size_t i = 0; i < table->row_count * width; i++)
    free(table->cells[i]);
  free(table->cells);
  *table = (cli_table){.columns = table->columns};
}

void cli_table_row(cli_table *table, ...) {
  size_t width = strlen(table->columns);
  if (table->failed)
    return;
  if (table->row_count == table->row_capacity) {
    size_t capacity = table->row_capacity ? 2 * table->row_capacity : 16;
    char **cells = realloc(table->cells, capacity * width * sizeof(*cells));
    if (!cells) {
      table->failed = true;
      return;
    }
    table->cells = cells;
    table->row_capacity = capacity;
  }
  va_list arguments;
  va_start(arguments, table);
  char **row = table->cells + table->row_count++ * width;
  for (size_t i = 0; i < width; i++) {
    const char *text = va_arg(arguments, const char *);
    size_t size = strlen(text ? text : "") + 1;
    row[i] = malloc(size);
    if (row[i])
      cli_clean(text ? text : "", row[i], size);
    else
      table->failed = true;
  }
  va_end(arguments);
}

/* Columns that UTF-8 text takes, near enough: one a code point. */
static int shown_width(const char *text) {
  int width = 0;
  for (; *text; text++)
    width += ((unsigned char)*text & 0xc0) != 0x80;
  return width;
}

int cli_table_print(cli_table *table, int indent) {
  size_t columns = strlen(table->columns);
  int widths[CLI_TABLE_COLUMNS] = {0};
  bool failed = table->failed;
  for (size_t i = 0; !failed && i < table->row_count * columns; i++) {
    int width = shown_width(table->cells[i]);
    if (width > widths[i % columns])
      widths[i % columns] = width;
  }
  for (size_t row = 0; !failed && row < table->row_count; row++) {
    char **cells = table->cells + row * columns;
    size_t last = columns;
    while (last > 0 && !*cells[last - 1])
      last--;
    printf("%*s", last ? indent : 0, "");
    for (size_t i = 0; i < last; i++) {
      int padding = widths[i] - shown_width(cells[i]);
      bool right = table->columns[i] == 'r';
      printf("%s%*s%s%*s", i ? "  " : "", right ? padding : 0, "", cells[i], right || i + 1 == last ? 0 : padding, "");
    }
    putchar('\n');
  }
  release(table);
  return failed ? cli_fail_memory() : CLI_OK;
}
