#include "bench_data_print.h"

#include <string.h>

#include "console.h"
#include "json_out.h"
#include "table.h"

int cli_bench_data_print_text(const limn_bench_data_result *result, const char *data, int rounds) {
  char line[160], number[CLI_NUMBER_SIZE], other[CLI_NUMBER_SIZE], opened[32], least[CLI_NUMBER_SIZE];
  cli_table table;
  cli_table_init(&table, "ll");
  cli_table_row(&table, "data", data);
  snprintf(line, sizeof(line), "%s of %dx%dx%d, %s decoded", cli_format_count(result->images, number), result->channels,
           result->height, result->width, cli_format_bytes((double)result->decoded_bytes, other));
  cli_table_row(&table, "pictures", line);
  snprintf(line, sizeof(line), "%d rounds of half a second, batches of %d", rounds, result->batch);
  cli_table_row(&table, "measured", line);
  if (result->make_seconds > 0) {
    snprintf(line, sizeof(line), "%.2f s, once: decoding all and writing the cache", result->make_seconds);
    cli_table_row(&table, "first start", line);
  }
  int code = cli_table_print(&table, 0);
  if (code != CLI_OK)
    return code;
  putchar('\n');
  cli_table_init(&table, "lrrrr");
  cli_table_row(&table, "from", "start", "images/s", "least", "most");
  for (size_t i = 0; i < result->row_count; i++) {
    const limn_bench_data_row *row = &result->rows[i];
    snprintf(opened, sizeof(opened), "%.2f s", row->open_seconds);
    snprintf(line, sizeof(line), "%s", cli_format_count((int64_t)row->images_per_second_median, number));
    cli_table_row(&table, row->from, opened, line, cli_format_count((int64_t)row->images_per_second_min, least),
                  cli_format_count((int64_t)row->images_per_second_max, other));
  }
  return cli_table_print(&table, 0);
}

int cli_bench_data_print_json(const limn_bench_data_result *result, const char *data, int rounds) {
  bool failed = false;
  json_t *root = json_object(), *rows = json_array();
  for (size_t i = 0; i < result->row_count; i++) {
    const limn_bench_data_row *row = &result->rows[i];
    cli_json_append(rows,
                    json_pack("{s:s, s:f, s:f, s:f, s:f}", "from", row->from, "open_seconds", row->open_seconds,
                              "images_per_second_median", row->images_per_second_median, "images_per_second_min",
                              row->images_per_second_min, "images_per_second_max", row->images_per_second_max),
                    &failed);
  }
  cli_json_put(root, "data", cli_json_text(data), &failed);
  cli_json_put(root, "images", json_integer(result->images), &failed);
  cli_json_put(root, "channels", json_integer(result->channels), &failed);
  cli_json_put(root, "height", json_integer(result->height), &failed);
  cli_json_put(root, "width", json_integer(result->width), &failed);
  cli_json_put(root, "batch", json_integer(result->batch), &failed);
  cli_json_put(root, "rounds", json_integer(rounds), &failed);
  cli_json_put(root, "decoded_bytes", json_integer((json_int_t)result->decoded_bytes), &failed);
  cli_json_put(root, "make_seconds", result->make_seconds > 0 ? cli_json_number(result->make_seconds) : json_null(),
               &failed);
  cli_json_put(root, "rows", rows, &failed);
  return cli_json_print(root, failed);
}
