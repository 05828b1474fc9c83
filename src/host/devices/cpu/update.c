/* Random numbers, optimisers, and the small updates of leaves. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/philox.h"
#include "devices/cpu/cpu.h"

#define PIECE 4096 /* elements that one thread takes at a time; a multiple of Philox's 4 and of a cache line */

struct update {
  limn_node node;
  size_t count;
};

static void run_random(const limn_kernel *k, const struct limn_call *call) {
  const struct update *s = k->state;
  size_t pieces = (s->count + PIECE - 1) / PIECE;
#pragma omp parallel for num_threads(call->threads) schedule(static)
  for (size_t i = 0; i < pieces; ++i) {
    size_t first = i * PIECE, n = s->count - first < PIECE ? s->count - first : PIECE;
    if (s->node.op == LIMN_OP_NORMAL)
      limn_philox_normal(call->seed, s->node.stream, call->step, first, cpu_at(k, 0) + first, n);
    else
      limn_philox_uniform(call->seed, s->node.stream, call->step, first, cpu_at(k, 0) + first, n);
  }
}

static void run_assign(const limn_kernel *k, const struct limn_call *call) {
  (void)call;
  const struct update *s = k->state;
  memmove(cpu_at(k, 0), cpu_at(k, 1), s->count * sizeof(float));
}

static void run_latch(const limn_kernel *k, const struct limn_call *call) {
  (void)call;
  if (!isfinite(*cpu_at(k, 1)))
    *cpu_at(k, 0) = 1;
}

static void run_record(const limn_kernel *k, const struct limn_call *call) {
  const struct update *s = k->state;
  limn_shape ring = s->node.shape;
  cpu_at(k, 0)[(size_t)(call->step % (uint64_t)ring.n) * (size_t)ring.c + (size_t)s->node.column] = *cpu_at(k, 1);
}

/* Tensors that one optimiser updates, in one sweep of all threads over their pieces. sizes: in elements. */
struct optimizer {
  limn_node node;
  size_t pieces;  /* of all of them */
  size_t sizes[]; /* of each tensor */
};

#define SHARED_OPERANDS 3 /* hyper, scale, gate; then of each tensor: w, m or momentum, v, gradient */
#define TENSOR_OPERANDS 4

static size_t pieces_of(size_t size) { return (size + PIECE - 1) / PIECE; }

static void run_optimizer(const limn_kernel *k, const struct limn_call *call) {
  const struct optimizer *s = k->state;
  const limn_node *n = &s->node;
  const float *hyper = cpu_at(k, 0), *gate = cpu_at(k, 2);
  if (gate && *gate != 0)
    return;
  float scale = cpu_at(k, 1) ? *cpu_at(k, 1) : 1;
  const struct limn_simd_adam adam = {.lr = hyper[0],
                                      .bias1 = hyper[1],
                                      .bias2 = hyper[2],
                                      .beta1 = n->beta1,
                                      .beta2 = n->beta2 + hyper[3],
                                      .eps = n->eps,
                                      .weight_decay = n->weight_decay,
                                      .scale = scale,
                                      .decoupled = n->decoupled};
  const struct limn_simd_sgd sgd = {
      .lr = hyper[0], .momentum = n->alpha, .weight_decay = n->weight_decay, .scale = scale};
#pragma omp parallel for num_threads(call->threads) schedule(static) if (s->pieces > 1)
  for (size_t i = 0; i < s->pieces; ++i) {
    size_t piece = i, t = 0;
    for (; piece >= pieces_of(s->sizes[t]); ++t)
      piece -= pieces_of(s->sizes[t]);
    size_t first = piece * PIECE, length = s->sizes[t] - first < PIECE ? s->sizes[t] - first : PIECE;
    float *p[TENSOR_OPERANDS];
    for (size_t j = 0; j < TENSOR_OPERANDS; ++j) {
      float *at = cpu_at(k, SHARED_OPERANDS + TENSOR_OPERANDS * t + j);
      p[j] = at ? at + first : NULL;
    }
    if (n->op == LIMN_OP_ADAM)
      call->simd->adam(p[0], p[1], p[2], p[3], length, &adam);
    else
      call->simd->sgd(p[0], p[1], p[3], length, &sgd);
  }
}

static void add_tensor(limn_builder *b, const limn_task *task, size_t *size, int *operands) {
  const limn_node *n = &task->node;
  *size = (size_t)limn_shape_count(limn_builder_shape(b, n->targets[0]));
  for (int i = 0; i < 3; ++i)
    operands[i] = i < n->target_count ? limn_builder_target(b, n->targets[i]) : LIMN_ABSENT;
  operands[3] = limn_builder_input(b, task->inputs[0], limn_builder_format(b, n->targets[0]));
}

limn_status limn_cpu_build_optimizer(limn_builder *b, const limn_task *tasks, int left, int *taken) {
  const limn_node *n = &tasks->node;
  int count = limn_tasks_of_optimizer(tasks, left), operands = SHARED_OPERANDS + TENSOR_OPERANDS * count;
  struct optimizer *s = calloc(1, sizeof *s + (size_t)count * sizeof *s->sizes);
  int *buffers = calloc((size_t)operands, sizeof *buffers);
  if (!s || !buffers) {
    free(s);
    free(buffers);
    return limn_fail_memory("a program");
  }
  s->node = *n;
  *taken = count;
  for (int i = 0; i < SHARED_OPERANDS; ++i)
    buffers[i] = i + 1 < tasks->input_count ? limn_builder_input(b, tasks->inputs[i + 1], CPU_PLAIN) : LIMN_ABSENT;
  double bytes = 0;
  for (int i = 0; i < count; ++i) {
    add_tensor(b, &tasks[i], &s->sizes[i], buffers + SHARED_OPERANDS + TENSOR_OPERANDS * i);
    s->pieces += pieces_of(s->sizes[i]);
    /* targets are read and written, the gradient read */
    bytes += (double)s->sizes[i] * sizeof(float) * (2 * tasks[i].node.target_count + 1);
  }
  limn_kernel *kernel = cpu_add(b, n->op == LIMN_OP_ADAM ? "adam" : "sgd", run_optimizer, s, operands, buffers);
  if (kernel)
    kernel->bytes = bytes;
  free(buffers);
  return limn_builder_status(b);
}

limn_status limn_cpu_build_update(limn_builder *b, const limn_task *task) {
  struct update *s = calloc(1, sizeof *s);
  if (!s)
    return limn_fail_memory("a program");
  s->node = task->node;
  if (task->kind == LIMN_TASK_RANDOM) {
    s->count = (size_t)limn_shape_count(task->node.shape);
    const int out = limn_builder_output(b, task->outputs[0], CPU_PLAIN);
    cpu_add(b, limn_op_name(&task->node), run_random, s, 1, &out);
    return limn_builder_status(b);
  }
  limn_value target = task->node.targets[0];
  s->count = (size_t)limn_shape_count(limn_builder_shape(b, target));
  if (task->kind == LIMN_TASK_RECORD)
    s->node.shape = limn_builder_shape(b, target);
  const int buffers[2] = {
      limn_builder_target(b, target),
      limn_builder_input(b, task->inputs[0],
                         task->kind == LIMN_TASK_ASSIGN ? limn_builder_format(b, target) : CPU_PLAIN)};
  limn_kernel *kernel = cpu_add(b, limn_op_name(&task->node),
                                task->kind == LIMN_TASK_ASSIGN  ? run_assign
                                : task->kind == LIMN_TASK_LATCH ? run_latch
                                                                : run_record,
                                s, 2, buffers);
  if (kernel && task->kind == LIMN_TASK_RECORD)
    kernel->bytes = 2 * sizeof(float); /* of the ring, one element */
  return limn_builder_status(b);
}
