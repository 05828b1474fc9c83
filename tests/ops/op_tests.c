/* The op tests: every case of the table on every device. Plain C, so that it runs under every sanitizer.
 *
 *   op_tests [test]   forward, gradient and second gradient on a device against the reference; cpu if none is named
 *   op_tests grad     the reference's gradients against central differences
 *   op_tests list     the names of the cases
 *
 * --case PART and --slice K/N choose among them: those whose name has PART in it; every N-th from the K-th on.
 * --any-order tests the engines that a run has by default, which may add up in another order each time; else the device
 * is one for --deterministic, and repeats bytes. Where the CPU has no AMX, testing that says so and ends with 77. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "comparison.h"
#include "differences.h"
#include "reference/reference.h"
#include "transfers.h"

/* Adding a device is a line here. The constant is the engine's own (tolerance.h); what convolutions read in half
 * precision is rounded to 8 bits (bf16) or 11 bits (fp16) instead of 24. */
static const struct device_row {
  const char *name, *device, *precision;
  double constant, winograd;
  double largest; /* number that its types hold; 0: any float */
  int direct;     /* limn_device_options.direct */
} devices[] = {
    {"cpu", "cpu", "fp32", 4, 10, 0, 0}, /* seen behind a tanh, which shows absolute errors: 7 */
    {"cpu-direct", "cpu", "fp32", 4, 1, 0, 1},
    {"cpu-bf16", "cpu", "bf16", 0x1p15, 1, 0, 0},
    {"cuda", "cuda", "fp32", 4, 1, 0, 0},
    {"cuda-tf32", "cuda", "tf32", 3 * 0x1p13, 1, 0, 0},
    {"cuda-bf16", "cuda", "bf16", 3 * 0x1p15, 1, 0, 0},
    {"cuda-fp16", "cuda", "fp16", 3 * 0x1p12, 1, 65504, 0},
};
#define DEVICE_COUNT (sizeof devices / sizeof *devices)

typedef struct arguments {
  const char *mode, *isa, *substring;
  const struct device_row *device;
  limn_program_options program;
  size_t slice, slices; /* every slices-th case from number `slice` on, counted from 0 */
  bool small;           /* without large cases, which the CPU's engines are the ones to need */
  bool any_order;
  bool verbose;
} arguments;

typedef struct tally {
  int passed, failed;
  bool skipped;
} tally;

static void count_result(tally *t, limn_status status, const char *where, const char *name, const char *stage) {
  if (status == LIMN_OK) {
    ++t->passed;
    return;
  }
  ++t->failed;
  printf("FAILED %s %s%s: %s\n", where, name, stage, limn_error_message());
}

static limn_status check_refused(const op_case *c) {
  op_setup setup;
  limn_status status = op_setup_init(&setup, c, OP_FORWARD);
  op_setup_release(&setup);
  if (status == LIMN_OK)
    return limn_fail(LIMN_FAILED, "was not refused");
  return strstr(limn_error_message(), c->refusal)
             ? LIMN_OK
             : limn_fail(LIMN_FAILED, "refused, but without '%s': %s", c->refusal, limn_error_message());
}

static bool is_selected(const case_table *table, size_t i, const arguments *a) {
  return i % a->slices == a->slice && (!a->substring || strstr(table->cases[i].name, a->substring));
}

static void test_device(const case_table *table, const arguments *a, limn_device *device, limn_device *reference,
                        tally *t) {
  const struct device_row *row = a->device;
  static const char *const stages[] = {"", " (gradients)"};
  const comparison_options options = {.constant = row->constant,
                                      .winograd = row->winograd,
                                      .largest = row->largest,
                                      .any_order = a->any_order,
                                      .program = a->program};
  for (size_t i = 0; i < table->count; ++i) {
    const op_case *c = &table->cases[i];
    if (!is_selected(table, i, a) || c->flags & (CASE_REFUSED | (a->small ? CASE_LARGE : 0)))
      continue;
    for (int stage = OP_FORWARD; stage <= OP_GRADIENTS; ++stage) {
      comparison_result result;
      limn_status status = comparison_check(c, (op_stage)stage, device, reference, &options, &result);
      if (!result.applies)
        continue;
      count_result(t, status, row->name, c->name, stages[stage]);
      if (a->verbose)
        printf("%5.2f of the allowed error: %s %s%s\n", result.worst, row->name, c->name, stages[stage]);
    }
  }
}

static void test_named(const case_table *table, const arguments *a, limn_device *reference, tally *t) {
  const struct device_row *row = a->device;
  limn_device *device = NULL;
  const limn_device_options options = {.name = row->device,
                                       .precision = row->precision,
                                       .isa = a->isa,
                                       .direct = row->direct,
                                       .deterministic = !a->any_order,
                                       .seed = OPS_SEED};
  limn_status status = limn_device_create(&device, &options);
  if (status != LIMN_OK) {
    t->skipped = status == LIMN_DEVICE && strstr(limn_error_message(), "which this CPU does not have") != NULL;
    printf("%s %s: %s\n", t->skipped ? "SKIPPED" : "FAILED", row->name, limn_error_message());
    t->failed += !t->skipped;
    return;
  }
  if (!a->substring || strstr("transfers", a->substring))
    count_result(t, transfers_check(device), row->name, "transfers", "");
  test_device(table, a, device, reference, t);
  limn_device_destroy(device);
}

static void check_gradients(const case_table *table, const arguments *a, limn_device *reference, tally *t) {
  for (size_t i = 0; i < table->count; ++i) {
    const op_case *c = &table->cases[i];
    if (!is_selected(table, i, a) || c->flags & CASE_LARGE)
      continue;
    bool applies = true;
    limn_status status = c->flags & CASE_REFUSED ? check_refused(c) : differences_check(c, reference, &applies);
    if (applies)
      count_result(t, status, "reference", c->name, "");
  }
}

static const struct device_row *find_device(const char *name) {
  for (size_t i = 0; i < DEVICE_COUNT; ++i)
    if (strcmp(devices[i].name, name) == 0)
      return &devices[i];
  return NULL;
}

static bool parse_slice(const char *text, arguments *a) {
  char *end = NULL;
  a->slice = strtoul(text, &end, 10) - 1;
  a->slices = *end == '/' ? strtoul(end + 1, &end, 10) : 0;
  return !*end && a->slice < a->slices;
}

static bool parse(char **argv, arguments *a) {
  *a = (arguments){.mode = "test", .device = devices, .slices = 1};
  for (char **at = argv + 1; *at; ++at) {
    const char *next = at[1];
    if (strcmp(*at, "--separate-buffers") == 0)
      a->program.separate_buffers = 1;
    else if (strcmp(*at, "--small") == 0)
      a->small = true;
    else if (strcmp(*at, "--any-order") == 0)
      a->any_order = true;
    else if (strcmp(*at, "--verbose") == 0)
      a->verbose = true;
    else if (strcmp(*at, "--device") == 0 && next && find_device(next))
      a->device = find_device(*++at);
    else if (strcmp(*at, "--isa") == 0 && next)
      a->isa = *++at;
    else if (strcmp(*at, "--case") == 0 && next)
      a->substring = *++at;
    else if (strcmp(*at, "--slice") == 0 && next && parse_slice(next, a))
      ++at;
    else if (strcmp(*at, "test") == 0 || strcmp(*at, "grad") == 0 || strcmp(*at, "list") == 0)
      a->mode = *at;
    else {
      fprintf(stderr, "op_tests: not understood: %s %s\n", *at, next ? next : "");
      return false;
    }
  }
  return true;
}

int main(int argc, char **argv) {
  arguments a;
  case_table table;
  tally t = {0};
  if (argc < 1 || !parse(argv, &a)) {
    fprintf(stderr, "usage: op_tests [test|grad|list] [--device NAME] [--isa NAME] [--case PART] [--slice K/N] "
                    "[--separate-buffers] [--small] [--any-order] [--verbose]\n");
    return 2;
  }
  limn_device *reference = reference_device_create(OPS_SEED);
  if (!reference || case_table_init(&table) != LIMN_OK) {
    fprintf(stderr, "op_tests: out of memory\n");
    return 1;
  }
  if (strcmp(a.mode, "list") == 0) {
    for (size_t i = 0; i < table.count; ++i)
      if (is_selected(&table, i, &a))
        puts(table.cases[i].name);
  } else if (strcmp(a.mode, "grad") == 0) {
    check_gradients(&table, &a, reference, &t);
  } else {
    test_named(&table, &a, reference, &t);
  }
  case_table_release(&table);
  reference->ops->destroy(reference);
  if (strcmp(a.mode, "list") == 0)
    return 0;
  if (t.skipped)
    return 77;
  if (t.passed + t.failed == 0)
    printf("no case of that name: `op_tests list` names them\n");
  printf("%d passed, %d failed\n", t.passed, t.failed);
  return t.failed > 0 || t.passed == 0;
}
