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

static void run_random(const cpu_kernel *k, const struct cpu_call *call) {
  const struct update *s = k->state;
  size_t pieces = (s->count + PIECE - 1) / PIECE;
#pragma omp parallel for num_threads(call->threads) schedule(static)
  for (size_t i = 0; i < pieces; ++i) {
    size_t first = i * PIECE, n = s->count - first < PIECE ? s->count - first : PIECE;
    if (s->node.op == LIMN_OP_NORMAL)
      limn_philox_normal(call->seed, s->node.stream, call->step, first, k->p[0] + first, n);
    else
      limn_philox_uniform(call->seed, s->node.stream, call->step, first, k->p[0] + first, n);
  }
}

static void run_assign(const cpu_kernel *k, const struct cpu_call *call) {
  (void)call;
  const struct update *s = k->state;
  memmove(k->p[0], k->p[1], s->count * sizeof(float));
}

static void run_latch(const cpu_kernel *k, const struct cpu_call *call) {
  (void)call;
  if (!isfinite(*k->p[1]))
    *k->p[0] = 1;
}

static void run_record(const cpu_kernel *k, const struct cpu_call *call) {
  const struct update *s = k->state;
  limn_shape ring = s->node.shape;
  k->p[0][(size_t)(call->step % (uint64_t)ring.n) * (size_t)ring.c + (size_t)s->node.column] = *k->p[1];
}

/* Operands: w, m or momentum, v, gradient, hyper, scale, gate. */
static void run_optimizer(const cpu_kernel *k, const struct cpu_call *call) {
  const struct update *s = k->state;
  const limn_node *n = &s->node;
  if (k->p[6] && *k->p[6] != 0)
    return;
  const float *hyper = k->p[4];
  float scale = k->p[5] ? *k->p[5] : 1;
  const struct limn_simd_adam adam = {.lr = hyper[0],
                                      .bias1 = hyper[1],
                                      .bias2 = hyper[2],
                                      .beta1 = n->beta1,
                                      .beta2 = n->beta2,
                                      .eps = n->eps,
                                      .weight_decay = n->weight_decay,
                                      .scale = scale,
                                      .decoupled = n->decoupled};
  const struct limn_simd_sgd sgd = {
      .lr = hyper[0], .momentum = n->alpha, .weight_decay = n->weight_decay, .scale = scale};
  size_t pieces = (s->count + PIECE - 1) / PIECE;
#pragma omp parallel for num_threads(call->threads) schedule(static) if (pieces > 1)
  for (size_t i = 0; i < pieces; ++i) {
    size_t first = i * PIECE, length = s->count - first < PIECE ? s->count - first : PIECE;
    if (n->op == LIMN_OP_ADAM)
      call->simd->adam(k->p[0] + first, k->p[1] + first, k->p[2] + first, k->p[3] + first, length, &adam);
    else
      call->simd->sgd(k->p[0] + first, k->p[1] ? k->p[1] + first : NULL, k->p[3] + first, length, &sgd);
  }
}

static limn_status add_optimizer(struct cpu_builder *b, const limn_step *step, struct update *s) {
  const limn_node *n = &step->node;
  cpu_layout layout = cpu_layout_of(b, n->targets[0]);
  s->count = (size_t)limn_shape_count(cpu_shape(b, n->targets[0]));
  int buffers[7] = {-1, -1, -1, -1, -1, -1, -1};
  for (int i = 0; i < n->target_count; ++i)
    buffers[i] = cpu_target(b, n->targets[i]);
  buffers[3] = cpu_input(b, step->inputs[0], layout);
  for (int i = 1; i < step->input_count; ++i)
    buffers[3 + i] = cpu_input(b, step->inputs[i], CPU_PLAIN);
  cpu_add(b, n->op == LIMN_OP_ADAM ? "adam" : "sgd", run_optimizer, s, 7, buffers);
  return cpu_builder_status(b);
}

limn_status cpu_build_update(struct cpu_builder *b, const limn_step *step) {
  struct update *s = calloc(1, sizeof *s);
  if (!s)
    return limn_fail_memory("a program");
  s->node = step->node;
  if (step->kind == LIMN_STEP_OPTIMIZER)
    return add_optimizer(b, step, s);
  if (step->kind == LIMN_STEP_RANDOM) {
    s->count = (size_t)limn_shape_count(step->node.shape);
    const int out = cpu_output(b, step->outputs[0], CPU_PLAIN);
    cpu_add(b, limn_op_name(&step->node), run_random, s, 1, &out);
    return cpu_builder_status(b);
  }
  limn_value target = step->node.targets[0];
  s->count = (size_t)limn_shape_count(cpu_shape(b, target));
  if (step->kind == LIMN_STEP_RECORD)
    s->node.shape = cpu_shape(b, target);
  const int buffers[2] = {
      cpu_target(b, target),
      cpu_input(b, step->inputs[0], step->kind == LIMN_STEP_ASSIGN ? cpu_layout_of(b, target) : CPU_PLAIN)};
  cpu_add(b, limn_op_name(&step->node),
          step->kind == LIMN_STEP_ASSIGN  ? run_assign
          : step->kind == LIMN_STEP_LATCH ? run_latch
                                          : run_record,
          s, 2, buffers);
  return cpu_builder_status(b);
}
