#include "inspect_file.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "json_out.h"
#include "limn/safetensors.h"
#include "table.h"

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

static const char *shape_text(const limn_stored_tensor *tensor, char *buffer, size_t size) {
  size_t used = 0;
  snprintf(buffer, size, "scalar");
  for (int i = 0; i < tensor->dims && used < size; i++)
    used += (size_t)snprintf(buffer + used, size - used, "%s%" PRId64, i ? " x " : "", tensor->shape[i]);
  return buffer;
}

static int print_metadata(const limn_safetensors *file) {
  cli_table table;
  cli_table_init(&table, "ll");
  for (size_t i = 0; i < limn_safetensors_metadata_count(file); i++) {
    const char *key, *value;
    limn_safetensors_metadata_at(file, i, &key, &value);
    cli_table_row(&table, key, value);
  }
  puts("metadata");
  int code = cli_table_print(&table, 2);
  putchar('\n');
  return code;
}

static void add_tensor_row(cli_table *table, const limn_stored_tensor *tensor, bool verbose) {
  char shape[128], bytes[CLI_NUMBER_SIZE], low[32] = "", mean[32] = "", high[32] = "", odd[64] = "";
  statistics found;
  if (verbose && measure(tensor, &found)) {
    snprintf(low, sizeof(low), "%.4g", found.minimum);
    snprintf(mean, sizeof(mean), "%.4g", found.mean);
    snprintf(high, sizeof(high), "%.4g", found.maximum);
    if (found.nan || found.infinite)
      snprintf(odd, sizeof(odd), "%" PRId64 " NaN, %" PRId64 " infinite", found.nan, found.infinite);
  }
  cli_table_row(table, tensor->name, tensor->dtype, shape_text(tensor, shape, sizeof(shape)),
                cli_format_count((int64_t)tensor->bytes, bytes), low, mean, high, odd);
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
static int print_totals(const limn_safetensors *file) {
  char values[CLI_NUMBER_SIZE], label[128];
  cli_table table;
  cli_table_init(&table, "lrl");
  cli_table_row(&table, "total", cli_format_count(count_prefix(file, "", 0), values), "values");
  for (size_t i = 0; i < limn_safetensors_count(file); i++) {
    const char *name = limn_safetensors_at(file, i)->name;
    size_t length = strcspn(name, ".") + 1;
    bool seen = name[length - 1] == '\0';
    for (size_t j = 0; j < i && !seen; j++)
      seen = strncmp(limn_safetensors_at(file, j)->name, name, length) == 0;
    if (seen)
      continue;
    snprintf(label, sizeof(label), "%.*s", (int)(length < 120 ? length - 1 : 119), name);
    cli_table_row(&table, label, cli_format_count(count_prefix(file, name, length), values), "");
  }
  return cli_table_print(&table, 0);
}

static int print_text(const limn_safetensors *file, bool verbose) {
  int code = limn_safetensors_metadata_count(file) ? print_metadata(file) : CLI_OK;
  if (code != CLI_OK)
    return code;
  cli_table table;
  cli_table_init(&table, "llrrrrrl");
  cli_table_row(&table, "tensor", "dtype", "shape", "bytes", verbose ? "least" : "", verbose ? "mean" : "",
                verbose ? "greatest" : "", "");
  for (size_t i = 0; i < limn_safetensors_count(file); i++)
    add_tensor_row(&table, limn_safetensors_at(file, i), verbose);
  code = cli_table_print(&table, 0);
  putchar('\n');
  return code == CLI_OK ? print_totals(file) : code;
}

static json_t *tensor_json(const limn_stored_tensor *tensor, bool verbose) {
  bool failed = false;
  json_t *root = json_object(), *shape = json_array();
  for (int i = 0; i < tensor->dims; i++)
    cli_json_append(shape, json_integer((json_int_t)tensor->shape[i]), &failed);
  cli_json_put(root, "name", cli_json_text(tensor->name), &failed);
  cli_json_put(root, "dtype", cli_json_text(tensor->dtype), &failed);
  cli_json_put(root, "shape", shape, &failed);
  cli_json_put(root, "bytes", json_integer((json_int_t)tensor->bytes), &failed);
  statistics found;
  if (verbose && measure(tensor, &found)) {
    cli_json_put(root, "min", cli_json_number(found.minimum), &failed);
    cli_json_put(root, "mean", cli_json_number(found.mean), &failed);
    cli_json_put(root, "max", cli_json_number(found.maximum), &failed);
    cli_json_put(root, "nan", json_integer((json_int_t)found.nan), &failed);
    cli_json_put(root, "infinite", json_integer((json_int_t)found.infinite), &failed);
  }
  if (!failed)
    return root;
  json_decref(root);
  return NULL;
}

static int print_json(const limn_safetensors *file, const char *path, bool verbose) {
  bool failed = false;
  json_t *root = json_object(), *metadata = json_object(), *tensors = json_array();
  for (size_t i = 0; i < limn_safetensors_metadata_count(file); i++) {
    const char *key, *value;
    limn_safetensors_metadata_at(file, i, &key, &value);
    cli_json_put(metadata, key, cli_json_text(value), &failed);
  }
  for (size_t i = 0; i < limn_safetensors_count(file); i++)
    cli_json_append(tensors, tensor_json(limn_safetensors_at(file, i), verbose), &failed);
  cli_json_put(root, "file", cli_json_text(path), &failed);
  cli_json_put(root, "metadata", metadata, &failed);
  cli_json_put(root, "tensors", tensors, &failed);
  cli_json_put(root, "values", json_integer((json_int_t)count_prefix(file, "", 0)), &failed);
  return cli_json_print(root, failed);
}

int cli_inspect_file(const char *path, bool json, bool verbose) {
  limn_safetensors *file = NULL;
  limn_status status = limn_safetensors_open(&file, path);
  if (status != LIMN_OK)
    return cli_fail_status(status);
  int code = json ? print_json(file, path, verbose) : print_text(file, verbose);
  limn_safetensors_close(file);
  return code;
}
