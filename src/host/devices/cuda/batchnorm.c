/* Batch normalisation by our own kernels, or by cuDNN's plan where ReLU follows; running statistics of neighbouring
 * tasks in one launch. */
#include <stdlib.h>

#include "base/error.h"
#include "devices/cuda/cuda.h"

struct batchnorm {
  limn_batchnorm_shape shape;
  limn_type x, dy, y, dx;
  float eps, slope;
};

static float slope_of(const limn_task *task) {
  if (task->activation == LIMN_PW_COUNT)
    return 1;
  return task->activation == LIMN_PW_RELU || task->activation == LIMN_PW_RELU_GRAD ? 0 : task->slope;
}

static limn_batchnorm_shape shape_of(const limn_task *task, limn_shape x) {
  int32_t groups = task->node.groups;
  return (limn_batchnorm_shape){.rows = (int64_t)(x.n / groups) * x.h * x.w, .channels = x.c, .groups = groups};
}

static struct batchnorm *batchnorm_create(const limn_task *task, limn_shape shape) {
  struct batchnorm *s = calloc(1, sizeof *s);
  if (s)
    *s = (struct batchnorm){.shape = shape_of(task, shape), .eps = task->node.alpha, .slope = slope_of(task)};
  return s;
}

/* Operands: statistics, x, scratch. */
static void run_statistics(const limn_kernel *k, const struct limn_call *call) {
  const struct batchnorm *s = k->state;
  cuda_call_check(call, limn_batchnorm_statistics(k->p[1], s->x, s->shape, k->p[0], k->p[2], call->stream),
                  "batchnorm statistics");
}

static limn_status add_statistics(limn_builder *b, const limn_task *task) {
  int x = task->inputs[0], format = limn_builder_format(b, x);
  struct batchnorm *s = batchnorm_create(task, limn_builder_shape(b, x));
  if (!s)
    return limn_fail_memory("a batchnorm");
  s->x = cuda_type(cuda_device_of(b), format);
  const int buffers[] = {limn_builder_output(b, task->outputs[0], CUDA_FLOAT), limn_builder_input(b, x, format),
                         limn_builder_scratch(b, limn_batchnorm_scratch(s->shape))};
  limn_builder_add(b,
                   (limn_kernel){.name = "batchnorm statistics",
                                 .run = run_statistics,
                                 .state = s,
                                 .count = 3,
                                 .launches = limn_batchnorm_forward_grid(s->shape).launches,
                                 .blocks = limn_batchnorm_forward_grid(s->shape).blocks},
                   buffers);
  return limn_builder_status(b);
}

/* Bytes of a tensor of that type. */
static double bytes_of(const struct batchnorm *s, limn_type type) {
  return (double)s->shape.groups * (double)s->shape.rows * s->shape.channels * (double)cuda_type_size(type);
}

/* Operands: y, statistics, x, gamma, beta, scratch. */
static void run_forward(const limn_kernel *k, const struct limn_call *call) {
  const struct batchnorm *s = k->state;
  const limn_batchnorm_forward_args args = {.y = k->p[0],
                                            .statistics = k->p[1],
                                            .x = k->p[2],
                                            .gamma = k->p[3],
                                            .beta = k->p[4],
                                            .scratch = k->p[5],
                                            .type = s->x,
                                            .shape = s->shape,
                                            .eps = s->eps,
                                            .slope = s->slope};
  cuda_call_check(call, limn_batchnorm_forward(&args, call->stream), "batchnorm");
}

static limn_status add_own_forward(limn_builder *b, const limn_task *task) {
  int x = task->inputs[0], format = limn_builder_format(b, x);
  struct batchnorm *s = batchnorm_create(task, limn_builder_shape(b, x));
  if (!s)
    return limn_fail_memory("a batchnorm");
  s->x = cuda_type(cuda_device_of(b), format);
  const int buffers[] = {limn_builder_output(b, task->outputs[0], format),
                         limn_builder_output(b, task->outputs[1], CUDA_FLOAT),
                         limn_builder_input(b, x, format),
                         limn_builder_input(b, task->inputs[1], CUDA_FLOAT),
                         limn_builder_input(b, task->inputs[2], CUDA_FLOAT),
                         limn_builder_scratch(b, limn_batchnorm_scratch(s->shape))};
  limn_builder_add(b,
                   (limn_kernel){.name = "batchnorm",
                                 .run = run_forward,
                                 .state = s,
                                 .count = 6,
                                 .launches = limn_batchnorm_forward_grid(s->shape).launches,
                                 .blocks = limn_batchnorm_forward_grid(s->shape).blocks,
                                 .bytes = 3 * bytes_of(s, s->x)}, /* x twice */
                   buffers);
  return limn_builder_status(b);
}

struct planned_batchnorm {
  cuda_plan *plan;
  float eps;
};

static void release_planned(void *state) {
  struct planned_batchnorm *s = state;
  cuda_plan_destroy(s->plan);
  free(s);
}

/* Operands: y, statistics, x, gamma, beta, spare, workspace. */
static void run_planned(const limn_kernel *k, const struct limn_call *call) {
  const struct planned_batchnorm *s = k->state;
  const cuda_operands operands = {.x = k->p[2],
                                  .y = k->p[0],
                                  .bias = k->p[4],
                                  .gamma = k->p[3],
                                  .zeros = call->device->zeros,
                                  .statistics = k->p[1],
                                  .spare = k->p[5],
                                  .eps = s->eps};
  if (*call->status == LIMN_OK)
    *call->status = cuda_plan_run(s->plan, call->device->cudnn, &operands, k->p[6]);
}

static limn_status add_planned_forward(limn_builder *b, const limn_task *task, cuda_plan *plan) {
  int x = task->inputs[0], format = limn_builder_format(b, x);
  struct planned_batchnorm *s = calloc(1, sizeof *s);
  if (!s) {
    cuda_plan_destroy(plan);
    return limn_fail_memory("a batchnorm");
  }
  *s = (struct planned_batchnorm){.plan = plan, .eps = task->node.alpha};
  size_t workspace = cuda_plan_workspace(plan), channels = (size_t)limn_builder_shape(b, x).c;
  const int buffers[] = {limn_builder_output(b, task->outputs[0], format),
                         limn_builder_output(b, task->outputs[1], CUDA_FLOAT),
                         limn_builder_input(b, x, format),
                         limn_builder_input(b, task->inputs[1], CUDA_FLOAT),
                         limn_builder_input(b, task->inputs[2], CUDA_FLOAT),
                         limn_builder_scratch(b, 2 * channels * sizeof(float)),
                         workspace ? limn_builder_scratch(b, workspace) : LIMN_ABSENT};
  limn_builder_add(b,
                   (limn_kernel){.name = "batchnorm",
                                 .run = run_planned,
                                 .release = release_planned,
                                 .state = s,
                                 .count = 7,
                                 .engine = cuda_plan_engine(plan),
                                 .workspace = workspace ? 6 : 0},
                   buffers);
  return limn_builder_status(b);
}

/* cuDNN's plan is one kernel, which reads x once, so that it is taken where ours would be two; where ours is one as
 * well, the clock has to say that cuDNN's is faster. */
static limn_status add_forward(limn_builder *b, const limn_task *task) {
  const struct cuda_device *cuda = cuda_device_of(b);
  const limn_shape shape = limn_builder_shape(b, task->inputs[0]);
  const limn_type type = cuda_type(cuda, limn_builder_format(b, task->inputs[0]));
  const bool whole = limn_batchnorm_forward_grid(shape_of(task, shape)).launches == 1;
  cuda_plan *plan = NULL;
  if (task->activation == LIMN_PW_RELU && task->node.groups == 1 && shape.c <= CUDA_ZEROS && (cuda->timed || !whole))
    LIMN_TRY(cuda_plan_create(&plan, cuda->planner,
                              &(cuda_operation){.kind = LIMN_TASK_BATCHNORM,
                                                .x = shape,
                                                .y = shape,
                                                .type = type,
                                                .result = type,
                                                .bias = true,
                                                .activation = LIMN_PW_RELU}));
  return plan ? add_planned_forward(b, task, plan) : add_own_forward(b, task);
}

/* Operands: dx, dgamma, dbeta (each may be absent), x, statistics, gamma, dy, y, scratch. */
static void run_backward(const limn_kernel *k, const struct limn_call *call) {
  const struct batchnorm *s = k->state;
  const limn_batchnorm_backward_args args = {.dx = k->p[0],
                                             .dgamma = k->p[1],
                                             .dbeta = k->p[2],
                                             .x = k->p[3],
                                             .statistics = k->p[4],
                                             .gamma = k->p[5],
                                             .dy = k->p[6],
                                             .y = k->p[7],
                                             .scratch = k->p[8],
                                             .x_type = s->x,
                                             .dy_type = s->dy,
                                             .y_type = s->y,
                                             .dx_type = s->dx,
                                             .shape = s->shape,
                                             .eps = s->eps,
                                             .slope = s->slope};
  cuda_call_check(call, limn_batchnorm_backward(&args, call->stream), "batchnorm backward");
}

static limn_status add_backward(limn_builder *b, const limn_task *task) {
  const struct cuda_device *cuda = cuda_device_of(b);
  int x = task->inputs[0], dy = task->inputs[3], y = task->inputs[4];
  int x_format = limn_builder_format(b, x), dy_format = limn_builder_format(b, dy),
      y_format = y == LIMN_NONE ? CUDA_FLOAT : limn_builder_format(b, y);
  struct batchnorm *s = batchnorm_create(task, limn_builder_shape(b, x));
  if (!s)
    return limn_fail_memory("a batchnorm");
  s->x = cuda_type(cuda, x_format);
  s->dy = s->dx = cuda_type(cuda, dy_format);
  s->y = cuda_type(cuda, y_format);
  const int buffers[] = {limn_builder_output(b, task->outputs[0], dy_format),
                         limn_builder_output(b, task->outputs[1], CUDA_FLOAT),
                         limn_builder_output(b, task->outputs[2], CUDA_FLOAT),
                         limn_builder_input(b, x, x_format),
                         limn_builder_input(b, task->inputs[1], CUDA_FLOAT),
                         limn_builder_input(b, task->inputs[2], CUDA_FLOAT),
                         limn_builder_input(b, dy, dy_format),
                         limn_builder_input(b, y, y_format),
                         limn_builder_scratch(b, limn_batchnorm_scratch(s->shape))};
  double read = bytes_of(s, s->x) + bytes_of(s, s->dy) + (y == LIMN_NONE ? 0 : bytes_of(s, s->y));
  bool writes = buffers[0] != LIMN_ABSENT;
  limn_builder_add(b,
                   (limn_kernel){.name = "batchnorm backward",
                                 .run = run_backward,
                                 .state = s,
                                 .count = 9,
                                 .launches = limn_batchnorm_backward_grid(s->shape).launches,
                                 .blocks = limn_batchnorm_backward_grid(s->shape).blocks,
                                 .bytes = writes ? 2 * read + bytes_of(s, s->dx) : read,
                                 .in_place = 1u << 6},
                   buffers);
  return limn_builder_status(b);
}

limn_status limn_cuda_build_batchnorm(limn_builder *b, const limn_task *task) {
  switch (task->kind) {
  case LIMN_TASK_STATISTICS:
    return add_statistics(b, task);
  case LIMN_TASK_BATCHNORM:
    return add_forward(b, task);
  case LIMN_TASK_BATCHNORM_BACKWARD:
    return add_backward(b, task);
  default:
    return limn_fail(LIMN_FAILED, "program: task kind %d is none of batchnorm's", (int)task->kind);
  }
}

/* Operands of each entry: running mean, running variance, statistics, gate. */
#define RUNNING_OPERANDS 4

struct running {
  int count;
  limn_running entries[]; /* (count) */
};

static void run_running(const limn_kernel *k, const struct limn_call *call) {
  struct running *s = k->state;
  for (int i = 0; i < s->count; ++i) {
    s->entries[i].mean = k->p[RUNNING_OPERANDS * i];
    s->entries[i].variance = k->p[RUNNING_OPERANDS * i + 1];
    s->entries[i].statistics = k->p[RUNNING_OPERANDS * i + 2];
    s->entries[i].gate = k->p[RUNNING_OPERANDS * i + 3];
  }
  cuda_call_check(call, limn_update_running(s->entries, s->count, call->stream), "running statistics");
}

limn_status limn_cuda_build_running(limn_builder *b, const limn_task *tasks, int left, int *taken) {
  int count = 0;
  while (count < left && tasks[count].kind == LIMN_TASK_UPDATE_RUNNING)
    ++count;
  struct running *s = calloc(1, sizeof *s + (size_t)count * sizeof *s->entries);
  int *buffers = calloc((size_t)count * RUNNING_OPERANDS, sizeof *buffers);
  if (!s || !buffers) {
    free(s);
    free(buffers);
    return limn_fail_memory("running statistics");
  }
  s->count = *taken = count;
  for (int i = 0; i < count; ++i) {
    limn_batchnorm_shape shape = shape_of(&tasks[i], tasks[i].node.shape);
    double rows = (double)shape.rows;
    s->entries[i] = (limn_running){.channels = shape.channels,
                                   .groups = shape.groups,
                                   .momentum = tasks[i].node.alpha,
                                   .unbias = (float)(rows / (rows - 1))};
    int *operand = buffers + RUNNING_OPERANDS * i;
    operand[0] = limn_builder_target(b, tasks[i].node.targets[0]);
    operand[1] = limn_builder_target(b, tasks[i].node.targets[1]);
    operand[2] = limn_builder_input(b, tasks[i].inputs[0], CUDA_FLOAT);
    operand[3] = tasks[i].input_count > 1 ? limn_builder_input(b, tasks[i].inputs[1], CUDA_FLOAT) : LIMN_ABSENT;
  }
  limn_builder_add(
      b, (limn_kernel){.name = "running statistics", .run = run_running, .state = s, .count = RUNNING_OPERANDS * count},
      buffers);
  free(buffers);
  return limn_builder_status(b);
}
