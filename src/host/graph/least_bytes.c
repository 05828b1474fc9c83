/* What no fusion could spare: the bytes that a schedule moves when every library call has a perfect epilogue. */
#include "graph/schedule.h"

static double sum_of(const int *values, int count, const limn_value_bytes *bytes) {
  double sum = 0;
  for (int i = 0; i < count; ++i)
    if (values[i] != LIMN_NONE)
      sum += bytes[values[i]].least;
  return sum;
}

/* The targets of an update: read unless it overwrites them, and written in every form in which they are kept. */
static double targets_of(const limn_step *step, const limn_value_bytes *bytes) {
  double sum = 0;
  for (int t = 0; t < step->node.target_count; ++t) {
    const limn_value_bytes *target = &bytes[step->node.targets[t]];
    sum += target->all + (step->kind == LIMN_STEP_ASSIGN ? 0 : target->master);
  }
  return sum;
}

double limn_schedule_least_bytes(const limn_schedule *schedule, const limn_value_bytes *bytes) {
  double sum = 0;
  for (int i = 0; i < schedule->step_count; ++i) {
    const limn_step *step = &schedule->steps[i];
    switch (step->kind) {
    case LIMN_STEP_CONV:
    case LIMN_STEP_CONV_DX:
    case LIMN_STEP_CONV_DW:
    case LIMN_STEP_BATCHNORM:
    case LIMN_STEP_BATCHNORM_BACKWARD:
    case LIMN_STEP_MAX_POOL:
    case LIMN_STEP_MAX_POOL_DX:
    case LIMN_STEP_MAX_POOL_PICK:
    case LIMN_STEP_SEPARABLE:
    case LIMN_STEP_WINDOW:
    case LIMN_STEP_LOG_SUM_EXP:
    case LIMN_STEP_PICTURES: /* bytes in, numbers out */
      sum += sum_of(step->inputs, step->input_count, bytes) + sum_of(step->outputs, step->output_count, bytes);
      break;
    case LIMN_STEP_OPTIMIZER:
      sum += sum_of(step->inputs, step->input_count, bytes) + targets_of(step, bytes);
      break;
    case LIMN_STEP_UPDATE_RUNNING:
    case LIMN_STEP_ASSIGN:
      sum += targets_of(step, bytes);
      break;
    case LIMN_STEP_STATISTICS: /* come with whoever made x */
    case LIMN_STEP_POINTWISE:  /* on what a neighbour reads or writes anyway */
    case LIMN_STEP_RANDOM:
    case LIMN_STEP_STACK: /* the parts can be made where they belong */
    case LIMN_STEP_ROWS:
    case LIMN_STEP_CONCAT:
    case LIMN_STEP_SLICE:
    case LIMN_STEP_LATCH:
    case LIMN_STEP_RECORD:
      break;
    }
  }
  return sum;
}
