/* Neighbouring pointwise steps of few elements, such as make a loss and the norm of a gradient: one launch runs them
 * one after another. */
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
      cuda_check(s->device, limn_small_table_fill(table, s->groups, s->count), "preparing small steps");
  if (status == LIMN_OK)
    status = cuda_allocate(s->device, &s->table, bytes);
  if (status == LIMN_OK)
    status = cuda_check(s->device, cudaMemcpyAsync(s->table, table, bytes, cudaMemcpyHostToDevice, s->device->work),
                        "preparing small steps");
  if (status == LIMN_OK)
    status = cuda_check(s->device, cudaStreamSynchronize(s->device->work), "preparing small steps");
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

bool cuda_is_small(const limn_builder *b, const limn_step *step) {
  return step->kind == LIMN_STEP_POINTWISE && limn_shape_count(step->domain) <= LIMN_SMALL_DOMAIN &&
         (limn_shape_equal(step->domain, step->node.shape) || limn_shape_count(step->node.shape) <= LIMN_SMALL_SUMS) &&
         !cuda_is_sum_of_squares(b, step) && !limn_builder_is_addition(b, step);
}

limn_status cuda_build_small(limn_builder *b, const limn_step *steps, int left, int *taken) {
  int count = 0, operands = 0;
  for (; count < left && cuda_is_small(b, &steps[count]); ++count)
    operands += 2 + steps[count].input_count;
  struct small *s = calloc(1, sizeof *s + (size_t)count * sizeof *s->groups);
  int *buffers = calloc((size_t)operands, sizeof *buffers);
  if (!s || !buffers) {
    free(s);
    free(buffers);
    return limn_fail_memory("small steps");
  }
  s->device = cuda_device_of(b);
  s->count = *taken = count;
  int *next = buffers;
  for (int i = 0; i < count; ++i) {
    const limn_step *step = &steps[i];
    s->groups[i].group = cuda_group_of(b, step, next + 2);
    s->groups[i].to = cuda_extents(step->node.shape);
    next[0] = limn_builder_output(b, step->outputs[0], CUDA_FLOAT);
    next[1] = cuda_output_half(b, step->outputs[0]);
    next += 2 + step->input_count;
  }
  limn_builder_add(
      b,
      (limn_kernel){
          .name = "small steps", .run = run_small, .bind = bind, .release = release, .state = s, .count = operands},
      buffers);
  free(buffers);
  return limn_builder_status(b);
}
