/* Random numbers and what writes leaves: optimisers, copies and the ring of measures. Neighbouring tasks of
 * a kind share a launch. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "devices/cuda/cuda.h"

struct random {
  limn_extents extents;
  uint32_t stream;
  bool normal;
};

static void run_random(const limn_kernel *k, const struct limn_call *call) {
  const struct random *s = k->state;
  const struct cuda_device *cuda = call->device;
  const limn_master out = {k->p[0], k->p[1], cuda->half};
  cuda_call_check(call,
                  (s->normal ? limn_random_normal : limn_random_uniform)(out, s->extents, cuda->base.seed, s->stream,
                                                                         &cuda->run->step, call->stream),
                  k->name);
}

limn_status limn_cuda_build_random(limn_builder *b, const limn_task *task) {
  struct random *s = calloc(1, sizeof *s);
  if (!s)
    return limn_fail_memory("a program");
  *s = (struct random){.extents = cuda_extents(task->node.shape),
                       .stream = task->node.stream,
                       .normal = task->node.op == LIMN_OP_NORMAL};
  const int buffers[] = {limn_builder_output(b, task->outputs[0], CUDA_FLOAT), cuda_output_half(b, task->outputs[0])};
  limn_builder_add(
      b, (limn_kernel){.name = s->normal ? "normal" : "uniform", .run = run_random, .state = s, .count = 2}, buffers);
  return limn_builder_status(b);
}

struct assign {
  int64_t count;
  limn_type from, half;
};

/* Operands: target, its copy in CUDA_HALF, value. */
static void run_assign(const limn_kernel *k, const struct limn_call *call) {
  const struct assign *s = k->state;
  const limn_master target = {k->p[0], k->p[1], s->half};
  cuda_call_check(call, limn_copy(k->p[2], s->from, target, s->count, call->stream), k->name);
}

limn_status limn_cuda_build_assign(limn_builder *b, const limn_task *task) {
  const struct cuda_device *cuda = cuda_device_of(b);
  limn_value target = task->node.targets[0];
  int format = limn_builder_format(b, task->inputs[0]);
  struct assign *s = calloc(1, sizeof *s);
  if (!s)
    return limn_fail_memory("a program");
  *s = (struct assign){
      .count = limn_shape_count(limn_builder_shape(b, target)), .from = cuda_type(cuda, format), .half = cuda->half};
  const int buffers[] = {limn_builder_target(b, target), limn_builder_target_copy(b, target, CUDA_HALF),
                         limn_builder_input(b, task->inputs[0], format)};
  limn_builder_add(b, (limn_kernel){.name = "assign", .run = run_assign, .state = s, .count = 3}, buffers);
  return limn_builder_status(b);
}

/* Operands: hyper, scale, gate; then of each tensor: w, its copy in CUDA_HALF, m, v, gradient. */
#define SHARED_OPERANDS 3
#define TENSOR_OPERANDS 5

struct optimizer {
  bool adam;
  limn_optimizer_values values;
  int count;
  limn_trained tensors[]; /* (count) */
};

static void run_optimizer(const limn_kernel *k, const struct limn_call *call) {
  struct optimizer *s = k->state;
  s->values.hyper = k->p[0];
  s->values.scale = k->p[1];
  s->values.gate = k->p[2];
  for (int i = 0; i < s->count; ++i) {
    void *const *p = k->p + SHARED_OPERANDS + TENSOR_OPERANDS * i;
    s->tensors[i].w = (limn_master){p[0], p[1], call->device->half};
    s->tensors[i].m = p[2];
    s->tensors[i].v = p[3];
    s->tensors[i].gradient = p[4];
  }
  cuda_call_check(call, (s->adam ? limn_adam : limn_sgd)(s->tensors, s->count, &s->values, call->stream), k->name);
}

/* Whether one of the leaves that tasks[0 ... count) write is read by tasks[count]. */
static bool reads_earlier(const limn_task *tasks, int count) {
  for (int i = 0; i < count; ++i)
    for (int t = 0; t < tasks[i].node.target_count; ++t)
      for (int in = 0; in < tasks[count].input_count; ++in)
        if (tasks[count].inputs[in] == tasks[i].node.targets[t])
          return true;
  return false;
}

static void add_tensor(limn_builder *b, const limn_task *task, limn_trained *tensor, int *operand) {
  const limn_node *n = &task->node;
  int format = limn_builder_format(b, task->inputs[0]);
  *tensor = (limn_trained){.gradient_type = cuda_type(cuda_device_of(b), format),
                           .count = limn_shape_count(limn_builder_shape(b, n->targets[0]))};
  operand[0] = limn_builder_target(b, n->targets[0]);
  operand[1] = limn_builder_target_copy(b, n->targets[0], CUDA_HALF);
  for (int i = 1; i < 3; ++i)
    operand[1 + i] = i < n->target_count ? limn_builder_target(b, n->targets[i]) : LIMN_ABSENT;
  operand[4] = limn_builder_input(b, task->inputs[0], format);
}

limn_status limn_cuda_build_optimizer(limn_builder *b, const limn_task *tasks, int left, int *taken) {
  const limn_node *n = &tasks->node;
  int count = limn_tasks_of_optimizer(tasks, left);
  struct optimizer *s = calloc(1, sizeof *s + (size_t)count * sizeof *s->tensors);
  int operands = SHARED_OPERANDS + TENSOR_OPERANDS * count, *buffers = calloc((size_t)operands, sizeof *buffers);
  if (!s || !buffers) {
    free(s);
    free(buffers);
    return limn_fail_memory("an optimiser");
  }
  s->adam = n->op == LIMN_OP_ADAM;
  s->count = *taken = count;
  s->values = (limn_optimizer_values){.beta1 = n->beta1,
                                      .beta2 = n->beta2,
                                      .eps = n->eps,
                                      .weight_decay = n->weight_decay,
                                      .momentum = n->alpha,
                                      .decoupled = n->decoupled};
  for (int i = 0; i < SHARED_OPERANDS; ++i)
    buffers[i] = i + 1 < tasks->input_count ? limn_builder_input(b, tasks->inputs[i + 1], CUDA_FLOAT) : LIMN_ABSENT;
  double bytes = 0;
  for (int i = 0; i < count; ++i) {
    int *operand = buffers + SHARED_OPERANDS + TENSOR_OPERANDS * i;
    add_tensor(b, &tasks[i], &s->tensors[i], operand);
    int read_and_written = 1 + (operand[2] != LIMN_ABSENT) + (operand[3] != LIMN_ABSENT);
    bytes +=
        (double)s->tensors[i].count * (2.0 * sizeof(float) * read_and_written + (operand[1] == LIMN_ABSENT ? 0 : 2) +
                                       (double)cuda_type_size(s->tensors[i].gradient_type));
  }
  limn_builder_add(
      b,
      (limn_kernel){
          .name = s->adam ? "adam" : "sgd", .run = run_optimizer, .state = s, .count = operands, .bytes = bytes},
      buffers);
  free(buffers);
  return limn_builder_status(b);
}

struct record {
  int count;
  limn_recorded entries[]; /* (count) */
};

/* Operands of each entry: ring, scalar. */
static void run_record(const limn_kernel *k, const struct limn_call *call) {
  struct record *s = k->state;
  for (int i = 0; i < s->count; ++i) {
    s->entries[i].ring = k->p[2 * i];
    s->entries[i].scalar = k->p[2 * i + 1];
  }
  cuda_call_check(call, limn_record(s->entries, s->count, &call->device->run->step, call->stream), k->name);
}

/* Whether one of tasks[0 ... count) records into the same column of the same ring as tasks[count]. */
static bool records_again(const limn_task *tasks, int count) {
  for (int i = 0; i < count; ++i)
    if (tasks[i].node.targets[0] == tasks[count].node.targets[0] && tasks[i].node.column == tasks[count].node.column)
      return true;
  return false;
}

limn_status limn_cuda_build_record(limn_builder *b, const limn_task *tasks, int left, int *taken) {
  int count = 1;
  while (count < left && tasks[count].kind == LIMN_TASK_RECORD && !reads_earlier(tasks, count) &&
         !records_again(tasks, count))
    ++count;
  struct record *s = calloc(1, sizeof *s + (size_t)count * sizeof *s->entries);
  int *buffers = calloc(2 * (size_t)count, sizeof *buffers);
  if (!s || !buffers) {
    free(s);
    free(buffers);
    return limn_fail_memory("a record");
  }
  s->count = *taken = count;
  for (int i = 0; i < count; ++i) {
    limn_shape ring = limn_builder_shape(b, tasks[i].node.targets[0]);
    s->entries[i] = (limn_recorded){.rows = ring.n, .columns = ring.c, .column = tasks[i].node.column};
    buffers[2 * i] = limn_builder_target(b, tasks[i].node.targets[0]);
    buffers[2 * i + 1] = limn_builder_input(b, tasks[i].inputs[0], CUDA_FLOAT);
  }
  double moved = 2.0 * count * sizeof(float); /* of a ring, one element */
  limn_builder_add(
      b, (limn_kernel){.name = "record", .run = run_record, .state = s, .count = 2 * count, .bytes = moved}, buffers);
  free(buffers);
  return limn_builder_status(b);
}
