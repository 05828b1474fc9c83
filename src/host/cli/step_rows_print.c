#include "step_rows_print.h"

#include <stdio.h>
#include <string.h>

bool cli_step_row_alike(const limn_step_row *a, const limn_step_row *b) {
  return strcmp(a->name, b->name) == 0 && strcmp(a->engine, b->engine) == 0 &&
         memcmp(a->shape, b->shape, sizeof(a->shape)) == 0 && a->flops == b->flops && a->bytes == b->bytes &&
         a->workspace_bytes == b->workspace_bytes && a->launches == b->launches;
}

const char *cli_step_row_name(const limn_step_row *row, int times, char buffer[CLI_STEP_ROW_TEXT]) {
  if (times > 1)
    snprintf(buffer, CLI_STEP_ROW_TEXT, "%d x %s", times, row->name);
  else
    snprintf(buffer, CLI_STEP_ROW_TEXT, "%s", row->name);
  return buffer;
}

const char *cli_step_row_shape(const limn_step_row *row, char buffer[CLI_STEP_ROW_TEXT]) {
  const int *shape = row->shape;
  snprintf(buffer, CLI_STEP_ROW_TEXT, "%d x %d x %d x %d", shape[0], shape[1], shape[2], shape[3]);
  return buffer;
}

json_t *cli_step_row_json(const limn_step_row *row, bool *failed) {
  const int *shape = row->shape;
  json_t *object = json_object();
  cli_json_put(object, "name", cli_json_text(row->name), failed);
  cli_json_put(object, "engine", row->engine[0] ? cli_json_text(row->engine) : json_null(), failed);
  cli_json_put(object, "shape", json_pack("[i, i, i, i]", shape[0], shape[1], shape[2], shape[3]), failed);
  cli_json_put(object, "times", json_integer(row->times), failed);
  cli_json_put(object, "launches", json_integer(row->launches), failed);
  cli_json_put(object, "flops", cli_json_number(row->flops), failed);
  cli_json_put(object, "bytes", cli_json_number(row->bytes), failed);
  cli_json_put(object, "workspace_bytes", json_integer((json_int_t)row->workspace_bytes), failed);
  cli_json_put(object, "blocks", row->blocks ? json_integer((json_int_t)row->blocks) : json_null(), failed);
  return object;
}
