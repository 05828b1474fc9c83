/* Moves updates that nothing waits for to the last place where they still see and leave the same, so that a device
 * finds them side by side and can make one launch of them. */
#include <string.h>

#include "graph/scheduling.h"

/* What only leaves a trace: measures in their ring, running statistics, which training never reads. And the sums of two
 * gradients of one weight, which are not read before all gradients are there. */
static bool can_wait(const limn_schedule *schedule, const limn_step *step) {
  return step->kind == LIMN_STEP_RECORD || step->kind == LIMN_STEP_UPDATE_RUNNING ||
         (limn_step_is_sum_of_two(schedule, step) && limn_shape_count(step->domain) > 1);
}

bool limn_step_is_sum_of_two(const limn_schedule *schedule, const limn_step *step) {
  return step->kind == LIMN_STEP_POINTWISE && step->output_count == 1 && step->instruction_count == 1 &&
         step->input_count == 2 && step->instructions[0].function == LIMN_PW_ADD &&
         limn_shape_equal(schedule->shapes[step->outputs[0]], step->domain) &&
         limn_shape_equal(schedule->shapes[step->inputs[0]], step->domain) &&
         limn_shape_equal(schedule->shapes[step->inputs[1]], step->domain);
}

static bool writes(const limn_step *step, limn_value leaf) {
  for (int t = 0; t < step->node.target_count; ++t)
    if (step->node.targets[t] == leaf)
      return true;
  return false;
}

bool limn_step_reads(const limn_step *step, int value) {
  for (int i = 0; i < step->input_count; ++i)
    if (step->inputs[i] == value)
      return true;
  return false;
}

bool limn_step_must_precede(const limn_step *step, const limn_step *next) {
  for (int o = 0; o < step->output_count; ++o)
    if (step->outputs[o] != LIMN_NONE && limn_step_reads(next, step->outputs[o]))
      return true;
  for (int i = 0; i < step->input_count; ++i)
    if (writes(next, step->inputs[i]))
      return true;
  for (int t = 0; t < step->node.target_count; ++t) {
    if (writes(next, step->node.targets[t]) || limn_step_reads(next, step->node.targets[t]))
      return true;
  }
  return false;
}

/* Totals, such as the parts of a gradient's norm: sums of two stop before the first, or each would go to its own. */
static bool is_total(const limn_schedule *schedule, const limn_step *step) {
  return step->kind == LIMN_STEP_POINTWISE && limn_shape_count(schedule->shapes[step->outputs[0]]) == 1 &&
         limn_shape_count(step->domain) > 1;
}

static bool is_scalar(const limn_step *step) {
  return step->kind == LIMN_STEP_POINTWISE && limn_shape_count(step->domain) == 1;
}

void limn_schedule_delay_updates(limn_schedule *schedule) {
  limn_step *steps = schedule->steps;
  for (int i = schedule->step_count - 1; i >= 0; --i) {
    if (!can_wait(schedule, &steps[i]))
      continue;
    limn_step moved = steps[i];
    int to = i;
    bool sum = moved.kind == LIMN_STEP_POINTWISE;
    while (to + 1 < schedule->step_count && !limn_step_must_precede(&moved, &steps[to + 1]) &&
           !(sum && is_total(schedule, &steps[to + 1])))
      ++to;
    if (to + 1 < schedule->step_count && steps[to + 1].kind == LIMN_STEP_LATCH)
      while (to > i && is_scalar(&steps[to])) /* a latch stays with the numbers that it looks at */
        --to;
    memmove(&steps[i], &steps[i + 1], (size_t)(to - i) * sizeof *steps);
    steps[to] = moved;
  }
}
