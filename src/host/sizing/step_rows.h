/* The kernels of a training step, as limn/tools.h shows them. */
#ifndef LIMN_SIZING_STEP_ROWS_H
#define LIMN_SIZING_STEP_ROWS_H

#include "limn/tools.h"
#include "train/session.h"

/* A program of the step, and how often it runs there. */
typedef struct limn_step_part {
  limn_program *program;
  double times;
  int row_count;
} limn_step_part;

/* Those of the session's training step, in the order in which they run. Returns the sum of rows. */
size_t limn_step_parts(const limn_session *session, limn_step_part parts[LIMN_SESSION_PARTS], int *count);
/* floor_seconds stays 0 where a peak is (FLOP/s, bytes/s). */
limn_step_row limn_step_row_of(const limn_step_part *part, int index, double peak_flops, double peak_bandwidth);

#endif
