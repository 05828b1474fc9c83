/* Convolutions of stride 1 by Winograd's way (simd/unit_winograd.h says which), forward: 3x3 in a quarter of the
 * products of a direct convolution, 5x5 in less than a sixth, 1x3 in half, 1x7 in two sevenths.
 *
 * Tiles are transformed, multiplied with transformed weights point by point, and transformed back. A thread has groups
 * of tiles of its own, which may be of several pictures; the transformed weights are shared. Whatever the number of
 * threads, every sum is taken in the same order. */
#include <math.h>
#include <omp.h>
#include <stdlib.h>

#include "base/error.h"
#include "devices/cpu/cpu.h"

#define DEPTH          256 /* of one product, at most: a panel of that many rows stays in the first-level cache */
#define WEIGHT_ROWS    64  /* that are transformed at a time */
#define FEW_CALLS      4   /* of the innermost product for a group of tiles */
#define MANY_CALLS     16
#define KEPT_WEIGHTS   ((size_t)8 << 20) /* bytes of transformed weights that some cache keeps */
#define LEAST_CHANNELS 32
#define LEAST_USED     0.6 /* of the tiles' pixels */
#define LEAST_TILES    16

/* Points of so many pairs, chosen for the smallest errors among the symmetric ones: of 4x4 outputs of 3x3 it is two and
 * a half times a direct convolution's, where 1 and 2 make it five times. */
static const double points[LIMN_UNIT_PAIRS + 1][LIMN_UNIT_PAIRS] = {
    [2] = {0.70710678118654752, 1.41421356237309505},
    [3] = {0.5, 1, 2},
    [5] = {0.375, 0.625, 1.125, 1.375, 2.5},
};

/* A task's dimensions, and where its parts lie in the kernel's working memory (in floats). */
struct unit_winograd {
  const limn_unit_winograd *loops;
  limn_unit_loops kernel;
  limn_unit_axes axes;
  limn_shape x, y;
  limn_conv_attrs attrs;
  int threads, columns; /* of a panel */
  int tiles_x, tiles;   /* tiles of a picture */
  int points, panels;
  int group, slice, row; /* tiles at a time; the depth of one product; from one tile's numbers to the next's */
  float slope;           /* behind it */
  size_t tile_point, product_point, panel_point, panel_size;
  size_t tile_matrices, products, panel_matrices, end; /* offsets; the last: the size */
  size_t tile_size, product_size;                      /* floats of one thread */
};

static int smaller(int a, int b) { return a < b ? a : b; }
static int divided(int a, int b) { return (a + b - 1) / b; }

/* x^0, x^2, ... of the product of x^2 - a^2 over all pairs but one, without the last, which is 1. */
static void find_products(const double *at, int pairs, int but, float *out) {
  double factors[LIMN_UNIT_PAIRS + 1] = {1};
  for (int j = 0, count = 0; j < pairs; ++j) {
    if (j == but)
      continue;
    for (int i = ++count; i >= 0; --i)
      factors[i] = (i > 0 ? factors[i - 1] : 0) - (i < count ? at[j] * at[j] * factors[i] : 0);
  }
  for (int i = 0; i < pairs; ++i)
    out[i] = (float)factors[i];
}

static int axis_pairs(int taps) { return taps == 1 ? 0 : taps == 3 ? 2 : taps == 5 ? 3 : 5; }
static int axis_points(int taps) { return taps == 1 ? 1 : 2 * axis_pairs(taps) + 2; }
static int axis_outputs(int taps) { return axis_points(taps) - taps + 1; }

static void plan_axis(limn_unit_axis *a, int taps) {
  const int pairs = axis_pairs(taps);
  const double *at = points[pairs];
  *a = (limn_unit_axis){.points = axis_points(taps), .outputs = axis_outputs(taps), .weight = {{1}}};
  if (pairs == 0)
    return;
  double all = 1;
  find_products(at, pairs, -1, a->all);
  for (int j = 0; j < pairs; ++j) {
    double norm = 2 * at[j] * at[j];
    all *= -at[j] * at[j];
    a->at[j] = (float)at[j];
    find_products(at, pairs, j, a->others[j]);
    for (int l = 0; l < pairs; ++l)
      norm *= l == j ? 1 : at[j] * at[j] - at[l] * at[l];
    for (int i = 0; i < a->outputs; ++i)
      a->power[j][i] = (float)pow(at[j], i);
    for (int i = 0; i < taps; ++i) {
      a->weight[1 + 2 * j][i] = (float)(pow(at[j], i) / norm);
      a->weight[2 + 2 * j][i] = (float)(pow(-at[j], i) / norm);
    }
  }
  a->weight[0][0] = (float)(1 / all);
  a->weight[2 * pairs + 1][taps - 1] = 1;
}

static limn_winograd_picture picture_of(const struct unit_winograd *w, float *data, limn_shape shape, int n) {
  return (limn_winograd_picture){.data = data + (size_t)n * (size_t)shape.c * (size_t)shape.h * (size_t)shape.w,
                                 .blocks = shape.c / w->loops->lanes,
                                 .h = shape.h,
                                 .w = shape.w};
}

/* The first output of a tile. */
static limn_winograd_tile place_of(const struct unit_winograd *w, int tile) {
  return (limn_winograd_tile){tile / w->tiles_x * w->axes.y.outputs, tile % w->tiles_x * w->axes.x.outputs};
}

/* Operands: y, x, weights, bias, working memory. */
static void transform_tiles(const struct unit_winograd *w, const limn_kernel *k, int first, int count,
                            float *matrices) {
  for (int t = 0; t < count; ++t) {
    const limn_winograd_picture x = picture_of(w, cpu_at(k, 1), w->x, (first + t) / w->tiles);
    limn_winograd_tile at = place_of(w, (first + t) % w->tiles);
    at.y -= w->attrs.pad_h;
    at.x -= w->attrs.pad_w;
    w->kernel.input(&w->axes, &x, at, matrices + (size_t)t * (size_t)w->row, w->tile_point);
  }
}

/* The tiles by a panel of weights, point by point. */
static void multiply(const struct unit_winograd *w, int rows, const float *tiles, const float *panel, float *products) {
  for (int p = 0; p < w->points; ++p)
    for (int depth = 0; depth < w->x.c; depth += w->slice)
      w->loops->product(rows, smaller(w->slice, w->x.c - depth), tiles + (size_t)p * w->tile_point + depth,
                        (size_t)w->row, panel + (size_t)p * w->panel_point + (size_t)(depth * w->columns),
                        products + (size_t)p * w->product_point, depth > 0);
}

static void transform_products(const struct unit_winograd *w, const limn_kernel *k, int first, int count, int panel,
                               const float *products) {
  for (int t = 0; t < count; ++t) {
    const limn_winograd_picture y = picture_of(w, cpu_at(k, 0), w->y, (first + t) / w->tiles);
    w->kernel.output(&w->axes, products + (size_t)(t * w->columns), w->product_point, &y,
                     place_of(w, (first + t) % w->tiles), panel * LIMN_WINOGRAD_BLOCKS, cpu_at(k, 3), w->slope);
  }
}

static void run_forward(const limn_kernel *k, const struct limn_call *call) {
  const struct unit_winograd *w = k->state;
  const int all = w->x.n * w->tiles, blocks = w->x.c / w->loops->lanes;
  float *scratch = cpu_at(k, 4), *panels = scratch + w->panel_matrices;
  (void)call;
#pragma omp parallel num_threads(w->threads)
  {
#pragma omp for collapse(2) schedule(static)
    for (int panel = 0; panel < w->panels; ++panel)
      for (int row = 0; row < w->x.c; row += WEIGHT_ROWS)
        w->kernel.weights(&w->axes, cpu_at(k, 2), blocks, panel * LIMN_WINOGRAD_BLOCKS, row,
                          smaller(WEIGHT_ROWS, w->x.c - row),
                          panels + (size_t)panel * w->panel_size + (size_t)(row * w->columns), w->panel_point);
    float *tiles = scratch + w->tile_matrices + (size_t)omp_get_thread_num() * w->tile_size;
    float *products = scratch + w->products + (size_t)omp_get_thread_num() * w->product_size;
#pragma omp for schedule(static)
    for (int first = 0; first < all; first += w->group) {
      const int rows = smaller(w->group, all - first);
      transform_tiles(w, k, first, rows, tiles);
      for (int panel = 0; panel < w->panels; ++panel) {
        multiply(w, rows, tiles, panels + (size_t)panel * w->panel_size, products);
        transform_products(w, k, first, rows, panel, products);
      }
    }
  }
}

static size_t place(struct unit_winograd *w, size_t floats) {
  const size_t at = w->end;
  w->end += cpu_odd_lines(floats);
  return at;
}

static void plan(struct unit_winograd *w) {
  const int all = w->x.n * w->tiles;
  w->panels = w->y.c / w->columns;
  w->panel_point = cpu_odd_lines((size_t)(w->x.c * w->columns));
  w->panel_size = (size_t)w->points * w->panel_point;
  /* Few, so that a thread's tiles and products stay in its second-level cache; more where the weights, which every
   * group reads, stay in none. As many in one group as in another, and as many groups for one thread as for another. */
  const bool kept = (size_t)w->panels * w->panel_size * sizeof(float) <= KEPT_WEIGHTS;
  const int most = (kept ? FEW_CALLS : MANY_CALLS) * w->loops->product_rows;
  w->group = divided(all, w->threads * divided(all, w->threads * most));
  w->slice = divided(divided(w->x.c, divided(w->x.c, DEPTH)), w->loops->lanes) * w->loops->lanes;
  w->row = (int)cpu_odd_lines((size_t)w->x.c);
  w->tile_point = cpu_odd_lines((size_t)w->group * (size_t)w->row);
  w->product_point = cpu_odd_lines((size_t)(w->group * w->columns));
  w->tile_size = (size_t)w->points * w->tile_point;
  w->product_size = (size_t)w->points * w->product_point;
  w->panel_matrices = place(w, (size_t)w->panels * w->panel_size);
  w->tile_matrices = place(w, (size_t)w->threads * w->tile_size);
  w->products = place(w, (size_t)w->threads * w->product_size);
}

/* LIMN_UNIT_KERNELS: none. */
static limn_unit_kernel kernel_of(limn_shape w) {
  static const int sides[LIMN_UNIT_KERNELS][2] = {
      [LIMN_UNIT_3X3] = {3, 3}, [LIMN_UNIT_5X5] = {5, 5}, [LIMN_UNIT_1X3] = {1, 3},
      [LIMN_UNIT_3X1] = {3, 1}, [LIMN_UNIT_1X7] = {1, 7}, [LIMN_UNIT_7X1] = {7, 1}};
  int kernel = 0;
  while (kernel < LIMN_UNIT_KERNELS && (w.h != sides[kernel][0] || w.w != sides[kernel][1]))
    ++kernel;
  return (limn_unit_kernel)kernel;
}

static int tiles_of(int side, int taps) { return divided(side, axis_outputs(taps)); }

bool limn_cpu_unit_winograd_suits(const limn_builder *b, const limn_task *task) {
  const struct cpu_device *cpu = cpu_device_of(b);
  const limn_conv_shapes s = limn_builder_conv_shapes(b, task);
  const limn_conv_attrs *a = &task->node.conv;
  const int lanes = cpu->simd->unit_winograd->lanes;
  if (!cpu->winograd || lanes == 0 || task->kind != LIMN_TASK_CONV || kernel_of(s.w) == LIMN_UNIT_KERNELS ||
      a->stride_h != 1 || a->stride_w != 1 || !limn_conv_is_plain(*a) || s.x.h * s.x.w == 1 || s.y.h * s.y.w == 1 ||
      s.x.c < LEAST_CHANNELS || s.x.c % lanes != 0 || s.y.c % (LIMN_WINOGRAD_BLOCKS * lanes) != 0)
    return false;
  const int tiles = tiles_of(s.y.h, s.w.h) * tiles_of(s.y.w, s.w.w);
  return s.y.h * s.y.w >= LEAST_USED * tiles * axis_outputs(s.w.h) * axis_outputs(s.w.w) &&
         s.x.n * tiles >= LEAST_TILES;
}

limn_status limn_cpu_build_unit_winograd(limn_builder *b, const limn_task *task) {
  const struct cpu_device *cpu = cpu_device_of(b);
  const limn_conv_shapes s = limn_builder_conv_shapes(b, task);
  struct unit_winograd *w = calloc(1, sizeof *w);
  if (!w)
    return limn_fail_memory("a program");
  *w = (struct unit_winograd){.loops = cpu->simd->unit_winograd,
                              .kernel = cpu->simd->unit_winograd->kernels[kernel_of(s.w)],
                              .x = s.x,
                              .y = s.y,
                              .attrs = task->node.conv,
                              .threads = cpu->threads,
                              .columns = LIMN_WINOGRAD_BLOCKS * cpu->simd->unit_winograd->lanes};
  plan_axis(&w->axes.y, s.w.h);
  plan_axis(&w->axes.x, s.w.w);
  w->tiles_x = divided(s.y.w, w->axes.x.outputs);
  w->tiles = w->tiles_x * divided(s.y.h, w->axes.y.outputs);
  w->points = w->axes.y.points * w->axes.x.points;
  plan(w);
  return limn_cpu_add_blocked_convolution(b, task,
                                          &(cpu_blocked_convolution){.kernel = {CPU_UNIT_WINOGRAD, w, run_forward},
                                                                     .scratch_bytes = w->end * sizeof(float),
                                                                     .slope = &w->slope});
}
