#include "memory_print.h"

#include <stdio.h>

#include "console.h"

void cli_memory_rows(cli_table *table, const limn_step_memory *memory) {
  const struct {
    const char *name;
    size_t bytes, unshared;
  } parts[] = {{"weights", memory->weight_bytes, 0},
               {"optimiser", memory->optimizer_bytes, 0},
               {"inputs and outputs", memory->exchange_bytes, 0},
               {"activations, gradients, workspaces", memory->arena_bytes, memory->unshared_arena_bytes},
               {"transfers", memory->staging_bytes, 0},
               {"driver and libraries, about", memory->reserve_bytes, 0}};
  char bytes[CLI_NUMBER_SIZE], remark[CLI_NUMBER_SIZE + 32];
  for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
    remark[0] = '\0';
    if (parts[i].unshared)
      snprintf(remark, sizeof(remark), "(%s if buffers were not shared)",
               cli_format_bytes((double)parts[i].unshared, bytes));
    if (parts[i].bytes)
      cli_table_row(table, parts[i].name, cli_format_bytes((double)parts[i].bytes, bytes), remark);
  }
}

json_t *cli_memory_json(const limn_step_memory *memory) {
  return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "weight_bytes", (json_int_t)memory->weight_bytes,
                   "optimizer_bytes", (json_int_t)memory->optimizer_bytes, "exchange_bytes",
                   (json_int_t)memory->exchange_bytes, "arena_bytes", (json_int_t)memory->arena_bytes,
                   "unshared_arena_bytes", (json_int_t)memory->unshared_arena_bytes, "staging_bytes",
                   (json_int_t)memory->staging_bytes, "reserve_bytes", (json_int_t)memory->reserve_bytes, "sum_bytes",
                   (json_int_t)memory->sum_bytes);
}
