/* One pass over memory for pointwise tasks that read the same: a loss and its gradient, a gradient and the sum of it
 * that is a bias's, the sums that several measures take of one value.
 *
 * Two tasks over one domain are joined when both read a tensor of its size, or one reads what the other makes of that
 * size. The values that only they exchange are then never in memory. Where the pass stands:
 *
 *     ... A  between  B ...   becomes   ... AB  between ...                             (up)
 *                             or        ... others  AB  those that wait for A ...       (down)
 *
 * Up, when B waits for nothing in between. What B makes is then born early, which must cost nothing: it is smaller than
 * the domain, or nothing in between is big ("big" is whatever touches a tensor of the domain's size, such as the
 * convolutions of a network). Down, when all that waits for A is small, the scalars around a loss: big ones that wait
 * would drag what they read along. Nor may A's own big inputs live longer for it. Order is kept wherever
 * limn_task_must_precede asks for it, so that records, latches and other updates see what they saw. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "graph/scheduling.h"

struct join {
  const limn_schedule *schedule;
  int a, b;
  bool *waits; /* (task_count) those between that have to come behind a */
};

static bool is_full(const limn_schedule *schedule, int value, limn_shape domain) {
  return limn_shape_equal(schedule->shapes[value], domain);
}

/* Sums of two wait to be made side by side with others of their kind. */
static bool can_take_part(const limn_schedule *schedule, const limn_task *task, int64_t small) {
  int64_t count = limn_shape_count(task->domain);
  return task->kind == LIMN_TASK_POINTWISE && count > small && count > 1 && !limn_task_is_sum_of_two(schedule, task);
}

/* Both over one domain, with something of its size that one memory access would serve. */
static bool share_a_pass(const limn_schedule *schedule, const limn_task *a, const limn_task *b) {
  if (!limn_shape_equal(a->domain, b->domain))
    return false;
  for (int i = 0; i < a->input_count; ++i)
    if (is_full(schedule, a->inputs[i], a->domain) && limn_task_reads(b, a->inputs[i]))
      return true;
  for (int o = 0; o < a->output_count; ++o)
    if (is_full(schedule, a->outputs[o], a->domain) && limn_task_reads(b, a->outputs[o]))
      return true;
  return false;
}

static bool is_big(const limn_schedule *schedule, const limn_task *task, int64_t size) {
  int64_t most = 0;
  for (int k = 0; k < task->input_count + task->output_count + task->node.target_count; ++k) {
    int output = k - task->input_count, target = output - task->output_count;
    int value = output < 0 ? task->inputs[k] : target < 0 ? task->outputs[output] : (int)task->node.targets[target];
    int64_t count = value == LIMN_NONE ? 0 : limn_shape_count(schedule->shapes[value]);
    most = count > most ? count : most;
  }
  return most >= size;
}

/* What of b's inputs a makes is there before the pass ends only where it has the domain's shape. */
static bool is_within_reach(const limn_schedule *schedule, const limn_task *a, const limn_task *b) {
  for (int o = 0; o < a->output_count; ++o)
    if (limn_task_reads(b, a->outputs[o]) && !is_full(schedule, a->outputs[o], a->domain))
      return false;
  return true;
}

static bool can_go_up(const struct join *join) {
  const limn_schedule *schedule = join->schedule;
  const limn_task *b = &schedule->tasks[join->b];
  bool stored = false;
  for (int o = 0; o < b->output_count; ++o)
    stored = stored || is_full(schedule, b->outputs[o], b->domain);
  for (int k = join->a + 1; k < join->b; ++k)
    if (limn_task_must_precede(&schedule->tasks[k], b) ||
        (stored && is_big(schedule, &schedule->tasks[k], limn_shape_count(b->domain))))
      return false;
  return true;
}

/* Whether the inputs of a that are as big as the domain are read at b's place or later anyhow. */
static bool inputs_live_on(const struct join *join) {
  const limn_schedule *schedule = join->schedule;
  const limn_task *a = &schedule->tasks[join->a];
  for (int i = 0; i < a->input_count; ++i) {
    bool lives = !is_full(schedule, a->inputs[i], a->domain);
    for (int k = join->b; k < schedule->task_count && !lives; ++k)
      lives = limn_task_reads(&schedule->tasks[k], a->inputs[i]);
    if (!lives)
      return false;
  }
  return true;
}

static bool can_go_down(struct join *join) {
  const limn_schedule *schedule = join->schedule;
  const limn_task *tasks = schedule->tasks;
  int64_t size = limn_shape_count(tasks[join->a].domain);
  bool passes_big = false;
  for (int k = join->a + 1; k < join->b; ++k) {
    join->waits[k] = limn_task_must_precede(&tasks[join->a], &tasks[k]);
    for (int w = join->a + 1; w < k && !join->waits[k]; ++w)
      join->waits[k] = join->waits[w] && limn_task_must_precede(&tasks[w], &tasks[k]);
    bool big = is_big(schedule, &tasks[k], size);
    if (join->waits[k] && (big || limn_task_must_precede(&tasks[k], &tasks[join->b])))
      return false;
    passes_big = passes_big || big;
  }
  return !passes_big || inputs_live_on(join);
}

/* The place in `list` of a value, which is added to it; -1: there are `most` already. */
static int place(int *list, int *count, int most, int value) {
  for (int i = 0; i < *count; ++i)
    if (list[i] == value)
      return i;
  if (*count == most)
    return -1;
  list[*count] = value;
  return (*count)++;
}

static bool is_same(const limn_instruction *a, const limn_instruction *b) {
  return a->function == b->function && a->x == b->x && a->y == b->y && a->alpha == b->alpha && a->beta == b->beta;
}

static int place_instruction(limn_task *task, limn_instruction instruction) {
  for (int i = 0; i < task->instruction_count; ++i)
    if (is_same(&task->instructions[i], &instruction))
      return LIMN_MAX_TASK_INPUTS + i;
  if (task->instruction_count == LIMN_MAX_INSTRUCTIONS)
    return -1;
  task->instructions[task->instruction_count] = instruction;
  return LIMN_MAX_TASK_INPUTS + task->instruction_count++;
}

/* Adds what b computes to `both`, which holds all of a. False when it does not fit. map: of b's operands. */
static bool add_instructions(const limn_schedule *schedule, limn_task *both, const limn_task *b, int *map) {
  for (int i = 0; i < b->input_count; ++i) {
    int value = b->inputs[i];
    map[i] = -1;
    for (int o = 0; o < both->output_count; ++o)
      if (both->outputs[o] == value && is_full(schedule, value, both->domain))
        map[i] = both->operands[o];
    if (map[i] < 0)
      map[i] = place(both->inputs, &both->input_count, LIMN_MAX_TASK_INPUTS, value);
    if (map[i] < 0)
      return false;
  }
  for (int i = 0; i < b->instruction_count; ++i) {
    limn_instruction instruction = b->instructions[i];
    if (instruction.function != LIMN_CONSTANT) {
      instruction.x = map[instruction.x];
      instruction.y = map[instruction.y];
    }
    int at = map[LIMN_MAX_TASK_INPUTS + i] = place_instruction(both, instruction);
    if (at < 0)
      return false;
  }
  return true;
}

static bool is_read_elsewhere(const struct join *join, int value) {
  const limn_schedule *schedule = join->schedule;
  bool read = schedule->alias[value] != LIMN_NONE;
  for (int k = 0; k < schedule->task_count && !read; ++k)
    read = k != join->a && k != join->b && limn_task_reads(&schedule->tasks[k], value);
  return read;
}

/* The outputs of both that are still read, those of the domain's shape first. False when there are too many, or sums to
 * two shapes, which would take two orders of one pass. */
static bool choose_outputs(const struct join *join, limn_task *both, const limn_task *b, const int *map) {
  const limn_schedule *schedule = join->schedule;
  int outputs[2 * LIMN_MAX_TASK_OUTPUTS], operands[2 * LIMN_MAX_TASK_OUTPUTS], count = 0;
  for (int o = 0; o < both->output_count; ++o, ++count) {
    outputs[count] = both->outputs[o];
    operands[count] = both->operands[o];
  }
  for (int o = 0; o < b->output_count; ++o, ++count) {
    outputs[count] = b->outputs[o];
    operands[count] = map[b->operands[o]];
  }
  limn_shape summed = LIMN_SCALAR;
  both->output_count = 0;
  for (int full = 1; full >= 0; --full)
    for (int o = 0; o < count; ++o) {
      limn_shape shape = schedule->shapes[outputs[o]];
      bool sum = !limn_shape_equal(shape, both->domain);
      if (sum == full || !is_read_elsewhere(join, outputs[o]))
        continue;
      if (both->output_count == LIMN_MAX_TASK_OUTPUTS)
        return false;
      both->outputs[both->output_count] = outputs[o];
      both->operands[both->output_count++] = operands[o];
      if (!sum || limn_shape_count(shape) == 1)
        continue;
      if (limn_shape_count(summed) > 1 && !limn_shape_equal(summed, shape))
        return false;
      summed = shape;
    }
  return true;
}

/* *both has room for instructions. */
static bool combine(const struct join *join, limn_task *both) {
  const limn_task *a = &join->schedule->tasks[join->a], *b = &join->schedule->tasks[join->b];
  limn_instruction *instructions = both->instructions;
  int map[LIMN_MAX_TASK_INPUTS + LIMN_MAX_INSTRUCTIONS];
  *both = *a;
  both->instructions = instructions;
  memcpy(instructions, a->instructions, (size_t)a->instruction_count * sizeof *instructions);
  return add_instructions(join->schedule, both, b, map) && choose_outputs(join, both, b, map);
}

/* Puts `both` in place of a and b; `down`: behind all that does not wait for a. Takes ownership of its instructions. */
static void replace(limn_schedule *schedule, const struct join *join, limn_task both, bool down, limn_task *space) {
  limn_task *tasks = schedule->tasks;
  int count = 0;
  free(tasks[join->a].instructions);
  free(tasks[join->b].instructions);
  for (int k = join->a + 1; down && k < join->b; ++k)
    if (!join->waits[k])
      space[count++] = tasks[k];
  space[count++] = both;
  for (int k = join->a + 1; k < join->b; ++k)
    if (!down || join->waits[k])
      space[count++] = tasks[k];
  memcpy(&tasks[join->a], space, (size_t)count * sizeof *tasks);
  memmove(&tasks[join->b], &tasks[join->b + 1], (size_t)(schedule->task_count - join->b - 1) * sizeof *tasks);
  --schedule->task_count;
}

/* Joins the first two tasks that can be; *joined: whether there were any. */
static limn_status join_two(limn_schedule *schedule, int64_t small, bool *waits, limn_task *space, bool *joined) {
  struct join join = {.schedule = schedule, .waits = waits};
  limn_task both = {.instructions = calloc(LIMN_MAX_INSTRUCTIONS, sizeof *both.instructions)};
  if (!both.instructions)
    return limn_fail_memory("a schedule");
  *joined = false;
  for (join.b = 1; join.b < schedule->task_count; ++join.b)
    for (join.a = join.b - 1; join.a >= 0; --join.a) {
      const limn_task *a = &schedule->tasks[join.a], *b = &schedule->tasks[join.b];
      if (!can_take_part(schedule, a, small) || !can_take_part(schedule, b, small) || !share_a_pass(schedule, a, b) ||
          !is_within_reach(schedule, a, b))
        continue;
      bool up = can_go_up(&join);
      if ((!up && !can_go_down(&join)) || !combine(&join, &both))
        continue;
      replace(schedule, &join, both, !up, space);
      *joined = true;
      return LIMN_OK;
    }
  free(both.instructions);
  return LIMN_OK;
}

limn_status limn_schedule_join_passes(limn_schedule *schedule, int64_t small) {
  size_t count = (size_t)schedule->task_count + 1;
  bool *waits = malloc(count * sizeof *waits), more = true;
  limn_task *space = malloc(count * sizeof *space);
  limn_status status = waits && space ? LIMN_OK : limn_fail_memory("a schedule");
  while (status == LIMN_OK && more)
    status = join_two(schedule, small, waits, space, &more);
  free(waits);
  free(space);
  return status;
}
