/* Tables on standard output: cells are collected, then printed with columns as wide as they need. */
#ifndef LIMN_CLI_TABLE_H
#define LIMN_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#define CLI_TABLE_COLUMNS 9

typedef struct cli_table {
  const char *columns; /* a letter a column: 'l' left, 'r' right */
  char **cells;        /* row by row; NULL cells end a row early */
  size_t row_count, row_capacity;
  bool failed; /* an allocation did; sticky, found by print */
} cli_table;

void cli_table_init(cli_table *table, const char *columns);
/* One string a column, copied and cleaned of control characters; NULL: empty. */
void cli_table_row(cli_table *table, ...);
/* Prints the rows, each after `indent` spaces, and empties the table. Returns the exit code. */
int cli_table_print(cli_table *table, int indent);

#endif
