/* The rows of a text file of labels: fields with a comma, a semicolon or a tab between them, quoted as RFC 4180 has it
 * where need be, or words with spaces between them. */
#ifndef LIMN_DATA_LABEL_TABLE_H
#define LIMN_DATA_LABEL_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "limn/status.h"

typedef struct limn_label_table {
  const char *path;
  char *text;     /* owned; what comes out lies in it */
  char *at, *end; /* *end is a NUL that is not part of it */
  char separator; /* ' ': as many as there are */
  size_t line;    /* that `at` is in */
  char **fields;  /* of the row that was taken last: (count); owned */
  size_t count, capacity;
  size_t row_line; /* where it begins */
} limn_label_table;

/* Reads the file and sees what separates its fields. path: borrowed. LIMN_DATA, naming it, also from the next. */
limn_status limn_label_table_open(limn_label_table *table, const char *path);
/* The next row that is not empty; count is 0 at the end. Fields stay until the table is closed, the list of them until
 * the next row. */
limn_status limn_label_table_next(limn_label_table *table);
void limn_label_table_close(limn_label_table *table); /* safe on a zeroed struct */

#endif
