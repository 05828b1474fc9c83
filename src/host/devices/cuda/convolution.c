/* Convolutions: cuDNN's plan with everything fused, or the plain one with a kernel of ours behind. */
#include <stdlib.h>

#include "base/error.h"
#include "devices/cuda/cuda.h"

struct convolution {
  cuda_plan *plan;
  limn_task_kind kind;
};

static void release(void *state) {
  struct convolution *s = state;
  cuda_plan_destroy(s->plan);
  free(s);
}

/* Operands: result, the two inputs, bias, workspace, activated value. */
static void run_convolution(const limn_kernel *k, const struct limn_call *call) {
  const struct convolution *s = k->state;
  void *x = k->p[1], *w = k->p[2], *y = k->p[0];
  if (s->kind == LIMN_TASK_CONV_DX) {
    x = k->p[0];
    y = k->p[1];
  } else if (s->kind == LIMN_TASK_CONV_DW) {
    w = k->p[0];
    y = k->p[2];
  }
  if (*call->status == LIMN_OK)
    *call->status =
        cuda_plan_run(s->plan, call->device->cudnn,
                      &(cuda_operands){.x = x, .w = w, .y = y, .bias = k->p[3], .activated = k->p[5]}, k->p[4]);
}

/* Weights' gradients are wanted in fp32; one that could not be made so says it (scripts/plans counts them). */
static const char *name_of(const limn_task *task, const cuda_operation *c) {
  return task->kind == LIMN_TASK_CONV      ? "convolution"
         : task->kind == LIMN_TASK_CONV_DX ? "convolution backward data"
         : c->result == LIMN_F32           ? "convolution backward weights"
                                           : "convolution backward weights in 16 bits";
}

/* What cuDNN fuses it compiles from kernels for Ampere, which reach a part of what newer cards do. Whether, by the
 * card's figures, one for the card and a pass of ours behind it take less time. */
static bool better_apart(const struct cuda_device *cuda, const cuda_operation *c, const cuda_plan *fused,
                         const cuda_plan *plain, double flops) {
  const double launch = 2e-6; /* seconds, in a graph */
  const limn_shape made = c->kind == LIMN_TASK_CONV_DX ? c->x : c->y;
  const double touched = (cuda_operation_ends_in_gradient(c) ? 3.0 : 2.0) * (double)limn_shape_count(made) *
                         (double)cuda_type_size(c->result);
  const double saved = flops / cuda->base.peak_flops * (1 / cuda_plan_rate(fused) - 1 / cuda_plan_rate(plain));
  return cuda->base.peak_flops > 0 && cuda->base.peak_bandwidth > 0 &&
         saved > touched / cuda->base.peak_bandwidth + launch;
}

/* The best plan that there is: with bias and activation inside if cuDNN can and that is worth it, with the result in
 * the wanted type if it can. *epilogue: bias and activation are still to be done. */
static limn_status choose(const struct cuda_device *cuda, cuda_operation *c, double flops, cuda_plan **plan,
                          bool *epilogue) {
  cuda_plan *apart = NULL;
  const cuda_operation plain = cuda_operation_alone(c);
  bool fused = c->bias || c->activation != LIMN_PW_COUNT;
  *epilogue = false;
  if (fused && cuda->timed) /* the clock compares with it; made here, it is noted whether times are measured or known */
    LIMN_TRY(cuda_plan_create(&apart, cuda->planner, &plain));
  limn_status status = cuda_plan_create(plan, cuda->planner, c);
  if (status == LIMN_OK && fused && !apart && (!*plan || cuda_plan_rate(*plan) < 1))
    status = cuda_plan_create(&apart, cuda->planner, &plain);
  if (status != LIMN_OK) {
    cuda_plan_destroy(apart);
    return status;
  }
  if (apart && (!*plan || (!cuda->timed && better_apart(cuda, c, *plan, apart, flops)))) {
    cuda_plan_destroy(*plan);
    *plan = apart;
    *epilogue = true;
  } else {
    cuda_plan_destroy(apart);
  }
  if (!*plan && c->result != c->type) {
    c->result = c->type;
    return choose(cuda, c, flops, plan, epilogue);
  }
  return LIMN_OK;
}

static limn_status add_plan(limn_builder *b, const limn_task *task, const limn_conv_shapes *shapes) {
  const struct cuda_device *cuda = cuda_device_of(b);
  int reads = cuda_conv_format(cuda);
  cuda_operation c = {.kind = task->kind,
                      .x = shapes->x,
                      .w = shapes->w,
                      .y = shapes->y,
                      .attrs = task->node.conv,
                      .type = cuda_type(cuda, reads),
                      .result = task->kind == LIMN_TASK_CONV_DW ? LIMN_F32 : cuda_type(cuda, reads),
                      .bias = task->kind != LIMN_TASK_CONV_DW && limn_task_bias(task) != LIMN_NONE,
                      .activation = task->activation,
                      .slope = task->slope};
  struct convolution *s = calloc(1, sizeof *s);
  if (!s)
    return limn_fail_memory("a convolution");
  s->kind = task->kind;
  bool epilogue = false;
  limn_status status = choose(cuda, &c, shapes->flops, &s->plan, &epilogue);
  if (status == LIMN_OK && !s->plan)
    status = limn_fail(LIMN_DEVICE, "cuDNN has no engine for a %s of %dx%dx%dx%d with a kernel of %dx%d",
                       name_of(task, &c), c.x.n, c.x.c, c.x.h, c.x.w, c.w.h, c.w.w);
  if (status != LIMN_OK) {
    release(s);
    return status;
  }
  int made = c.result == LIMN_F32 ? CUDA_FLOAT : CUDA_HALF;
  size_t workspace = cuda_plan_workspace(s->plan);
  const int buffers[] = {limn_builder_output(b, task->outputs[0], made),
                         limn_builder_input(b, task->inputs[0], reads),
                         limn_builder_input(b, task->inputs[1], reads),
                         c.bias && !epilogue ? limn_builder_input(b, limn_task_bias(task), CUDA_FLOAT) : LIMN_ABSENT,
                         workspace ? limn_builder_scratch(b, workspace) : LIMN_ABSENT,
                         epilogue ? LIMN_ABSENT : limn_builder_input(b, limn_task_activated(task), reads)};
  limn_builder_add(b,
                   (limn_kernel){.name = name_of(task, &c),
                                 .run = run_convolution,
                                 .release = release,
                                 .state = s,
                                 .count = 6,
                                 .flops = shapes->flops,
                                 .engine = cuda_plan_engine(s->plan),
                                 .blocks = cuda_plan_blocks(s->plan),
                                 .workspace = workspace ? 4 : 0},
                   buffers);
  LIMN_TRY(limn_builder_status(b));
  return epilogue ? cuda_add_epilogue(b, task, buffers[0], made) : LIMN_OK;
}

limn_status limn_cuda_build_convolution(limn_builder *b, const limn_task *task) {
  limn_conv_shapes shapes = limn_builder_conv_shapes(b, task);
  return shapes.dense ? limn_cuda_build_dense(b, task, &shapes) : add_plan(b, task, &shapes);
}
