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
static double targets_of(const limn_task *task, const limn_value_bytes *bytes) {
  double sum = 0;
  for (int t = 0; t < task->node.target_count; ++t) {
    const limn_value_bytes *target = &bytes[task->node.targets[t]];
    sum += target->all + (task->kind == LIMN_TASK_ASSIGN ? 0 : target->master);
  }
  return sum;
}

double limn_schedule_least_bytes(const limn_schedule *schedule, const limn_value_bytes *bytes) {
  double sum = 0;
  for (int i = 0; i < schedule->task_count; ++i) {
    const limn_task *task = &schedule->tasks[i];
    switch (task->kind) {
    case LIMN_TASK_CONV:
    case LIMN_TASK_CONV_DX:
    case LIMN_TASK_CONV_DW:
    case LIMN_TASK_BATCHNORM:
    case LIMN_TASK_BATCHNORM_BACKWARD:
    case LIMN_TASK_MAX_POOL:
    case LIMN_TASK_MAX_POOL_DX:
    case LIMN_TASK_MAX_POOL_PICK:
    case LIMN_TASK_SEPARABLE:
    case LIMN_TASK_WINDOW:
    case LIMN_TASK_LOG_SUM_EXP:
    case LIMN_TASK_PICTURES: /* bytes in, numbers out */
      sum += sum_of(task->inputs, task->input_count, bytes) + sum_of(task->outputs, task->output_count, bytes);
      break;
    case LIMN_TASK_OPTIMIZER:
      sum += sum_of(task->inputs, task->input_count, bytes) + targets_of(task, bytes);
      break;
    case LIMN_TASK_UPDATE_RUNNING:
    case LIMN_TASK_ASSIGN:
      sum += targets_of(task, bytes);
      break;
    case LIMN_TASK_STATISTICS: /* come with whoever made x */
    case LIMN_TASK_POINTWISE:  /* on what a neighbour reads or writes anyway */
    case LIMN_TASK_RANDOM:
    case LIMN_TASK_STACK: /* the parts can be made where they belong */
    case LIMN_TASK_ROWS:
    case LIMN_TASK_CONCAT:
    case LIMN_TASK_SLICE:
    case LIMN_TASK_LATCH:
    case LIMN_TASK_RECORD:
      break;
    }
  }
  return sum;
}
