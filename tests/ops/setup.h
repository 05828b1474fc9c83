/* One case made ready: its graph with gradients and result leaves, and what every leaf holds before the first run. */
#ifndef LIMN_OPS_SETUP_H
#define LIMN_OPS_SETUP_H

#include "cases.h"
#include "devices/device.h"

#define OPS_SEED 0x5EED0123456789ABu

/* What is asked of a case. Gradients include those of the gradients unless the case has none (CASE_NO_SECOND). */
typedef enum op_stage { OP_FORWARD, OP_GRADIENTS } op_stage;

typedef struct op_setup {
  case_graph built; /* owns built.graph */
  int count;        /* of nodes, and of `initial` */
  float **initial;  /* what leaf v holds at first, dense NCHW; NULL for nodes that are no leaf */
  /* OP_GRADIENTS only. losses[1] is the sum of squares of gradients[0]. */
  int orders, wrt_count;
  limn_value wrt[CASE_MAX_LEAVES];
  limn_value losses[2], gradients[2][CASE_MAX_LEAVES];
} op_setup;

/* Fails as the builder fails. op_setup_release afterwards in any case. */
limn_status op_setup_init(op_setup *setup, const op_case *c, op_stage stage);
void op_setup_release(op_setup *setup);

/* A setup on a device. */
typedef struct op_execution {
  const op_setup *setup;
  limn_tensor **leaves;
  limn_program *program;
} op_execution;

limn_status op_execution_init(op_execution *execution, const op_setup *setup, limn_device *device,
                              const limn_program_options *options);
void op_execution_release(op_execution *execution);
/* Every leaf as before the first run. */
limn_status op_execution_load(op_execution *execution);

#endif
