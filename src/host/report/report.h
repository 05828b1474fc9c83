/* A result, described once for people and for machines: a command says what there is to say, in order, and prints it.
 *
 * Machines get values by their keys, in objects and arrays that nest. People get sections of rows, whose columns are
 * aligned. One call serves both, and either can be left out: `key` NULL is nothing for machines, `label` NULL nothing
 * for people. What failed meanwhile (memory) is found when the report is printed. All take a report that is NULL, as
 * one is when there was no memory for it. */
#ifndef LIMN_REPORT_REPORT_H
#define LIMN_REPORT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "limn/status.h"

typedef struct limn_report limn_report;

/* json: for machines; else for people, as text. */
limn_report *limn_report_create(bool json);
void limn_report_destroy(limn_report *report);
/* As when memory has run out: it will not be printed. */
void limn_report_fail(limn_report *report);
/* Prints and destroys it. LIMN_FAILED when it is not whole, and then nothing is printed; what `stream` could not take
 * is left for its owner to find. */
limn_status limn_report_print(limn_report *report, FILE *stream);

/* For machines. The outermost is an object unless an array is opened first. In an array keys do not matter: all values
 * are elements. */
void limn_report_open(limn_report *report, const char *key);
void limn_report_open_array(limn_report *report, const char *key);
void limn_report_close(limn_report *report);
void limn_report_flag(limn_report *report, const char *key, bool value);
void limn_report_null(limn_report *report, const char *key);
void limn_report_integers(limn_report *report, const char *key, const int64_t *values, int count);
/* `text` is JSON already. */
void limn_report_json(limn_report *report, const char *key, const char *text);

/* For people. The section before ends here; one without rows is not shown, and the first begins by itself. columns: a
 * letter each, 'l' left, 'r' right. title: NULL for none. */
void limn_report_section(limn_report *report, const char *title, const char *columns);
/* One without a title, whose first row is headings: a text each, then NULL. */
void limn_report_headed(limn_report *report, const char *columns, ...) __attribute__((sentinel));
/* The next row of a table: until the section's end, values are cells, and their labels only have to be there. */
void limn_report_row(limn_report *report);
#define LIMN_CELL "" /* for such a label */
/* One more cell of the row, and more text in the cell before. */
void limn_report_cell(limn_report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));
void limn_report_more(limn_report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A row of label and text, for people alone. */
void limn_report_show(limn_report *report, const char *label, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* For both. Outside of tables a row of label and value is made, in a section of one column of the value alone. */
/* NULL: null for machines, for people an empty cell, or no row. '?' stands in JSON for what is beyond ASCII in a text
 * that is no UTF-8, and for people for control characters. */
void limn_report_text(limn_report *report, const char *key, const char *label, const char *text);
void limn_report_textf(limn_report *report, const char *key, const char *label, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* 1,234,567 */
void limn_report_count(limn_report *report, const char *key, const char *label, int64_t value);
/* 12.5 MB */
void limn_report_bytes(limn_report *report, const char *key, const char *label, size_t value);
/* null where it is not finite; format: of the text, NULL where there is no label. */
void limn_report_number(limn_report *report, const char *key, const char *label, double value, const char *format);

#endif
