/* Pointwise tasks: the instructions run over short chunks that stay in the nearest cache, so that a fused task reads
 * each input once and writes its output once. Sums are taken chunk by chunk and added in a fixed order. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "devices/cpu/cpu.h"

#define CHUNK      512 /* floats; a multiple of every block */
#define MOST_BLOCK 16

/* How an operand or a result is spread over the domain. PICTURE, which is the same for all samples: an operand alone.
 */
typedef enum kind { FULL, SCALAR, CHANNEL, SAMPLE, PICTURE } kind;

/* Rows are runs of memory in which the sample is fixed and the channel is fixed, or repeats with the block, or (one
 * pixel) is the position. Without channel or sample operands the whole tensor is one run, cut into equal rows. */
struct group {
  limn_shape shape;
  int block, input_count, instruction_count, output_count;
  kind kinds[LIMN_MAX_TASK_INPUTS];
  kind targets[LIMN_MAX_TASK_OUTPUTS]; /* FULL: stored, else summed */
  int operands[LIMN_MAX_TASK_OUTPUTS];
  limn_instruction instructions[LIMN_MAX_INSTRUCTIONS];
  size_t rows, row_length, rows_per_sample; /* rows of a sample; 0: a flat run */
  size_t count;
};

#define FLAT_ROW 8192 /* floats of a row of a flat run */

/* Operands of the kernel: outputs, inputs, and for each output that is summed what each row comes to. */
static float *output_at(const limn_kernel *k, int o) { return cpu_at(k, (size_t)o); }
static float *input_at(const limn_kernel *k, int i) {
  return cpu_at(k, (size_t)(((const struct group *)k->state)->output_count + i));
}
static float *partial_at(const limn_kernel *k, int o) {
  const struct group *s = k->state;
  return cpu_at(k, (size_t)(s->output_count + s->input_count + o));
}

static bool is_one_pixel(const struct group *s) { return s->shape.h * s->shape.w == 1; }

/* Sums that a row leaves of an output: of each channel in it. */
static size_t width_of(const struct group *s, int o) {
  return s->targets[o] != CHANNEL ? 1 : is_one_pixel(s) ? s->row_length : (size_t)s->block;
}

/* How a row of the group's domain sees a vector over channels: constant, a repeated block, or in step. */
static const float *channel_chunk(const struct group *s, const float *channels, size_t row, size_t offset, size_t n,
                                  float *space, const limn_simd *simd) {
  if (is_one_pixel(s))
    return channels + offset;
  const float *first = channels + row % s->rows_per_sample * (size_t)s->block;
  if (s->block == 1) {
    simd->fill(space, *first, n);
  } else {
    for (size_t i = 0; i < n; i += (size_t)s->block)
      memcpy(space + i, first, (size_t)s->block * sizeof *space);
  }
  return space;
}

/* The output that an instruction's result may be written to at once: of the last, so that no later one can miss an
 * input in whose place the output lies. */
static int direct_output(const struct group *s, int instruction) {
  for (int o = 0; o < s->output_count && instruction == s->instruction_count - 1; ++o)
    if (s->targets[o] == FULL && s->operands[o] == LIMN_MAX_TASK_INPUTS + instruction)
      return o;
  return -1;
}

/* Runs the instructions over elements offset ... offset + n of a row: where each operand lies. */
static void run_chunk(const limn_kernel *k, const struct limn_call *call, size_t row, size_t offset, size_t n,
                      float (*space)[CHUNK], const float **operands) {
  const struct group *s = k->state;
  size_t at = row * s->row_length + offset;
  for (int i = 0; i < s->input_count; ++i) {
    const float *p = input_at(k, i);
    switch (s->kinds[i]) {
    case FULL:
      operands[i] = p + at;
      break;
    case CHANNEL:
      operands[i] = channel_chunk(s, p, row, offset, n, space[i], call->simd);
      break;
    case PICTURE:
      operands[i] = p + row % s->rows_per_sample * s->row_length + offset;
      break;
    default:
      call->simd->fill(space[i], s->kinds[i] == SCALAR ? *p : p[row / s->rows_per_sample], n);
      operands[i] = space[i];
    }
  }
  for (int i = 0; i < s->instruction_count; ++i) {
    const limn_instruction *instruction = &s->instructions[i];
    int direct = direct_output(s, i);
    float *result = direct < 0 ? space[LIMN_MAX_TASK_INPUTS + i] : output_at(k, direct) + at;
    if (instruction->function == LIMN_CONSTANT)
      call->simd->fill(result, instruction->beta, n);
    else
      call->simd->pointwise[instruction->function](result, operands[instruction->x], operands[instruction->y],
                                                   instruction->alpha, instruction->beta, n);
    operands[LIMN_MAX_TASK_INPUTS + i] = result;
  }
}

/* Stores a chunk of an output's values, or adds them to its row's totals: of each channel of a block, or of all. */
static void take_chunk(const limn_kernel *k, const limn_simd *simd, int o, size_t at, const float *value, size_t n,
                       double *totals) {
  const struct group *s = k->state;
  float *out = s->targets[o] == FULL ? output_at(k, o) : partial_at(k, o), sum[MOST_BLOCK] = {0};
  if (s->targets[o] == FULL || (s->targets[o] == CHANNEL && is_one_pixel(s))) {
    if (value != out + at)
      memcpy(out + at, value, n * sizeof *out);
  } else if (s->targets[o] == CHANNEL) {
    simd->channel_sums(value, (int)(n / (size_t)s->block), s->block, sum);
    for (int i = 0; i < s->block; ++i)
      totals[i] += (double)sum[i];
  } else {
    totals[0] += (double)simd->sum(value, n);
  }
}

static void run_row(const limn_kernel *k, const struct limn_call *call, size_t row) {
  const struct group *s = k->state;
  float space[LIMN_MAX_TASK_INPUTS + LIMN_MAX_INSTRUCTIONS][CHUNK];
  const float *operands[LIMN_MAX_TASK_INPUTS + LIMN_MAX_INSTRUCTIONS] = {0};
  double totals[LIMN_MAX_TASK_OUTPUTS][MOST_BLOCK] = {{0}};
  size_t first = row * s->row_length, end = s->count - first < s->row_length ? s->count - first : s->row_length;
  for (size_t offset = 0; offset < end; offset += CHUNK) {
    size_t n = end - offset < CHUNK ? end - offset : CHUNK;
    run_chunk(k, call, row, offset, n, space, operands);
    for (int o = 0; o < s->output_count; ++o)
      take_chunk(k, call->simd, o, first + offset, operands[s->operands[o]], n, totals[o]);
  }
  for (int o = 0; o < s->output_count; ++o) {
    if (s->targets[o] == FULL || (s->targets[o] == CHANNEL && is_one_pixel(s)))
      continue; /* nothing was added up */
    for (size_t i = 0; i < width_of(s, o); ++i)
      partial_at(k, o)[row * width_of(s, o) + i] = (float)totals[o][i];
  }
}

/* What the rows have left of an output, in the order of the rows. */
static void add_rows(const limn_kernel *k, int o) {
  const struct group *s = k->state;
  const float *partial = partial_at(k, o);
  size_t width = width_of(s, o), sums = s->targets[o] == SCALAR ? 1 : (size_t)s->shape.n, each = s->rows / sums;
  for (size_t c = 0; s->targets[o] == CHANNEL && c < (size_t)s->shape.c; ++c) {
    double total = 0;
    for (size_t row = c / width; row < s->rows; row += s->rows_per_sample)
      total += (double)partial[row * width + c % width];
    output_at(k, o)[c] = (float)total;
  }
  for (size_t i = 0; s->targets[o] != CHANNEL && i < sums; ++i) {
    double total = 0;
    for (size_t row = i * each; row < (i + 1) * each; ++row)
      total += (double)partial[row];
    output_at(k, o)[i] = (float)total;
  }
}

static void run_pass(const limn_kernel *k, const struct limn_call *call) {
  const struct group *s = k->state;
#pragma omp parallel for num_threads(call->threads) schedule(static) if (s->count > CHUNK)
  for (size_t row = 0; row < s->rows; ++row)
    run_row(k, call, row);
  for (int o = 0; o < s->output_count; ++o)
    if (s->targets[o] != FULL)
      add_rows(k, o);
}

/* Broadcasts and sums of other shapes, which no model of ours has on its hot path: element by element, plain layouts.
 */
struct generic {
  limn_shape from, to;
};

static size_t index_in(limn_shape s, int n, int c, int h, int w) {
  return (((size_t)(s.n == 1 ? 0 : n) * (size_t)s.c + (size_t)(s.c == 1 ? 0 : c)) * (size_t)s.h +
          (size_t)(s.h == 1 ? 0 : h)) *
             (size_t)s.w +
         (size_t)(s.w == 1 ? 0 : w);
}

static void run_generic(const limn_kernel *k, limn_shape domain, limn_shape to, limn_shape from) {
  for (int n = 0; n < domain.n; ++n)
    for (int c = 0; c < domain.c; ++c)
      for (int h = 0; h < domain.h; ++h)
        for (int w = 0; w < domain.w; ++w)
          cpu_at(k, 0)[index_in(to, n, c, h, w)] += cpu_at(k, 1)[index_in(from, n, c, h, w)];
}

/* Over samples alone: of each chunk of a sample by one thread. */
static void run_sum_of_samples(const limn_kernel *k, const struct limn_call *call) {
  const struct generic *s = k->state;
  const size_t size = (size_t)limn_shape_count(s->to), chunks = (size + CHUNK - 1) / CHUNK;
#pragma omp parallel for num_threads(call->threads) schedule(static)
  for (size_t chunk = 0; chunk < chunks; ++chunk) {
    const size_t first = chunk * CHUNK, n = size - first < CHUNK ? size - first : CHUNK;
    float *out = cpu_at(k, 0) + first;
    memcpy(out, cpu_at(k, 1) + first, n * sizeof *out);
    for (int32_t sample = 1; sample < s->from.n; ++sample)
      call->simd->pointwise[LIMN_PW_ADD](out, out, cpu_at(k, 1) + (size_t)sample * size + first, 0, 0, n);
  }
}

static bool is_of_samples(limn_shape domain, limn_shape s) {
  return s.n == 1 && s.c == domain.c && s.h == domain.h && s.w == domain.w;
}

static void run_generic_sum(const limn_kernel *k, const struct limn_call *call) {
  const struct generic *s = k->state;
  call->simd->fill(cpu_at(k, 0), 0, (size_t)limn_shape_count(s->to));
  run_generic(k, s->from, s->to, s->from);
}

static void run_generic_broadcast(const limn_kernel *k, const struct limn_call *call) {
  const struct generic *s = k->state;
  call->simd->fill(cpu_at(k, 0), 0, (size_t)limn_shape_count(s->to));
  run_generic(k, s->to, s->to, s->from);
}

static int add_generic(limn_builder *b, const char *name, void (*run)(const limn_kernel *, const struct limn_call *),
                       struct generic shapes, int to, int from) {
  struct generic *s = malloc(sizeof *s);
  if (!s) {
    limn_builder_fail(b, limn_fail_memory("a program"));
    return -1;
  }
  *s = shapes;
  cpu_add(b, name, run, s, 2, (const int[]){to, from});
  return to;
}

/* How an operand of that shape is spread over the domain; false when it is none of the fast kinds. */
static bool classify(limn_shape domain, limn_shape s, kind *out) {
  if (limn_shape_equal(domain, s))
    *out = FULL;
  else if (limn_shape_count(s) == 1)
    *out = SCALAR;
  else if (limn_shape_equal(s, LIMN_CHANNELS(domain.c)))
    *out = CHANNEL;
  else if (s.n == domain.n && s.c == 1 && s.h == 1 && s.w == 1)
    *out = SAMPLE;
  else if (is_of_samples(domain, s))
    *out = PICTURE;
  else
    return false;
  return true;
}

/* The layout that the operands have already. Only a flat run can stay in a weight's: elsewhere a row belongs to one
 * sample. */
static cpu_layout choose_layout(const limn_builder *b, const limn_task *task, bool flat, bool generic) {
  int block = cpu_device_of(b)->simd->block;
  cpu_layout activation = limn_cpu_activation_layout(block, task->domain);
  if (generic)
    return CPU_PLAIN;
  for (int i = 0; i < task->input_count && flat; ++i)
    if (limn_shape_equal(limn_builder_shape(b, task->inputs[i]), task->domain) &&
        limn_builder_format(b, task->inputs[i]) == CPU_BLOCKED_WEIGHT)
      return CPU_BLOCKED_WEIGHT;
  for (int i = 0; i < task->input_count; ++i)
    if (limn_shape_equal(limn_builder_shape(b, task->inputs[i]), task->domain) &&
        limn_builder_format(b, task->inputs[i]) == CPU_PLAIN)
      return CPU_PLAIN;
  return activation;
}

static int operand(limn_builder *b, const limn_task *task, int i, cpu_layout layout, kind *out) {
  limn_value value = task->inputs[i];
  limn_shape shape = limn_builder_shape(b, value);
  if (classify(task->domain, shape, out))
    return limn_builder_input(b, value, *out == FULL || *out == PICTURE ? layout : CPU_PLAIN);
  *out = FULL;
  return add_generic(b, "broadcast", run_generic_broadcast, (struct generic){.from = shape, .to = task->domain},
                     limn_builder_scratch(b, (size_t)limn_shape_count(task->domain) * sizeof(float)),
                     limn_builder_input(b, value, CPU_PLAIN));
}

static void divide_into_rows(struct group *s, bool flat) {
  s->count = (size_t)limn_shape_count(s->shape);
  size_t pixels = (size_t)s->shape.h * (size_t)s->shape.w;
  if (flat) {
    s->row_length = FLAT_ROW;
    s->rows = (s->count + FLAT_ROW - 1) / FLAT_ROW;
  } else if (pixels == 1) {
    s->row_length = (size_t)s->shape.c;
    s->rows = (size_t)s->shape.n;
    s->rows_per_sample = 1;
  } else {
    s->row_length = pixels * (size_t)s->block;
    s->rows_per_sample = (size_t)(s->shape.c / s->block);
    s->rows = s->rows_per_sample * (size_t)s->shape.n;
  }
}

/* Whether a flat run will do, and whether an operand or a result is spread in a way that only plain layouts serve. */
static void find_spreads(const limn_builder *b, const limn_task *task, bool *flat, bool *generic) {
  *flat = true;
  *generic = false;
  for (int i = 0; i < task->input_count + task->output_count; ++i) {
    int value = i < task->input_count ? task->inputs[i] : task->outputs[i - task->input_count];
    kind spread;
    if (!classify(task->domain, limn_builder_shape(b, value), &spread) || (spread == PICTURE && i >= task->input_count))
      *generic = true;
    else
      *flat = *flat && (spread == FULL || spread == SCALAR);
  }
}

/* The kernel's buffers; how many there are. rest: where each output goes whose sum is none of the fast kinds. */
static int place_operands(limn_builder *b, const limn_task *task, struct group *s, cpu_layout layout, int *buffers,
                          int *rest) {
  int count = 0;
  for (int o = 0; o < task->output_count; ++o) {
    limn_shape shape = limn_builder_shape(b, task->outputs[o]);
    bool generic = !classify(task->domain, shape, &s->targets[o]) || s->targets[o] == PICTURE;
    s->targets[o] = generic ? FULL : s->targets[o];
    rest[o] = limn_builder_output(b, task->outputs[o], s->targets[o] == FULL && !generic ? layout : CPU_PLAIN);
    buffers[count++] = generic ? limn_builder_scratch(b, s->count * sizeof(float)) : rest[o];
    rest[o] = generic ? rest[o] : LIMN_ABSENT;
  }
  for (int i = 0; i < task->input_count; ++i)
    buffers[count++] = operand(b, task, i, layout, &s->kinds[i]);
  for (int o = 0; o < task->output_count; ++o)
    buffers[count++] =
        s->targets[o] == FULL ? LIMN_ABSENT : limn_builder_scratch(b, s->rows * width_of(s, o) * sizeof(float));
  return count;
}

/* Output 0 may lie where an input lies, unless that input is itself stored or summed. */
static unsigned in_place(const struct group *s) {
  unsigned bits = 0;
  for (int i = 0; s->targets[0] == FULL && i < s->input_count; ++i)
    if (s->kinds[i] == FULL)
      bits |= 1u << (s->output_count + i);
  for (int o = 0; o < s->output_count && s->output_count > 1; ++o)
    bits = s->operands[o] < LIMN_MAX_TASK_INPUTS ? 0 : bits;
  return bits;
}

limn_status limn_cpu_build_pointwise(limn_builder *b, const limn_task *task) {
  bool flat, generic, sums = false;
  find_spreads(b, task, &flat, &generic);
  struct group *s = calloc(1, sizeof *s);
  if (!s)
    return limn_fail_memory("a program");
  cpu_layout layout = choose_layout(b, task, flat, generic);
  *s = (struct group){.shape = task->domain,
                      .block = cpu_block(b, layout),
                      .input_count = task->input_count,
                      .instruction_count = task->instruction_count,
                      .output_count = task->output_count};
  memcpy(s->instructions, task->instructions, (size_t)task->instruction_count * sizeof *s->instructions);
  memcpy(s->operands, task->operands, sizeof s->operands);
  divide_into_rows(s, flat);
  int buffers[2 * LIMN_MAX_TASK_OUTPUTS + LIMN_MAX_TASK_INPUTS], rest[LIMN_MAX_TASK_OUTPUTS];
  int count = place_operands(b, task, s, layout, buffers, rest);
  for (int o = 0; o < task->output_count; ++o)
    sums = sums || s->targets[o] != FULL;
  const char *name = !sums ? "pointwise" : s->targets[0] == FULL ? "pointwise with sums" : "pointwise sum";
  limn_kernel *kernel = cpu_add(b, name, run_pass, s, count, buffers);
  if (kernel)
    kernel->in_place = in_place(s);
  for (int o = 0; kernel && o < task->output_count; ++o)
    if (rest[o] != LIMN_ABSENT)
      add_generic(
          b, "sum",
          is_of_samples(task->domain, limn_builder_shape(b, task->outputs[o])) ? run_sum_of_samples : run_generic_sum,
          (struct generic){.from = task->domain, .to = limn_builder_shape(b, task->outputs[o])}, rest[o], buffers[o]);
  return limn_builder_status(b);
}
