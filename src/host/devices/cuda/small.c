/* Neighbouring tasks of few elements, such as make a loss, the norm of a gradient and the latch behind both: one launch
 * runs them one after another. All of them are pointwise groups here: a stack is a copy for each of its parts. */
#include <stdlib.h>

#include "base/error.h"
#include "devices/cuda/cuda.h"

struct small {
  struct cuda_device *device;
  int count;
  void *table;               /* in device memory */
  limn_small_group groups[]; /* (count) */
};

/* Operands of each group: value, its copy in CUDA_HALF, inputs. */
static void set_addresses(struct small *s, void *const *p) {
  for (int i = 0; i < s->count; ++i) {
    limn_group *group = &s->groups[i].group;
    s->groups[i].out = (limn_master){p[0], p[1], s->device->half};
    for (int in = 0; in < group->input_count; ++in)
      group->inputs[in].data = p[2 + in];
    p += 2 + group->input_count;
  }
}

/* The groups do not fit into a launch's arguments, so they lie in memory of their own. cudaMemcpy would not do: the
 * working stream does not wait for the legacy stream, on which that may still be under way when it returns. */
static limn_status bind(limn_kernel *k) {
  struct small *s = k->state;
  size_t bytes = limn_small_table_bytes(s->count);
  void *table = calloc(1, bytes);
  if (!table)
    return limn_fail_memory("a program");
  set_addresses(s, k->p);
  limn_status status =
      cuda_check(s->device, limn_small_table_fill(table, s->groups, s->count), "preparing small tasks");
  if (status == LIMN_OK)
    status = cuda_allocate(s->device, &s->table, bytes);
  if (status == LIMN_OK)
    status = cuda_check(s->device, cudaMemcpyAsync(s->table, table, bytes, cudaMemcpyHostToDevice, s->device->work),
                        "preparing small tasks");
  if (status == LIMN_OK)
    status = cuda_check(s->device, cudaStreamSynchronize(s->device->work), "preparing small tasks");
  free(table);
  return status;
}

static void release(void *state) {
  struct small *s = state;
  if (s->table)
    cudaFree(s->table);
  free(s);
}

static void run_small(const limn_kernel *k, const struct limn_call *call) {
  const struct small *s = k->state;
  cuda_call_check(call, limn_small_groups(s->table, s->count, call->stream), k->name);
}

/* Tasks of so few elements are never joined into passes (limn_fusion.small), so they have one output. */
bool cuda_is_small(const limn_builder *b, const limn_task *task) {
  if (task->kind == LIMN_TASK_STACK)
    return limn_shape_count(task->node.shape) <= LIMN_SMALL_DOMAIN;
  if (task->kind == LIMN_TASK_LATCH)
    return true;
  if (task->kind != LIMN_TASK_POINTWISE || limn_shape_count(task->domain) > LIMN_SMALL_DOMAIN)
    return false;
  limn_shape to = limn_builder_shape(b, task->outputs[0]);
  return (limn_shape_equal(task->domain, to) || limn_shape_count(to) <= LIMN_SMALL_SUMS) &&
         !cuda_is_sum_of_squares(b, task) && !limn_builder_is_addition(b, task);
}

/* Where the groups of a launch are being put, and the operands of the next of them. */
struct adding {
  limn_builder *builder;
  struct small *small;
  int *operands;
};

/* Operands that the group shares with its task: out, its copy in CUDA_HALF. */
static void add_group(struct adding *a, const limn_task *task, limn_shape to, const int out[2], int64_t first) {
  limn_small_group *next = &a->small->groups[a->small->count++];
  next->group = cuda_group_of(a->builder, task, a->operands + 2);
  next->to = cuda_extents(to);
  next->first = first;
  a->operands[0] = out[0];
  a->operands[1] = out[1];
  a->operands += 2 + task->input_count;
}

static void add_stack(struct adding *a, const limn_task *task) {
  const int out[2] = {limn_builder_output(a->builder, task->outputs[0], CUDA_FLOAT),
                      cuda_output_half(a->builder, task->outputs[0])};
  int64_t first = 0;
  for (int i = 0; i < 2; ++i) {
    limn_shape shape = limn_builder_shape(a->builder, task->inputs[i]);
    limn_instruction same = {.function = LIMN_PW_AFFINE, .alpha = 1};
    const limn_task copy = {.kind = LIMN_TASK_POINTWISE,
                            .domain = shape,
                            .input_count = 1,
                            .inputs = {task->inputs[i]},
                            .instruction_count = 1,
                            .instructions = &same};
    add_group(a, &copy, shape, out, first);
    first += limn_shape_count(shape);
  }
}

/* gate = max(gate, 1 where x is not finite), for a gate of 0 or 1: 0 x + 1 is then a NaN, which is not above 0. */
static void add_latch(struct adding *a, const limn_task *task) {
  enum { GATE, X, FIRST = LIMN_MAX_TASK_INPUTS };
  limn_instruction instructions[] = {
      {.function = LIMN_PW_AFFINE, .x = X, .alpha = 0, .beta = 1},
      {.function = LIMN_PW_STEP, .x = FIRST},
      {.function = LIMN_PW_AFFINE, .x = FIRST + 1, .alpha = -1, .beta = 1}, /* 1 where x is not finite */
      {.function = LIMN_PW_SUB, .x = FIRST + 2, .y = GATE},
      {.function = LIMN_PW_RELU, .x = FIRST + 3},
      {.function = LIMN_PW_ADD, .x = FIRST + 4, .y = GATE},
  };
  limn_value gate = task->node.targets[0];
  const limn_task pointwise = {.kind = LIMN_TASK_POINTWISE,
                               .domain = LIMN_SCALAR,
                               .input_count = 2,
                               .inputs = {gate, task->inputs[0]},
                               .instruction_count = sizeof instructions / sizeof *instructions,
                               .instructions = instructions};
  const int out[2] = {limn_builder_target(a->builder, gate), limn_builder_target_copy(a->builder, gate, CUDA_HALF)};
  add_group(a, &pointwise, LIMN_SCALAR, out, 0);
}

static void add_task(struct adding *a, const limn_task *task) {
  if (task->kind == LIMN_TASK_STACK) {
    add_stack(a, task);
  } else if (task->kind == LIMN_TASK_LATCH) {
    add_latch(a, task);
  } else {
    const int out[2] = {limn_builder_output(a->builder, task->outputs[0], CUDA_FLOAT),
                        cuda_output_half(a->builder, task->outputs[0])};
    add_group(a, task, limn_builder_shape(a->builder, task->outputs[0]), out, 0);
  }
}

limn_status limn_cuda_build_small(limn_builder *b, const limn_task *tasks, int left, int *taken) {
  int count = 0, groups = 0, operands = 0;
  for (; count < left && cuda_is_small(b, &tasks[count]); ++count) {
    groups += tasks[count].kind == LIMN_TASK_STACK ? 2 : 1;
    operands += tasks[count].input_count;
  }
  operands += 2 * groups + count; /* a latch reads its gate as well */
  struct small *s = calloc(1, sizeof *s + (size_t)groups * sizeof *s->groups);
  int *buffers = calloc((size_t)operands, sizeof *buffers);
  if (!s || !buffers) {
    free(s);
    free(buffers);
    return limn_fail_memory("small tasks");
  }
  s->device = cuda_device_of(b);
  *taken = count;
  struct adding a = {.builder = b, .small = s, .operands = buffers};
  for (int i = 0; i < count; ++i)
    add_task(&a, &tasks[i]);
  limn_builder_add(b,
                   (limn_kernel){.name = "small tasks",
                                 .run = run_small,
                                 .bind = bind,
                                 .release = release,
                                 .state = s,
                                 .count = (int)(a.operands - buffers)},
                   buffers);
  free(buffers);
  return limn_builder_status(b);
}
