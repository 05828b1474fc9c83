/* Channels put together and taken apart. x is the shape of all together. */
#include "cases.h"

#define MOST_PARTS LIMN_MAX_INPUTS

typedef struct parts {
  int count;
  int32_t channels[MOST_PARTS];
} parts;

static const parts splits[] = {{2, {1, 1}},        {2, {5, 3}},          {3, {3, 4, 1}}, {4, {16, 32, 16, 64}},
                               {4, {8, 16, 8, 8}}, {4, {20, 12, 2, 30}}, {2, {4, 8}},    {3, {16, 16, 1}}};

static int32_t channels_of(const parts *p) {
  int32_t sum = 0;
  for (int i = 0; i < p->count; ++i)
    sum += p->channels[i];
  return sum;
}

/* Each part is computed, so that its gradient is more than a copy. */
static void build_concat(case_graph *g, const op_case *c) {
  static const limn_pointwise functions[MOST_PARTS] = {LIMN_PW_TANH, LIMN_PW_EXP, LIMN_PW_SQUARE, LIMN_PW_SIGMOID};
  static const char *const names[MOST_PARTS] = {"a", "b", "c", "d"};
  const parts *p = &splits[c->variant];
  limn_value values[MOST_PARTS];
  for (int i = 0; i < p->count; ++i) {
    limn_value x = case_input(g, names[i], (limn_shape){c->x.n, p->channels[i], c->x.h, c->x.w}, RANGE_SIGNED);
    values[i] = limn_graph_unary(g->graph, functions[i], x, 0, 0);
  }
  case_output(g, limn_graph_concat(g->graph, values, p->count));
}

/* A leaf, a constant and the leaf again. */
static void build_leaves(case_graph *g, const op_case *c) {
  limn_value a = case_parameter(g, "a", c->x, RANGE_SIGNED), half = limn_graph_fill(g->graph, c->x, 0.5f);
  limn_value all = limn_graph_concat(g->graph, (const limn_value[]){a, half, a}, 3);
  case_output(g, limn_graph_unary(g->graph, LIMN_PW_SQUARE, all, 0, 0));
}

/* All parts in the other order, times x. */
static void build_reversed(case_graph *g, const op_case *c) {
  const parts *p = &splits[c->variant];
  limn_value x = case_input(g, "x", c->x, RANGE_SIGNED), values[MOST_PARTS];
  int32_t channel = 0;
  for (int i = 0; i < p->count; channel += p->channels[i++])
    values[p->count - 1 - i] = limn_graph_slice(g->graph, x, channel, p->channels[i]);
  case_output(g, limn_graph_mul(g->graph, x, limn_graph_concat(g->graph, values, p->count)));
}

static void build_slice(case_graph *g, const op_case *c) {
  limn_value x = limn_graph_unary(g->graph, LIMN_PW_SQUARE, case_input(g, "x", c->x, RANGE_SIGNED), 0, 0);
  case_output(g, limn_graph_slice(g->graph, x, c->variant, c->y.c));
}

/* What convolutions have made and read, which a device may keep in another layout or type: Inception's join. */
static void build_between_convolutions(case_graph *g, const op_case *c) {
  static const char *const names[MOST_PARTS] = {"wa", "wb", "wc", "wd"};
  limn_graph *graph = g->graph;
  const limn_conv_attrs dot = {.stride_h = 1, .stride_w = 1};
  const parts *p = &splits[c->variant];
  limn_value x = case_input(g, "x", (limn_shape){c->x.n, 3, c->x.h, c->x.w}, RANGE_SIGNED), values[MOST_PARTS];
  for (int i = 0; i < p->count; ++i) {
    limn_value w = case_parameter(g, names[i], (limn_shape){p->channels[i], 3, 1, 1}, RANGE_SIGNED);
    values[i] = limn_graph_conv(graph, x, w, LIMN_NONE, dot);
  }
  limn_value all = limn_graph_concat(graph, values, p->count);
  limn_value w = case_parameter(g, "w", (limn_shape){5, c->x.c, 1, 1}, RANGE_SIGNED);
  case_output(g, limn_graph_conv(graph, all, w, LIMN_NONE, dot));
  case_output(g, limn_graph_conv(graph, limn_graph_slice(graph, all, 1, 3),
                                 case_parameter(g, "v", (limn_shape){4, 3, 1, 1}, RANGE_SIGNED), LIMN_NONE, dot));
}

static void build_refused(case_graph *g, const op_case *c) {
  limn_value x = case_input(g, "x", (limn_shape){2, 3, 4, 5}, RANGE_SIGNED),
             wide = case_input(g, "wide", c->x, RANGE_SIGNED);
  const limn_value values[] = {x, wide, x, x, x};
  case_output(g,
              c->y.n ? limn_graph_concat(g->graph, values, c->y.n) : limn_graph_slice(g->graph, x, c->variant, c->y.c));
}

static void add_refused(case_table *table, op_case c, const char *refusal) {
  c.build = build_refused;
  c.flags = CASE_REFUSED;
  c.refusal = refusal;
  if (c.y.n)
    case_add(table, c, "concat/refused-%dx%dx%dx%d-%d", c.x.n, c.x.c, c.x.h, c.x.w, c.y.n);
  else
    case_add(table, c, "slice/refused-%d-from%d", c.y.c, c.variant);
}

void cases_add_channels(case_table *table) {
  static const limn_shape pictures[] = {{1, 0, 1, 1}, {2, 0, 5, 7}, {3, 0, 4, 4}, {5, 0, 1, 1}};
  for (int s = 0; s < (int)(sizeof splits / sizeof *splits); ++s)
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures; ++i) {
      limn_shape x = pictures[i];
      x.c = channels_of(&splits[s]);
      op_case c = {.x = x, .variant = s};
      c.build = build_concat;
      case_add(table, c, "concat/%dx%dx%dx%d-of%d", x.n, x.c, x.h, x.w, splits[s].count);
      c.build = build_reversed;
      case_add(table, c, "slice/%dx%dx%dx%d-reversed%d", x.n, x.c, x.h, x.w, splits[s].count);
      c.build = build_between_convolutions;
      if (x.c > 3)
        case_add(table, c, "concat/%dx%dx%dx%d-of%d-between-convolutions", x.n, x.c, x.h, x.w, splits[s].count);
    }
  static const struct {
    limn_shape x;
    int32_t channel, count;
  } slices[] = {{{1, 1, 1, 1}, 0, 1},   {{2, 3, 5, 7}, 1, 2},   {{2, 32, 3, 5}, 16, 16}, {{3, 32, 4, 4}, 8, 16},
                {{2, 40, 3, 3}, 24, 8}, {{2, 33, 3, 3}, 1, 32}, {{4, 20, 1, 1}, 4, 8}};
  for (size_t i = 0; i < sizeof slices / sizeof *slices; ++i) {
    limn_shape x = slices[i].x;
    case_add(table, (op_case){.build = build_slice, .x = x, .y.c = slices[i].count, .variant = slices[i].channel},
             "slice/%dx%dx%dx%d-%d-from%d", x.n, x.c, x.h, x.w, slices[i].count, slices[i].channel);
    case_add(table, (op_case){.build = build_leaves, .x = x}, "concat/%dx%dx%dx%d-leaves-%d", x.n, x.c, x.h, x.w,
             slices[i].channel);
  }
  case_add(table, (op_case){.build = build_concat, .flags = CASE_LARGE, .x = {3, 128, 40, 41}, .variant = 3},
           "concat/3x128x40x41-of4");
  add_refused(table, (op_case){.x = {2, 4, 4, 6}, .y.n = 2}, "differ in more than C");
  add_refused(table, (op_case){.x = {1, 4, 4, 5}, .y.n = 2}, "differ in more than C");
  add_refused(table, (op_case){.x = {2, 4, 4, 5}, .y.n = 1}, "not with 1 inputs");
  add_refused(table, (op_case){.x = {2, 4, 4, 5}, .y.n = 5}, "not with 5 inputs");
  add_refused(table, (op_case){.x = {2, 4, 4, 5}, .y.c = 2, .variant = 2}, "there are no 2 from channel 2 on");
  add_refused(table, (op_case){.x = {2, 4, 4, 5}, .y.c = 0, .variant = 2}, "there are no 0 from channel 2 on");
  add_refused(table, (op_case){.x = {2, 4, 4, 5}, .y.c = 1, .variant = -1}, "there are no 1 from channel -1 on");
}
