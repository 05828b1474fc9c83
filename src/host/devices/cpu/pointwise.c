/* Pointwise steps: the instructions run over short chunks that stay in the nearest cache, so that a fused step reads
 * each input once and writes its output once. Sums are taken chunk by chunk and added in a fixed order. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "devices/cpu/cpu.h"

#define CHUNK 512 /* floats; a multiple of every block */

typedef enum kind { FULL, SCALAR, CHANNEL, SAMPLE } kind;
typedef enum target { TARGET_NONE, TARGET_SCALAR, TARGET_CHANNEL, TARGET_SAMPLE } target;

/* Rows are runs of memory in which the sample is fixed and the channel is fixed, or repeats with the block, or (one
 * pixel) is the position. Without channel or sample operands the whole tensor is one run, cut into equal rows. */
struct group {
  limn_shape shape;
  int block, input_count, instruction_count;
  kind kinds[LIMN_MAX_STEP_INPUTS];
  target target;
  limn_instruction instructions[LIMN_MAX_INSTRUCTIONS];
  size_t rows, row_length, rows_per_sample; /* rows of a sample; 0: a flat run */
  size_t count;
};

#define FLAT_ROW 8192 /* floats of a row of a flat run */

/* How a row of the group's domain sees a vector over channels: constant, a repeated block, or in step. */
static const float *channel_chunk(const struct group *s, const float *channels, size_t row, size_t offset, size_t n,
                                  float *space, const limn_simd *simd) {
  if (s->shape.h * s->shape.w == 1)
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

/* Runs the instructions over elements offset ... offset + n of a row; the last result goes to `out` when that is not
 * NULL. Returns where the value lies. */
static const float *run_chunk(const limn_kernel *k, const struct limn_call *call, size_t row, size_t offset, size_t n,
                              float *out, float (*space)[CHUNK]) {
  const struct group *s = k->state;
  const float *operands[LIMN_MAX_STEP_INPUTS + LIMN_MAX_INSTRUCTIONS] = {0};
  size_t at = row * s->row_length + offset;
  for (int i = 0; i < s->input_count; ++i) {
    const float *p = cpu_at(k, 1 + i);
    switch (s->kinds[i]) {
    case FULL:
      operands[i] = p + at;
      break;
    case CHANNEL:
      operands[i] = channel_chunk(s, p, row, offset, n, space[i], call->simd);
      break;
    default:
      call->simd->fill(space[i], s->kinds[i] == SCALAR ? *p : p[row / s->rows_per_sample], n);
      operands[i] = space[i];
    }
  }
  for (int i = 0; i < s->instruction_count; ++i) {
    const limn_instruction *instruction = &s->instructions[i];
    bool last = i == s->instruction_count - 1;
    float *result = last && out ? out : space[LIMN_MAX_STEP_INPUTS + i];
    if (instruction->function == LIMN_CONSTANT)
      call->simd->fill(result, instruction->beta, n);
    else
      call->simd->pointwise[instruction->function](result, operands[instruction->x], operands[instruction->y],
                                                   instruction->alpha, instruction->beta, n);
    operands[LIMN_MAX_STEP_INPUTS + i] = result;
  }
  return s->instruction_count ? operands[LIMN_MAX_STEP_INPUTS + s->instruction_count - 1] : operands[0];
}

static size_t row_end(const struct group *s, size_t row) {
  size_t first = row * s->row_length;
  return s->count - first < s->row_length ? s->count - first : s->row_length;
}

static void run_map(const limn_kernel *k, const struct limn_call *call) {
  const struct group *s = k->state;
#pragma omp parallel for num_threads(call->threads) schedule(static) if (s->count > CHUNK)
  for (size_t row = 0; row < s->rows; ++row) {
    float space[LIMN_MAX_STEP_INPUTS + LIMN_MAX_INSTRUCTIONS][CHUNK];
    size_t end = row_end(s, row);
    for (size_t offset = 0; offset < end; offset += CHUNK) {
      size_t n = end - offset < CHUNK ? end - offset : CHUNK;
      float *out = cpu_at(k, 0) + row * s->row_length + offset;
      const float *value = run_chunk(k, call, row, offset, n, out, space);
      if (value != out)
        memmove(out, value, n * sizeof *out);
    }
  }
}

/* To a scalar or to samples: operand input_count + 1 has a partial sum for each row. */
static void run_sum_rows(const limn_kernel *k, const struct limn_call *call) {
  const struct group *s = k->state;
  float *partial = cpu_at(k, 1 + s->input_count);
#pragma omp parallel for num_threads(call->threads) schedule(static) if (s->count > CHUNK)
  for (size_t row = 0; row < s->rows; ++row) {
    float space[LIMN_MAX_STEP_INPUTS + LIMN_MAX_INSTRUCTIONS][CHUNK];
    size_t end = row_end(s, row);
    double total = 0;
    for (size_t offset = 0; offset < end; offset += CHUNK) {
      size_t n = end - offset < CHUNK ? end - offset : CHUNK;
      total += (double)call->simd->sum(run_chunk(k, call, row, offset, n, NULL, space), n);
    }
    partial[row] = (float)total;
  }
  size_t sums = s->target == TARGET_SCALAR ? 1 : (size_t)s->shape.n, each = s->rows / sums;
  for (size_t i = 0; i < sums; ++i) {
    double total = 0;
    for (size_t row = i * each; row < (i + 1) * each; ++row)
      total += (double)partial[row];
    cpu_at(k, 0)[i] = (float)total;
  }
}

/* To channels: a channel block's rows of all samples, in order. */
static void run_sum_channels(const limn_kernel *k, const struct limn_call *call) {
  const struct group *s = k->state;
  bool one_pixel = s->shape.h * s->shape.w == 1;
  size_t groups = one_pixel ? (s->row_length + CHUNK - 1) / CHUNK : s->rows_per_sample;
#pragma omp parallel for num_threads(call->threads) schedule(static) if (s->count > CHUNK)
  for (size_t g = 0; g < groups; ++g) {
    float space[LIMN_MAX_STEP_INPUTS + LIMN_MAX_INSTRUCTIONS][CHUNK];
    double total[CHUNK] = {0};
    size_t width =
        one_pixel ? (s->row_length - g * CHUNK < CHUNK ? s->row_length - g * CHUNK : CHUNK) : (size_t)s->block;
    for (size_t sample = 0; sample < (size_t)s->shape.n; ++sample) {
      size_t row = one_pixel ? sample : sample * s->rows_per_sample + g;
      if (one_pixel) {
        const float *value = run_chunk(k, call, row, g * CHUNK, width, NULL, space);
        for (size_t i = 0; i < width; ++i)
          total[i] += (double)value[i];
        continue;
      }
      for (size_t offset = 0; offset < s->row_length; offset += CHUNK) {
        size_t n = s->row_length - offset < CHUNK ? s->row_length - offset : CHUNK;
        float sum[16] = {0};
        const float *value = run_chunk(k, call, row, offset, n, NULL, space);
        call->simd->channel_sums(value, (int)(n / (size_t)s->block), s->block, sum);
        for (size_t i = 0; i < width; ++i)
          total[i] += (double)sum[i];
      }
    }
    float *out = cpu_at(k, 0) + (one_pixel ? g * CHUNK : g * (size_t)s->block);
    for (size_t i = 0; i < width; ++i)
      out[i] = (float)total[i];
  }
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
  else
    return false;
  return true;
}

/* The layout that the operands have already. Only a flat run can stay in a weight's: elsewhere a row belongs to one
 * sample. */
static cpu_layout choose_layout(const limn_builder *b, const limn_step *step, bool flat, bool generic) {
  int block = cpu_device_of(b)->simd->block;
  cpu_layout activation = cpu_activation_layout(block, step->domain);
  if (generic)
    return CPU_PLAIN;
  for (int i = 0; i < step->input_count && flat; ++i)
    if (limn_shape_equal(limn_builder_shape(b, step->inputs[i]), step->domain) &&
        limn_builder_format(b, step->inputs[i]) == CPU_BLOCKED_WEIGHT)
      return CPU_BLOCKED_WEIGHT;
  for (int i = 0; i < step->input_count; ++i)
    if (limn_shape_equal(limn_builder_shape(b, step->inputs[i]), step->domain) &&
        limn_builder_format(b, step->inputs[i]) == CPU_PLAIN)
      return CPU_PLAIN;
  return activation;
}

static int operand(limn_builder *b, const limn_step *step, int i, cpu_layout layout, kind *out) {
  limn_value value = step->inputs[i];
  limn_shape shape = limn_builder_shape(b, value);
  if (classify(step->domain, shape, out))
    return limn_builder_input(b, value, *out == FULL ? layout : CPU_PLAIN);
  *out = FULL;
  return add_generic(b, "broadcast", run_generic_broadcast, (struct generic){.from = shape, .to = step->domain},
                     limn_builder_scratch(b, (size_t)limn_shape_count(step->domain) * sizeof(float)),
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

limn_status cpu_build_pointwise(limn_builder *b, const limn_step *step) {
  limn_shape out_shape = step->node.shape, domain = step->domain;
  kind out_kind = FULL, unused;
  bool generic_sum = !classify(domain, out_shape, &out_kind), generic = generic_sum;
  bool flat = out_kind == FULL || out_kind == SCALAR || generic_sum;
  for (int i = 0; i < step->input_count; ++i) {
    limn_shape shape = limn_builder_shape(b, step->inputs[i]);
    generic = generic || !classify(domain, shape, &unused);
    flat = flat && (!classify(domain, shape, &unused) || unused == FULL || unused == SCALAR);
  }
  struct group *s = calloc(1, sizeof *s);
  if (!s)
    return limn_fail_memory("a program");
  cpu_layout layout = choose_layout(b, step, flat, generic);
  *s = (struct group){.shape = domain,
                      .block = cpu_block(b, layout),
                      .input_count = step->input_count,
                      .instruction_count = step->instruction_count};
  memcpy(s->instructions, step->instructions, (size_t)step->instruction_count * sizeof *s->instructions);
  s->target = generic_sum || out_kind == FULL ? TARGET_NONE
              : out_kind == SCALAR            ? TARGET_SCALAR
              : out_kind == CHANNEL           ? TARGET_CHANNEL
                                              : TARGET_SAMPLE;
  divide_into_rows(s, flat);

  int buffers[2 + LIMN_MAX_STEP_INPUTS];
  for (int i = 0; i < step->input_count; ++i)
    buffers[1 + i] = operand(b, step, i, layout, &s->kinds[i]);
  int out = limn_builder_output(b, step->outputs[0], s->target == TARGET_NONE && !generic_sum ? layout : CPU_PLAIN);
  buffers[0] = generic_sum ? limn_builder_scratch(b, s->count * sizeof(float)) : out;
  int count = 1 + step->input_count;
  bool rows = s->target == TARGET_SCALAR || s->target == TARGET_SAMPLE;
  if (rows)
    buffers[count++] = limn_builder_scratch(b, s->rows * sizeof(float));
  limn_kernel *kernel = cpu_add(b, s->target == TARGET_NONE ? "pointwise" : "pointwise sum",
                                rows                          ? run_sum_rows
                                : s->target == TARGET_CHANNEL ? run_sum_channels
                                                              : run_map,
                                s, count, buffers);
  for (int i = 0; kernel && s->target == TARGET_NONE && i < step->input_count; ++i)
    if (s->kinds[i] == FULL)
      kernel->in_place |= 1u << (1 + i);
  if (generic_sum)
    add_generic(b, "sum", run_generic_sum, (struct generic){.from = domain, .to = out_shape}, out, buffers[0]);
  return limn_builder_status(b);
}
