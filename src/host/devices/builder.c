#include "devices/builder.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* Where a value of the schedule lies: at most one buffer a format. */
struct place {
  int buffer[LIMN_MAX_FORMATS];
  int made; /* the format in which it was made */
  bool known;
};

struct limn_builder {
  limn_code *code;
  const limn_schedule *schedule;
  limn_tensor **leaves; /* (schedule->buffer_count) */
  struct place *places; /* (schedule->buffer_count) */
  int kernel_capacity, buffer_capacity;
  limn_status status;
};

limn_status limn_builder_status(const limn_builder *b) { return b->status; }
limn_status limn_builder_fail(limn_builder *b, limn_status status) {
  if (b->status == LIMN_OK)
    b->status = status;
  return status;
}
limn_device *limn_builder_device(const limn_builder *b) { return b->code->device; }
limn_shape limn_builder_shape(const limn_builder *b, int value) { return b->schedule->shapes[value]; }
const limn_tensor *limn_builder_leaf(const limn_builder *b, int value) { return b->leaves[value]; }

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

static int add_buffer(limn_builder *b, struct limn_buffer buffer) {
  limn_code *code = b->code;
  struct limn_buffer *buffers = grown(code->buffers, code->buffer_count, &b->buffer_capacity, sizeof *buffers);
  if (!buffers) {
    limn_builder_fail(b, limn_fail_memory("a program"));
    return LIMN_ABSENT;
  }
  code->buffers = buffers;
  buffer.first = buffer.last = LIMN_ABSENT;
  buffer.home = code->buffer_count;
  code->buffers[code->buffer_count] = buffer;
  return code->buffer_count++;
}

int limn_builder_scratch(limn_builder *b, size_t bytes) {
  return add_buffer(b, (struct limn_buffer){.bytes = bytes ? bytes : 4, .scratch = true});
}

limn_conv_shapes limn_builder_conv_shapes(const limn_builder *b, const limn_task *task) {
  limn_shape first = limn_builder_shape(b, task->inputs[0]), second = limn_builder_shape(b, task->inputs[1]),
             out = limn_builder_shape(b, task->outputs[0]);
  limn_conv_shapes s = {.x = task->kind == LIMN_TASK_CONV_DX ? out : first,
                        .w = task->kind == LIMN_TASK_CONV_DW ? out : second,
                        .y = task->kind == LIMN_TASK_CONV      ? out
                             : task->kind == LIMN_TASK_CONV_DX ? first
                                                               : second};
  const limn_conv_attrs *attrs = &task->node.conv;
  s.dense = s.w.h == s.x.h && s.w.w == s.x.w && attrs->pad_h == 0 && attrs->pad_w == 0 && limn_conv_is_plain(*attrs);
  s.flops = 2.0 * (double)limn_shape_count(s.y) * s.w.c * s.w.h * s.w.w;
  return s;
}

static void release_kernel(limn_kernel *kernel) {
  if (kernel->release)
    kernel->release(kernel->state);
  else
    free(kernel->state);
  free(kernel->buffers);
  free(kernel->p);
}

limn_kernel *limn_builder_add(limn_builder *b, limn_kernel kernel, const int *buffers) {
  limn_code *code = b->code;
  size_t count = (size_t)kernel.count + 1;
  limn_kernel *kernels =
      b->status == LIMN_OK ? grown(code->kernels, code->kernel_count, &b->kernel_capacity, sizeof *kernels) : NULL;
  if (kernels)
    code->kernels = kernels;
  kernel.buffers = malloc(count * sizeof *kernel.buffers);
  kernel.p = calloc(count, sizeof *kernel.p);
  if (!kernels || !kernel.buffers || !kernel.p) {
    if (b->status == LIMN_OK)
      limn_builder_fail(b, limn_fail_memory("a program"));
    release_kernel(&kernel);
    return NULL;
  }
  for (int i = 0; i < kernel.count; ++i) {
    kernel.buffers[i] = buffers[i];
    if (buffers[i] == LIMN_ABSENT)
      continue;
    struct limn_buffer *buffer = &code->buffers[buffers[i]];
    buffer->first = buffer->first == LIMN_ABSENT ? code->kernel_count : buffer->first;
    buffer->last = code->kernel_count;
  }
  code->kernels[code->kernel_count] = kernel;
  return &code->kernels[code->kernel_count++];
}

static size_t bytes_of(const limn_builder *b, limn_shape shape, int format) {
  return b->code->backend->bytes(shape, format);
}

/* Leaves are known from the start; values from their first limn_builder_output on. */
static struct place *place_of(limn_builder *b, int value) {
  struct place *place = &b->places[value];
  if (place->known)
    return place;
  const limn_backend *backend = b->code->backend;
  const limn_tensor *leaf = b->leaves[value];
  *place = (struct place){.made = leaf ? backend->leaf_format(leaf) : 0, .known = true};
  for (int format = 0; format < LIMN_MAX_FORMATS; ++format) {
    void *at = NULL;
    place->buffer[format] = LIMN_ABSENT;
    if (leaf && backend->leaf_memory(leaf, format, &at))
      place->buffer[format] =
          add_buffer(b, (struct limn_buffer){.bytes = bytes_of(b, leaf->shape, format), .fixed = true, .at = at});
  }
  return place;
}

int limn_builder_format(const limn_builder *b, int value) {
  return b->leaves[value] ? b->code->backend->leaf_format(b->leaves[value]) : b->places[value].made;
}

int limn_builder_input(limn_builder *b, int value, int format) {
  if (value == LIMN_NONE || b->status != LIMN_OK)
    return LIMN_ABSENT;
  struct place *place = place_of(b, value);
  int known = place->buffer[format];
  /* A leaf may have been written since it was converted, so its conversions are never reused. */
  if (known != LIMN_ABSENT && (b->code->buffers[known].fixed || !b->leaves[value]))
    return known;
  int from = place->buffer[place->made];
  if (from == LIMN_ABSENT) {
    limn_builder_fail(b, limn_fail(LIMN_FAILED, "program: value %d is read before it is made", value));
    return LIMN_ABSENT;
  }
  limn_shape shape = limn_builder_shape(b, value);
  int to = add_buffer(b, (struct limn_buffer){.bytes = bytes_of(b, shape, format)});
  place->buffer[format] = to;
  if (to != LIMN_ABSENT)
    limn_builder_fail(b, b->code->backend->convert(b, shape, (const int[]){place->made, format}, from, to));
  return to;
}

int limn_builder_output(limn_builder *b, int value, int format) {
  if (value == LIMN_NONE || b->status != LIMN_OK)
    return LIMN_ABSENT;
  struct place *place = place_of(b, value);
  place->made = format;
  limn_value leaf = b->schedule->alias[value];
  struct limn_buffer buffer = {.bytes = bytes_of(b, limn_builder_shape(b, value), format)};
  if (leaf != LIMN_NONE && b->code->backend->leaf_format(b->leaves[leaf]) == format)
    buffer.fixed = b->code->backend->leaf_memory(b->leaves[leaf], format, &buffer.at);
  return place->buffer[format] = add_buffer(b, buffer);
}

int limn_builder_output_copy(limn_builder *b, int value, int format) {
  if (value == LIMN_NONE || b->status != LIMN_OK)
    return LIMN_ABSENT;
  return place_of(b, value)->buffer[format] =
             add_buffer(b, (struct limn_buffer){.bytes = bytes_of(b, limn_builder_shape(b, value), format)});
}

bool limn_builder_is_operand(const limn_builder *b, const limn_task *task, int input) {
  (void)b;
  return input < 2 &&
         (task->kind == LIMN_TASK_CONV || task->kind == LIMN_TASK_CONV_DX || task->kind == LIMN_TASK_CONV_DW);
}

limn_readers limn_builder_readers(const limn_builder *b, int value, limn_reader *ours) {
  limn_readers readers = {.others = b->schedule->alias[value] != LIMN_NONE};
  for (int i = 0; i < b->schedule->task_count; ++i) {
    const limn_task *task = &b->schedule->tasks[i];
    for (int in = 0; in < task->input_count; ++in)
      if (task->inputs[in] == value)
        *(ours(b, task, in) ? &readers.ours : &readers.others) = true;
  }
  return readers;
}

bool limn_builder_is_addition(const limn_builder *b, const limn_task *task) {
  return limn_task_is_sum_of_two(b->schedule, task) && limn_shape_count(task->domain) > 1;
}

bool limn_builder_is_weights_gradient(const limn_builder *b, int value) {
  for (int i = 0; i < b->schedule->task_count; ++i) {
    const limn_task *task = &b->schedule->tasks[i];
    if (task->kind == LIMN_TASK_CONV_DW && task->outputs[0] == value)
      return true;
  }
  return false;
}

bool limn_tasks_are_apart(const limn_task *tasks, int count) {
  for (int i = 0; i < count; ++i)
    if (limn_task_must_precede(&tasks[i], &tasks[count]))
      return false;
  return true;
}

/* Whether two optimiser tasks differ in nothing but their tensors. */
static bool same_rule(const limn_task *a, const limn_task *b) {
  const limn_node *x = &a->node, *y = &b->node;
  bool same = b->kind == LIMN_TASK_OPTIMIZER && x->op == y->op && a->input_count == b->input_count &&
              x->alpha == y->alpha && x->beta1 == y->beta1 && x->beta2 == y->beta2 && x->eps == y->eps &&
              x->weight_decay == y->weight_decay && x->decoupled == y->decoupled;
  for (int i = 1; same && i < a->input_count; ++i)
    same = a->inputs[i] == b->inputs[i];
  return same;
}

int limn_tasks_of_optimizer(const limn_task *tasks, int left) {
  int count = 1;
  while (count < left && same_rule(tasks, &tasks[count]) && limn_tasks_are_apart(tasks, count))
    ++count;
  return count;
}

int limn_builder_target(limn_builder *b, limn_value leaf) {
  struct place *place = place_of(b, leaf);
  return place->buffer[place->made];
}

int limn_builder_target_copy(limn_builder *b, limn_value leaf, int format) {
  struct place *place = place_of(b, leaf);
  int copy = place->buffer[format];
  return format != place->made && copy != LIMN_ABSENT && b->code->buffers[copy].fixed ? copy : LIMN_ABSENT;
}

/* A value that belongs in an output leaf of another format is copied there. */
static void finish_output(limn_builder *b, int value) {
  limn_value leaf = value == LIMN_NONE ? LIMN_NONE : b->schedule->alias[value];
  if (leaf == LIMN_NONE || b->status != LIMN_OK)
    return;
  int made = b->places[value].made, wanted = b->code->backend->leaf_format(b->leaves[leaf]);
  if (made != wanted)
    limn_builder_fail(b, b->code->backend->convert(b, limn_builder_shape(b, value), (const int[]){made, wanted},
                                                   b->places[value].buffer[made], limn_builder_target(b, leaf)));
}

/* An output may take the place of an input that ends at the same kernel and has the same size. */
static void share_places(limn_code *code) {
  for (int k = 0; k < code->kernel_count; ++k) {
    const limn_kernel *kernel = &code->kernels[k];
    if (!kernel->in_place || kernel->buffers[0] == LIMN_ABSENT)
      continue;
    struct limn_buffer *out = &code->buffers[kernel->buffers[0]];
    if (out->fixed || out->first != k || out->home != kernel->buffers[0])
      continue;
    for (int i = 1; i < kernel->count; ++i) {
      if (!(kernel->in_place >> i & 1) || kernel->buffers[i] == LIMN_ABSENT)
        continue;
      const struct limn_buffer *operand = &code->buffers[kernel->buffers[i]];
      struct limn_buffer *in = &code->buffers[operand->home];
      if (in->fixed || in->last != k || operand->last != k || in->bytes != out->bytes)
        continue;
      out->home = operand->home;
      in->last = out->last;
      break;
    }
  }
}

static limn_status place_buffers(limn_code *code) {
  if (!code->options.separate_buffers)
    share_places(code);
  limn_block *blocks = calloc((size_t)code->buffer_count + 1, sizeof *blocks);
  int *owners = calloc((size_t)code->buffer_count + 1, sizeof *owners), count = 0;
  limn_status status = blocks && owners ? LIMN_OK : limn_fail_memory("a program");
  for (int i = 0; status == LIMN_OK && i < code->buffer_count; ++i) {
    const struct limn_buffer *buffer = &code->buffers[i];
    if (buffer->fixed || buffer->first == LIMN_ABSENT)
      continue;
    code->info.naive_bytes += buffer->bytes;
    if (buffer->home != i)
      continue;
    blocks[count] = (limn_block){.bytes = buffer->bytes, .first = buffer->first, .last = buffer->last};
    owners[count++] = i;
  }
  if (status == LIMN_OK)
    status = limn_place_blocks(blocks, count, &code->info.arena_bytes);
  for (int i = 0; status == LIMN_OK && i < count; ++i)
    code->buffers[owners[i]].offset = blocks[i].offset;
  free(blocks);
  free(owners);
  return status;
}

/* A gap behind each buffer would hide an overrun from AddressSanitizer, so each has an allocation of its exact size. */
static limn_status allocate_separately(limn_code *code) {
  for (int i = 0; i < code->buffer_count; ++i) {
    struct limn_buffer *buffer = &code->buffers[i];
    if (buffer->fixed || buffer->first == LIMN_ABSENT)
      continue;
    LIMN_TRY(code->backend->allocate(code->device, buffer->bytes, &buffer->own));
  }
  return LIMN_OK;
}

limn_status limn_code_bind(limn_code *code) {
  if (code->options.separate_buffers)
    LIMN_TRY(allocate_separately(code));
  else if (code->info.arena_bytes)
    LIMN_TRY(code->backend->allocate(code->device, code->info.arena_bytes, &code->arena));
  for (int i = 0; i < code->buffer_count; ++i) {
    struct limn_buffer *buffer = &code->buffers[i];
    if (!buffer->fixed)
      buffer->at = buffer->own ? buffer->own : (char *)code->arena + code->buffers[buffer->home].offset;
  }
  for (int k = 0; k < code->kernel_count; ++k) {
    limn_kernel *kernel = &code->kernels[k];
    for (int i = 0; i < kernel->count; ++i)
      kernel->p[i] = kernel->buffers[i] == LIMN_ABSENT ? NULL : code->buffers[kernel->buffers[i]].at;
    if (kernel->bind)
      LIMN_TRY(kernel->bind(kernel));
  }
  return LIMN_OK;
}

/* What the task makes or, if it is an update, writes. */
static limn_shape shape_of(const limn_builder *b, const limn_task *task) {
  for (int o = 0; o < task->output_count; ++o)
    if (task->outputs[o] != LIMN_NONE)
      return limn_builder_shape(b, task->outputs[o]);
  return task->node.target_count ? limn_builder_shape(b, task->node.targets[0]) : LIMN_SCALAR;
}

static limn_status build_tasks(limn_builder *b) {
  const limn_schedule *schedule = b->schedule;
  for (int i = 0, taken; i < schedule->task_count; i += taken) {
    int first = b->code->kernel_count;
    taken = 1;
    LIMN_TRY(b->code->backend->build(b, &schedule->tasks[i], schedule->task_count - i, &taken));
    LIMN_TRY(b->status);
    for (int s = i; s < i + taken; ++s)
      for (int o = 0; o < schedule->tasks[s].output_count; ++o)
        finish_output(b, schedule->tasks[s].outputs[o]);
    LIMN_TRY(b->status);
    for (int k = first; k < b->code->kernel_count; ++k)
      b->code->kernels[k].shape = shape_of(b, &schedule->tasks[i]);
  }
  return LIMN_OK;
}

/* The forms in which a value lies once all is built: those of a leaf are kept, others of a leaf are conversions. */
static limn_value_bytes value_bytes(const limn_builder *b, int value) {
  const struct place *place = &b->places[value];
  limn_value_bytes bytes = {0};
  for (int format = 0; place->known && format < LIMN_MAX_FORMATS; ++format) {
    int buffer = place->buffer[format];
    if (buffer == LIMN_ABSENT)
      continue;
    double size = (double)b->code->buffers[buffer].bytes;
    bytes.least = bytes.least == 0 || size < bytes.least ? size : bytes.least;
    bytes.master = format == place->made ? size : bytes.master;
    bytes.all += b->leaves[value] && !b->code->buffers[buffer].fixed ? 0 : size;
  }
  return bytes;
}

static limn_status find_least_bytes(limn_builder *b) {
  limn_value_bytes *bytes = calloc((size_t)b->schedule->buffer_count + 1, sizeof *bytes);
  if (!bytes)
    return limn_fail_memory("a program");
  for (int value = 0; value < b->schedule->buffer_count; ++value)
    bytes[value] = value_bytes(b, value);
  b->code->info.least_bytes = limn_schedule_least_bytes(b->schedule, bytes);
  free(bytes);
  return LIMN_OK;
}

static double buffer_bytes(const limn_code *code, const limn_kernel *kernel) {
  double sum = 0;
  for (int i = 0; i < kernel->count; ++i)
    if (kernel->buffers[i] != LIMN_ABSENT && !code->buffers[kernel->buffers[i]].scratch)
      sum += (double)code->buffers[kernel->buffers[i]].bytes;
  return sum;
}

void limn_code_row(const limn_code *code, int index, limn_program_row *out) {
  const limn_kernel *kernel = &code->kernels[index];
  *out = (limn_program_row){.name = kernel->name,
                            .engine = kernel->engine ? kernel->engine : "",
                            .shape = kernel->shape,
                            .flops = kernel->flops,
                            .bytes = kernel->bytes > 0 ? kernel->bytes : buffer_bytes(code, kernel),
                            .workspace_bytes =
                                kernel->workspace ? code->buffers[kernel->buffers[kernel->workspace]].bytes : 0,
                            .launches = kernel->launches ? kernel->launches : 1,
                            .blocks = kernel->blocks};
}

limn_status limn_code_build(limn_code *code, const limn_graph *graph, limn_tensor *const *leaves) {
  limn_schedule *schedule = NULL;
  LIMN_TRY(limn_schedule_create(&schedule, graph, code->backend->fusion));
  size_t values = (size_t)schedule->buffer_count + 1;
  limn_builder b = {.code = code,
                    .schedule = schedule,
                    .leaves = calloc(values, sizeof *b.leaves),
                    .places = calloc(values, sizeof *b.places)};
  limn_status status = b.leaves && b.places ? LIMN_OK : limn_fail_memory("a program");
  if (status == LIMN_OK) {
    /* Extra buffers of the schedule are no leaves: the array is extended with NULLs. */
    memcpy(b.leaves, leaves, (size_t)limn_graph_count(graph) * sizeof *leaves);
    status = build_tasks(&b);
  }
  if (status == LIMN_OK)
    status = find_least_bytes(&b);
  if (status == LIMN_OK)
    status = place_buffers(code);
  for (int k = 0; status == LIMN_OK && k < code->kernel_count; ++k) {
    code->info.flops += code->kernels[k].flops;
    code->info.launches += code->kernels[k].launches ? code->kernels[k].launches : 1;
  }
  code->info.row_count = code->kernel_count;
  limn_schedule_destroy(schedule);
  free(b.leaves);
  free(b.places);
  return status;
}

void limn_code_release(limn_code *code) {
  for (int k = 0; k < code->kernel_count; ++k)
    release_kernel(&code->kernels[k]);
  for (int i = 0; i < code->buffer_count; ++i)
    if (code->buffers[i].own)
      code->backend->free(code->device, code->buffers[i].own);
  if (code->arena)
    code->backend->free(code->device, code->arena);
  free(code->kernels);
  free(code->buffers);
  *code = (limn_code){0};
}
