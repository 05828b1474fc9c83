/* Pooling, resampling and windows on numbers. */
#include <stdlib.h>

#include "base/error.h"
#include "devices/cuda/cuda.h"
#include "devices/taps.h"

/* What is made lies in CUDA_HALF where what it is made of does. */
static int format_of(const limn_builder *b, const limn_task *task) {
  return limn_builder_format(b, task->inputs[task->input_count - 1]);
}

struct max_pool {
  limn_task_kind kind;
  limn_max_pool_args args;
};

/* Operands: value, x and, of an adjoint, what flows through. */
static void run_max_pool(const limn_kernel *k, const struct limn_call *call) {
  const struct max_pool *s = k->state;
  limn_max_pool_args args = s->args;
  args.out = k->p[0];
  args.x = k->p[1];
  args.v = k->count > 2 ? k->p[2] : NULL;
  cuda_call_check(call,
                  s->kind == LIMN_TASK_MAX_POOL      ? limn_max_pool(&args, call->stream)
                  : s->kind == LIMN_TASK_MAX_POOL_DX ? limn_max_pool_dx(&args, call->stream)
                                                     : limn_max_pool_pick(&args, call->stream),
                  k->name);
}

limn_status limn_cuda_build_max_pool(limn_builder *b, const limn_task *task) {
  const struct cuda_device *cuda = cuda_device_of(b);
  const limn_pool_attrs a = task->node.pool;
  const limn_shape x = limn_builder_shape(b, task->inputs[0]),
                   y = limn_builder_shape(b, task->kind == LIMN_TASK_MAX_POOL_DX ? task->inputs[1] : task->outputs[0]);
  struct max_pool *s = calloc(1, sizeof *s);
  if (!s)
    return limn_fail_memory("a program");
  const int x_format = limn_builder_format(b, task->inputs[0]), made = format_of(b, task);
  *s = (struct max_pool){
      task->kind,
      {.windows = {cuda_extents(x), cuda_extents(y), a.window_h, a.window_w, a.stride_h, a.stride_w, a.pad_h, a.pad_w},
       .x_type = cuda_type(cuda, x_format),
       .v_type = cuda_type(cuda, made),
       .out_type = cuda_type(cuda, made)}};
  int buffers[3] = {0};
  buffers[1] = limn_builder_input(b, task->inputs[0], x_format);
  if (task->input_count > 1)
    buffers[2] = limn_builder_input(b, task->inputs[1], made);
  buffers[0] = limn_builder_output(b, task->outputs[0], made);
  limn_builder_add(
      b,
      (limn_kernel){.name = limn_op_name(&task->node), .run = run_max_pool, .state = s, .count = 1 + task->input_count},
      buffers);
  return limn_builder_status(b);
}

struct separable {
  struct cuda_device *device;
  limn_separable_args args;
  limn_taps rows, columns;
  void *table; /* both, in device memory */
};

static void release_separable(void *state) {
  struct separable *s = state;
  if (s->table)
    cudaFree(s->table);
  limn_taps_release(&s->rows);
  limn_taps_release(&s->columns);
  free(s);
}

static limn_status copy_taps(const struct separable *s, const limn_taps *taps, char *to, limn_axis *axis) {
  const char *from = taps->memory;
  *axis = (limn_axis){(const int32_t *)(to + ((const char *)taps->first - from)),
                      (const int32_t *)(to + ((const char *)taps->start - from)),
                      (const float *)(to + ((const char *)taps->weights - from))};
  return cuda_check(s->device, cudaMemcpyAsync(to, from, taps->bytes, cudaMemcpyHostToDevice, s->device->work),
                    "preparing a task");
}

/* The copies are on the working stream, which a cudaMemcpy does not wait for. */
static limn_status bind_separable(limn_kernel *k) {
  struct separable *s = k->state;
  LIMN_TRY(cuda_allocate(s->device, &s->table, s->rows.bytes + s->columns.bytes));
  LIMN_TRY(copy_taps(s, &s->rows, s->table, &s->args.rows));
  LIMN_TRY(copy_taps(s, &s->columns, (char *)s->table + s->rows.bytes, &s->args.columns));
  return cuda_check(s->device, cudaStreamSynchronize(s->device->work), "preparing a task");
}

/* Operands: value, x. */
static void run_separable(const limn_kernel *k, const struct limn_call *call) {
  limn_separable_args args = ((const struct separable *)k->state)->args;
  args.y = k->p[0];
  args.x = k->p[1];
  cuda_call_check(call, limn_separable(&args, call->stream), k->name);
}

limn_status limn_cuda_build_separable(limn_builder *b, const limn_task *task) {
  const limn_shape x = limn_builder_shape(b, task->inputs[0]);
  const int format = format_of(b, task);
  const limn_type type = cuda_type(cuda_device_of(b), format);
  struct separable *s = calloc(1, sizeof *s);
  if (!s)
    return limn_fail_memory("a program");
  s->device = cuda_device_of(b);
  s->args = (limn_separable_args){.x_extents = cuda_extents(x),
                                  .y_extents = cuda_extents(limn_builder_shape(b, task->outputs[0])),
                                  .x_type = type,
                                  .y_type = type};
  limn_status status = limn_taps_init(&s->rows, &task->node, true, x);
  if (status == LIMN_OK)
    status = limn_taps_init(&s->columns, &task->node, false, x);
  if (status != LIMN_OK) {
    release_separable(s);
    return status;
  }
  const int from = limn_builder_input(b, task->inputs[0], format),
            to = limn_builder_output(b, task->outputs[0], format);
  limn_builder_add(b,
                   (limn_kernel){.name = limn_op_name(&task->node),
                                 .run = run_separable,
                                 .bind = bind_separable,
                                 .release = release_separable,
                                 .state = s,
                                 .count = 2},
                   (const int[]){to, from});
  return limn_builder_status(b);
}

/* Operands: value, x. */
static void run_window(const limn_kernel *k, const struct limn_call *call) {
  limn_window_args args = *(const limn_window_args *)k->state;
  args.y = k->p[0];
  args.x = k->p[1];
  args.seed = call->device->base.seed;
  cuda_call_check(call, limn_window_numbers(&args, &call->device->run->step, call->stream), k->name);
}

limn_status limn_cuda_build_window(limn_builder *b, const limn_task *task) {
  const limn_node *n = &task->node;
  const int format = format_of(b, task);
  const limn_type type = cuda_type(cuda_device_of(b), format);
  limn_window_args *args = calloc(1, sizeof *args);
  if (!args)
    return limn_fail_memory("a program");
  *args = (limn_window_args){.extents = cuda_extents(n->shape),
                             .flip = n->window.flip,
                             .moved = n->window.moved,
                             .adjoint = n->op == LIMN_OP_WINDOW_DX,
                             .reach_h = n->window.reach_h,
                             .reach_w = n->window.reach_w,
                             .cut_h = n->window.cut_h,
                             .cut_w = n->window.cut_w,
                             .random_stream = n->stream,
                             .x_type = type,
                             .y_type = type};
  const int from = limn_builder_input(b, task->inputs[0], format),
            to = limn_builder_output(b, task->outputs[0], format);
  limn_builder_add(b, (limn_kernel){.name = limn_op_name(n), .run = run_window, .state = args, .count = 2},
                   (const int[]){to, from});
  return limn_builder_status(b);
}
