/* 4x4 convolutions of stride 2 from operands rounded to bf16, with fp32 sums: what precision bf16 means on CPUs with
 * AMX. Both operands are rounded on the way into the matrices that simd/bf16.h describes, which is as much as a pass
 * over each; what nothing else reads is rounded by who makes it already, which comes to the same numbers. Whatever the
 * number of threads, every sum is taken in the same order. */
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "devices/cpu/cpu.h"

#define SIDE   LIMN_BF16_SIDE
#define TILE   LIMN_BF16_TILE
#define BLOCK  16
#define PHASES 4
#define SHIFTS 4                   /* taps of a phase */
#define GROUP  ((size_t)512 << 10) /* bytes of the matrix of a group of pictures: part of the second-level cache */
#define CHUNK  1024                /* positions of the batch that gradients of weights take at a time */
#define SLICE  256                 /* of these, in the first-level cache */

struct bf16 {
  limn_task_kind kind;
  const limn_bf16_loops *loops;
  limn_shape x, y;
  int threads;
  bool rounded[2];          /* the tensors it reads are */
  float slope;              /* of the activation behind it, 1: none */
  size_t positions;         /* of a picture's grid */
  size_t offsets[SHIFTS];   /* of the taps, in elements of a */
  int images;               /* of a group or chunk */
  int segments, panels;     /* data: pieces of the depth, but for taps; panels of 32 columns */
  size_t segment;           /* elements from one to the next */
  size_t length;            /* weights: positions of a chunk, with what lies behind its last */
  size_t a, a_size, b, end; /* elements: where the matrices lie in the working memory; of a thread's a; the memory's */
};

static limn_bf16_grid grid_of(const struct bf16 *w, int step, int top, int left, limn_shape picture) {
  return (limn_bf16_grid){.rows = w->y.h + 1,
                          .columns = w->y.w + 1,
                          .step = step,
                          .top = top,
                          .left = left,
                          .height = picture.h,
                          .width = picture.w};
}

/* The pixels of x that have that parity, counted from the padding. */
static limn_bf16_grid phase_grid(const struct bf16 *w, int phase) {
  return grid_of(w, 2, (phase >> 1) - 1, (phase & 1) - 1, w->x);
}

static size_t plane_at(limn_shape s, int n, int block) {
  return ((size_t)n * (size_t)s.c + (size_t)block * BLOCK) * (size_t)s.h * (size_t)s.w;
}

static const void *plane(limn_shape s, const void *data, bool rounded, int n, int block) {
  return (const char *)data + plane_at(s, n, block) * (rounded ? sizeof(limn_bf16) : sizeof(float));
}

/* The tap of shift 2 down + right: forward counts them along the kernel, backward data against it. */
static int tap_of(const struct bf16 *w, int phase, int shift) {
  shift = w->kind == LIMN_TASK_CONV_DX ? SHIFTS - 1 - shift : shift;
  return (2 * (shift >> 1) + (phase >> 1)) * 4 + 2 * (shift & 1) + (phase & 1);
}

/* Block (o, i) of the weights at a tap: (i, o) as they lie, or any such block of their gradient. */
static size_t weight_at(const struct bf16 *w, int o, int i, int tap) {
  return ((size_t)(o * (w->x.c / BLOCK) + i) * PHASES * SHIFTS + (size_t)tap) * BLOCK * BLOCK;
}

/* One tile column of a panel. Forward, a panel is 32 channels of y and the depth (phase, channels of x, shift);
 * backward data: 32 channels of x in one phase, and (channels of y, shift). */
static void pack_weights(const struct bf16 *w, const float *weights, int panel, int right, limn_bf16 *out) {
  bool forward = w->kind == LIMN_TASK_CONV;
  int side = forward ? panel : panel / PHASES, column = 2 * side + right, depths = w->x.c / SIDE;
  for (int s = 0; s < w->segments; ++s)
    for (int t = 0; t < SHIFTS; ++t, out += TILE) {
      int phase = forward ? s / depths : panel % PHASES, k = forward ? s % depths * 2 : 2 * s;
      int tap = tap_of(w, phase, t);
      if (forward)
        w->loops->tile(weights + weight_at(w, column, k, tap), weights + weight_at(w, column, k + 1, tap), false, out);
      else
        w->loops->tile(weights + weight_at(w, k, column, tap), weights + weight_at(w, k + 1, column, tap), true, out);
    }
}

/* The pictures first ... of the input, as the products want their rows. */
static void pack_pictures(const struct bf16 *w, const void *in, int first, int count, limn_bf16 *out) {
  bool forward = w->kind == LIMN_TASK_CONV;
  limn_shape shape = forward ? w->x : w->y;
  size_t behind = w->segment - (size_t)count * w->positions * SIDE;
  int depths = shape.c / SIDE;
  for (int s = 0; s < w->segments; ++s) {
    limn_bf16_grid grid = forward ? phase_grid(w, s / depths) : grid_of(w, 1, -1, -1, w->y);
    grid.rounded = w->rounded[0];
    for (int n = 0; n < count; ++n, out += w->positions * SIDE)
      w->loops->rows(plane(shape, in, grid.rounded, first + n, s % depths * 2),
                     plane(shape, in, grid.rounded, first + n, s % depths * 2 + 1), &grid, out);
    memset(out, 0, behind * sizeof *out); /* the border of the last picture */
    out += behind;
  }
}

struct operands {
  float *out;
  const void *in;
  const float *bias;
  const limn_bf16 *a, *b; /* of the group, of all panels */
};

static void multiply_panel(const struct bf16 *w, const struct operands *o, int first, int count, int panel) {
  bool forward = w->kind == LIMN_TASK_CONV;
  limn_shape shape = forward ? w->y : w->x;
  limn_bf16_grid grid = forward ? grid_of(w, 1, 0, 0, w->y) : phase_grid(w, panel % PHASES);
  int block = 2 * (forward ? panel : panel / PHASES);
  float *low = o->out + plane_at(shape, first, block), *high = o->out + plane_at(shape, first, block + 1);
  size_t tiles = (size_t)w->segments * SHIFTS * TILE, all = (size_t)count * w->positions;
  float c[SIDE * SIDE] __attribute__((aligned(64)));
  for (size_t row = 0; row < all; row += SIDE) {
    w->loops->product(&(limn_bf16_product){.a = o->a + row * SIDE,
                                           .stride = SIDE,
                                           .segment = w->segment,
                                           .segments = w->segments,
                                           .offset_count = SHIFTS,
                                           .offsets = w->offsets,
                                           .b = o->b + (size_t)panel * 2 * tiles,
                                           .b_right = tiles,
                                           .c = c,
                                           .c_stride = SIDE,
                                           .down = BLOCK * SIDE,
                                           .right = BLOCK});
    w->loops->store(c, (int)(all - row < SIDE ? all - row : SIDE), row, &grid, low, high,
                    (size_t)shape.c * (size_t)shape.h * (size_t)shape.w, o->bias ? o->bias + block * BLOCK : NULL,
                    w->slope);
  }
}

/* Forward and backward data. Operands: result, tensor, weights, bias, working memory. Every thread has groups of
 * pictures of its own. */
static void run_data(const limn_kernel *k, const struct limn_call *call) {
  const struct bf16 *w = k->state;
  limn_bf16 *memory = k->p[4], *b = memory + w->b;
  int groups = (w->x.n + w->images - 1) / w->images;
  (void)call;
#pragma omp parallel num_threads(w->threads)
  {
#pragma omp for collapse(2) schedule(static)
    for (int panel = 0; panel < w->panels; ++panel)
      for (int right = 0; right < 2; ++right)
        pack_weights(w, k->p[2], panel, right, b + (size_t)(2 * panel + right) * (size_t)w->segments * SHIFTS * TILE);
    limn_bf16 *a = memory + w->a + (size_t)omp_get_thread_num() * w->a_size;
    struct operands o = {.out = k->p[0], .in = k->p[1], .bias = k->p[3], .a = a, .b = b};
    w->loops->begin();
#pragma omp for schedule(static)
    for (int group = 0; group < groups; ++group) {
      int first = group * w->images, count = w->x.n - first < w->images ? w->x.n - first : w->images;
      pack_pictures(w, o.in, first, count, a);
      for (int panel = 0; panel < w->panels; ++panel)
        multiply_panel(w, &o, first, count, panel);
    }
    w->loops->end();
  }
}

/* Channels of x along the positions of a chunk: one block, one phase. */
static void pack_lines(const struct bf16 *w, const void *x, int phase, int block, int first, int count,
                       limn_bf16 *out) {
  limn_bf16_grid grid = phase_grid(w, phase);
  grid.rounded = w->rounded[0];
  size_t end = (size_t)count * w->positions;
  for (int n = 0; n < count; ++n)
    w->loops->lines(plane(w->x, x, grid.rounded, first + n, block), &grid, out + (size_t)n * w->positions, w->length);
  for (size_t c = 0; c < BLOCK; ++c)
    memset(out + c * w->length + end, 0, (w->length - end) * sizeof *out);
}

/* A block of y's channels at the same positions, which is zero wherever there is no pixel. */
static void pack_pairs(const struct bf16 *w, const void *y, int block, int first, int count, limn_bf16 *out) {
  limn_bf16_grid grid = grid_of(w, 1, 0, 0, w->y);
  grid.rounded = w->rounded[1];
  size_t end = (size_t)count * w->positions;
  for (int n = 0; n < count; ++n)
    w->loops->pairs(plane(w->y, y, grid.rounded, first + n, block), &grid, out + (size_t)n * w->positions * BLOCK);
  memset(out + end * BLOCK, 0, (w->length - end) * BLOCK * sizeof *out);
}

/* 32 channels of x in one phase by 32 of y: the gradient of 4 taps, from one chunk. */
static void sum_item(const struct bf16 *w, float *dw, const limn_bf16 *memory, int item, int count, bool add) {
  int phase = item % PHASES, i = item / PHASES % (w->x.c / SIDE), o = item / PHASES / (w->x.c / SIDE);
  const limn_bf16 *a = memory + w->a + (size_t)(phase * w->x.c + i * SIDE) * w->length;
  const limn_bf16 *b = memory + w->b + (size_t)(o * SIDE) * w->length;
  size_t all = ((size_t)count * w->positions + SIDE - 1) / SIDE * SIDE;
  for (size_t begin = 0; begin < all; begin += SLICE)
    for (int t = 0; t < SHIFTS; ++t)
      w->loops->product(&(limn_bf16_product){.a = a + begin,
                                             .stride = w->length,
                                             .segment = SIDE,
                                             .segments = (int)((all - begin < SLICE ? all - begin : SLICE) / SIDE),
                                             .offset_count = 1,
                                             .offsets = &w->offsets[t],
                                             .b = b + begin * BLOCK,
                                             .b_right = BLOCK * w->length,
                                             .c = dw + weight_at(w, 2 * o, 2 * i, tap_of(w, phase, t)),
                                             .c_stride = BLOCK,
                                             .down = weight_at(w, 0, 1, 0),
                                             .right = weight_at(w, 1, 0, 0),
                                             .add = add || begin > 0});
}

/* Operands: dw, x, y, working memory. */
static void run_weights(const limn_kernel *k, const struct limn_call *call) {
  const struct bf16 *w = k->state;
  limn_bf16 *memory = k->p[3];
  int x_blocks = w->x.c / BLOCK, y_blocks = w->y.c / BLOCK, items = (w->x.c / SIDE) * (w->y.c / SIDE) * PHASES;
  (void)call;
#pragma omp parallel num_threads(w->threads)
  {
    w->loops->begin();
    for (int first = 0; first < w->x.n; first += w->images) {
      int count = w->x.n - first < w->images ? w->x.n - first : w->images;
#pragma omp for schedule(static) nowait
      for (int line = 0; line < PHASES * x_blocks; ++line)
        pack_lines(w, k->p[1], line / x_blocks, line % x_blocks, first, count,
                   memory + w->a + (size_t)line * BLOCK * w->length);
#pragma omp for schedule(static)
      for (int block = 0; block < y_blocks; ++block)
        pack_pairs(w, k->p[2], block, first, count, memory + w->b + (size_t)(block * BLOCK) * w->length);
#pragma omp for schedule(static)
      for (int item = 0; item < items; ++item)
        sum_item(w, k->p[0], memory, item, count, first > 0);
    }
    w->loops->end();
  }
}

static size_t place(struct bf16 *w, size_t elements) {
  size_t at = w->end;
  w->end += (elements + SIDE - 1) / SIDE * SIDE; /* whole cache lines */
  return at;
}

/* `each`: elements of a from one position to the next. */
static void place_taps(struct bf16 *w, size_t each) {
  for (size_t t = 0; t < SHIFTS; ++t)
    w->offsets[t] = (t / 2 * (size_t)(w->y.w + 1) + t % 2) * each;
}

/* Positions behind the last picture that products still read: to the last tap, and a whole piece. */
static size_t behind(const struct bf16 *w) { return (size_t)w->y.w + 2 + SIDE; }

static void plan_data(struct bf16 *w) {
  bool forward = w->kind == LIMN_TASK_CONV;
  place_taps(w, SIDE);
  w->segments = forward ? PHASES * w->x.c / SIDE : w->y.c / SIDE;
  w->panels = forward ? w->y.c / SIDE : PHASES * w->x.c / SIDE;
  size_t picture = (size_t)w->segments * w->positions * SIDE * sizeof(limn_bf16);
  size_t most = ((size_t)w->x.n + (size_t)w->threads - 1) / (size_t)w->threads, fit = GROUP / picture;
  fit = fit < 1 ? 1 : fit < most ? fit : most;
  size_t rounds = (most + fit - 1) / fit; /* of which each thread has as many pictures as the others */
  w->images = (int)((most + rounds - 1) / rounds);
  w->segment = ((size_t)w->images * w->positions + behind(w)) * SIDE;
  w->a_size = (size_t)w->segments * w->segment;
  size_t groups = ((size_t)w->x.n + (size_t)w->images - 1) / (size_t)w->images;
  w->a = place(w, (groups < (size_t)w->threads ? groups : (size_t)w->threads) * w->a_size);
  w->b = place(w, (size_t)w->panels * 2 * (size_t)w->segments * SHIFTS * TILE);
}

static void plan_weights(struct bf16 *w) {
  place_taps(w, 1);
  w->positions += w->positions % 2; /* pairs belong to one picture */
  size_t fit = CHUNK / w->positions;
  w->images = (int)(fit < 1 ? 1 : fit < (size_t)w->x.n ? fit : (size_t)w->x.n);
  /* An odd number of cache lines; the depth is rounded up to whole pieces. */
  w->length = (((size_t)w->images * w->positions + behind(w)) / SIDE | 1) * SIDE + 2 * SIDE;
  w->a = place(w, (size_t)(PHASES * w->x.c) * w->length);
  w->b = place(w, (size_t)w->y.c * w->length);
}

bool limn_cpu_bf16_suits(const limn_builder *b, const limn_task *task) {
  limn_conv_shapes s = limn_builder_conv_shapes(b, task);
  return cpu_device_of(b)->bf16 && cpu_conv_halves(&s, &task->node.conv) && s.y.h * s.y.w > 1 && s.x.c % SIDE == 0 &&
         s.y.c % SIDE == 0;
}

static bool reads_rounded(const limn_builder *b, const limn_task *task, int input) {
  if (task->kind == LIMN_TASK_BATCHNORM_BACKWARD)
    return input == 4; /* the sign of what was activated */
  const bool weights = input == 1 && task->kind != LIMN_TASK_CONV_DW;
  return limn_builder_is_operand(b, task, input) && !weights && limn_cpu_bf16_suits(b, task);
}

bool limn_cpu_bf16_rounds(const limn_builder *b, int value) {
  const struct cpu_device *cpu = cpu_device_of(b);
  /* Engines that the clock chose may be others than bf16's, and want fp32. */
  return cpu->bf16 && !cpu->autotune && !cpu->told && value != LIMN_NONE &&
         limn_cpu_activation_layout(cpu->simd->block, limn_builder_shape(b, value)) == CPU_BLOCKED &&
         !limn_builder_readers(b, value, reads_rounded).others;
}

limn_status limn_cpu_build_bf16(limn_builder *b, const limn_task *task) {
  const struct cpu_device *cpu = cpu_device_of(b);
  limn_conv_shapes s = limn_builder_conv_shapes(b, task);
  struct bf16 *w = calloc(1, sizeof *w);
  if (!w)
    return limn_fail_memory("a program");
  *w = (struct bf16){.kind = task->kind,
                     .loops = cpu->bf16,
                     .x = s.x,
                     .y = s.y,
                     .threads = cpu->threads,
                     .positions = (size_t)(s.y.h + 1) * (size_t)(s.y.w + 1)};
  bool data = task->kind != LIMN_TASK_CONV_DW;
  for (int i = 0; i < (data ? 1 : 2); ++i)
    w->rounded[i] = limn_builder_format(b, task->inputs[i]) == CPU_BLOCKED_BF16;
  (data ? plan_data : plan_weights)(w);
  return limn_cpu_add_blocked_convolution(
      b, task,
      &(cpu_blocked_convolution){.kernel = {CPU_BF16, w, data ? run_data : run_weights},
                                 .scratch_bytes = w->end * sizeof(limn_bf16),
                                 .rounded = {w->rounded[0], w->rounded[1]},
                                 .slope = data ? &w->slope : NULL});
}
