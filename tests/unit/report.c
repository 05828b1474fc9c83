/* The recorder of results: one description, as text and as JSON. */
#include "report/report.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report/numbers.h"

TestSuite(report, .timeout = 60);

typedef void (*description)(limn_report *report);

static limn_status print(description describe, bool json, char **text) {
  size_t size;
  FILE *stream = open_memstream(text, &size);
  limn_report *report = limn_report_create(json);
  describe(report);
  limn_status status = limn_report_print(report, stream);
  fclose(stream);
  return status;
}

static void expect(description describe, bool json, const char *expected) {
  char *text;
  cr_assert_eq(print(describe, json, &text), LIMN_OK);
  cr_expect_str_eq(text, expected, "%s\nand not\n%s", text, expected);
  free(text);
}

static void expect_failure(description describe, bool json) {
  char *text;
  cr_expect_eq(print(describe, json, &text), LIMN_FAILED);
  cr_expect_str_eq(text, "", "half of it is printed: %s", text);
  cr_expect(strstr(limn_error_message(), "memory"));
  free(text);
}

/* A value of each kind, for both, for machines and for people. */
static void values(limn_report *report) {
  limn_report_text(report, "name", "name", "a");
  limn_report_text(report, "machine", NULL, "m");
  limn_report_text(report, NULL, "person", "p");
  limn_report_text(report, "none", "none", NULL);
  limn_report_textf(report, "put_together", "together", "%d of %s", 3, LIMN_COUNT(4000));
  limn_report_show(report, "", "%d x %d", 2, 3);
  limn_report_more(report, " and %s", "more");
  limn_report_count(report, "count", "count", -1234567);
  limn_report_bytes(report, "bytes", "bytes", 12500000);
  limn_report_number(report, "number", "number", 0.25, "%.3f s");
  limn_report_flag(report, "flag", true);
  limn_report_null(report, "nothing");
  limn_report_json(report, "given", "{\"a\": [1]}");
  limn_report_integers(report, "shape", (int64_t[]){2, 3}, 2);
}

Test(report, values_of_each_kind_for_people) {
  expect(values, false,
         "name      a\n"
         "person    p\n"
         "together  3 of 4,000\n"
         "          2 x 3 and more\n"
         "count     -1,234,567\n"
         "bytes     12.5 MB\n"
         "number    0.250 s\n");
}

Test(report, values_of_each_kind_for_machines) {
  expect(values, true,
         "{\n"
         "  \"name\": \"a\",\n"
         "  \"machine\": \"m\",\n"
         "  \"none\": null,\n"
         "  \"put_together\": \"3 of 4,000\",\n"
         "  \"count\": -1234567,\n"
         "  \"bytes\": 12500000,\n"
         "  \"number\": 0.25,\n"
         "  \"flag\": true,\n"
         "  \"nothing\": null,\n"
         "  \"given\": {\n"
         "    \"a\": [\n"
         "      1\n"
         "    ]\n"
         "  },\n"
         "  \"shape\": [\n"
         "    2,\n"
         "    3\n"
         "  ]\n"
         "}\n");
}

static void nested(limn_report *report) {
  limn_report_open(report, "a");
  limn_report_open_array(report, "b");
  limn_report_open(report, NULL);
  limn_report_count(report, "c", NULL, 1);
  limn_report_close(report);
  limn_report_text(report, NULL, "an element has no key", "d");
  limn_report_show(report, "of no interest to machines", "%s", "e");
  limn_report_close(report);
  limn_report_close(report);
  limn_report_count(report, "f", NULL, 2);
}

Test(report, objects_and_arrays_nest) {
  expect(nested, true,
         "{\n  \"a\": {\n    \"b\": [\n      {\n        \"c\": 1\n      },\n      \"d\"\n    ]\n  },\n  \"f\": 2\n}\n");
  expect(nested, false, "an element has no key       d\nof no interest to machines  e\n");
}

static void table(limn_report *report) {
  limn_report_open_array(report, NULL);
  limn_report_headed(report, "lrl", "name", "how many", NULL);
  for (int i = 0; i < 3; i++) {
    limn_report_row(report);
    limn_report_open(report, NULL);
    limn_report_text(report, "name", LIMN_CELL, i == 1 ? NULL : "\xc3\xa4");
    limn_report_count(report, "count", LIMN_CELL, i * 1000);
    limn_report_flag(report, "even", i % 2 == 0);
    if (i % 2 == 0)
      limn_report_cell(report, "even");
    limn_report_close(report);
  }
  limn_report_close(report);
}

Test(report, tables_are_aligned_and_a_root_may_be_an_array) {
  expect(table, false,
         "name  how many\n"
         "\xc3\xa4            0  even\n"
         "         1,000\n"
         "\xc3\xa4        2,000  even\n");
  const char *first = "[\n  {\n    \"name\": \"\xc3\xa4\",\n    \"count\": 0,\n    \"even\": true\n  },\n"
                      "  {\n    \"name\": null,\n    \"count\": 1000,\n    \"even\": false\n  },\n";
  char *text;
  cr_assert_eq(print(table, true, &text), LIMN_OK);
  cr_expect_eq(strncmp(text, first, strlen(first)), 0, "%s", text);
  free(text);
}

static void sections(limn_report *report) {
  limn_report_section(report, "empty", "l");
  limn_report_show(report, "before", "1");
  limn_report_section(report, "really empty", "l");
  limn_report_section(report, "titled", "lrl");
  limn_report_number(report, "n", "short", 1, "%.1f");
  limn_report_cell(report, "remark");
  limn_report_number(report, "m", "longer", 100, "%.1f");
}

Test(report, sections_have_titles_and_a_line_between_them) {
  expect(sections, false,
         "empty\n  1\n"
         "\n"
         "titled\n"
         "  short     1.0  remark\n"
         "  longer  100.0\n");
}

static void nothing(limn_report *report) { (void)report; }

Test(report, nothing_is_an_empty_object) {
  expect(nothing, true, "{}\n");
  expect(nothing, false, "");
}

/* Names of files may hold any byte, and go to a terminal. */
static void foreign(limn_report *report) {
  limn_report_text(report, "a\xff", "a\x1b", "x\xe9\xc3\xa4\x1by");
  limn_report_text(report, "good", "good", "\xc3\xa4");
}

Test(report, bytes_that_are_no_utf8_and_control_characters) {
  expect(foreign, true, "{\n  \"a?\": \"x???\\u001By\",\n  \"good\": \"\xc3\xa4\"\n}\n");
  expect(foreign, false, "a?    x\xe9\xc3\xa4?y\ngood  \xc3\xa4\n");
}

static void not_finite(limn_report *report) {
  limn_report_number(report, "nan", "nan", (double)NAN, "%.1f");
  limn_report_number(report, "infinite", "infinite", (double)INFINITY, "%.1f");
  limn_report_number(report, "finite", "finite", -0.5, "%.1f");
}

Test(report, numbers_that_are_not_finite_are_null) {
  expect(not_finite, true, "{\n  \"nan\": null,\n  \"infinite\": null,\n  \"finite\": -0.5\n}\n");
  expect(not_finite, false, "nan       nan\ninfinite  inf\nfinite    -0.5\n");
}

/* What is described behind a failure does not make it good. */
static void failing(limn_report *report) {
  values(report);
  limn_report_fail(report);
  values(report);
}

static void more_of_nothing(limn_report *report) {
  limn_report_more(report, "there is no cell yet");
  values(report);
}

static void broken_json(limn_report *report) {
  limn_report_json(report, "given", "{");
  values(report);
}

static void too_deep(limn_report *report) {
  for (int i = 0; i < 100; i++)
    limn_report_open_array(report, NULL);
  for (int i = 0; i < 100; i++)
    limn_report_close(report);
}

static void nameless(limn_report *report) {
  limn_report_open(report, "a");
  limn_report_open(report, NULL);
  values(report);
}

Test(report, failures_stick_and_nothing_is_printed) {
  expect_failure(failing, false);
  expect_failure(failing, true);
  expect_failure(more_of_nothing, false);
  expect_failure(broken_json, true);
  expect_failure(too_deep, true);
  expect_failure(nameless, true);
}

/* What the program prints about a file; returns its exit status. fault: the environment's words for torture/faults.c.
 */
static int inspect(const char *fault, const char *options, char *text, size_t size) {
  char command[2048];
  snprintf(command, sizeof command, "LD_PRELOAD=%s %s %s inspect %s/tests/fixtures/dcgan.safetensors %s 2>/dev/null",
           LIMN_FAULTS, fault, LIMN_PROGRAM, LIMN_SOURCE_DIR, options);
  FILE *output = popen(command, "r");
  cr_assert(output);
  text[fread(text, 1, size - 1, output)] = '\0';
  return pclose(output);
}

/* The last allocations are the report's. A sanitizer has its own, none of which fails. */
Test(report, without_memory_all_is_printed_or_nothing) {
  static char whole[1 << 16], text[1 << 16];
  for (int json = 0; json < 2; json++) {
    const char *options = json ? "--json" : "";
    FILE *counts = tmpfile();
    char fault[64];
    unsigned long count = 0;
    snprintf(fault, sizeof fault, "LIMN_FAULT_COUNTS=/proc/%d/fd/%d", (int)getpid(), fileno(counts));
    cr_assert_eq(inspect(fault, options, whole, sizeof whole), 0);
    cr_assert_eq(fscanf(counts, "malloc %lu", &count), 1);
    fclose(counts);
    for (unsigned long i = count; i > 0 && i + 60 > count; i--) {
      snprintf(fault, sizeof fault, "LIMN_FAULT=malloc:%lu:ENOMEM", i);
      bool failed = inspect(fault, options, text, sizeof text) != 0;
      cr_expect_str_eq(text, failed ? "" : whole, "with allocation %lu of %lu failing: %s", i, count, text);
    }
  }
}

Test(report, no_report_at_all_is_a_failure_too) {
  values(NULL);
  nested(NULL);
  table(NULL);
  sections(NULL);
  limn_report_destroy(NULL);
  cr_expect_eq(limn_report_print(NULL, stdout), LIMN_FAILED);
}

/* A full disk is found by the stream's owner. */
Test(report, lost_output_is_not_the_reports_failure) {
  for (int json = 0; json < 2; json++) {
    FILE *full = fopen("/dev/full", "w");
    cr_assert(full);
    setbuf(full, NULL);
    limn_report *report = limn_report_create(json);
    values(report);
    cr_expect_eq(limn_report_print(report, full), LIMN_OK);
    cr_expect(ferror(full));
    fclose(full);
  }
}

Test(report, numbers_for_people) {
  cr_expect_str_eq(LIMN_COUNT(0), "0");
  cr_expect_str_eq(LIMN_COUNT(-999), "-999");
  cr_expect_str_eq(LIMN_COUNT(1234567), "1,234,567");
  cr_expect_str_eq(LIMN_BYTES(999), "999 bytes");
  cr_expect_str_eq(LIMN_BYTES(1500), "1.5 kB");
  cr_expect_str_eq(LIMN_SECONDS(59.4), "59s");
  cr_expect_str_eq(LIMN_SECONDS(61), "1m01s");
  cr_expect_str_eq(LIMN_SECONDS(3720), "1h02m");
  cr_expect_str_eq(LIMN_SCALED(105300000.0), "105.3 M");
}
