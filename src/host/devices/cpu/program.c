/* Programs of the CPU device: what the shared builder has to know of it, and the run. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "devices/cpu/cpu.h"

#define ALIGNMENT 64

struct cpu_program {
  limn_program base;
  limn_code code;
  bool ran;
};

static size_t bytes(limn_shape shape, int format) {
  const size_t each = format == CPU_BYTES ? 1 : format == CPU_BLOCKED_BF16 ? sizeof(limn_bf16) : sizeof(float);
  return (size_t)limn_shape_count(shape) * each; /* blocks divide the channels */
}

static int leaf_format(const limn_tensor *leaf) { return (int)((const struct cpu_tensor *)leaf)->layout; }

static bool leaf_memory(const limn_tensor *leaf, int format, void **address) {
  *address = ((const struct cpu_tensor *)leaf)->data;
  return format == leaf_format(leaf);
}

static limn_status allocate(limn_device *device, size_t size, void **out) {
  if (posix_memalign(out, ALIGNMENT, size) == 0)
    return LIMN_OK;
  *out = NULL;
  device->starved = 1;
  return limn_fail(LIMN_DEVICE, "%s has no %.1f MB of memory for a step; use a smaller --batch or size",
                   device->description, (double)size / 1e6);
}

static void release(limn_device *device, void *memory) {
  (void)device;
  free(memory);
}

static limn_status build(limn_builder *b, const limn_task *tasks, int left, int *taken) {
  *taken = 1;
  switch (tasks->kind) {
  case LIMN_TASK_CONV:
  case LIMN_TASK_CONV_DX:
  case LIMN_TASK_CONV_DW:
    return limn_cpu_build_convolution(b, tasks);
  case LIMN_TASK_STATISTICS:
  case LIMN_TASK_BATCHNORM:
  case LIMN_TASK_BATCHNORM_BACKWARD:
  case LIMN_TASK_UPDATE_RUNNING:
    return limn_cpu_build_batchnorm(b, tasks);
  case LIMN_TASK_STACK:
  case LIMN_TASK_ROWS:
    return limn_cpu_build_rows(b, tasks);
  case LIMN_TASK_CONCAT:
  case LIMN_TASK_SLICE:
    return limn_cpu_build_channels(b, tasks);
  case LIMN_TASK_MAX_POOL:
  case LIMN_TASK_MAX_POOL_DX:
  case LIMN_TASK_MAX_POOL_PICK:
    return limn_cpu_build_max_pool(b, tasks);
  case LIMN_TASK_SEPARABLE:
    return limn_cpu_build_separable(b, tasks);
  case LIMN_TASK_POINTWISE:
    return limn_cpu_build_pointwise(b, tasks);
  case LIMN_TASK_WINDOW:
    return limn_cpu_build_window(b, tasks);
  case LIMN_TASK_LOG_SUM_EXP:
    return limn_cpu_build_log_sum_exp(b, tasks);
  case LIMN_TASK_PICTURES:
    return limn_cpu_build_pictures(b, tasks);
  case LIMN_TASK_OPTIMIZER:
    return limn_cpu_build_optimizer(b, tasks, left, taken);
  case LIMN_TASK_RANDOM:
  case LIMN_TASK_ASSIGN:
  case LIMN_TASK_LATCH:
  case LIMN_TASK_RECORD:
    return limn_cpu_build_update(b, tasks);
  }
  return limn_fail(LIMN_FAILED, "program: task kind %d is unknown", (int)tasks->kind);
}

static const limn_backend backend = {
    .fusion = {.conv_activation = true, .batchnorm_activation = true, .pointwise = true},
    .bytes = bytes,
    .leaf_format = leaf_format,
    .leaf_memory = leaf_memory,
    .convert = limn_cpu_build_reorder,
    .build = build,
    .allocate = allocate,
    .free = release,
};

struct build_job {
  limn_code *code;
  const limn_graph *graph;
  limn_tensor *const *leaves;
  bool planning;
};

static limn_status build_program(void *argument) {
  struct build_job *job = argument;
  LIMN_TRY(limn_code_build(job->code, job->graph, job->leaves));
  return job->planning ? LIMN_OK : limn_code_bind(job->code);
}

static limn_status release_program(void *argument) {
  limn_code_release(argument);
  return LIMN_OK;
}

void limn_cpu_program_destroy(limn_program *base) {
  struct cpu_program *p = (struct cpu_program *)base;
  if (!p)
    return;
  limn_cpu_worker_call(((struct cpu_device *)base->device)->worker, release_program, &p->code);
  free(p);
}

/* Of the engines that options named: those that are not to be had here. */
static void note_missed(struct cpu_device *cpu) {
  const size_t length = strlen(cpu->base.note);
  if (cpu->missed)
    snprintf(cpu->base.note + length, sizeof cpu->base.note - length,
             "%s%d of the engines that the run began with are not to be had here and are chosen anew",
             length ? "; " : "", cpu->missed);
  cpu->missed = 0;
}

limn_status limn_cpu_program_create(limn_device *device, const limn_graph *graph, limn_tensor *const *leaves,
                                    const limn_program_options *options, limn_program **out) {
  struct cpu_program *program = calloc(1, sizeof *program);
  if (!program)
    return limn_fail_memory("a program");
  program->base.device = device;
  program->code = (limn_code){.backend = &backend, .device = device, .options = *options};
  limn_status status = limn_cpu_worker_call(((struct cpu_device *)device)->worker, build_program,
                                            &(struct build_job){.code = &program->code,
                                                                .graph = graph,
                                                                .leaves = leaves,
                                                                .planning = ((struct cpu_device *)device)->planning});
  if (status != LIMN_OK) {
    limn_cpu_program_destroy(&program->base);
    return status;
  }
  note_missed((struct cpu_device *)device);
  *out = &program->base;
  return LIMN_OK;
}

struct run_job {
  const limn_code *code;
  struct limn_call call;
};

static limn_status run_kernels(void *argument) {
  const struct run_job *job = argument;
  const limn_code *code = job->code;
  if (code->options.separate_buffers)
    for (int i = 0; i < code->buffer_count; ++i)
      if (code->buffers[i].own)
        memset(code->buffers[i].own, 0xff, code->buffers[i].bytes); /* NaN, in fp32 and in bf16 */
  for (int k = 0; k < code->kernel_count && *job->call.status == LIMN_OK; ++k)
    code->kernels[k].run(&code->kernels[k], &job->call);
  return *job->call.status;
}

#define TIMED_RUNS 4 /* the fastest counts: what disturbs a run only makes it slower */

static struct limn_call call_of(const struct cpu_device *cpu, uint64_t step, limn_status *status) {
  return (struct limn_call){
      .step = step, .seed = cpu->base.seed, .threads = cpu->threads, .simd = cpu->simd, .status = status};
}

limn_status limn_cpu_time_graph(struct cpu_device *cpu, const limn_graph *graph, limn_tensor *const *leaves,
                                double *seconds) {
  limn_code code = {.backend = &backend, .device = &cpu->base};
  limn_status run_status = LIMN_OK;
  const struct run_job job = {.code = &code, .call = call_of(cpu, 0, &run_status)};
  limn_status status = build_program(&(struct build_job){.code = &code, .graph = graph, .leaves = leaves});
  *seconds = (double)INFINITY;
  for (int run = 0; run < TIMED_RUNS && status == LIMN_OK; ++run) {
    const double begin = limn_clock();
    status = run_kernels((void *)&job);
    *seconds = fmin(*seconds, limn_clock() - begin);
  }
  limn_code_release(&code);
  return status;
}

struct trace_job {
  const limn_code *code;
  struct limn_call call;
  int rounds;
  double *seconds;
};

static limn_status trace_kernels(void *argument) {
  const struct trace_job *job = argument;
  double *seconds = job->seconds;
  for (int round = 0; round < job->rounds; ++round)
    for (int k = 0; k < job->code->kernel_count; ++k) {
      double begin = limn_clock();
      job->code->kernels[k].run(&job->code->kernels[k], &job->call);
      *seconds++ = limn_clock() - begin;
      LIMN_TRY(*job->call.status);
    }
  return LIMN_OK;
}

limn_status limn_cpu_program_trace(limn_program *base, int rounds, double *seconds) {
  const struct cpu_device *cpu = (const struct cpu_device *)base->device;
  limn_status status = LIMN_OK;
  struct trace_job job = {.code = &((const struct cpu_program *)base)->code,
                          .call = call_of(cpu, 0, &status),
                          .rounds = rounds,
                          .seconds = seconds};
  return limn_cpu_worker_call(cpu->worker, trace_kernels, &job);
}

static limn_status get_arena(void *argument) {
  const limn_code *code = argument;
  if (code->arena)
    limn_cpu_get_pages(code->arena, code->info.arena_bytes, false);
  return LIMN_OK;
}

limn_status limn_cpu_program_run(limn_program *base, uint64_t step) {
  struct cpu_program *program = (struct cpu_program *)base;
  const struct cpu_device *cpu = (const struct cpu_device *)base->device;
  limn_status status = LIMN_OK;
  struct run_job job = {.code = &program->code, .call = call_of(cpu, step, &status)};
  if (cpu->planning)
    return limn_fail(LIMN_DEVICE, "%s is there for plans only", cpu->base.description);
  if (!program->ran) /* not before: many a program is planned and never run */
    LIMN_TRY(limn_cpu_worker_call(cpu->worker, get_arena, &program->code));
  program->ran = true;
  return limn_cpu_worker_call(cpu->worker, run_kernels, &job);
}

void limn_cpu_program_info(const limn_program *base, limn_program_info *out) {
  *out = ((const struct cpu_program *)base)->code.info;
}

void limn_cpu_program_row(const limn_program *base, int index, limn_program_row *out) {
  limn_code_row(&((const struct cpu_program *)base)->code, index, out);
}
