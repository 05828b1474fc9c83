/* Pointwise steps. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "devices/cuda/cuda.h"

struct pointwise {
  limn_group group;
  limn_extents to;
  limn_type type; /* of the value, when it is not summed */
  bool summed;
};

/* Operands: value, inputs[], scratch of a sum. */
static void run_pointwise(const limn_kernel *k, const struct limn_call *call) {
  const struct pointwise *s = k->state;
  limn_group group = s->group;
  for (int i = 0; i < group.input_count; ++i)
    group.inputs[i].data = k->p[1 + i];
  cuda_call_check(call,
                  s->summed ? limn_pointwise_sum(&group, s->to, k->p[0], k->p[1 + group.input_count], call->stream)
                            : limn_pointwise_map(&group, k->p[0], s->type, call->stream),
                  k->name);
}

/* How an input of that shape is walked while the domain is: not at all along an axis on which it is broadcast. */
static void set_strides(limn_group_input *input, limn_shape domain, limn_shape s) {
  const int64_t dense[4] = {(int64_t)s.h * s.w * s.c, (int64_t)s.w * s.c, s.c, 1};
  const bool moves[4] = {s.n == domain.n, s.h == domain.h, s.w == domain.w, s.c == domain.c};
  const int32_t extents[4] = {s.n, s.h, s.w, s.c};
  for (int axis = 0; axis < 4; ++axis)
    input->stride[axis] = moves[axis] && extents[axis] > 1 ? dense[axis] : 0;
}

/* The value of a step with an input that lies in CUDA_HALF and is as big lies there too. */
static int map_format(const limn_builder *b, const limn_step *step) {
  for (int i = 0; i < step->input_count; ++i)
    if (limn_shape_equal(limn_builder_shape(b, step->inputs[i]), step->domain) &&
        limn_builder_format(b, step->inputs[i]) == CUDA_HALF)
      return CUDA_HALF;
  return CUDA_FLOAT;
}

limn_group cuda_group_of(limn_builder *b, const limn_step *step, int *buffers) {
  const struct cuda_device *cuda = cuda_device_of(b);
  limn_group group = {.domain = cuda_extents(step->domain),
                      .input_count = step->input_count,
                      .instruction_count = step->instruction_count};
  memcpy(group.instructions, step->instructions, (size_t)step->instruction_count * sizeof *step->instructions);
  for (int i = 0; i < step->input_count; ++i) {
    int format = limn_builder_format(b, step->inputs[i]);
    group.inputs[i].type = cuda_type(cuda, format);
    set_strides(&group.inputs[i], step->domain, limn_builder_shape(b, step->inputs[i]));
    buffers[i] = limn_builder_input(b, step->inputs[i], format);
  }
  return group;
}

static limn_status add_group(limn_builder *b, const limn_step *step) {
  struct pointwise *s = calloc(1, sizeof *s);
  if (!s)
    return limn_fail_memory("a program");
  int buffers[2 + LIMN_MAX_STEP_INPUTS], count = 1 + step->input_count, format = map_format(b, step);
  unsigned in_place = 0;
  s->group = cuda_group_of(b, step, buffers + 1);
  for (int i = 0; i < step->input_count; ++i)
    if (limn_shape_equal(limn_builder_shape(b, step->inputs[i]), step->domain) &&
        limn_builder_format(b, step->inputs[i]) == format)
      in_place |= 1u << (1 + i);
  s->summed = !limn_shape_equal(step->domain, step->node.shape);
  s->to = cuda_extents(step->node.shape);
  s->type = cuda_type(cuda_device_of(b), format);
  buffers[0] = limn_builder_output(b, step->outputs[0], s->summed ? CUDA_FLOAT : format);
  if (s->summed) {
    size_t scratch = limn_pointwise_sum_scratch(&s->group, s->to);
    buffers[count++] = scratch ? limn_builder_scratch(b, scratch) : LIMN_ABSENT;
  }
  limn_builder_add(b,
                   (limn_kernel){.name = s->summed ? "pointwise sum" : "pointwise",
                                 .run = run_pointwise,
                                 .state = s,
                                 .count = count,
                                 .launches = s->summed && buffers[count - 1] != LIMN_ABSENT ? 2 : 1,
                                 .in_place = s->summed ? 0 : in_place},
                   buffers);
  return limn_builder_status(b);
}

limn_status cuda_build_pointwise(limn_builder *b, const limn_step *steps, int left, int *taken) {
  if (cuda_is_sum_of_squares(b, steps))
    return cuda_build_squares(b, steps, left, taken);
  if (limn_builder_is_addition(b, steps))
    return cuda_build_additions(b, steps, left, taken);
  if (cuda_is_small(b, steps))
    return cuda_build_small(b, steps, left, taken);
  *taken = 1;
  return add_group(b, steps);
}

/* Operands: y, bias. */
limn_status cuda_add_epilogue(limn_builder *b, const limn_step *step, int y, int format) {
  const struct cuda_device *cuda = cuda_device_of(b);
  limn_shape shape = limn_builder_shape(b, step->outputs[0]);
  bool bias = step->input_count > 2, active = step->activation != LIMN_PW_COUNT;
  if (!bias && !active)
    return LIMN_OK;
  struct pointwise *s = calloc(1, sizeof *s);
  if (!s)
    return limn_fail_memory("a program");
  limn_group *group = &s->group;
  s->type = cuda_type(cuda, format);
  group->domain = cuda_extents(shape);
  group->input_count = 1 + bias;
  group->inputs[0].type = s->type;
  set_strides(&group->inputs[0], shape, shape);
  set_strides(&group->inputs[1], shape, LIMN_CHANNELS(shape.c));
  int value = 0; /* the operand that holds the value so far */
  if (bias) {
    group->instructions[group->instruction_count] = (limn_instruction){.function = LIMN_PW_ADD, .x = 0, .y = 1};
    value = LIMN_MAX_STEP_INPUTS + group->instruction_count++;
  }
  if (active)
    group->instructions[group->instruction_count++] =
        (limn_instruction){.function = step->activation, .x = value, .y = value, .alpha = step->slope};
  limn_builder_add(b, (limn_kernel){.name = "bias and activation", .run = run_pointwise, .state = s, .count = 2 + bias},
                   (const int[]){y, y, bias ? limn_builder_input(b, step->inputs[2], CUDA_FLOAT) : LIMN_ABSENT});
  return limn_builder_status(b);
}
