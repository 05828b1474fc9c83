/* Programs of the CPU device: a schedule turned into a flat list of kernels over one arena. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "devices/cpu/cpu.h"

#define ALIGNMENT 64
#define ABSENT    (-1)

struct buffer {
  size_t bytes;
  float *fixed;    /* a leaf's memory; NULL: in the arena */
  int first, last; /* kernels that touch it; first is INT_MAX-like (-1) while untouched */
  int home;        /* the buffer whose place it shares; itself if none */
  size_t offset;
  float *own; /* debug: an allocation of its own */
};

struct cpu_program {
  limn_program base;
  limn_program_options options;
  cpu_kernel *kernels;
  int kernel_count;
  struct buffer *buffers;
  int buffer_count;
  char *arena;
  limn_program_info info;
};

/* Where a value of the schedule lies: at most one buffer a layout. */
struct place {
  int buffer[3];   /* by cpu_layout; ABSENT */
  cpu_layout made; /* the layout in which it was made */
  bool known;
};

struct cpu_builder {
  struct cpu_device *device;
  struct cpu_program *program;
  const limn_schedule *schedule;
  limn_tensor *const *leaves;
  struct place *places; /* (schedule->buffer_count) */
  int kernel_capacity, buffer_capacity;
  limn_status status;
};

limn_status cpu_builder_status(const struct cpu_builder *b) { return b->status; }
limn_status cpu_builder_fail(struct cpu_builder *b, limn_status status) {
  if (b->status == LIMN_OK)
    b->status = status;
  return status;
}
const struct cpu_device *cpu_builder_device(const struct cpu_builder *b) { return b->device; }
limn_shape cpu_shape(const struct cpu_builder *b, int value) { return b->schedule->shapes[value]; }
int cpu_block(const struct cpu_builder *b, cpu_layout layout) {
  return layout == CPU_PLAIN ? 1 : b->device->simd->block;
}

/* Doubles an array when it is full. */
static void *grown(void *array, int count, int *capacity, size_t size) {
  if (count < *capacity)
    return array;
  int wanted = *capacity ? 2 * *capacity : 64;
  void *bigger = realloc(array, (size_t)wanted * size);
  if (bigger)
    *capacity = wanted;
  return bigger;
}

static int add_buffer(struct cpu_builder *b, size_t bytes, float *fixed) {
  struct cpu_program *p = b->program;
  struct buffer *buffers = grown(p->buffers, p->buffer_count, &b->buffer_capacity, sizeof *buffers);
  if (!buffers) {
    cpu_builder_fail(b, limn_fail_memory("a program"));
    return ABSENT;
  }
  p->buffers = buffers;
  p->buffers[p->buffer_count] =
      (struct buffer){.bytes = bytes, .fixed = fixed, .first = ABSENT, .last = ABSENT, .home = p->buffer_count};
  return p->buffer_count++;
}

int cpu_scratch(struct cpu_builder *b, size_t bytes) { return add_buffer(b, bytes ? bytes : 4, NULL); }

cpu_kernel *cpu_add(struct cpu_builder *b, const char *name, void (*run)(const cpu_kernel *, const struct cpu_call *),
                    void *state, int count, const int *buffers) {
  struct cpu_program *p = b->program;
  cpu_kernel *kernels =
      b->status == LIMN_OK ? grown(p->kernels, p->kernel_count, &b->kernel_capacity, sizeof *kernels) : NULL;
  if (!kernels) {
    if (b->status == LIMN_OK)
      cpu_builder_fail(b, limn_fail_memory("a program"));
    free(state);
    return NULL;
  }
  p->kernels = kernels;
  cpu_kernel *kernel = &p->kernels[p->kernel_count];
  *kernel = (cpu_kernel){.name = name, .run = run, .state = state, .count = count};
  for (int i = 0; i < count; ++i) {
    kernel->buffers[i] = buffers[i];
    if (buffers[i] == ABSENT)
      continue;
    struct buffer *buffer = &p->buffers[buffers[i]];
    buffer->first = buffer->first == ABSENT ? p->kernel_count : buffer->first;
    buffer->last = p->kernel_count;
  }
  ++p->kernel_count;
  return kernel;
}

/* Leaves are known from the start; values from their first cpu_output on. */
static struct place *place_of(struct cpu_builder *b, int value) {
  struct place *place = &b->places[value];
  if (!place->known) {
    *place = (struct place){.buffer = {ABSENT, ABSENT, ABSENT}, .known = true};
    const limn_tensor *leaf = b->leaves[value];
    if (leaf) {
      const struct cpu_tensor *tensor = (const struct cpu_tensor *)leaf;
      place->made = tensor->layout;
      place->buffer[tensor->layout] =
          add_buffer(b, (size_t)limn_shape_count(leaf->shape) * sizeof(float), tensor->data);
    }
  }
  return place;
}

cpu_layout cpu_layout_of(const struct cpu_builder *b, int value) {
  return b->leaves[value] ? ((const struct cpu_tensor *)b->leaves[value])->layout : b->places[value].made;
}

int cpu_input(struct cpu_builder *b, int value, cpu_layout layout) {
  if (value == LIMN_NONE || b->status != LIMN_OK)
    return ABSENT;
  struct place *place = place_of(b, value);
  /* A leaf may have been written since it was converted, so its conversions are never reused. */
  if (place->buffer[layout] != ABSENT && (place->made == layout || !b->leaves[value]))
    return place->buffer[layout];
  int from = place->buffer[place->made];
  if (from == ABSENT) {
    cpu_builder_fail(b, limn_fail(LIMN_FAILED, "program: value %d is read before it is made", value));
    return ABSENT;
  }
  limn_shape shape = cpu_shape(b, value);
  int to = add_buffer(b, (size_t)limn_shape_count(shape) * sizeof(float), NULL);
  place->buffer[layout] = to;
  if (to != ABSENT)
    cpu_builder_fail(b, cpu_build_reorder(b, shape, place->made, from, layout, to));
  return to;
}

int cpu_output(struct cpu_builder *b, int value, cpu_layout layout) {
  if (value == LIMN_NONE || b->status != LIMN_OK)
    return ABSENT;
  struct place *place = place_of(b, value);
  place->made = layout;
  limn_value leaf = b->schedule->alias[value];
  const struct cpu_tensor *tensor = leaf == LIMN_NONE ? NULL : (const struct cpu_tensor *)b->leaves[leaf];
  place->buffer[layout] = add_buffer(b, (size_t)limn_shape_count(cpu_shape(b, value)) * sizeof(float),
                                     tensor && tensor->layout == layout ? tensor->data : NULL);
  return place->buffer[layout];
}

/* A value that belongs in an output leaf of another layout is copied there. */
void cpu_output_done(struct cpu_builder *b, int value) {
  limn_value leaf = value == LIMN_NONE ? LIMN_NONE : b->schedule->alias[value];
  if (leaf == LIMN_NONE || b->status != LIMN_OK)
    return;
  cpu_layout made = b->places[value].made, wanted = ((const struct cpu_tensor *)b->leaves[leaf])->layout;
  if (made != wanted)
    cpu_builder_fail(
        b, cpu_build_reorder(b, cpu_shape(b, value), made, b->places[value].buffer[made], wanted, cpu_target(b, leaf)));
}

int cpu_target(struct cpu_builder *b, limn_value leaf) {
  struct place *place = place_of(b, leaf);
  return place->buffer[place->made];
}

static limn_status build_step(struct cpu_builder *b, const limn_step *step) {
  switch (step->kind) {
  case LIMN_STEP_CONV:
  case LIMN_STEP_CONV_DX:
  case LIMN_STEP_CONV_DW:
    return cpu_build_convolution(b, step);
  case LIMN_STEP_STATISTICS:
  case LIMN_STEP_BATCHNORM:
  case LIMN_STEP_BATCHNORM_BACKWARD:
  case LIMN_STEP_UPDATE_RUNNING:
    return cpu_build_batchnorm(b, step);
  case LIMN_STEP_POINTWISE:
    return cpu_build_pointwise(b, step);
  default:
    return cpu_build_update(b, step);
  }
}

/* An output may take the place of an input that ends at the same kernel and has the same size. */
static void share_places(struct cpu_program *p) {
  for (int k = 0; k < p->kernel_count; ++k) {
    const cpu_kernel *kernel = &p->kernels[k];
    if (!kernel->in_place || kernel->buffers[0] == ABSENT)
      continue;
    struct buffer *out = &p->buffers[kernel->buffers[0]];
    if (out->fixed || out->first != k || out->home != kernel->buffers[0])
      continue;
    for (int i = 1; i < kernel->count; ++i) {
      if (!(kernel->in_place >> i & 1) || kernel->buffers[i] == ABSENT)
        continue;
      struct buffer *in = &p->buffers[p->buffers[kernel->buffers[i]].home];
      if (in->fixed || in->last != k || p->buffers[kernel->buffers[i]].last != k || in->bytes != out->bytes)
        continue;
      out->home = p->buffers[kernel->buffers[i]].home;
      in->last = out->last;
      break;
    }
  }
}

static limn_status place_buffers(struct cpu_program *p) {
  if (!p->options.separate_buffers)
    share_places(p);
  limn_block *blocks = calloc((size_t)p->buffer_count + 1, sizeof *blocks);
  int *owners = calloc((size_t)p->buffer_count + 1, sizeof *owners), count = 0;
  limn_status status = blocks && owners ? LIMN_OK : limn_fail_memory("a program");
  for (int i = 0; status == LIMN_OK && i < p->buffer_count; ++i) {
    struct buffer *buffer = &p->buffers[i];
    if (buffer->fixed || buffer->first == ABSENT)
      continue;
    p->info.naive_bytes += buffer->bytes;
    if (buffer->home != i)
      continue;
    blocks[count] = (limn_block){.bytes = buffer->bytes, .first = buffer->first, .last = buffer->last};
    owners[count++] = i;
  }
  if (status == LIMN_OK)
    status = limn_memory_plan(blocks, count, &p->info.arena_bytes);
  for (int i = 0; status == LIMN_OK && i < count; ++i)
    p->buffers[owners[i]].offset = blocks[i].offset;
  free(blocks);
  free(owners);
  return status;
}

/* A gap behind each buffer would hide an overrun from AddressSanitizer, so each has an allocation of its exact size. */
static limn_status allocate_separately(struct cpu_program *p) {
  for (int i = 0; i < p->buffer_count; ++i) {
    struct buffer *buffer = &p->buffers[i];
    if (buffer->fixed || buffer->first == ABSENT)
      continue;
    if (posix_memalign((void **)&buffer->own, ALIGNMENT, buffer->bytes))
      return limn_fail_memory("a program's buffers");
  }
  return LIMN_OK;
}

static void fill_with_nan(const struct buffer *buffer) {
  for (size_t i = 0; i < buffer->bytes / sizeof(float); ++i)
    buffer->own[i] = NAN;
}

static limn_status bind(struct cpu_program *p) {
  LIMN_TRY(place_buffers(p));
  if (p->options.separate_buffers)
    LIMN_TRY(allocate_separately(p));
  else if (p->info.arena_bytes && posix_memalign((void **)&p->arena, ALIGNMENT, p->info.arena_bytes))
    return limn_fail(LIMN_DEVICE, "the CPU has no %.1f MB of memory for a step; use a smaller --batch or size",
                     (double)p->info.arena_bytes / 1e6);
  for (int k = 0; k < p->kernel_count; ++k) {
    cpu_kernel *kernel = &p->kernels[k];
    p->info.flops += kernel->flops;
    for (int i = 0; i < kernel->count; ++i) {
      if (kernel->buffers[i] == ABSENT)
        continue;
      const struct buffer *buffer = &p->buffers[kernel->buffers[i]];
      kernel->p[i] = buffer->fixed ? buffer->fixed
                     : buffer->own ? buffer->own
                                   : (float *)(p->arena + p->buffers[buffer->home].offset);
    }
    if (kernel->bind)
      LIMN_TRY(kernel->bind(kernel));
  }
  p->info.step_count = p->kernel_count;
  return LIMN_OK;
}

static limn_status build_program(void *argument) {
  struct cpu_builder *b = argument;
  for (int i = 0; i < b->schedule->step_count; ++i) {
    LIMN_TRY(build_step(b, &b->schedule->steps[i]));
    LIMN_TRY(b->status);
    for (int o = 0; o < b->schedule->steps[i].output_count; ++o)
      cpu_output_done(b, b->schedule->steps[i].outputs[o]);
    LIMN_TRY(b->status);
  }
  return bind(b->program);
}

static limn_status release_program(void *argument) {
  struct cpu_program *p = argument;
  for (int k = 0; k < p->kernel_count; ++k) {
    cpu_kernel *kernel = &p->kernels[k];
    if (kernel->release)
      kernel->release(kernel->state);
    else
      free(kernel->state);
  }
  return LIMN_OK;
}

void cpu_program_destroy(limn_program *base) {
  struct cpu_program *p = (struct cpu_program *)base;
  if (!p)
    return;
  cpu_worker_call(((struct cpu_device *)base->device)->worker, release_program, p);
  for (int i = 0; i < p->buffer_count; ++i)
    free(p->buffers[i].own);
  free(p->kernels);
  free(p->buffers);
  free(p->arena);
  free(p);
}

limn_status cpu_program_create(limn_device *device, const limn_graph *graph, limn_tensor *const *leaves,
                               const limn_program_options *options, limn_program **out) {
  struct cpu_device *cpu = (struct cpu_device *)device;
  limn_schedule *schedule = NULL;
  LIMN_TRY(limn_schedule_create(
      &schedule, graph, (limn_fusion){.conv_activation = true, .batchnorm_activation = true, .pointwise = true}));
  struct cpu_program *program = calloc(1, sizeof *program);
  struct place *places = calloc((size_t)schedule->buffer_count + 1, sizeof *places);
  /* Extra buffers of the schedule are no leaves: the array is extended with NULLs. */
  limn_tensor **all = calloc((size_t)schedule->buffer_count + 1, sizeof *all);
  limn_status status = program && places && all ? LIMN_OK : limn_fail_memory("a program");
  if (program)
    program->base.device = device;
  if (status == LIMN_OK) {
    for (int v = 0; v < limn_graph_count(graph); ++v)
      all[v] = leaves[v];
    program->options = *options;
    struct cpu_builder builder = {
        .device = cpu, .program = program, .schedule = schedule, .leaves = all, .places = places};
    status = cpu_worker_call(cpu->worker, build_program, &builder);
  }
  limn_schedule_destroy(schedule);
  free(places);
  free(all);
  if (status != LIMN_OK) {
    cpu_program_destroy(program ? &program->base : NULL);
    return status;
  }
  *out = &program->base;
  return LIMN_OK;
}

struct run_job {
  const struct cpu_program *program;
  struct cpu_call call;
};

static limn_status run_kernels(void *argument) {
  const struct run_job *job = argument;
  const struct cpu_program *p = job->program;
  if (p->options.separate_buffers)
    for (int i = 0; i < p->buffer_count; ++i)
      if (p->buffers[i].own)
        fill_with_nan(&p->buffers[i]);
  for (int k = 0; k < p->kernel_count && *job->call.status == LIMN_OK; ++k)
    p->kernels[k].run(&p->kernels[k], &job->call);
  return *job->call.status;
}

limn_status cpu_program_run(limn_program *base, uint64_t step) {
  const struct cpu_device *cpu = (const struct cpu_device *)base->device;
  limn_status status = LIMN_OK;
  struct run_job job = {
      .program = (const struct cpu_program *)base,
      .call = {.step = step, .seed = cpu->base.seed, .threads = cpu->threads, .simd = cpu->simd, .status = &status}};
  return cpu_worker_call(cpu->worker, run_kernels, &job);
}

void cpu_program_info(const limn_program *base, limn_program_info *out) {
  *out = ((const struct cpu_program *)base)->info;
}
