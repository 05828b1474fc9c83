#include "sizing/step_rows.h"

#include <stdio.h>

size_t limn_step_parts(const limn_session *session, limn_step_part parts[LIMN_SESSION_PARTS], int *count) {
  limn_session_part of_session[LIMN_SESSION_PARTS];
  size_t rows = 0;
  *count = limn_session_parts(session, of_session);
  for (int i = 0; i < *count; ++i) {
    limn_program_info info = {0};
    limn_program_get_info(of_session[i].program, &info);
    parts[i] =
        (limn_step_part){.program = of_session[i].program, .times = of_session[i].times, .row_count = info.row_count};
    rows += (size_t)info.row_count;
  }
  return rows;
}

limn_step_row limn_step_row_of(const limn_step_part *part, int index, double peak_flops, double peak_bandwidth) {
  limn_program_row from;
  limn_program_get_row(part->program, index, &from);
  limn_step_row row = {.shape = {from.shape.n, from.shape.c, from.shape.h, from.shape.w},
                       .times = part->times,
                       .launches = from.launches,
                       .flops = from.flops,
                       .bytes = from.bytes,
                       .workspace_bytes = from.workspace_bytes,
                       .blocks = from.blocks};
  snprintf(row.name, sizeof row.name, "%s", from.name);
  snprintf(row.engine, sizeof row.engine, "%s", from.engine);
  if (peak_flops > 0 && peak_bandwidth > 0) {
    const int all = part->program->device->multiprocessors;
    const double busy = row.blocks && row.blocks < all ? (double)row.blocks / all : 1;
    double computing = row.flops / (peak_flops * busy), moving = row.bytes / peak_bandwidth;
    row.floor_seconds = computing > moving ? computing : moving;
  }
  return row;
}
