#include "report/report.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "report/json.h"
#include "report/numbers.h"
#include "report/page.h"

struct limn_report {
  bool machine; /* it is for them: then the page stays empty, else the tree does */
  bool failed;
  limn_json json;
  limn_page page;
};

static bool for_machines(const limn_report *report) { return report && report->machine; }
static bool for_people(const limn_report *report) { return report && !report->machine; }

limn_report *limn_report_create(bool json) {
  limn_report *report = calloc(1, sizeof(*report));
  if (report)
    report->machine = json;
  return report;
}

void limn_report_destroy(limn_report *report) {
  if (!report)
    return;
  limn_json_release(&report->json);
  limn_page_release(&report->page);
  free(report);
}

void limn_report_fail(limn_report *report) {
  if (report)
    report->failed = true;
}

limn_status limn_report_print(limn_report *report, FILE *stream) {
  if (for_machines(report) && report->json.depth == 0)
    limn_report_open(report, NULL);
  bool failed = !report || report->failed || report->json.failed || report->page.failed;
  if (!failed && report->machine) {
    limn_json_print(&report->json, stream);
    failed = report->json.failed;
  } else if (!failed) {
    limn_page_print_text(&report->page, stream);
  }
  limn_report_destroy(report);
  return failed ? limn_fail_memory("the report") : LIMN_OK;
}

/* The outermost has no key; a first one with a key lies in an object. */
static void open_value(limn_report *report, const char *key, bool array) {
  if (!for_machines(report))
    return;
  if (key && report->json.depth == 0)
    limn_json_open(&report->json, NULL, json_object());
  limn_json_open(&report->json, key, array ? json_array() : json_object());
}

void limn_report_open(limn_report *report, const char *key) { open_value(report, key, false); }

void limn_report_open_array(limn_report *report, const char *key) { open_value(report, key, true); }

void limn_report_close(limn_report *report) {
  if (for_machines(report))
    limn_json_close(&report->json);
}

void limn_report_flag(limn_report *report, const char *key, bool value) {
  if (for_machines(report))
    limn_json_put(&report->json, key, json_boolean(value));
}

void limn_report_null(limn_report *report, const char *key) {
  if (for_machines(report))
    limn_json_put(&report->json, key, json_null());
}

void limn_report_integers(limn_report *report, const char *key, const int64_t *values, int count) {
  limn_report_open_array(report, key);
  for (int i = 0; i < count; i++)
    limn_report_count(report, NULL, NULL, values[i]);
  limn_report_close(report);
}

void limn_report_json(limn_report *report, const char *key, const char *text) {
  if (for_machines(report))
    limn_json_put(&report->json, key, json_loads(text, 0, NULL));
}

void limn_report_section(limn_report *report, const char *title, const char *columns) {
  if (for_people(report))
    limn_page_section_begin(&report->page, title, columns);
}

void limn_report_row(limn_report *report) {
  limn_page_section *section = for_people(report) ? limn_page_last(&report->page) : NULL;
  if (!section)
    return;
  section->table = true;
  limn_page_row(&report->page);
}

void limn_report_headed(limn_report *report, const char *columns, ...) {
  if (!for_people(report))
    return;
  limn_page_section_begin(&report->page, NULL, columns);
  va_list headings;
  va_start(headings, columns);
  for (const char *heading; (heading = va_arg(headings, const char *));)
    limn_page_cell(&report->page, strdup(heading));
  va_end(headings);
}

static char *formatted(const char *format, va_list arguments) {
  char *text;
  return vasprintf(&text, format, arguments) < 0 ? NULL : text;
}

void limn_report_cell(limn_report *report, const char *format, ...) {
  if (!for_people(report))
    return;
  va_list arguments;
  va_start(arguments, format);
  limn_page_cell(&report->page, formatted(format, arguments));
  va_end(arguments);
}

void limn_report_more(limn_report *report, const char *format, ...) {
  if (!for_people(report))
    return;
  va_list arguments;
  va_start(arguments, format);
  limn_page_more(&report->page, formatted(format, arguments));
  va_end(arguments);
}

static bool in_table(limn_report *report) {
  const limn_page_section *section = limn_page_last(&report->page);
  return section && section->table;
}

/* A value with its label: in a table the next cell, else a row. Takes `text` over. */
static void add_value(limn_report *report, const char *label, char *text) {
  if (!in_table(report)) {
    limn_page_row(&report->page);
    const limn_page_section *section = limn_page_last(&report->page);
    if (section && section->columns[1])
      limn_page_cell(&report->page, strdup(label));
  }
  limn_page_cell(&report->page, text);
}

void limn_report_show(limn_report *report, const char *label, const char *format, ...) {
  if (!for_people(report))
    return;
  va_list arguments;
  va_start(arguments, format);
  add_value(report, label, formatted(format, arguments));
  va_end(arguments);
}

void limn_report_text(limn_report *report, const char *key, const char *label, const char *text) {
  if (for_machines(report))
    limn_json_put(&report->json, key, limn_json_text(text));
  else if (report && label && (text || in_table(report)))
    add_value(report, label, strdup(text ? text : ""));
}

void limn_report_textf(limn_report *report, const char *key, const char *label, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char *text = formatted(format, arguments);
  va_end(arguments);
  if (for_machines(report))
    limn_json_put(&report->json, key, text ? limn_json_text(text) : NULL);
  else if (report && label)
    add_value(report, label, text ? strdup(text) : NULL);
  free(text);
}

void limn_report_count(limn_report *report, const char *key, const char *label, int64_t value) {
  if (for_machines(report))
    limn_json_put(&report->json, key, json_integer(value));
  else if (label)
    limn_report_show(report, label, "%s", LIMN_COUNT(value));
}

void limn_report_bytes(limn_report *report, const char *key, const char *label, size_t value) {
  if (for_machines(report))
    limn_json_put(&report->json, key, json_integer((json_int_t)value));
  else if (label)
    limn_report_show(report, label, "%s", LIMN_BYTES(value));
}

void limn_report_number(limn_report *report, const char *key, const char *label, double value, const char *format) {
  char *text;
  if (for_machines(report))
    limn_json_put(&report->json, key, isfinite(value) ? json_real(value) : json_null());
  else if (report && label)
    add_value(report, label, asprintf(&text, format, value) < 0 ? NULL : text);
}
