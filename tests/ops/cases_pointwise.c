/* Pointwise functions, broadcasts, sums, fills and random numbers. */
#include <math.h>

#include "cases.h"

#include "graph/node.h"

static void build_unary(case_graph *g, const op_case *c) {
  limn_value x = case_leaf_of(g, c->role, "x", c->x, c->range, true);
  case_output(g, limn_graph_unary(g->graph, c->function, x, c->alpha, c->beta));
}

static void build_binary(case_graph *g, const op_case *c) {
  limn_value x = case_leaf_of(g, c->role, "x", c->x, c->range, true);
  limn_value y = case_leaf_of(g, c->role, "y", c->y, c->range_y, true);
  case_output(g, limn_graph_binary_alpha_beta(g->graph, c->function, x, y, c->alpha, c->beta));
}

/* Both inputs are the same value. */
static void build_self(case_graph *g, const op_case *c) {
  limn_value x = case_input(g, "x", c->x, RANGE_SIGNED);
  case_output(g, limn_graph_binary(g->graph, c->function, x, x));
}

static void build_sum(case_graph *g, const op_case *c) {
  limn_value x = case_leaf_of(g, c->role, "x", c->x, RANGE_SIGNED, true);
  case_output(g, limn_graph_sum(g->graph, x, c->y));
}

static void build_mean(case_graph *g, const op_case *c) {
  limn_value x = case_input(g, "x", c->x, RANGE_SIGNED);
  case_output(g, limn_graph_mean_all(g->graph, limn_graph_unary(g->graph, LIMN_PW_SQUARE, x, 0, 0)));
}

/* A long chain, as a device may fuse it, with one value used at both ends. */
static void build_chain(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_value x = case_input(g, "x", c->x, RANGE_SIGNED);
  limn_value scale = case_parameter(g, "scale", LIMN_CHANNELS(c->x.c), RANGE_POSITIVE);
  limn_value t = limn_graph_mul(graph, limn_graph_unary(graph, LIMN_PW_TANH, x, 0, 0), scale);
  t = limn_graph_unary(graph, LIMN_PW_SIGMOID, limn_graph_affine(graph, t, 1.5f, -0.25f), 0, 0);
  t = limn_graph_unary(graph, LIMN_PW_SQUARE, limn_graph_sub(graph, t, x), 0, 0);
  t = limn_graph_unary(graph, LIMN_PW_EXP, limn_graph_affine(graph, t, -0.5f, 0), 0, 0);
  case_output(g, limn_graph_add(graph, t, limn_graph_mul(graph, x, x)));
}

/* Leaves in a weight's private layout against values that a convolution makes in its own. */
static void build_weight(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_value x = case_input(g, "x", c->x, RANGE_SIGNED), y = case_input(g, "y", c->y, RANGE_SIGNED);
  limn_value w = case_parameter(g, "w", c->w, RANGE_SIGNED);
  limn_value dw = limn_graph_conv_dw(graph, x, y, c->conv, c->w);
  case_output(g, limn_graph_sum_all(graph, limn_graph_unary(graph, LIMN_PW_SQUARE, dw, 0, 0)));
  case_output(g, limn_graph_add(graph, limn_graph_affine(graph, w, 0.5f, 0), dw));
  case_output(g, limn_graph_sum_all(graph, limn_graph_mul(graph, w, w)));
}

/* A factor for each filter of a weight, and a sum over each. */
static void build_per_filter(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_value w = case_parameter(g, "w", c->w, RANGE_SIGNED);
  limn_value scale = case_input(g, "scale", (limn_shape){c->w.n, 1, 1, 1}, RANGE_SIGNED);
  case_output(g, limn_graph_mul(graph, w, scale));
  limn_value squares = limn_graph_unary(graph, LIMN_PW_SQUARE, w, 0, 0);
  case_output(g, limn_graph_sum(graph, squares, (limn_shape){c->w.n, 1, 1, 1}));
}

/* Steps that read the same, which a device may join into one pass: e, its square with noise that ends there, two sums
 * of that (c->y: what one of them keeps) and a function of it that a convolution reads. */
static void build_pass(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_value x = case_input(g, "x", c->x, RANGE_SIGNED);
  limn_value scale = case_parameter(g, "scale", LIMN_CHANNELS(c->x.c), RANGE_POSITIVE);
  limn_value w = case_parameter(g, "w", (limn_shape){2, c->x.c, 1, 1}, RANGE_SIGNED);
  limn_value noise = limn_graph_normal(graph, c->x, 1);
  limn_value e = limn_graph_mul(graph, limn_graph_unary(graph, LIMN_PW_TANH, x, 0, 0), scale);
  limn_value f = limn_graph_add(graph, limn_graph_unary(graph, LIMN_PW_SQUARE, e, 0, 0), noise);
  case_output(g, limn_graph_sum_all(graph, limn_graph_sub(graph, f, e)));
  case_output(g, limn_graph_sum(graph, f, c->y));
  limn_value h = limn_graph_unary(graph, LIMN_PW_SIGMOID, f, 0, 0);
  case_output(g, limn_graph_conv(graph, h, w, LIMN_NONE, (limn_conv_attrs){1, 1, 0, 0}));
}

/* Scores over channels, as they are and shifted by c->beta, where exp alone would overflow or vanish. */
static void build_log_sum_exp(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_value x = case_leaf_of(g, c->role, "x", c->x, c->range, true);
  if (c->beta != 0)
    x = limn_graph_affine(graph, x, 1, c->beta);
  case_output(g, c->variant == 0   ? limn_graph_log_sum_exp(graph, x)
                 : c->variant == 1 ? limn_graph_softmax(graph, x)
                                   : limn_graph_log_softmax(graph, x));
}

/* All of one pixel's scores infinite: no NaN out of inf - inf. */
static void build_log_sum_exp_infinite(case_graph *g, const op_case *c) {
  case_output(g, limn_graph_log_sum_exp(g->graph, limn_graph_fill(g->graph, c->x, c->alpha)));
}

static void build_source(case_graph *g, const op_case *c) {
  if (c->variant == 0)
    case_output(g, limn_graph_fill(g->graph, c->x, c->alpha));
  else if (c->variant == 1)
    case_output(g, limn_graph_normal(g->graph, c->x, (uint32_t)c->beta));
  else
    case_output(g, limn_graph_uniform(g->graph, c->x, (uint32_t)c->beta));
}

static const char *const function_names[LIMN_PW_COUNT] = {
    [LIMN_PW_AFFINE] = "affine",
    [LIMN_PW_RELU] = "relu",
    [LIMN_PW_LEAKY_RELU] = "leaky_relu",
    [LIMN_PW_TANH] = "tanh",
    [LIMN_PW_SIGMOID] = "sigmoid",
    [LIMN_PW_SOFTPLUS] = "softplus",
    [LIMN_PW_EXP] = "exp",
    [LIMN_PW_LOG] = "log",
    [LIMN_PW_SQUARE] = "square",
    [LIMN_PW_SQRT] = "sqrt",
    [LIMN_PW_RSQRT] = "rsqrt",
    [LIMN_PW_RECIPROCAL] = "reciprocal",
    [LIMN_PW_ABS] = "abs",
    [LIMN_PW_SIGN] = "sign",
    [LIMN_PW_STEP] = "step",
    [LIMN_PW_CLAMP] = "clamp",
    [LIMN_PW_ADD] = "add",
    [LIMN_PW_SUB] = "sub",
    [LIMN_PW_MUL] = "mul",
    [LIMN_PW_RELU_GRAD] = "relu_grad",
    [LIMN_PW_LEAKY_GRAD] = "leaky_grad",
    [LIMN_PW_TANH_GRAD] = "tanh_grad",
    [LIMN_PW_SIGMOID_GRAD] = "sigmoid_grad",
    [LIMN_PW_CLAMP_GRAD] = "clamp_grad",
};

/* A range in which the function is defined, and smooth. */
static case_range range_of(limn_pointwise function) {
  switch (function) {
  case LIMN_PW_RELU:
  case LIMN_PW_LEAKY_RELU:
  case LIMN_PW_ABS:
  case LIMN_PW_SIGN:
  case LIMN_PW_STEP:
    return RANGE_OFF_ZERO;
  case LIMN_PW_CLAMP:
    return RANGE_OFF_BOUNDS;
  case LIMN_PW_LOG:
  case LIMN_PW_SQRT:
  case LIMN_PW_RSQRT:
  case LIMN_PW_RECIPROCAL:
    return RANGE_POSITIVE;
  default:
    return RANGE_SIGNED;
  }
}

static float alpha_of(limn_pointwise function) {
  switch (function) {
  case LIMN_PW_AFFINE:
    return -1.5f;
  case LIMN_PW_RSQRT:
    return 0.01f;
  case LIMN_PW_CLAMP:
  case LIMN_PW_CLAMP_GRAD:
    return -0.5f;
  default:
    return 0.2f;
  }
}

static void add_functions(case_table *table) {
  static const limn_shape shapes[] = {{2, 3, 5, 7},  {1, 20, 3, 3}, {4, 16, 2, 2},
                                      {20, 3, 4, 4}, {1, 1, 1, 1},  {3, 100, 1, 1}};
  for (int function = 0; function < LIMN_PW_COUNT; ++function)
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; ++i) {
      limn_shape s = shapes[i];
      limn_pointwise pw = (limn_pointwise)function;
      op_case row = {.build = limn_pointwise_is_binary(pw) ? build_binary : build_unary,
                     .x = s,
                     .y = s,
                     .function = pw,
                     .alpha = alpha_of(pw),
                     .beta = 0.75f,
                     .range = range_of(pw),
                     /* The y of RELU_GRAD and LEAKY_GRAD has its kink at 0, CLAMP_GRAD's two at its bounds. */
                     .range_y = pw == LIMN_PW_CLAMP_GRAD ? RANGE_OFF_BOUNDS : RANGE_OFF_ZERO,
                     .role = i == 3 ? LIMN_ROLE_PARAMETER : LIMN_ROLE_INPUT};
      case_add(table, row, "%s/%dx%dx%dx%d%s", function_names[pw], s.n, s.c, s.h, s.w, i == 3 ? "-weight" : "");
    }
  /* Where a careless formula overflows or cancels. */
  static const limn_pointwise steep[] = {LIMN_PW_SOFTPLUS, LIMN_PW_SIGMOID, LIMN_PW_TANH};
  for (int i = 0; i < 3; ++i) {
    op_case row = {.build = build_unary, .x = {2, 3, 5, 7}, .function = steep[i], .range = RANGE_WIDE};
    case_add(table, row, "%s/wide", function_names[steep[i]]);
    row.range = RANGE_LOW;
    if (row.function != LIMN_PW_TANH) /* there 1 - y^2 has no digits to compare */
      case_add(table, row, "%s/low", function_names[steep[i]]);
  }
}

static void add_broadcasts(case_table *table) {
  static const limn_shape full[] = {{2, 3, 5, 7}, {3, 20, 2, 2}, {2, 16, 4, 4}};
  for (int i = 0; i < 3; ++i)
    for (int kept = 0; kept < 7; ++kept) /* bits: N, C, (H, W) of the smaller one */
      for (int function = LIMN_PW_ADD; function <= LIMN_PW_MUL; ++function)
        for (int swapped = 0; swapped < 2; ++swapped) {
          limn_shape s = full[i];
          limn_shape t = {kept & 1 ? s.n : 1, kept & 2 ? s.c : 1, kept & 4 ? s.h : 1, kept & 4 ? s.w : 1};
          op_case row = {.build = build_binary,
                         .x = swapped ? t : s,
                         .y = swapped ? s : t,
                         .function = (limn_pointwise)function,
                         .role = LIMN_ROLE_INPUT};
          case_add(table, row, "%s/%dx%dx%dx%d-with-%dx%dx%dx%d", function_names[function], row.x.n, row.x.c, row.x.h,
                   row.x.w, row.y.n, row.y.c, row.y.h, row.y.w);
        }
  op_case both = {.build = build_binary, .x = {2, 1, 1, 1}, .y = {1, 20, 1, 1}, .role = LIMN_ROLE_INPUT};
  for (int function = LIMN_PW_ADD; function <= LIMN_PW_MUL; ++function) {
    both.function = (limn_pointwise)function;
    case_add(table, both, "%s/samples-with-channels", function_names[function]);
    case_add(table, (op_case){.build = build_self, .x = {2, 3, 5, 7}, .function = (limn_pointwise)function},
             "%s/with-itself", function_names[function]);
  }
}

static void add_sums(case_table *table) {
  static const limn_shape full[] = {{2, 3, 5, 7}, {3, 20, 2, 2}, {1, 16, 4, 4}, {20, 16, 3, 3}, {64, 1, 1, 1}};
  for (int i = 0; i < 5; ++i)
    for (int kept = 0; kept < 8; ++kept) {
      limn_shape s = full[i];
      limn_shape t = {kept & 1 ? s.n : 1, kept & 2 ? s.c : 1, kept & 4 ? s.h : 1, kept & 4 ? s.w : 1};
      if (i == 4 && kept > 0)
        break;
      op_case row = {
          .build = build_sum, .x = s, .y = t, .role = i == 3 && kept == 0 ? LIMN_ROLE_PARAMETER : LIMN_ROLE_INPUT};
      case_add(table, row, "sum/%dx%dx%dx%d-to-%dx%dx%dx%d", s.n, s.c, s.h, s.w, t.n, t.c, t.h, t.w);
    }
  case_add(table, (op_case){.build = build_mean, .x = {2, 3, 5, 7}}, "sum/mean-of-squares");
}

static void add_sources(case_table *table) {
  static const char *const kinds[] = {"fill", "normal", "uniform"};
  static const limn_shape shapes[] = {{1, 1, 1, 1}, {2, 3, 5, 7}, {4, 20, 3, 3}, {64, 100, 1, 1}};
  static const uint64_t steps[] = {0, 7, 0x100000003u};
  static const int streams[] = {0, 1, 0x101};
  for (int kind = 0; kind < 3; ++kind)
    for (int i = 0; i < 4; ++i)
      for (int j = 0; j < (kind == 0 ? 1 : 3); ++j) {
        limn_shape s = shapes[i];
        op_case row = {.build = build_source,
                       .x = s,
                       .alpha = -2.5f,
                       .beta = (float)streams[j],
                       .variant = kind,
                       .step = steps[j],
                       .flags = CASE_ROUNDED};
        case_add(table, row, "%s/%dx%dx%dx%d-stream-%d", kinds[kind], s.n, s.c, s.h, s.w, streams[j]);
      }
}

static void add_passes(case_table *table) {
  /* Few elements, of which the CUDA device makes small tasks, and more. */
  static const limn_shape shapes[] = {{2, 3, 5, 7},    {1, 1, 67, 71}, {2, 3, 33, 41}, {3, 16, 13, 11},
                                      {1, 20, 15, 15}, {9, 500, 1, 1}, {1, 1, 3, 3}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; ++i)
    for (int kept = 0; kept < 5; ++kept) { /* bits: N, C, (H, W); none is a sum to a number */
      limn_shape s = shapes[i];
      limn_shape t = {kept & 1 ? s.n : 1, kept & 2 ? s.c : 1, kept & 4 ? s.h : 1, kept & 4 ? s.w : 1};
      case_add(table, (op_case){.build = build_pass, .x = s, .y = t, .step = 5}, "pass/%dx%dx%dx%d-to-%dx%dx%dx%d", s.n,
               s.c, s.h, s.w, t.n, t.c, t.h, t.w);
    }
}

static void add_log_sum_exp(case_table *table) {
  static const char *const names[] = {"log_sum_exp", "softmax", "log_softmax"};
  static const limn_shape shapes[] = {{1, 1, 1, 1},  {3, 10, 1, 1}, {2, 3, 5, 7},   {2, 16, 3, 4},
                                      {2, 20, 1, 3}, {1, 37, 9, 9}, {2, 1000, 1, 1}};
  for (int variant = 0; variant < 3; ++variant)
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; ++i) {
      limn_shape s = shapes[i];
      op_case row = {.build = build_log_sum_exp,
                     .x = s,
                     .variant = variant,
                     .role = i == 3 ? LIMN_ROLE_PARAMETER : LIMN_ROLE_INPUT};
      case_add(table, row, "%s/%dx%dx%dx%d", names[variant], s.n, s.c, s.h, s.w);
    }
  for (int sign = -1; sign <= 1; sign += 2)
    for (int side = 1; side <= 3; side += 2) { /* one pixel, and several */
      op_case row = {.build = build_log_sum_exp, .x = {2, 20, side, side}, .beta = (float)(120 * sign)};
      case_add(table, row, "log_sum_exp/%s-%d", sign < 0 ? "low" : "high", side);
      row.build = build_log_sum_exp_infinite;
      row.alpha = (float)sign * INFINITY;
      case_add(table, row, "log_sum_exp/%s-infinite-%d", sign < 0 ? "minus" : "plus", side);
    }
  case_add(table, (op_case){.build = build_log_sum_exp, .x = {2, 20, 3, 3}, .variant = 2, .range = RANGE_WIDE},
           "log_softmax/wide");
}

void cases_add_pointwise(case_table *table) {
  add_log_sum_exp(table);
  add_functions(table);
  add_passes(table);
  add_broadcasts(table);
  add_sums(table);
  add_sources(table);
  static const int32_t channels[] = {1, 3, 16, 20};
  for (int i = 0; i < 4; ++i) {
    int32_t c = channels[i];
    case_add(table, (op_case){.build = build_chain, .x = {2, c, 5, 7}}, "pointwise/chain-%d-channels", c);
    op_case weight = {
        .build = build_weight, .x = {2, c, 6, 6}, .w = {16, c, 4, 4}, .y = {2, 16, 3, 3}, .conv = {2, 2, 1, 1}};
    case_add(table, weight, "pointwise/weights-%d-channels", c);
    case_add(table, (op_case){.build = build_per_filter, .w = {32, c, 4, 4}}, "pointwise/per-filter-%d-channels", c);
  }
}
