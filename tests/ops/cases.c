#include "cases.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

limn_status case_table_init(case_table *table) {
  *table = (case_table){0};
  cases_add_conv(table);
  cases_add_norm(table);
  cases_add_pointwise(table);
  cases_add_rows(table);
  cases_add_channels(table);
  cases_add_spatial(table);
  cases_add_loss(table);
  cases_add_codes(table);
  cases_add_update(table);
  cases_add_pictures(table);
  cases_add_spectral(table);
  return table->out_of_memory ? limn_fail_memory("the table of op cases") : LIMN_OK;
}

void case_table_release(case_table *table) {
  free(table->cases);
  *table = (case_table){0};
}

void case_add(case_table *table, op_case row, const char *format, ...) {
  if (table->count == table->capacity) {
    size_t capacity = table->capacity ? 2 * table->capacity : 256;
    op_case *cases = realloc(table->cases, capacity * sizeof *cases);
    if (!cases) {
      table->out_of_memory = true;
      return;
    }
    table->cases = cases;
    table->capacity = capacity;
  }
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(row.name, sizeof row.name, format, arguments);
  va_end(arguments);
  table->cases[table->count++] = row;
}

limn_value case_leaf_of(case_graph *g, limn_role role, const char *name, limn_shape shape, case_range range,
                        bool differentiable) {
  limn_value value = limn_graph_leaf(g->graph, role, name, shape);
  if (g->leaf_count == CASE_MAX_LEAVES) {
    fprintf(stderr, "a case has more than %d leaves: raise CASE_MAX_LEAVES\n", CASE_MAX_LEAVES);
    abort();
  }
  g->leaves[g->leaf_count++] = (case_leaf){.value = value, .range = range, .differentiable = differentiable};
  return value;
}

limn_value case_parameter(case_graph *g, const char *name, limn_shape shape, case_range range) {
  return case_leaf_of(g, LIMN_ROLE_PARAMETER, name, shape, range, true);
}

limn_value case_input(case_graph *g, const char *name, limn_shape shape, case_range range) {
  return case_leaf_of(g, LIMN_ROLE_INPUT, name, shape, range, true);
}

limn_value case_fixed(case_graph *g, limn_role role, const char *name, limn_shape shape, const float values[4]) {
  limn_value value = case_leaf_of(g, role, name, shape, RANGE_FIXED, false);
  memcpy(g->leaves[g->leaf_count - 1].fixed, values, 4 * sizeof *values);
  return value;
}

void case_output(case_graph *g, limn_value value) {
  if (g->output_count == CASE_MAX_OUTPUTS) {
    fprintf(stderr, "a case has more than %d outputs: raise CASE_MAX_OUTPUTS\n", CASE_MAX_OUTPUTS);
    abort();
  }
  g->outputs[g->output_count++] = value;
}
