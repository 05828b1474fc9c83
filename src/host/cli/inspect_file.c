#include "inspect_file.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "limn/safetensors.h"
#include "parts.h"

/* Of a tensor of floating point; minimum, maximum and mean are over its finite values, NaN when it has none. */
typedef struct statistics {
  int64_t nan, infinite;
  double minimum, maximum, mean;
} statistics;

static int64_t element_count(const limn_stored_tensor *tensor) {
  int64_t count = 1;
  for (int i = 0; i < tensor->dims; i++)
    count *= tensor->shape[i];
  return count;
}

static void add_value(statistics *result, int64_t *finite, float value) {
  if (isnan(value)) {
    result->nan++;
  } else if (isinf(value)) {
    result->infinite++;
  } else {
    (*finite)++;
    result->mean += value;
    result->minimum = fmin(result->minimum, value);
    result->maximum = fmax(result->maximum, value);
  }
}

/* False for a tensor of another type, or where there is no memory for it. */
static bool measure(const limn_stored_tensor *tensor, statistics *result) {
  int64_t finite = 0, count = element_count(tensor);
  float *values = malloc((size_t)count * sizeof(*values) + 1);
  bool known = values && limn_stored_tensor_floats(tensor, values) == LIMN_OK;
  *result = (statistics){0, 0, INFINITY, -INFINITY, 0};
  for (int64_t i = 0; known && i < count; i++)
    add_value(result, &finite, values[i]);
  free(values);
  result->mean /= (double)finite;
  if (!finite)
    result->minimum = result->maximum = result->mean = (double)NAN;
  return known;
}

static void say_metadata(limn_report *report, const limn_safetensors *file) {
  limn_report_section(report, "metadata", "ll");
  limn_report_open(report, "metadata");
  for (size_t i = 0; i < limn_safetensors_metadata_count(file); i++) {
    const char *key, *value;
    limn_safetensors_metadata_at(file, i, &key, &value);
    limn_report_text(report, key, key, value);
  }
  limn_report_close(report);
}

static void say_statistics(limn_report *report, const statistics *found) {
  limn_report_number(report, "min", LIMN_CELL, found->minimum, "%.4g");
  limn_report_number(report, "mean", LIMN_CELL, found->mean, "%.4g");
  limn_report_number(report, "max", LIMN_CELL, found->maximum, "%.4g");
  limn_report_count(report, "nan", NULL, found->nan);
  limn_report_count(report, "infinite", NULL, found->infinite);
  if (found->nan || found->infinite)
    limn_report_cell(report, "%" PRId64 " NaN, %" PRId64 " infinite", found->nan, found->infinite);
}

static void say_tensor(limn_report *report, const limn_stored_tensor *tensor, bool verbose) {
  statistics found;
  limn_report_row(report);
  limn_report_open(report, NULL);
  limn_report_text(report, "name", LIMN_CELL, tensor->name);
  limn_report_text(report, "dtype", LIMN_CELL, tensor->dtype);
  limn_report_integers(report, "shape", tensor->shape, tensor->dims);
  limn_report_cell(report, "%s", tensor->dims ? "" : "scalar");
  for (int i = 0; i < tensor->dims; i++)
    limn_report_more(report, "%s%" PRId64, i ? " x " : "", tensor->shape[i]);
  limn_report_count(report, "bytes", LIMN_CELL, (int64_t)tensor->bytes);
  if (verbose && measure(tensor, &found))
    say_statistics(report, &found);
  limn_report_close(report);
}

static void say_tensors(limn_report *report, const limn_safetensors *file, bool verbose) {
  limn_report_headed(report, "llrrrrrl", "tensor", "dtype", "shape", "bytes", verbose ? "least" : NULL, "mean",
                     "greatest", NULL);
  limn_report_open_array(report, "tensors");
  for (size_t i = 0; i < limn_safetensors_count(file); i++)
    say_tensor(report, limn_safetensors_at(file, i), verbose);
  limn_report_close(report);
}

/* Values of the tensors whose names begin with the first `length` bytes of prefix. */
static int64_t count_prefix(const limn_safetensors *file, const char *prefix, size_t length) {
  int64_t count = 0;
  for (size_t i = 0; i < limn_safetensors_count(file); i++) {
    const limn_stored_tensor *tensor = limn_safetensors_at(file, i);
    if (strncmp(tensor->name, prefix, length) == 0)
      count += element_count(tensor);
  }
  return count;
}

/* A checkpoint holds several networks and the optimiser: a total for each first part of the names ("generator."). */
static void say_totals(limn_report *report, const limn_safetensors *file) {
  char label[128];
  limn_report_section(report, NULL, "lrl");
  limn_report_count(report, "values", "total", count_prefix(file, "", 0));
  limn_report_cell(report, "values");
  for (size_t i = 0; i < limn_safetensors_count(file); i++) {
    const char *name = limn_safetensors_at(file, i)->name;
    size_t length = strcspn(name, ".") + 1;
    bool seen = name[length - 1] == '\0';
    for (size_t j = 0; j < i && !seen; j++)
      seen = strncmp(limn_safetensors_at(file, j)->name, name, length) == 0;
    if (seen)
      continue;
    snprintf(label, sizeof(label), "%.*s", (int)(length < 120 ? length - 1 : 119), name);
    limn_report_count(report, NULL, label, count_prefix(file, name, length));
  }
}

int cli_inspect_file(const cli_args *args, const char *path) {
  limn_safetensors *file = NULL;
  limn_status status = limn_safetensors_open(&file, path);
  if (status != LIMN_OK)
    return cli_fail_status(status);
  limn_report *report = cli_report(args);
  limn_report_text(report, "file", NULL, path);
  say_metadata(report, file);
  say_tensors(report, file, cli_args_has(args, "verbose"));
  say_totals(report, file);
  limn_safetensors_close(file);
  return cli_print(report, LIMN_OK);
}
