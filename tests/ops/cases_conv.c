/* Convolutions, their gradients and what a device may fuse around them. */
#include <math.h>
#include <stdio.h>

#include "cases.h"

typedef enum conv_tail {
  TAIL_NONE,
  TAIL_BIAS,
  TAIL_BIAS_RELU,
  TAIL_BIAS_LEAKY,
  TAIL_BIAS_TANH,
  TAIL_SIGMOID,
  TAIL_BIAS_CLAMP,
} conv_tail;

static limn_value add_tail(case_graph *g, limn_value y, conv_tail tail) {
  switch (tail) {
  case TAIL_BIAS_RELU:
    return limn_graph_unary(g->graph, LIMN_PW_RELU, y, 0, 0);
  case TAIL_BIAS_LEAKY:
    return limn_graph_unary(g->graph, LIMN_PW_LEAKY_RELU, y, 0.2f, 0);
  case TAIL_BIAS_TANH:
    return limn_graph_unary(g->graph, LIMN_PW_TANH, y, 0, 0);
  case TAIL_SIGMOID:
    return limn_graph_unary(g->graph, LIMN_PW_SIGMOID, y, 0, 0);
  case TAIL_BIAS_CLAMP:
    return limn_graph_unary(g->graph, LIMN_PW_CLAMP, y, -3, 5);
  default:
    return y;
  }
}

static limn_value bias_of(case_graph *g, const op_case *c, int32_t channels) {
  if (c->variant == TAIL_NONE || c->variant == TAIL_SIGMOID)
    return LIMN_NONE;
  if (c->variant == TAIL_BIAS_CLAMP)
    return limn_graph_affine(g->graph, case_parameter(g, "bias", LIMN_CHANNELS(channels), RANGE_OFF_ZERO), 8, 0);
  return case_parameter(g, "bias", LIMN_CHANNELS(channels), RANGE_SIGNED);
}

/* Small in front of a clamp, so that biases decide which channels are cut, in half precision too. */
static limn_value input_of(case_graph *g, const op_case *c, const char *name, limn_shape shape) {
  const limn_value x = case_input(g, name, shape, RANGE_SIGNED);
  return c->variant == TAIL_BIAS_CLAMP ? limn_graph_affine(g->graph, x, 0.02f, 0) : x;
}

static void build_conv(case_graph *g, const op_case *c) {
  limn_value x = input_of(g, c, "x", c->x), w = case_parameter(g, "w", c->w, RANGE_SIGNED);
  limn_value y = limn_graph_conv(g->graph, x, w, bias_of(g, c, c->w.n), c->conv);
  case_output(g, add_tail(g, y, (conv_tail)c->variant));
}

/* A NaN must come out as one: inf - inf in the middle of the input. */
static void build_conv_nan(case_graph *g, const op_case *c) {
  limn_value x = case_leaf_of(g, LIMN_ROLE_INPUT, "x", c->x, RANGE_NOT_FINITE, false);
  limn_value w = case_leaf_of(g, LIMN_ROLE_PARAMETER, "w", c->w, RANGE_SIGNED, false);
  limn_value y = limn_graph_conv(g->graph, limn_graph_sub(g->graph, x, x), w, LIMN_NONE, c->conv);
  case_output(g, add_tail(g, y, (conv_tail)c->variant));
}

/* The same everywhere: Winograd's way makes a NaN of all outputs of a tile that holds one. */
static void build_conv_all_nan(case_graph *g, const op_case *c) {
  limn_value w = case_leaf_of(g, LIMN_ROLE_PARAMETER, "w", c->w, RANGE_SIGNED, false);
  limn_value y = limn_graph_conv(g->graph, limn_graph_fill(g->graph, c->x, NAN), w, LIMN_NONE, c->conv);
  case_output(g, add_tail(g, y, (conv_tail)c->variant));
}

static void build_conv_dx(case_graph *g, const op_case *c) {
  limn_value y = input_of(g, c, "y", c->y), w = case_parameter(g, "w", c->w, RANGE_SIGNED);
  limn_value x = limn_graph_conv_dx(g->graph, y, w, bias_of(g, c, c->x.c), c->conv, c->x);
  case_output(g, add_tail(g, x, (conv_tail)c->variant));
}

static void build_conv_dw(case_graph *g, const op_case *c) {
  limn_value x = case_input(g, "x", c->x, RANGE_SIGNED), y = case_input(g, "y", c->y, RANGE_SIGNED);
  case_output(g, limn_graph_conv_dw(g->graph, x, y, c->conv, c->w));
}

static void build_dense(case_graph *g, const op_case *c) {
  limn_value x = case_input(g, "x", c->x, RANGE_SIGNED), w = case_parameter(g, "w", c->w, RANGE_SIGNED);
  case_output(g, add_tail(g, limn_graph_dense(g->graph, x, w, bias_of(g, c, c->w.n)), (conv_tail)c->variant));
}

static limn_shape conv_shape(limn_shape x, limn_shape w, limn_conv_attrs a) {
  return (limn_shape){x.n, w.n, (x.h + 2 * a.pad_h + a.more_h - w.h) / a.stride_h + 1,
                      (x.w + 2 * a.pad_w + a.more_w - w.w) / a.stride_w + 1};
}

/* One geometry in all three convolutions. x decides; conv_dx goes back to exactly x, whatever the stride left over. */
static void add_three(case_table *table, limn_shape x, limn_shape w, limn_conv_attrs a, conv_tail tail) {
  static const char *const names[] = {"conv", "conv_dx", "conv_dw"};
  static const case_builder builders[] = {build_conv, build_conv_dx, build_conv_dw};
  static const char *const tails[] = {"",           "-bias",    "-bias-relu", "-bias-leaky",
                                      "-bias-tanh", "-sigmoid", "-bias-clamp"};
  for (int i = 0; i < 3; ++i) {
    op_case row = {.build = builders[i], .x = x, .w = w, .y = conv_shape(x, w, a), .conv = a, .variant = tail};
    char rest[32] = "";
    if (!limn_conv_is_plain(a))
      snprintf(rest, sizeof rest, "-m%dx%d-g%d", a.more_h, a.more_w, limn_conv_groups(a));
    case_add(table, row, "%s/x%dx%dx%dx%d-o%d-k%dx%d-s%dx%d-p%dx%d%s%s", names[i], x.n, x.c, x.h, x.w, w.n, w.h, w.w,
             a.stride_h, a.stride_w, a.pad_h, a.pad_w, rest, i < 2 ? tails[tail] : "");
  }
}

static void add_geometries(case_table *table) {
  static const limn_shape pictures[] = {{2, 3, 5, 7}, {1, 1, 6, 5}};
  for (size_t i = 0; i < sizeof pictures / sizeof *pictures; ++i)
    for (int kernel = 3; kernel <= 5; ++kernel)
      for (int stride = 1; stride <= 2; ++stride)
        for (int pad = 0; pad <= 2; ++pad)
          add_three(table, pictures[i], (limn_shape){i == 0 ? 16 : 1, pictures[i].c, kernel, kernel},
                    (limn_conv_attrs){stride, stride, pad, pad}, pad % 2 == 0 ? TAIL_NONE : TAIL_BIAS);
  const limn_shape x = {2, 3, 7, 9};
  add_three(table, x, (limn_shape){20, 3, 3, 5}, (limn_conv_attrs){1, 2, 0, 1}, TAIL_BIAS);
  add_three(table, x, (limn_shape){20, 3, 5, 3}, (limn_conv_attrs){2, 1, 2, 1}, TAIL_NONE);
  add_three(table, x, (limn_shape){16, 3, 4, 4}, (limn_conv_attrs){2, 2, 0, 2}, TAIL_NONE);
  add_three(table, x, (limn_shape){16, 3, 1, 1}, (limn_conv_attrs){1, 1, 0, 0}, TAIL_BIAS);
}

/* Padding behind alone, as TensorFlow's SAME pads: EfficientNet's strides of 2. */
static void add_more_padding(case_table *table) {
  static const limn_conv_attrs attrs[] = {
      {2, 2, 0, 0, 1, 1}, {2, 2, 1, 1, 1, 1}, {1, 2, 1, 0, 0, 2}, {1, 1, 0, 1, 3, 0}, {2, 1, 2, 0, 0, 1}};
  static const int32_t channels[] = {3, 16, 32};
  for (size_t i = 0; i < sizeof attrs / sizeof *attrs; ++i)
    for (int c = 0; c < 3; ++c)
      add_three(table, (limn_shape){2, channels[c], 6, 8}, (limn_shape){i == 0 ? 20 : 32, channels[c], 3, 3}, attrs[i],
                c == 2 ? TAIL_BIAS : TAIL_NONE);
  /* What engines for 4x4 kernels and for dense layers take when nothing is added. */
  add_three(table, (limn_shape){3, 32, 8, 8}, (limn_shape){32, 32, 4, 4}, (limn_conv_attrs){2, 2, 1, 1, 1, 1},
            TAIL_NONE);
  add_three(table, (limn_shape){2, 3, 16, 8}, (limn_shape){32, 3, 4, 4}, (limn_conv_attrs){2, 2, 1, 1, 1, 0},
            TAIL_NONE);
  add_three(table, (limn_shape){2, 32, 4, 4}, (limn_shape){16, 32, 4, 4}, (limn_conv_attrs){1, 1, 0, 0, 1, 1},
            TAIL_BIAS);
  add_three(table, (limn_shape){2, 32, 4, 4}, (limn_shape){16, 32, 4, 4}, (limn_conv_attrs){4, 4, 0, 0, 1, 1},
            TAIL_NONE);
}

typedef struct group_row {
  limn_shape x;
  int32_t o, kernel;
  limn_conv_attrs attrs;
  conv_tail tail;
} group_row;

static void add_group_rows(case_table *table, const group_row *rows, size_t count, unsigned flags) {
  const size_t first = table->count;
  for (size_t i = 0; i < count; ++i)
    add_three(table, rows[i].x,
              (limn_shape){rows[i].o, rows[i].x.c / rows[i].attrs.groups, rows[i].kernel, rows[i].kernel},
              rows[i].attrs, rows[i].tail);
  for (size_t i = first; i < table->count; ++i)
    table->cases[i].flags |= flags;
}

/* Depthwise, with one result a channel and with several; groups that blocks of channels divide, that they do not, and
 * that a block holds several of; and what the engines for special shapes have to leave. */
static void add_groups(case_table *table) {
  static const group_row rows[] = {
      {{2, 3, 5, 7}, 3, 3, {1, 1, 1, 1, 0, 0, 3}, TAIL_BIAS},
      {{2, 16, 6, 5}, 16, 3, {1, 1, 1, 1, 0, 0, 16}, TAIL_BIAS_CLAMP},
      {{1, 16, 6, 8}, 16, 3, {2, 2, 0, 0, 1, 1, 16}, TAIL_BIAS_RELU},
      {{2, 32, 7, 9}, 32, 5, {2, 2, 2, 2, 0, 0, 32}, TAIL_NONE},
      {{2, 20, 5, 6}, 20, 3, {2, 1, 1, 0, 0, 0, 20}, TAIL_BIAS},
      {{2, 48, 8, 6}, 48, 5, {2, 2, 1, 1, 1, 1, 48}, TAIL_BIAS},
      {{1, 32, 4, 4}, 32, 4, {1, 1, 0, 0, 0, 0, 32}, TAIL_BIAS}, /* its kernel covers the picture */
      {{2, 16, 1, 1}, 16, 1, {1, 1, 0, 0, 0, 0, 16}, TAIL_NONE},
      {{2, 8, 4, 5}, 16, 3, {1, 1, 1, 1, 0, 0, 8}, TAIL_NONE},
      {{2, 32, 6, 6}, 32, 3, {1, 1, 1, 1, 0, 0, 2}, TAIL_BIAS},
      {{1, 64, 5, 6}, 96, 3, {2, 2, 1, 1, 0, 0, 2}, TAIL_BIAS_TANH},
      {{2, 32, 5, 5}, 16, 3, {1, 1, 1, 1, 0, 0, 2}, TAIL_NONE},
      {{2, 32, 5, 5}, 40, 3, {1, 1, 1, 1, 0, 0, 2}, TAIL_NONE},
      {{2, 32, 5, 5}, 24, 3, {1, 1, 1, 1, 0, 0, 8}, TAIL_BIAS},
      {{2, 6, 4, 5}, 9, 3, {1, 1, 0, 1, 0, 1, 3}, TAIL_BIAS_TANH},
      {{3, 64, 8, 8}, 64, 4, {2, 2, 1, 1, 0, 0, 2}, TAIL_NONE},
      {{2, 4, 8, 8}, 32, 4, {2, 2, 1, 1, 0, 0, 2}, TAIL_NONE},
      {{2, 64, 2, 2}, 32, 2, {1, 1, 0, 0, 0, 0, 4}, TAIL_BIAS},
      {{2, 64, 3, 4}, 64, 1, {1, 1, 0, 0, 0, 0, 4}, TAIL_BIAS},
  };
  static const group_row large[] = {
      {{3, 48, 28, 30}, 48, 3, {1, 1, 1, 1, 0, 0, 48}, TAIL_BIAS_CLAMP},
      {{2, 96, 29, 27}, 96, 5, {1, 1, 2, 2, 0, 0, 96}, TAIL_NONE},
      {{3, 32, 28, 28}, 32, 3, {2, 2, 0, 0, 1, 1, 32}, TAIL_BIAS},
      {{2, 32, 30, 26}, 32, 5, {2, 2, 1, 1, 1, 1, 32}, TAIL_NONE},
      {{2, 128, 14, 14}, 128, 3, {1, 1, 1, 1, 0, 0, 8}, TAIL_BIAS_RELU},
      {{3, 48, 15, 11}, 48, 7, {1, 2, 3, 2, 0, 1, 48}, TAIL_NONE},
  };
  add_group_rows(table, rows, sizeof rows / sizeof *rows, 0);
  add_group_rows(table, large, sizeof large / sizeof *large, CASE_LARGE);
}

static void add_channels(case_table *table) {
  static const int32_t channels[] = {1, 3, 16, 20, 32};
  for (int i = 0; i < 5; ++i)
    for (int o = 0; o < 5; ++o) {
      limn_shape x = {1 + (i + o) % 2, channels[i], 8, 6};
      add_three(table, x, (limn_shape){channels[o], channels[i], 4, 4}, (limn_conv_attrs){2, 2, 1, 1}, TAIL_NONE);
      add_three(table, x, (limn_shape){channels[o], channels[i], 3, 3}, (limn_conv_attrs){1, 1, 1, 1}, TAIL_BIAS);
    }
}

static void add_layers(case_table *table) {
  const limn_conv_attrs whole = {1, 1, 0, 0}, halve = {2, 2, 1, 1}, keep = {1, 1, 1, 1};
  /* A picture to one value and back: DCGAN's last and first layers. */
  for (int32_t n = 1; n <= 4; n += 3) {
    add_three(table, (limn_shape){n, 32, 4, 4}, (limn_shape){1, 32, 4, 4}, whole, TAIL_NONE);
    add_three(table, (limn_shape){n, 32, 4, 4}, (limn_shape){20, 32, 4, 4}, whole, TAIL_NONE);
    add_three(table, (limn_shape){n, 16, 3, 5}, (limn_shape){20, 16, 3, 5}, whole, TAIL_BIAS);
  }
  /* Between features and picture. */
  add_three(table, (limn_shape){2, 3, 16, 16}, (limn_shape){64, 3, 4, 4}, halve, TAIL_NONE);
  add_three(table, (limn_shape){1, 1, 14, 14}, (limn_shape){64, 1, 4, 4}, halve, TAIL_BIAS);
  /* Activations behind a convolution. */
  for (int tail = TAIL_BIAS_RELU; tail <= TAIL_BIAS_CLAMP; ++tail) {
    add_three(table, (limn_shape){2, 3, 8, 8}, (limn_shape){16, 3, 4, 4}, halve, (conv_tail)tail);
    add_three(table, (limn_shape){2, 20, 5, 7}, (limn_shape){16, 20, 3, 3}, keep, (conv_tail)tail);
  }
}

typedef struct halving_row {
  limn_shape x;
  int32_t o;
  conv_tail tail;
} halving_row;

static void add_halving(case_table *table, const halving_row *rows, size_t count) {
  const size_t first = table->count;
  for (size_t i = 0; i < count; ++i)
    add_three(table, rows[i].x, (limn_shape){rows[i].o, rows[i].x.c, 4, 4}, (limn_conv_attrs){2, 2, 1, 1},
              rows[i].tail);
  for (size_t i = first; i < table->count; ++i)
    table->cases[i].flags |= CASE_LARGE;
}

/* What the CPU's engines for Winograd and bf16 take, and a little of what Winograd's must leave: whole and torn tiles,
 * one tile, pictures of more tiles than a thread takes at a time, groups of pictures that do not come out even, more
 * weights than are kept and then several groups, gradients of weights summed in several chunks. */
static void add_winograd(case_table *table) {
  static const halving_row rows[] = {
      {{2, 32, 32, 32}, 128, TAIL_NONE},     {{3, 64, 16, 24}, 128, TAIL_BIAS_RELU},
      {{17, 32, 8, 8}, 64, TAIL_BIAS},       {{9, 32, 28, 28}, 64, TAIL_BIAS_LEAKY},
      {{16, 96, 14, 14}, 128, TAIL_NONE},    {{66, 32, 8, 8}, 32, TAIL_BIAS_TANH},
      {{1, 32, 32, 40}, 128, TAIL_SIGMOID},  {{33, 32, 16, 16}, 96, TAIL_BIAS},
      {{1, 32, 72, 32}, 64, TAIL_BIAS_RELU}, {{19, 128, 14, 16}, 192, TAIL_NONE},
      {{67, 128, 8, 8}, 192, TAIL_BIAS},     {{3, 32, 2, 4}, 32, TAIL_BIAS},
      {{3, 64, 4, 2}, 64, TAIL_NONE},        {{1, 64, 64, 64}, 32, TAIL_BIAS},
  };
  add_halving(table, rows, sizeof rows / sizeof *rows);
}

/* What the CPU's Winograd engine for stride 1 takes, in each of its kernels, and a little of what it must leave: whole
 * and torn tiles, pictures that share a group of tiles, several groups for a thread, more channels than one product
 * goes through, more weights than are kept, padding that is more than keeps the sides and none. */
static void add_unit_winograd(case_table *table) {
  static const struct {
    limn_shape x;
    int32_t o, kernel_h, kernel_w, pad_h, pad_w;
    conv_tail tail;
  } rows[] = {
      {{2, 32, 16, 16}, 32, 3, 3, 1, 1, TAIL_BIAS_RELU},  {{3, 64, 14, 19}, 64, 3, 3, 0, 0, TAIL_BIAS},
      {{1, 32, 40, 35}, 64, 3, 3, 1, 1, TAIL_BIAS_LEAKY}, {{5, 32, 7, 8}, 32, 3, 3, 2, 2, TAIL_BIAS_CLAMP},
      {{4, 288, 8, 8}, 32, 3, 3, 1, 1, TAIL_NONE},        {{1, 256, 15, 18}, 256, 3, 3, 1, 1, TAIL_BIAS_RELU},
      {{2, 48, 17, 17}, 64, 5, 5, 2, 2, TAIL_BIAS_RELU},  {{1, 32, 20, 13}, 32, 5, 5, 0, 2, TAIL_NONE},
      {{7, 40, 8, 8}, 64, 1, 3, 0, 1, TAIL_BIAS_TANH},    {{4, 64, 9, 8}, 96, 3, 1, 1, 0, TAIL_BIAS_RELU},
      {{3, 32, 17, 17}, 64, 1, 7, 0, 3, TAIL_BIAS_RELU},  {{2, 64, 17, 15}, 32, 7, 1, 3, 0, TAIL_SIGMOID},
      {{2, 32, 12, 12}, 32, 7, 1, 0, 0, TAIL_NONE},       {{2, 16, 16, 16}, 32, 3, 3, 1, 1, TAIL_BIAS},
      {{1, 32, 4, 4}, 32, 3, 3, 1, 1, TAIL_BIAS},
  };
  const size_t first = table->count;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i)
    add_three(table, rows[i].x, (limn_shape){rows[i].o, rows[i].x.c, rows[i].kernel_h, rows[i].kernel_w},
              (limn_conv_attrs){1, 1, rows[i].pad_h, rows[i].pad_w}, rows[i].tail);
  for (size_t i = first; i < table->count; ++i)
    table->cases[i].flags |= CASE_LARGE;
}

/* Its engine for few channels: rows that fill no vector and rows of more than one, a last chunk that is not full, more
 * pictures than threads. */
static void add_few_channels(case_table *table) {
  static const halving_row rows[] = {
      {{5, 1, 28, 28}, 32, TAIL_NONE},    {{2, 3, 64, 48}, 16, TAIL_BIAS_TANH}, {{3, 7, 2, 10}, 48, TAIL_BIAS},
      {{1, 5, 6, 2}, 16, TAIL_BIAS_RELU}, {{4, 2, 14, 42}, 16, TAIL_SIGMOID},   {{5, 1, 28, 20}, 64, TAIL_NONE},
  };
  add_halving(table, rows, sizeof rows / sizeof *rows);
}

static void add_dense(case_table *table) {
  static const limn_shape inputs[] = {{1, 20, 1, 1}, {3, 32, 4, 4}, {2, 3, 5, 7}, {5, 100, 1, 1}};
  static const int32_t outputs[] = {1, 16, 20};
  for (int i = 0; i < 4; ++i)
    for (int o = 0; o < 3; ++o)
      for (int tail = TAIL_NONE; tail <= TAIL_BIAS_RELU; ++tail) {
        limn_shape x = inputs[i];
        op_case row = {.build = build_dense, .x = x, .w = {outputs[o], x.c, x.h, x.w}, .variant = tail};
        case_add(table, row, "dense/x%dx%dx%dx%d-o%d%s", x.n, x.c, x.h, x.w, outputs[o],
                 tail == TAIL_NONE   ? ""
                 : tail == TAIL_BIAS ? "-bias"
                                     : "-bias-relu");
      }
}

/* What the CPU's engine for them takes: outputs and pictures that come out even with none of its rows, in blocked and
 * in plain layouts, with packed panels and without. Half precision falls on other sides of kinks: there are none. */
static void add_gemm(case_table *table) {
  static const struct {
    limn_shape x;
    int32_t o;
    conv_tail tail;
  } rows[] = {
      {{17, 32, 3, 3}, 70, TAIL_BIAS_TANH},
      {{9, 64, 1, 1}, 18, TAIL_BIAS},
      {{6, 16, 2, 7}, 15, TAIL_SIGMOID},
      {{16, 32, 2, 2}, 64, TAIL_BIAS_TANH},
      /* Few pictures, and few outputs, of many sums. */
      {{2, 32, 2, 2}, 37, TAIL_BIAS},
      {{21, 32, 2, 2}, 5, TAIL_NONE},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i)
    add_three(table, rows[i].x, (limn_shape){rows[i].o, rows[i].x.c, rows[i].x.h, rows[i].x.w},
              (limn_conv_attrs){1, 1, 0, 0}, rows[i].tail);
}

/* A weight used twice (real and fake pictures in one step): its gradient is a sum of two. */
static void build_twice(case_graph *g, const op_case *c) {
  limn_value w = case_parameter(g, "w", c->w, RANGE_SIGNED);
  limn_value bias = case_parameter(g, "bias", LIMN_CHANNELS(c->w.n), RANGE_SIGNED);
  for (int i = 0; i < 2; ++i) {
    limn_value x = case_input(g, i == 0 ? "real" : "fake", c->x, RANGE_SIGNED);
    limn_value y = limn_graph_conv(g->graph, x, w, bias, c->conv);
    case_output(g, limn_graph_unary(g->graph, LIMN_PW_LEAKY_RELU, y, 0.2f, 0));
  }
}

/* Two layers, so that a gradient passes an activation on its way from one convolution to the other. Positive numbers:
 * what is activated stays away from the kink. */
static void build_layers(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_value x = case_input(g, "x", c->x, RANGE_POSITIVE), w = case_parameter(g, "w", c->w, RANGE_POSITIVE);
  limn_shape up = {c->w.n + 3, c->w.n, 3, 3};
  limn_value y = limn_graph_conv(graph, x, w, LIMN_NONE, c->conv);
  if (c->variant % 2)
    y = limn_graph_affine(graph, y, -1, 0);
  limn_pointwise function = c->variant < 2 ? LIMN_PW_LEAKY_RELU : LIMN_PW_RELU;
  limn_value active = limn_graph_unary(graph, function, y, 0.2f, 0);
  case_output(g, limn_graph_conv(graph, active, case_parameter(g, "v", up, RANGE_SIGNED), LIMN_NONE,
                                 (limn_conv_attrs){1, 1, 1, 1}));
}

/* Batch normalisation between two convolutions, which the CPU's bf16 keeps in bf16, both ways. Its channels lie on one
 * side of the kink each, well away from it. */
static void build_normalized(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  const limn_shape channels = LIMN_CHANNELS(c->w.n), up = {c->w.n, c->w.n, 4, 4};
  limn_value x = case_input(g, "x", c->x, RANGE_SIGNED), w = case_parameter(g, "w", c->w, RANGE_SIGNED);
  limn_value gamma = limn_graph_affine(graph, case_parameter(g, "gamma", channels, RANGE_POSITIVE), 0.02f, 0);
  limn_value beta = case_parameter(g, "beta", channels, RANGE_OFF_ZERO);
  limn_value y = limn_graph_batchnorm(graph, limn_graph_conv(graph, x, w, LIMN_NONE, c->conv), gamma, beta,
                                      (limn_batchnorm_attrs){.eps = 1e-5f, .momentum = 0.1f, .groups = 1});
  if (c->variant != TAIL_NONE)
    y = add_tail(g, y, (conv_tail)c->variant);
  case_output(g, limn_graph_conv(graph, y, case_parameter(g, "v", up, RANGE_SIGNED), LIMN_NONE, c->conv));
}

static void add_normalized(case_table *table) {
  static const conv_tail tails[] = {TAIL_NONE, TAIL_BIAS_RELU, TAIL_BIAS_LEAKY};
  static const char *const names[] = {"plain", "relu", "leaky"};
  for (int i = 0; i < 3; ++i) {
    op_case row = {.build = build_normalized,
                   .x = {5, 32, 16, 24},
                   .w = {64, 32, 4, 4},
                   .conv = {2, 2, 1, 1},
                   .variant = tails[i],
                   .flags = CASE_LARGE | CASE_NO_SECOND};
    case_add(table, row, "conv/batchnorm-between-%s", names[i]);
  }
}

/* A value read by two ops, one of them a convolution that could otherwise swallow the activation. */
static void build_shared(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_value x = case_input(g, "x", c->x, RANGE_SIGNED), w = case_parameter(g, "w", c->w, RANGE_SIGNED);
  limn_value y = limn_graph_conv(graph, x, w, LIMN_NONE, c->conv);
  limn_value t = limn_graph_unary(graph, LIMN_PW_TANH, y, 0, 0);
  case_output(g, limn_graph_mul(graph, y, t));
  case_output(g, t);
}

/* Down and up again: transposed convolution on a convolution's result, and an activation in between. */
static void build_down_up(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_value x = case_input(g, "x", c->x, RANGE_SIGNED), w = case_parameter(g, "down", c->w, RANGE_SIGNED);
  limn_value y = limn_graph_unary(graph, LIMN_PW_TANH, limn_graph_conv(graph, x, w, LIMN_NONE, c->conv), 0, 0);
  limn_value up = case_parameter(g, "up", c->w, RANGE_SIGNED);
  case_output(g, limn_graph_conv_dx(graph, y, up, LIMN_NONE, c->conv, c->x));
}

/* A residual block: what two convolutions make is added, and so are the gradients of what both read. */
static void build_added(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_value x = case_input(g, "x", c->x, RANGE_SIGNED), w = case_parameter(g, "w", c->w, RANGE_SIGNED);
  limn_value read =
      limn_graph_conv_dx(graph, limn_graph_conv(graph, x, w, LIMN_NONE, c->conv), w, LIMN_NONE, c->conv, c->x);
  limn_value y = limn_graph_conv(graph, read, w, LIMN_NONE, c->conv);
  limn_value v = case_parameter(g, "v", c->w, RANGE_SIGNED), u = case_parameter(g, "u", c->w, RANGE_SIGNED);
  y = limn_graph_add(graph, y, limn_graph_conv(graph, read, v, LIMN_NONE, c->conv));
  case_output(g, limn_graph_conv_dx(graph, y, u, LIMN_NONE, c->conv, c->x));
}

/* The gradient penalty of WGAN-GP (Gulrajani et al. 2017, eq. 3): a gradient inside the loss. */
static void build_penalty(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_value x = case_input(g, "x", c->x, RANGE_SIGNED), w = case_parameter(g, "w", c->w, RANGE_SIGNED);
  limn_value y = limn_graph_conv(graph, x, w, LIMN_NONE, c->conv);
  limn_value hidden = limn_graph_unary(graph, LIMN_PW_TANH, limn_graph_affine(graph, y, 0.1f, 0), 0, 0), dx;
  limn_shape s = limn_graph_shape(graph, hidden);
  limn_value v = case_parameter(g, "v", (limn_shape){1, s.c, s.h, s.w}, RANGE_SIGNED);
  limn_value critic = limn_graph_sum_all(graph, limn_graph_dense(graph, hidden, v, LIMN_NONE));
  g->status = limn_graph_gradient(graph, critic, &x, 1, &dx);
  if (g->status != LIMN_OK)
    return;
  limn_value squares =
      limn_graph_sum(graph, limn_graph_unary(graph, LIMN_PW_SQUARE, dx, 0, 0), (limn_shape){c->x.n, 1, 1, 1});
  limn_value norm = limn_graph_unary(graph, LIMN_PW_SQRT, squares, 0, 0);
  case_output(g, limn_graph_unary(graph, LIMN_PW_SQUARE, limn_graph_affine(graph, norm, 1, -1), 0, 0));
}

static void add_compositions(case_table *table) {
  static const struct {
    const char *name;
    case_builder build;
  } rows[] = {{"twice", build_twice},
              {"shared", build_shared},
              {"down-up", build_down_up},
              {"added", build_added},
              {"penalty", build_penalty}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i)
    for (int32_t channels = 3; channels <= 20; channels += 17) {
      op_case row = {.build = rows[i].build, .x = {2, channels, 6, 8}, .w = {16, channels, 4, 4}, .conv = {2, 2, 1, 1}};
      case_add(table, row, "conv/%s-%d-channels", rows[i].name, channels);
    }
}

static void add_two_layers(case_table *table) {
  static const char *const names[] = {"leaky", "leaky-below", "relu", "relu-below"};
  for (int variant = 0; variant < 4; ++variant)
    for (int32_t channels = 16; channels <= 20; channels += 4) {
      op_case row = {
          .build = build_layers, .x = {2, 3, 6, 8}, .w = {channels, 3, 4, 4}, .conv = {2, 2, 1, 1}, .variant = variant};
      case_add(table, row, "conv/two-layers-%d-channels-%s", channels, names[variant]);
    }
}

static void add_nan(case_table *table) {
  static const conv_tail tails[] = {TAIL_NONE, TAIL_BIAS_RELU, TAIL_BIAS_LEAKY, TAIL_BIAS_CLAMP};
  static const char *const names[] = {"plain", "relu", "leaky", "clamp"};
  for (int i = 0; i < 4; ++i)
    for (int32_t channels = 16; channels <= 20; channels += 4) {
      op_case row = {.build = build_conv_nan,
                     .x = {2, channels, 8, 8},
                     .w = {channels, channels, 4, 4},
                     .conv = {2, 2, 1, 1},
                     .variant = tails[i]};
      case_add(table, row, "conv/nan-%d-channels-%s", channels, names[i]);
    }
  for (int i = 0; i < 4; ++i) {
    op_case row = {.build = build_conv_all_nan,
                   .x = {4, 32, 16, 16},
                   .w = {32, 32, 4, 4},
                   .conv = {2, 2, 1, 1},
                   .variant = tails[i],
                   .flags = CASE_LARGE};
    case_add(table, row, "conv/all-nan-%s", names[i]);
    row.w = (limn_shape){32, 32, 3, 3};
    row.conv = (limn_conv_attrs){1, 1, 1, 1};
    case_add(table, row, "conv/all-nan-k3x3-%s", names[i]);
  }
}

void cases_add_conv(case_table *table) {
  add_nan(table);
  add_geometries(table);
  add_more_padding(table);
  add_groups(table);
  add_channels(table);
  add_layers(table);
  add_winograd(table);
  add_unit_winograd(table);
  add_few_channels(table);
  add_dense(table);
  add_gemm(table);
  add_compositions(table);
  add_normalized(table);
  add_two_layers(table);
}
