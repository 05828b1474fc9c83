/* Channels put together and taken apart. Blocks of channels are copied as they lie, so that in either layout the
 * channels of a picture are one run of memory, if blocks divide all parts; else all is plain. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "devices/cpu/cpu.h"

struct channels {
  int part_count;
  int32_t pictures;
  size_t value; /* elements of a picture */
  struct {
    size_t operand, from, to,
        count; /* of a picture, too: of the operand; where the part begins, there and in the value */
  } parts[LIMN_MAX_INPUTS];
};

/* Operands: value, parts. Every part of a picture is copied by all threads. */
static void run_channels(const limn_kernel *k, const struct limn_call *call) {
  const struct channels *s = k->state;
  const size_t threads = (size_t)call->threads, part_count = (size_t)s->part_count;
#pragma omp parallel for num_threads(call->threads) schedule(static)
  for (size_t i = 0; i < (size_t)s->pictures * part_count * threads; ++i) {
    const size_t part = i / threads % part_count, picture = i / threads / part_count;
    const size_t count = s->parts[part].count, first = count * (i % threads) / threads,
                 end = count * (i % threads + 1) / threads;
    memcpy(cpu_at(k, 0) + picture * s->value + s->parts[part].to + first,
           cpu_at(k, 1 + part) + picture * s->parts[part].operand + s->parts[part].from + first,
           (end - first) * sizeof(float));
  }
}

/* Whether blocks of channels lie in one part each. */
static bool are_apart(const limn_builder *b, const limn_task *task, int block) {
  bool apart = task->node.channel % block == 0 && limn_builder_shape(b, task->outputs[0]).c % block == 0;
  for (int i = 0; i < task->input_count; ++i)
    apart = apart && limn_builder_shape(b, task->inputs[i]).c % block == 0;
  return apart;
}

limn_status limn_cpu_build_channels(limn_builder *b, const limn_task *task) {
  const limn_shape shape = limn_builder_shape(b, task->outputs[0]);
  const int block = cpu_device_of(b)->simd->block;
  const size_t pixels = (size_t)shape.h * (size_t)shape.w;
  const cpu_layout layout = are_apart(b, task, block) ? limn_cpu_activation_layout(block, shape) : CPU_PLAIN;
  struct channels *s = calloc(1, sizeof *s);
  if (!s)
    return limn_fail_memory("a program");
  s->part_count = task->input_count;
  s->pictures = shape.n;
  s->value = (size_t)shape.c * pixels;
  int buffers[1 + LIMN_MAX_INPUTS] = {0};
  size_t to = 0;
  for (int i = 0; i < task->input_count; ++i) {
    const limn_shape part = limn_builder_shape(b, task->inputs[i]);
    s->parts[i].operand = (size_t)part.c * pixels;
    s->parts[i].to = to;
    s->parts[i].from = (size_t)task->node.channel * pixels;
    s->parts[i].count = (size_t)(task->kind == LIMN_TASK_SLICE ? shape.c : part.c) * pixels;
    to += s->parts[i].count;
    buffers[1 + i] = limn_builder_input(b, task->inputs[i], layout);
  }
  buffers[0] = limn_builder_output(b, task->outputs[0], layout);
  cpu_add(b, limn_op_name(&task->node), run_channels, s, 1 + task->input_count, buffers);
  return limn_builder_status(b);
}
