/* What people see: sections of rows. How it is shown is the renderers' business: text.c. */
#ifndef LIMN_REPORT_PAGE_H
#define LIMN_REPORT_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define LIMN_PAGE_COLUMNS 12

typedef struct limn_page_section {
  char *title;                         /* NULL: none */
  char columns[LIMN_PAGE_COLUMNS + 1]; /* a letter each: 'l' left, 'r' right */
  bool table;                          /* values are cells; else each begins a row, with its label */
  char **cells;                        /* row by row, each full but for the last; an empty cell may be NULL */
  size_t count, capacity;
} limn_page_section;

typedef struct limn_page {
  limn_page_section *sections;
  size_t count;
  bool failed; /* an allocation did; sticky */
} limn_page;

void limn_page_section_begin(limn_page *page, const char *title, const char *columns);
/* The section that rows go into: an untitled one of label and value where none has begun. NULL where that failed. */
limn_page_section *limn_page_last(limn_page *page);
/* What is missing of the row before becomes empty. */
void limn_page_row(limn_page *page);
/* Takes `text` over; NULL: there was no memory for it. A cell more than there are columns begins a row. */
void limn_page_cell(limn_page *page, char *text);
/* Goes on with the last cell; takes `text` over. */
void limn_page_more(limn_page *page, char *text);
void limn_page_release(limn_page *page);

/* text.c: sections with a line between them, each in columns as wide as they need. */
void limn_page_print_text(const limn_page *page, FILE *stream);

#endif
