/* Pooling and resampling, plane by plane: a block of channels of a picture is one, which a thread does alone.
 * Everything lies as activations do; one pixel is the same blocked or plain, so that operands of both kinds go
 * together. */
#include <stdlib.h>

#include "base/error.h"
#include "devices/cpu/cpu.h"

int limn_cpu_plane_block(const limn_builder *b, limn_shape shape) {
  const int block = cpu_device_of(b)->simd->block;
  return shape.c % block == 0 ? block : 1;
}

static cpu_layout layout_of(const limn_builder *b, int value) {
  return limn_cpu_activation_layout(cpu_device_of(b)->simd->block, limn_builder_shape(b, value));
}

int limn_cpu_plane_input(limn_builder *b, int value) { return limn_builder_input(b, value, layout_of(b, value)); }
int limn_cpu_plane_output(limn_builder *b, int value) { return limn_builder_output(b, value, layout_of(b, value)); }

struct max_pool {
  limn_task_kind kind;
  limn_pool_plane plane;
};

/* Operands: value, x and, of an adjoint, what flows through. */
static void run_max_pool(const limn_kernel *k, const struct limn_call *call) {
  const struct max_pool *s = k->state;
  const limn_pool_plane *p = &s->plane;
  const limn_spatial *loops = call->simd->spatial;
  const size_t x = cpu_plane_elements(p->x, p->block), y = cpu_plane_elements(p->y, p->block);
#pragma omp parallel for num_threads(call->threads) schedule(static)
  for (size_t i = 0; i < (size_t)p->x.n * (size_t)(p->x.c / p->block); ++i)
    if (s->kind == LIMN_TASK_MAX_POOL)
      loops->max_pool(cpu_at(k, 0) + i * y, cpu_at(k, 1) + i * x, p);
    else if (s->kind == LIMN_TASK_MAX_POOL_DX)
      loops->max_pool_dx(cpu_at(k, 0) + i * x, cpu_at(k, 1) + i * x, cpu_at(k, 2) + i * y, p);
    else
      loops->max_pool_pick(cpu_at(k, 0) + i * y, cpu_at(k, 1) + i * x, cpu_at(k, 2) + i * x, p);
}

limn_status limn_cpu_build_max_pool(limn_builder *b, const limn_task *task) {
  struct max_pool *s = calloc(1, sizeof *s);
  if (!s)
    return limn_fail_memory("a program");
  const limn_shape x = limn_builder_shape(b, task->inputs[0]),
                   y = limn_builder_shape(b, task->kind == LIMN_TASK_MAX_POOL_DX ? task->inputs[1] : task->outputs[0]);
  *s = (struct max_pool){task->kind, {.x = x, .y = y, .attrs = task->node.pool, .block = limn_cpu_plane_block(b, x)}};
  int buffers[3] = {0};
  for (int i = 0; i < task->input_count; ++i)
    buffers[1 + i] = limn_cpu_plane_input(b, task->inputs[i]);
  buffers[0] = limn_cpu_plane_output(b, task->outputs[0]);
  cpu_add(b, limn_op_name(&task->node), run_max_pool, s, 1 + task->input_count, buffers);
  return limn_builder_status(b);
}

struct separable {
  limn_shape x, y;
  int block;
  limn_taps rows, columns;
};

static void release_separable(void *state) {
  struct separable *s = state;
  if (!s)
    return;
  limn_taps_release(&s->rows);
  limn_taps_release(&s->columns);
  free(s);
}

/* Operands: value, x, a row for each thread. */
static void run_separable(const limn_kernel *k, const struct limn_call *call) {
  const struct separable *s = k->state;
  const size_t x = cpu_plane_elements(s->x, s->block), y = cpu_plane_elements(s->y, s->block),
               row = cpu_odd_lines((size_t)s->x.w * (size_t)s->block), threads = (size_t)call->threads,
               planes = (size_t)s->x.n * (size_t)(s->x.c / s->block);
#pragma omp parallel for num_threads(call->threads) schedule(static)
  for (size_t t = 0; t < threads; ++t)
    for (size_t i = planes * t / threads; i < planes * (t + 1) / threads; ++i)
      call->simd->spatial->separable(cpu_at(k, 0) + i * y, cpu_at(k, 1) + i * x, cpu_at(k, 2) + t * row, s->block,
                                     &s->rows, &s->columns);
}

limn_status limn_cpu_build_separable(limn_builder *b, const limn_task *task) {
  struct separable *s = calloc(1, sizeof *s);
  if (!s)
    return limn_fail_memory("a program");
  s->x = limn_builder_shape(b, task->inputs[0]);
  s->y = limn_builder_shape(b, task->outputs[0]);
  s->block = limn_cpu_plane_block(b, s->x);
  limn_status status = limn_taps_init(&s->rows, &task->node, true, s->x);
  if (status == LIMN_OK)
    status = limn_taps_init(&s->columns, &task->node, false, s->x);
  if (status != LIMN_OK) {
    release_separable(s);
    return status;
  }
  const size_t row = cpu_odd_lines((size_t)s->x.w * (size_t)s->block) * sizeof(float);
  const int x = limn_cpu_plane_input(b, task->inputs[0]), y = limn_cpu_plane_output(b, task->outputs[0]),
            scratch = limn_builder_scratch(b, (size_t)cpu_device_of(b)->threads * row);
  limn_builder_add(b,
                   (limn_kernel){.name = limn_op_name(&task->node),
                                 .run = run_separable,
                                 .release = release_separable,
                                 .state = s,
                                 .count = 3},
                   (const int[]){y, x, scratch});
  return limn_builder_status(b);
}
