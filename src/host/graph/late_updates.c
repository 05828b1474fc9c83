/* Moves updates that nothing waits for to the last place where they still see and leave the same, so that a device
 * finds them side by side and can make one launch of them. */
#include <string.h>

#include "graph/scheduling.h"

/* What only leaves a trace: measures in their ring, running statistics, which training never reads. And the sums of two
 * gradients of one weight, which are not read before all gradients are there. */
static bool can_wait(const limn_schedule *schedule, const limn_task *task) {
  return task->kind == LIMN_TASK_RECORD || task->kind == LIMN_TASK_UPDATE_RUNNING ||
         (limn_task_is_sum_of_two(schedule, task) && limn_shape_count(task->domain) > 1);
}

bool limn_task_is_sum_of_two(const limn_schedule *schedule, const limn_task *task) {
  return task->kind == LIMN_TASK_POINTWISE && task->output_count == 1 && task->instruction_count == 1 &&
         task->input_count == 2 && task->instructions[0].function == LIMN_PW_ADD &&
         limn_shape_equal(schedule->shapes[task->outputs[0]], task->domain) &&
         limn_shape_equal(schedule->shapes[task->inputs[0]], task->domain) &&
         limn_shape_equal(schedule->shapes[task->inputs[1]], task->domain);
}

static bool writes(const limn_task *task, limn_value leaf) {
  for (int t = 0; t < task->node.target_count; ++t)
    if (task->node.targets[t] == leaf)
      return true;
  return false;
}

bool limn_task_reads(const limn_task *task, int value) {
  for (int i = 0; i < task->input_count; ++i)
    if (task->inputs[i] == value)
      return true;
  return false;
}

bool limn_task_must_precede(const limn_task *task, const limn_task *next) {
  for (int o = 0; o < task->output_count; ++o)
    if (task->outputs[o] != LIMN_NONE && limn_task_reads(next, task->outputs[o]))
      return true;
  for (int i = 0; i < task->input_count; ++i)
    if (writes(next, task->inputs[i]))
      return true;
  for (int t = 0; t < task->node.target_count; ++t) {
    if (writes(next, task->node.targets[t]) || limn_task_reads(next, task->node.targets[t]))
      return true;
  }
  return false;
}

/* Totals, such as the parts of a gradient's norm: sums of two stop before the first, or each would go to its own. */
static bool is_total(const limn_schedule *schedule, const limn_task *task) {
  return task->kind == LIMN_TASK_POINTWISE && limn_shape_count(schedule->shapes[task->outputs[0]]) == 1 &&
         limn_shape_count(task->domain) > 1;
}

static bool is_scalar(const limn_task *task) {
  return task->kind == LIMN_TASK_POINTWISE && limn_shape_count(task->domain) == 1;
}

void limn_schedule_delay_updates(limn_schedule *schedule) {
  limn_task *tasks = schedule->tasks;
  for (int i = schedule->task_count - 1; i >= 0; --i) {
    if (!can_wait(schedule, &tasks[i]))
      continue;
    limn_task moved = tasks[i];
    int to = i;
    bool sum = moved.kind == LIMN_TASK_POINTWISE;
    while (to + 1 < schedule->task_count && !limn_task_must_precede(&moved, &tasks[to + 1]) &&
           !(sum && is_total(schedule, &tasks[to + 1])))
      ++to;
    if (to + 1 < schedule->task_count && tasks[to + 1].kind == LIMN_TASK_LATCH)
      while (to > i && is_scalar(&tasks[to])) /* a latch stays with the numbers that it looks at */
        --to;
    memmove(&tasks[i], &tasks[i + 1], (size_t)(to - i) * sizeof *tasks);
    tasks[to] = moved;
  }
}
