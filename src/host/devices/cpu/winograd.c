/* 4x4 convolutions of stride 2 by Winograd's way (simd/winograd.h says which): forward, backward data and backward
 * weights, in about half the time of a direct convolution.
 *
 * Tiles are transformed, multiplied with transformed weights point by point (25 products of matrices), and transformed
 * back. Weights change at every step, so their transform is part of the work. Whatever the number of threads, every sum
 * is taken in the same order. */
#include <omp.h>
#include <stdlib.h>

#include "base/error.h"
#include "devices/cpu/cpu.h"

#define POINTS LIMN_WINOGRAD_POINTS
#define PHASES LIMN_WINOGRAD_PHASES
#define TILE   LIMN_WINOGRAD_TILE

#define DEPTH         128 /* of one product, at most: a panel of that many rows stays in the first-level cache */
#define SUMMED_ROWS   64  /* rows of a product for weights: 16 channels in 4 phases */
#define CHANNELS      32  /* that channels have to be a multiple of */
#define PRIVATE_TILES 32
#define SHARED_TILES  64
#define SUMMED_TILES  128 /* at a time, for gradients of weights */
#define MOST_PANELS   ((size_t)8 << 20)
#define LEAST_USED    0.6 /* of the tiles' pixels */
#define LEAST_TILES   16

/* A task's dimensions, and where its parts lie in the kernel's working memory (in floats). */
struct winograd {
  limn_task_kind kind;
  const limn_winograd *loops;
  limn_shape x, y;
  int threads, columns;                /* of a panel */
  int tiles_y, tiles_x, tiles, images; /* tiles of a picture; pictures of a group */
  int depth, panels;                   /* of the products: forward and backward data */
  int slice, row; /* the depth of one product; a tile's numbers there, and some so that rows lie apart */
  bool kept;      /* the transformed weights of all panels are kept */
  float slope;    /* behind a forward convolution */
  size_t tile_point, product_point, panel_point;
  size_t transposed, tile_matrices, products, panel_matrices, end; /* offsets; the last: the size */
  size_t tile_size, product_size, panel_size;                      /* floats of one thread or panel */
  /* backward weights */
  int chunk, items_per_group, item_panels;
  size_t gradient_point, gradient_matrices, y_matrices, y_point;
};

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

static limn_winograd_picture picture_of(const struct winograd *w, float *data, limn_shape shape, int n) {
  return (limn_winograd_picture){.data = data + (size_t)n * (size_t)shape.c * (size_t)shape.h * (size_t)shape.w,
                                 .blocks = shape.c / w->loops->lanes,
                                 .h = shape.h,
                                 .w = shape.w};
}

static limn_winograd_tile tile_of(const struct winograd *w, int tile) {
  return (limn_winograd_tile){tile / w->tiles_x, tile % w->tiles_x};
}

static void transform_weights(const struct winograd *w, const float *weights, int panel, int k, int count, float *out,
                              size_t point) {
  const int blocks = LIMN_WINOGRAD_BLOCKS;
  if (w->kind == LIMN_TASK_CONV)
    w->loops->weights(weights, w->x.c / w->loops->lanes, panel * blocks, -1, k, count, out, point);
  else
    w->loops->weights(weights, w->y.c / w->loops->lanes, panel / PHASES * blocks, panel % PHASES, k, count, out, point);
}

/* Operands of forward and backward data: result, tensor, weights, bias, working memory. */
struct operands {
  float *out, *in, *bias, *scratch;
  const float *weights; /* in the form that transform_weights wants */
};

/* Tile `tile` of the group that begins at picture `first`, counted over the group's pictures. */
static void transform_tile(const struct winograd *w, const struct operands *o, int first, int tile, int place,
                           float *matrices) {
  bool forward = w->kind == LIMN_TASK_CONV;
  limn_winograd_picture in = picture_of(w, o->in, forward ? w->x : w->y, first + tile / w->tiles);
  limn_winograd_row row = {.data = matrices + (size_t)(place * w->row),
                           .point = w->tile_point,
                           .slab = w->tile_point * POINTS,
                           .span = w->slice};
  (forward ? w->loops->input : w->loops->gradient)(&in, tile_of(w, tile % w->tiles), &row);
}

static void transform_product(const struct winograd *w, const struct operands *o, int first, int tile, int panel,
                              const float *m) {
  const int blocks = LIMN_WINOGRAD_BLOCKS;
  limn_winograd_tile at = tile_of(w, tile % w->tiles);
  if (w->kind == LIMN_TASK_CONV) {
    limn_winograd_picture y = picture_of(w, o->out, w->y, first + tile / w->tiles);
    w->loops->output(m, w->product_point, &y, at, panel * blocks, o->bias, w->slope);
  } else {
    limn_winograd_picture x = picture_of(w, o->out, w->x, first + tile / w->tiles);
    w->loops->input_gradient(m, w->product_point, &x, at, panel / PHASES * blocks, panel % PHASES);
  }
}

/* The tiles of a group by the weights of one panel, through one slice of the depth. */
static void multiply(const struct winograd *w, int rows, const float *tiles, const float *panel, size_t panel_point,
                     int slice, float *products) {
  tiles += (size_t)slice * POINTS * w->tile_point;
  for (int p = 0; p < POINTS; ++p)
    w->loops->product(rows, w->slice, tiles + (size_t)p * w->tile_point, (size_t)w->row,
                      panel + (size_t)p * panel_point, products + (size_t)p * w->product_point, slice > 0);
}

/* Every thread has groups of pictures of its own, whose tiles stay in its second-level cache; all panels are kept. */
static void run_private(const struct winograd *w, const struct operands *o) {
  int groups = (w->x.n + w->images - 1) / w->images;
  const int rows = 64; /* of weights at a time */
  float *panels = o->scratch + w->panel_matrices;
#pragma omp parallel num_threads(w->threads)
  {
#pragma omp for collapse(2) schedule(static)
    for (int panel = 0; panel < w->panels; ++panel)
      for (int k = 0; k < w->depth; k += rows)
        transform_weights(w, o->weights, panel, k, rows,
                          panels + (size_t)panel * w->panel_size + (size_t)k * (size_t)w->columns, w->panel_point);
#pragma omp for schedule(static)
    for (int group = 0; group < groups; ++group) {
      int thread = omp_get_thread_num(), first = group * w->images;
      int count = (int)smaller((size_t)w->images, (size_t)(w->x.n - first)) * w->tiles;
      float *tiles = o->scratch + w->tile_matrices + (size_t)thread * w->tile_size;
      float *products = o->scratch + w->products + (size_t)thread * w->product_size;
      for (int begin = 0; begin < count; begin += PRIVATE_TILES) {
        int some = (int)smaller(PRIVATE_TILES, (size_t)(count - begin));
        for (int t = 0; t < some; ++t)
          transform_tile(w, o, first, begin + t, t, tiles);
        for (int panel = 0; panel < w->panels; ++panel) {
          for (int slice = 0; slice < w->depth / w->slice; ++slice)
            multiply(w, some, tiles,
                     panels + (size_t)panel * w->panel_size + (size_t)(slice * w->slice) * (size_t)w->columns,
                     w->panel_point, slice, products);
          for (int t = 0; t < some; ++t)
            transform_product(w, o, first, begin + t, panel, products + (size_t)t * (size_t)w->columns);
        }
      }
    }
  }
}

/* All threads share the tiles of a group and divide the panels, each of which is transformed where it is used. */
static void run_shared(const struct winograd *w, const struct operands *o) {
  float *tiles = o->scratch + w->tile_matrices;
#pragma omp parallel num_threads(w->threads)
  {
    int thread = omp_get_thread_num();
    float *products = o->scratch + w->products + (size_t)thread * w->product_size;
    float *panel_matrix = o->scratch + w->panel_matrices + (size_t)thread * w->panel_size;
    for (int first = 0; first < w->x.n; first += w->images) {
      int count = (int)smaller((size_t)w->images, (size_t)(w->x.n - first)) * w->tiles;
#pragma omp for schedule(static)
      for (int t = 0; t < count; ++t)
        transform_tile(w, o, first, t, t, tiles);
#pragma omp for schedule(static)
      for (int panel = 0; panel < w->panels; ++panel) {
        for (int slice = 0; slice < w->depth / w->slice; ++slice) {
          transform_weights(w, o->weights, panel, slice * w->slice, w->slice, panel_matrix, w->panel_point);
          multiply(w, count, tiles, panel_matrix, w->panel_point, slice, products);
        }
        for (int t = 0; t < count; ++t)
          transform_product(w, o, first, t, panel, products + (size_t)t * (size_t)w->columns);
      }
    }
  }
}

/* Weights (O/B, I/B, taps, i, o) as (I/B, O/B, taps, o, i): backward data runs along the inputs. */
static const float *transpose_weights(const struct winograd *w, const float *weights, float *out) {
  int lanes = w->loops->lanes, outer = w->y.c / lanes, inner = w->x.c / lanes;
  size_t block = (size_t)LIMN_WINOGRAD_TAPS * (size_t)lanes * (size_t)lanes;
#pragma omp parallel for collapse(2) num_threads(w->threads) schedule(static)
  for (int i = 0; i < inner; ++i)
    for (int j = 0; j < outer; ++j)
      w->loops->transpose(weights + ((size_t)j * (size_t)inner + (size_t)i) * block,
                          out + ((size_t)i * (size_t)outer + (size_t)j) * block);
  return out;
}

static void run_data(const limn_kernel *k, const struct limn_call *call) {
  const struct winograd *w = k->state;
  (void)call;
  struct operands o = {.out = k->p[0], .in = k->p[1], .weights = k->p[2], .bias = k->p[3], .scratch = k->p[4]};
  if (w->kind == LIMN_TASK_CONV_DX)
    o.weights = transpose_weights(w, o.weights, o.scratch + w->transposed);
  (w->kept ? run_private : run_shared)(w, &o);
}

/* The tiles first ... of both tensors, side by side with those of the other pictures. */
static void transform_both(const struct winograd *w, float *x, float *y, float *scratch, int first, int count) {
  size_t x_group = (size_t)POINTS * w->tile_point, y_panel = (size_t)POINTS * w->y_point;
#pragma omp for schedule(static)
  for (int t = 0; t < count; ++t) {
    int n = (first + t) / w->tiles;
    limn_winograd_tile tile = tile_of(w, (first + t) % w->tiles);
    limn_winograd_picture from_x = picture_of(w, x, w->x, n), from_y = picture_of(w, y, w->y, n);
    w->loops->input(&from_x, tile,
                    &(limn_winograd_row){.data = scratch + w->tile_matrices + (size_t)t * SUMMED_ROWS,
                                         .point = w->tile_point,
                                         .slab = x_group,
                                         .span = SUMMED_ROWS});
    w->loops->gradient(&from_y, tile,
                       &(limn_winograd_row){.data = scratch + w->y_matrices + (size_t)t * (size_t)w->columns,
                                            .point = w->y_point,
                                            .slab = y_panel,
                                            .span = w->columns});
  }
}

/* One item: 64 rows of weights' inputs by a few panels of outputs. Operands: dw, x, y, working memory. */
static void sum_item(const struct winograd *w, float *dw, float *scratch, int item, int first, int count) {
  int group = item / w->items_per_group, panel = item % w->items_per_group * w->item_panels;
  bool whole = w->chunk >= w->x.n * w->tiles, last = first + count == w->x.n * w->tiles;
  float *sums = scratch + w->gradient_matrices +
                (whole ? (size_t)omp_get_thread_num() : (size_t)item) * POINTS * w->gradient_point;
  size_t columns = SUMMED_ROWS * (size_t)w->columns;
  for (int p = 0; p < POINTS; ++p)
    for (int i = 0; i < w->item_panels; ++i)
      w->loops->product_transposed(
          SUMMED_ROWS, count, scratch + w->tile_matrices + ((size_t)group * POINTS + (size_t)p) * w->tile_point,
          SUMMED_ROWS, scratch + w->y_matrices + ((size_t)(panel + i) * POINTS + (size_t)p) * w->y_point,
          sums + (size_t)p * w->gradient_point + (size_t)i * columns, first > 0);
  for (int i = 0; last && i < w->item_panels; ++i)
    w->loops->weight_gradient(sums + (size_t)i * columns, w->gradient_point, dw, w->x.c / w->loops->lanes,
                              (panel + i) * LIMN_WINOGRAD_BLOCKS, group * SUMMED_ROWS, SUMMED_ROWS);
}

/* Summed over tiles and batch while transformed; one transform back at the end. */
static void run_weights(const limn_kernel *k, const struct limn_call *call) {
  const struct winograd *w = k->state;
  int all = w->x.n * w->tiles, items = w->x.c * PHASES / SUMMED_ROWS * w->items_per_group;
  (void)call;
#pragma omp parallel num_threads(w->threads)
  for (int first = 0; first < all; first += w->chunk) {
    int count = (int)smaller((size_t)w->chunk, (size_t)(all - first));
    transform_both(w, k->p[1], k->p[2], k->p[3], first, count);
#pragma omp for schedule(static)
    for (int item = 0; item < items; ++item)
      sum_item(w, k->p[0], k->p[3], item, first, count);
  }
}

static size_t place(struct winograd *w, size_t floats) {
  size_t at = w->end;
  w->end += cpu_odd_lines(floats);
  return at;
}

static void plan_data(struct winograd *w) {
  bool forward = w->kind == LIMN_TASK_CONV;
  size_t columns = (size_t)w->columns, threads = (size_t)w->threads;
  w->depth = forward ? PHASES * w->x.c : w->y.c;
  w->slice = w->depth % DEPTH == 0 ? DEPTH : DEPTH / 2;
  w->row = w->slice + 16;
  w->panels = forward ? w->y.c / w->columns : w->x.c / w->columns * PHASES;
  w->panel_point = cpu_odd_lines((size_t)w->depth * columns);
  w->kept = (size_t)w->panels * POINTS * w->panel_point * sizeof(float) <= MOST_PANELS;
  int most = w->kept ? PRIVATE_TILES : SHARED_TILES;
  w->images = most > w->tiles ? most / w->tiles : 1;
  size_t rows = w->kept ? PRIVATE_TILES : (size_t)w->images * (size_t)w->tiles;
  if (!w->kept)
    w->panel_point = cpu_odd_lines((size_t)w->slice * columns);
  w->tile_point = cpu_odd_lines(rows * (size_t)w->row);
  w->product_point = cpu_odd_lines(rows * columns);
  w->panel_size = cpu_odd_lines(POINTS * w->panel_point);
  w->tile_size = cpu_odd_lines((size_t)(w->depth / w->slice) * POINTS * w->tile_point);
  w->product_size = cpu_odd_lines(POINTS * w->product_point);
  if (!forward)
    w->transposed = place(w, (size_t)w->x.c * (size_t)w->y.c * LIMN_WINOGRAD_TAPS);
  w->panel_matrices = place(w, (w->kept ? (size_t)w->panels : threads) * w->panel_size);
  w->tile_matrices = place(w, (w->kept ? threads : 1) * w->tile_size);
  w->products = place(w, threads * w->product_size);
}

static void plan_weights(struct winograd *w) {
  size_t all = (size_t)w->x.n * (size_t)w->tiles;
  w->chunk = (int)smaller(SUMMED_TILES, all);
  int wide = w->chunk > SHARED_TILES ? 64 : 32; /* columns of an item */
  w->item_panels = w->y.c % wide == 0 ? wide / w->columns : 32 / w->columns;
  w->items_per_group = w->y.c / w->columns / w->item_panels;
  size_t groups = (size_t)w->x.c * PHASES / SUMMED_ROWS;
  w->tile_point = cpu_odd_lines((size_t)w->chunk * SUMMED_ROWS);
  w->y_point = cpu_odd_lines((size_t)w->chunk * (size_t)w->columns);
  w->gradient_point = cpu_odd_lines((size_t)SUMMED_ROWS * (size_t)w->columns * (size_t)w->item_panels);
  w->tile_matrices = place(w, groups * POINTS * w->tile_point);
  w->y_matrices = place(w, (size_t)(w->y.c / w->columns) * POINTS * w->y_point);
  size_t sums = (size_t)w->chunk >= all ? (size_t)w->threads : groups * (size_t)w->items_per_group;
  w->gradient_matrices = place(w, sums * POINTS * w->gradient_point);
}

bool limn_cpu_winograd_suits(const limn_builder *b, const limn_task *task) {
  const struct cpu_device *cpu = cpu_device_of(b);
  limn_conv_shapes s = limn_builder_conv_shapes(b, task);
  if (!cpu->winograd || cpu->simd->winograd->lanes == 0 || !cpu_conv_halves(&s, &task->node.conv) ||
      s.x.c % CHANNELS != 0 || s.y.c % CHANNELS != 0)
    return false;
  /* Products run through slices of DEPTH or half of it: K is 4 I forward, O backward. */
  if (task->kind == LIMN_TASK_CONV_DX && s.y.c % (DEPTH / 2) != 0)
    return false;
  int tiles = (s.y.h + TILE - 1) / TILE * ((s.y.w + TILE - 1) / TILE);
  return s.y.h * s.y.w >= LEAST_USED * TILE * TILE * tiles && s.x.n * tiles >= LEAST_TILES;
}

limn_status limn_cpu_build_winograd(limn_builder *b, const limn_task *task) {
  const struct cpu_device *cpu = cpu_device_of(b);
  limn_conv_shapes s = limn_builder_conv_shapes(b, task);
  bool data = task->kind != LIMN_TASK_CONV_DW;
  struct winograd *w = calloc(1, sizeof *w);
  if (!w)
    return limn_fail_memory("a program");
  *w = (struct winograd){.kind = task->kind,
                         .loops = cpu->simd->winograd,
                         .x = s.x,
                         .y = s.y,
                         .threads = cpu->threads,
                         .columns = LIMN_WINOGRAD_BLOCKS * cpu->simd->winograd->lanes,
                         .tiles_y = (s.y.h + TILE - 1) / TILE,
                         .tiles_x = (s.y.w + TILE - 1) / TILE};
  w->tiles = w->tiles_y * w->tiles_x;
  (data ? plan_data : plan_weights)(w);
  return limn_cpu_add_blocked_convolution(
      b, task,
      &(cpu_blocked_convolution){.kernel = {CPU_WINOGRAD, w, data ? run_data : run_weights},
                                 .scratch_bytes = w->end * sizeof(float),
                                 .slope = task->kind == LIMN_TASK_CONV ? &w->slope : NULL});
}
