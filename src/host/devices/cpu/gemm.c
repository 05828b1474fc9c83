/* Dense layers, the convolutions whose kernel covers the whole picture: products of x (N, D), weights (O, D) and
 * y (N, O). D = C H W is long, and its elements lie in the weights as they do in x: both blocked, or both plain.
 *
 * oneDNN computes them as fast, but makes a dozen kernels for matrices at its first one: 25 ms of a program's start. */
#include <omp.h>
#include <stdlib.h>

#include "base/error.h"
#include "devices/cpu/cpu.h"

#define CHUNK   64 /* outputs that a thread takes at a time */
#define FEW     8  /* rows: with so few, a product reads b once from memory and does little else */
#define STREAMS 16 /* rows of b that are read side by side */

struct gemm {
  const limn_gemm *loops;
  int n, outputs, threads;
  size_t depth; /* D */
  bool few;     /* backward: rows of the result, so that multiply_few computes it */
  size_t panel; /* floats of a thread's panel; 0: there is none */
  limn_pointwise activation;
  float slope, limit;
};

static int smaller(int a, int b) { return a < b ? a : b; }

/* Of the rows [n, n + rows) the outputs [o, o + count). */
static void finish(const struct gemm *g, const limn_kernel *k, const struct limn_call *call, int n, int rows, int o,
                   int count) {
  for (int i = n; i < n + rows; ++i) {
    float *y = cpu_at(k, 0) + (size_t)i * (size_t)g->outputs + o;
    if (cpu_at(k, 3))
      call->simd->pointwise[LIMN_PW_ADD](y, y, cpu_at(k, 3) + o, 0, 0, (size_t)count);
    if (g->activation != LIMN_PW_COUNT)
      call->simd->pointwise[g->activation](y, y, NULL, g->slope, g->limit, (size_t)count);
  }
}

/* y = x w^T. Operands: y, x, weights, bias. */
static void run_forward(const limn_kernel *k, const struct limn_call *call) {
  const struct gemm *g = k->state;
  const int x_rows = g->loops->x_rows, w_rows = g->loops->w_rows;
#pragma omp parallel for num_threads(g->threads) collapse(2) schedule(static)
  for (int o = 0; o < g->outputs; o += CHUNK)
    for (int n = 0; n < g->n; n += x_rows) {
      int count = smaller(CHUNK, g->outputs - o), rows = smaller(x_rows, g->n - n);
      for (int j = o; j < o + count; j += w_rows)
        g->loops->dots(rows, smaller(w_rows, o + count - j), g->depth, cpu_at(k, 1) + (size_t)n * g->depth,
                       cpu_at(k, 2) + (size_t)j * g->depth, cpu_at(k, 0) + (size_t)n * (size_t)g->outputs + j,
                       (size_t)g->outputs);
      finish(g, k, call, n, rows, o, count);
    }
}

/* out (rows, D) = a (rows, sum) b (sum, D) for a few rows: b is read along its rows, as memory is quick at, and out is
 * summed up where it lies. */
static void multiply_few(const struct gemm *g, int rows, int sum, const float *a, size_t a_row, size_t a_sum,
                         const float *b, float *out) {
  const size_t columns = 2 * (size_t)g->loops->lanes, count = g->depth / columns, threads = (size_t)g->threads;
#pragma omp parallel for num_threads(g->threads) schedule(static)
  for (size_t t = 0; t < threads; ++t)
    for (int k = 0; k < sum; k += STREAMS)
      for (size_t d = count * t / threads * columns; d < count * (t + 1) / threads * columns; d += columns)
        g->loops->product(rows, smaller(STREAMS, sum - k), a + (size_t)k * a_sum, a_row, a_sum,
                          b + (size_t)k * g->depth + d, g->depth, out + d, g->depth, k > 0);
}

/* The same for any number of rows, two vectors of D at a time. What of b one call needs is packed first: its
 * rows are some power of two apart, so that their lines push each other out of the cache. */
static void multiply(const struct gemm *g, int rows, int sum, const float *a, size_t a_row, size_t a_sum,
                     const float *b, float *out, float *panels) {
  const size_t columns = 2 * (size_t)g->loops->lanes;
  if (g->few) {
    multiply_few(g, rows, sum, a, a_row, a_sum, b, out);
    return;
  }
#pragma omp parallel for num_threads(g->threads) schedule(static)
  for (size_t d = 0; d < g->depth; d += columns) {
    if (g->panel) {
      float *panel = panels + (size_t)omp_get_thread_num() * g->panel;
      g->loops->pack(sum, b + d, g->depth, panel);
      g->loops->product(rows, sum, a, a_row, a_sum, panel, columns, out + d, g->depth, false);
    } else {
      g->loops->product(rows, sum, a, a_row, a_sum, b + d, g->depth, out + d, g->depth, false);
    }
  }
}

/* x = y w. Operands: x, y, weights, panels. */
static void run_data(const limn_kernel *k, const struct limn_call *call) {
  const struct gemm *g = k->state;
  (void)call;
  multiply(g, g->n, g->outputs, cpu_at(k, 1), (size_t)g->outputs, 1, cpu_at(k, 2), cpu_at(k, 0), cpu_at(k, 3));
}

/* dw = y^T x. Operands: dw, x, y, panels. */
static void run_weights(const limn_kernel *k, const struct limn_call *call) {
  const struct gemm *g = k->state;
  (void)call;
  multiply(g, g->outputs, g->n, cpu_at(k, 2), 1, (size_t)g->outputs, cpu_at(k, 1), cpu_at(k, 0), cpu_at(k, 3));
}

bool limn_cpu_gemm_suits(const limn_builder *b, const limn_task *task) {
  const limn_gemm *loops = cpu_device_of(b)->simd->gemm;
  const limn_conv_shapes s = limn_builder_conv_shapes(b, task);
  return s.dense && loops->lanes && (int64_t)s.x.c * s.x.h * s.x.w % (2 * (int64_t)loops->lanes) == 0;
}

limn_status limn_cpu_build_gemm(limn_builder *b, const limn_task *task) {
  const struct cpu_device *cpu = cpu_device_of(b);
  const limn_conv_shapes s = limn_builder_conv_shapes(b, task);
  const cpu_layout layout = limn_cpu_activation_layout(cpu->simd->block, s.x);
  struct gemm *g = malloc(sizeof *g);
  if (!g)
    return limn_fail_memory("a program");
  *g = (struct gemm){.loops = cpu->simd->gemm,
                     .n = s.x.n,
                     .outputs = s.w.n,
                     .threads = cpu->threads,
                     .depth = (size_t)s.x.c * (size_t)s.x.h * (size_t)s.x.w,
                     .activation = task->activation,
                     .slope = task->slope,
                     .limit = task->limit};
  const bool forward = task->kind == LIMN_TASK_CONV, data = task->kind == LIMN_TASK_CONV_DX;
  int first = limn_builder_input(b, task->inputs[0], data ? CPU_PLAIN : layout);
  int second = limn_builder_input(b, task->inputs[1], forward || data ? layout : CPU_PLAIN);
  int out = limn_builder_output(b, task->outputs[0], forward ? CPU_PLAIN : layout);
  if (forward) {
    int bias = task->input_count > 2 ? limn_builder_input(b, task->inputs[2], CPU_PLAIN) : LIMN_ABSENT;
    return limn_cpu_add_convolution(b, task, &(cpu_convolution_kernel){CPU_GEMM, g, run_forward}, 5,
                                    (const int[]){out, first, second, bias, LIMN_ABSENT});
  }
  /* A panel that is used by one call of the innermost product would only be one pass more. */
  const int rows = data ? g->n : g->outputs, sum = data ? g->outputs : g->n;
  g->few = rows <= FEW;
  g->panel = !g->few && rows > g->loops->product_rows ? cpu_odd_lines((size_t)sum * 2 * (size_t)g->loops->lanes) : 0;
  int panels = g->panel ? limn_builder_scratch(b, (size_t)g->threads * g->panel * sizeof(float)) : LIMN_ABSENT;
  LIMN_TRY(limn_cpu_add_convolution(b, task, &(cpu_convolution_kernel){CPU_GEMM, g, data ? run_data : run_weights}, 4,
                                    (const int[]){out, first, second, panels}));
  return data ? limn_cpu_add_epilogue(b, task, out) : LIMN_OK;
}
