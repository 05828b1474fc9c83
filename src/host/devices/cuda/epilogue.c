/* y = activation(y + bias) or y = y activation'(activated), in place, behind a convolution or a dense layer whose
 * library cannot take it along. */
#include <stdlib.h>

#include "base/error.h"
#include "devices/cuda/cuda.h"

void cuda_describe_epilogue(limn_group *group, limn_result *result, const cuda_epilogue *e) {
  const bool gradient = e->activation == LIMN_PW_RELU_GRAD || e->activation == LIMN_PW_LEAKY_GRAD;
  *group = (limn_group){.domain = cuda_extents(e->shape), .input_count = e->bias || gradient ? 2 : 1};
  group->inputs[0].type = e->type;
  cuda_set_strides(&group->inputs[0], e->shape, e->shape);
  group->inputs[1].type = e->bias ? LIMN_F32 : e->activated;
  cuda_set_strides(&group->inputs[1], e->shape, e->bias ? (limn_shape){1, e->shape.c, 1, 1} : e->shape);
  int value = 0; /* the operand that holds the value so far */
  if (e->bias) {
    group->instructions[group->instruction_count] = (limn_instruction){.function = LIMN_PW_ADD, .x = 0, .y = 1};
    value = LIMN_MAX_TASK_INPUTS + group->instruction_count++;
  }
  if (e->activation != LIMN_PW_COUNT) {
    group->instructions[group->instruction_count] = (limn_instruction){
        .function = e->activation, .x = value, .y = gradient ? 1 : value, .alpha = e->slope, .beta = e->limit};
    value = LIMN_MAX_TASK_INPUTS + group->instruction_count++;
  }
  *result = (limn_result){.operand = value, .to = group->domain, .type = e->type};
}

struct epilogue {
  limn_group group;
  limn_result result;
};

/* Operands: y as it is written and as it is read, then the bias or the activated value. */
static void run_epilogue(const limn_kernel *k, const struct limn_call *call) {
  struct epilogue *s = k->state;
  s->result.out = k->p[0];
  s->group.inputs[0].data = k->p[1];
  s->group.inputs[1].data = k->p[2];
  cuda_call_check(call, limn_run_pass(&s->group, &s->result, 1, NULL, call->stream), k->name);
}

limn_status cuda_add_epilogue(limn_builder *b, const limn_task *task, int y, int format) {
  const struct cuda_device *cuda = cuda_device_of(b);
  const int bias = limn_task_bias(task), activated = limn_task_activated(task);
  const int other = bias != LIMN_NONE ? bias : activated;
  if (other == LIMN_NONE && task->activation == LIMN_PW_COUNT)
    return LIMN_OK;
  const int other_format = bias != LIMN_NONE || activated == LIMN_NONE ? CUDA_FLOAT : limn_builder_format(b, activated);
  struct epilogue *s = calloc(1, sizeof *s);
  if (!s)
    return limn_fail_memory("a program");
  cuda_describe_epilogue(&s->group, &s->result,
                         &(cuda_epilogue){.shape = limn_builder_shape(b, task->outputs[0]),
                                          .type = cuda_type(cuda, format),
                                          .activated = cuda_type(cuda, other_format),
                                          .bias = bias != LIMN_NONE,
                                          .activation = task->activation,
                                          .slope = task->slope,
                                          .limit = task->limit});
  const int buffers[] = {y, y, other == LIMN_NONE ? LIMN_ABSENT : limn_builder_input(b, other, other_format)};
  limn_builder_add(b,
                   (limn_kernel){.name = "bias and activation",
                                 .run = run_epilogue,
                                 .state = s,
                                 .count = 3,
                                 .engine = cuda_pass_engine(&s->group, &s->result, 1)},
                   buffers);
  return limn_builder_status(b);
}
