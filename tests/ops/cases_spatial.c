/* Pooling and resampling. Every op and, as its gradients, its adjoint; adjoints are also cases by themselves, so that
 * their own gradients and second gradients are seen. */
#include <math.h>
#include <stdio.h>

#include "cases.h"

enum { FORWARD, ADJOINT, PICK, BETWEEN_CONVOLUTIONS };

static limn_value square(case_graph *g, limn_value x) { return limn_graph_unary(g->graph, LIMN_PW_SQUARE, x, 0, 0); }

static void build_max_pool(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_value x = case_input(g, "x", c->x, RANGE_SIGNED);
  if (c->variant == ADJOINT)
    case_output(g, limn_graph_max_pool_dx(graph, x, square(g, case_input(g, "dy", c->y, RANGE_SIGNED)), c->pool));
  else if (c->variant == PICK)
    case_output(g, limn_graph_max_pool_pick(graph, x, square(g, case_input(g, "v", c->x, RANGE_SIGNED)), c->pool));
  else
    case_output(g, square(g, limn_graph_max_pool(graph, x, c->pool)));
}

/* A convolution behind the pool; one before it, where rounding cannot change which element is the largest. */
static void build_pool_and_convolutions(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  const limn_conv_attrs same = {1, 1, 1, 1};
  limn_value x = case_input(g, "x", c->x, RANGE_SIGNED);
  limn_value w = case_parameter(g, "w", (limn_shape){c->x.c, c->x.c, 3, 3}, RANGE_SIGNED);
  limn_value averages = limn_graph_avg_pool(graph, limn_graph_conv(graph, x, w, LIMN_NONE, same), c->pool);
  case_output(g, limn_graph_conv(graph, averages, w, LIMN_NONE, same));
  case_output(g, limn_graph_conv(graph, limn_graph_max_pool(graph, x, c->pool), w, LIMN_NONE, same));
}

static void build_avg_pool(case_graph *g, const op_case *c) {
  if (c->variant == ADJOINT)
    case_output(g, limn_graph_avg_pool_dx(g->graph, square(g, case_input(g, "dy", c->y, RANGE_SIGNED)), c->pool, c->x));
  else
    case_output(g, limn_graph_avg_pool(g->graph, square(g, case_input(g, "x", c->x, RANGE_SIGNED)), c->pool));
}

/* Equal elements, infinities, numbers that are none. */
static const float specials[][4] = {{0.5f, 0.5f, -1, 0.5f},
                                    {-INFINITY, 0.5f, INFINITY, -INFINITY},
                                    {1, NAN, -1, 2},
                                    {-INFINITY, -INFINITY, -INFINITY, -INFINITY}};

static void build_special(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_value x = case_fixed(g, LIMN_ROLE_INPUT, "x", c->x, specials[c->variant]);
  limn_value dy = case_leaf_of(g, LIMN_ROLE_INPUT, "dy", c->y, RANGE_SIGNED, !c->variant),
             v = case_leaf_of(g, LIMN_ROLE_INPUT, "v", c->x, RANGE_SIGNED, !c->variant);
  case_output(g, limn_graph_max_pool(graph, x, c->pool));
  case_output(g, limn_graph_max_pool_dx(graph, x, dy, c->pool));
  case_output(g, limn_graph_max_pool_pick(graph, x, v, c->pool));
}

static void build_resample(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  if (c->variant == ADJOINT) {
    limn_value dy = square(g, case_input(g, "dy", c->y, RANGE_SIGNED));
    case_output(g, limn_graph_resample_dx(graph, dy, c->resampling, c->x.h, c->x.w));
  } else if (c->variant == BETWEEN_CONVOLUTIONS) {
    const limn_conv_attrs same = {1, 1, 1, 1};
    limn_value w = case_parameter(g, "w", (limn_shape){c->x.c, c->x.c, 3, 3}, RANGE_SIGNED);
    limn_value x = limn_graph_conv(graph, case_input(g, "x", c->x, RANGE_SIGNED), w, LIMN_NONE, same);
    case_output(
        g, limn_graph_conv(graph, limn_graph_resample(graph, x, c->resampling, c->y.h, c->y.w), w, LIMN_NONE, same));
  } else {
    limn_value x = square(g, case_input(g, "x", c->x, RANGE_SIGNED));
    case_output(g, limn_graph_resample(graph, x, c->resampling, c->y.h, c->y.w));
  }
}

static int32_t count(int32_t side, int32_t window, int32_t stride, int32_t pad, int32_t extra) {
  return (side + 2 * pad + extra - window) / stride + 1;
}

static const struct pool_case {
  limn_shape x;
  limn_pool_attrs pool; /* window, stride, pad, extra */
} pools[] = {
    {{1, 1, 1, 1}, {1, 1, 1, 1, 0, 0, 0, 0, false}},
    {{2, 3, 5, 7}, {2, 2, 2, 2, 0, 0, 0, 0, false}},
    {{2, 16, 7, 6}, {3, 3, 2, 2, 1, 1, 0, 0, false}},
    {{1, 16, 6, 5}, {3, 3, 1, 1, 1, 1, 0, 0, false}},
    {{3, 8, 6, 7}, {3, 2, 2, 3, 0, 1, 1, 0, false}},
    {{2, 5, 4, 9}, {2, 5, 1, 2, 1, 2, 0, 1, false}},
    {{1, 32, 5, 5}, {2, 2, 3, 3, 0, 0, 0, 0, false}},
    {{2, 16, 4, 4}, {4, 4, 1, 1, 0, 0, 0, 0, false}},
    {{2, 3, 4, 3}, {4, 3, 1, 1, 0, 0, 0, 0, false}},
    {{2, 16, 8, 8}, {3, 3, 2, 2, 0, 0, 1, 1, false}},
    {{1, 24, 1, 9}, {1, 3, 1, 2, 0, 1, 0, 0, false}},
    {{3, 20, 7, 1}, {5, 1, 1, 1, 2, 0, 1, 0, false}},
    {{2, 16, 1, 1}, {3, 3, 1, 1, 1, 1, 0, 0, false}},
    {{1, 48, 9, 9}, {5, 5, 3, 3, 2, 2, 0, 0, false}},
    /* Each pixel in one window. */
    {{2, 16, 6, 10}, {2, 2, 2, 2, 0, 0, 0, 0, false}},
    {{1, 32, 9, 6}, {3, 3, 3, 3, 0, 0, 0, 0, false}},
    {{1, 16, 8, 10}, {4, 5, 4, 5, 0, 0, 0, 0, false}},
    /* The last row, and the last column, in none. */
    {{1, 16, 7, 4}, {2, 2, 2, 2, 0, 0, 0, 0, false}},
    {{1, 16, 4, 7}, {2, 2, 2, 2, 0, 0, 0, 0, false}},
};

static void add_pools(case_table *table) {
  for (size_t i = 0; i < sizeof pools / sizeof *pools; ++i) {
    const limn_pool_attrs *a = &pools[i].pool;
    op_case c = {.x = pools[i].x, .pool = *a};
    c.y = (limn_shape){c.x.n, c.x.c, count(c.x.h, a->window_h, a->stride_h, a->pad_h, a->extra_h),
                       count(c.x.w, a->window_w, a->stride_w, a->pad_w, a->extra_w)};
    char name[64];
    snprintf(name, sizeof name, "%dx%dx%dx%d-k%dx%d-s%dx%d-p%dx%d-e%dx%d", c.x.n, c.x.c, c.x.h, c.x.w, a->window_h,
             a->window_w, a->stride_h, a->stride_w, a->pad_h, a->pad_w, a->extra_h, a->extra_w);
    static const char *const variants[] = {"", "-adjoint", "-pick"};
    for (c.variant = FORWARD; c.variant <= PICK; ++c.variant) {
      c.build = build_max_pool;
      case_add(table, c, "max_pool/%s%s", name, variants[c.variant]);
    }
    c.build = build_avg_pool;
    for (int k = 0; k < 4; ++k) {
      c.variant = k / 2;
      c.pool.counted = k % 2;
      case_add(table, c, "avg_pool/%s%s%s", name, k % 2 ? "-counted" : "", variants[c.variant]);
    }
    c.pool.counted = false;
    c.build = build_pool_and_convolutions;
    case_add(table, c, "avg_pool/%s-between-convolutions", name);
    c.build = build_special;
    c.flags = CASE_NO_SECOND;
    for (c.variant = 0; c.variant < (int)(sizeof specials / sizeof *specials); ++c.variant)
      case_add(table, c, "max_pool/%s-special%d", name, c.variant);
  }
  op_case large = {
      .flags = CASE_LARGE, .x = {2, 48, 57, 40}, .y = {2, 48, 29, 20}, .pool = {3, 3, 2, 2, 1, 1, 0, 0, false}};
  for (large.variant = FORWARD; large.variant <= PICK; ++large.variant) {
    large.build = build_max_pool;
    case_add(table, large, "max_pool/large-%d", large.variant);
    large.build = build_avg_pool;
    if (large.variant != PICK)
      case_add(table, large, "avg_pool/large-%d", large.variant);
  }
}

static void add_refused_pool(case_table *table, op_case c, const char *refusal) {
  c.flags = CASE_REFUSED;
  c.refusal = refusal;
  const limn_pool_attrs *a = &c.pool;
  case_add(table, c, "max_pool/refused-k%dx%d-s%dx%d-p%dx%d-e%dx%d-%d", a->window_h, a->window_w, a->stride_h,
           a->stride_w, a->pad_h, a->pad_w, a->extra_h, a->extra_w, c.variant);
}

static void add_refused(case_table *table) {
  const char *const windows = "do not all lie on some of (1, 2, 4, 5)";
  static const limn_pool_attrs bad[] = {
      {0, 1, 1, 1, 0, 0, 0, 0, false},
      {1, 1, 0, 1, 0, 0, 0, 0, false},
      {2, 2, 1, 1, -1, 0, 0, 0, false},
      {2, 2, 1, 1, 0, 2, 0, 0, false},
      {2, 2, 1, 1, 0, 0, 2, 0, false},
      {2, 2, 1, 1, 0, 1, 0, 1, false},
      {5, 1, 1, 1, 0, 0, 0, 0, false},
      {2, 2, 1, 1, 0, 0, -1, 0, false},
      {INT32_MAX, 1, 1, 1, INT32_MAX - 1, 0, 0, 0, false},
  };
  const limn_shape x = {1, 2, 4, 5};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i)
    add_refused_pool(table, (op_case){.build = build_max_pool, .x = x, .pool = bad[i]}, windows);
  const limn_pool_attrs two = {2, 2, 2, 2, 0, 0, 0, 0, false};
  op_case c = {.build = build_max_pool, .x = x, .y = {1, 2, 2, 3}, .pool = two, .variant = ADJOINT};
  add_refused_pool(table, c, "max_pool_dx: dy is (1, 2, 2, 3), not (1, 2, 2, 2)");
  c.build = build_avg_pool;
  c.pool.pad_w = 1;
  add_refused_pool(table, c, NULL);
  table->cases[table->count - 1].flags = 0; /* with padding they fit */
  c.y.h = 1;
  add_refused_pool(table, c, "avg_pool_dx: dy is (1, 2, 1, 3), not (1, 2, 2, 3)");
  c = (op_case){.build = build_resample, .flags = CASE_REFUSED, .x = x, .y = {1, 2, 0, 3}};
  c.refusal = "resample: (1, 2, 4, 5) cannot become 0 x 3";
  case_add(table, c, "resample/refused");
}

static void add_resampling(case_table *table) {
  static const char *const names[] = {"nearest", "bilinear", "corners"};
  static const struct {
    limn_shape x;
    int32_t h, w;
  } sizes[] = {{{1, 1, 1, 1}, 1, 1},  {{2, 3, 1, 1}, 3, 4},   {{2, 16, 1, 1}, 3, 2},  {{2, 3, 3, 5}, 6, 10},
               {{1, 16, 4, 3}, 8, 6}, {{2, 5, 4, 6}, 7, 5},   {{2, 16, 5, 7}, 3, 2},  {{1, 8, 7, 6}, 1, 1},
               {{1, 24, 3, 2}, 3, 7}, {{3, 32, 9, 10}, 3, 5}, {{1, 3, 17, 2}, 2, 11}, {{2, 20, 5, 5}, 5, 5}};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; ++i)
    for (int how = 0; how < 3; ++how) {
      op_case c = {.build = build_resample, .x = sizes[i].x, .resampling = (limn_resampling)how};
      c.y = (limn_shape){c.x.n, c.x.c, sizes[i].h, sizes[i].w};
      static const char *const variants[] = {"", "-adjoint", "", "-between-convolutions"};
      for (c.variant = FORWARD; c.variant <= BETWEEN_CONVOLUTIONS; ++c.variant)
        if (c.variant != PICK)
          case_add(table, c, "resample/%dx%dx%dx%d-%dx%d-%s%s", c.x.n, c.x.c, c.x.h, c.x.w, c.y.h, c.y.w, names[how],
                   variants[c.variant]);
    }
  op_case large = {.build = build_resample,
                   .flags = CASE_LARGE,
                   .x = {2, 48, 23, 20},
                   .y = {2, 48, 46, 50},
                   .resampling = LIMN_BILINEAR};
  case_add(table, large, "resample/large");
}

void cases_add_spatial(case_table *table) {
  add_pools(table);
  add_refused(table);
  add_resampling(table);
}
