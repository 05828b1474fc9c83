/* Batches put together and taken apart. x is the first batch, y the second. */
#include "cases.h"

/* Each part is computed, so that its gradient is more than a copy. */
static void build_stack(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_value a = limn_graph_unary(graph, LIMN_PW_TANH, case_input(g, "a", c->x, RANGE_SIGNED), 0, 0);
  limn_value b = limn_graph_unary(graph, LIMN_PW_EXP, case_input(g, "b", c->y, RANGE_SIGNED), 0, 0);
  case_output(g, limn_graph_stack(graph, a, b));
}

/* Leaves and a constant, in the order b, a, constant. */
static void build_stack_of_three(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_value a = case_parameter(g, "a", c->x, RANGE_SIGNED), b = case_input(g, "b", c->y, RANGE_SIGNED);
  limn_value constant = limn_graph_fill(graph, c->x, 0.5f);
  limn_value all = limn_graph_stack(graph, limn_graph_stack(graph, b, a), constant);
  case_output(g, limn_graph_unary(graph, LIMN_PW_SQUARE, all, 0, 0));
}

static void build_rows(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_value x = case_input(g, "x", c->x, RANGE_SIGNED);
  case_output(g, limn_graph_rows(graph, limn_graph_unary(graph, LIMN_PW_SQUARE, x, 0, 0), c->variant, c->y.n));
}

/* A batch taken apart and put together in the other order, times itself. */
static void build_swapped(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_value x = case_input(g, "x", c->x, RANGE_SIGNED);
  limn_value first = limn_graph_rows(graph, x, 0, c->variant),
             second = limn_graph_rows(graph, x, c->variant, c->x.n - c->variant);
  case_output(g, limn_graph_mul(graph, x, limn_graph_stack(graph, second, first)));
}

/* What a convolution reads and has made, which a device may keep in another layout or type. */
static void build_between_convolutions(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_conv_attrs same = {1, 1, 1, 1};
  limn_value w = case_parameter(g, "w", (limn_shape){c->x.c, c->x.c, 3, 3}, RANGE_SIGNED);
  limn_value a = case_input(g, "a", c->x, RANGE_SIGNED);
  limn_value b = limn_graph_conv(graph, case_input(g, "b", c->y, RANGE_SIGNED), w, LIMN_NONE, same);
  limn_value y = limn_graph_conv(graph, limn_graph_stack(graph, a, b), w, LIMN_NONE, same);
  case_output(g, limn_graph_rows(graph, y, 1, c->x.n));
}

void cases_add_rows(case_table *table) {
  static const limn_shape shapes[] = {{1, 1, 1, 1}, {2, 3, 5, 7}, {3, 16, 4, 4}, {5, 20, 1, 1}, {3, 32, 40, 40}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; ++i) {
    limn_shape s = shapes[i], t = s;
    t.n += 1;
    case_add(table, (op_case){.build = build_stack, .x = s, .y = t}, "stack/%dx%dx%dx%d", s.n, s.c, s.h, s.w);
    case_add(table, (op_case){.build = build_stack_of_three, .x = s, .y = t}, "stack/%dx%dx%dx%d-of-three", s.n, s.c,
             s.h, s.w);
    if (limn_shape_count(s) < 4096)
      case_add(table, (op_case){.build = build_between_convolutions, .x = s, .y = t},
               "stack/%dx%dx%dx%d-between-convolutions", s.n, s.c, s.h, s.w);
    for (int row = 0; row < 2; ++row)
      case_add(table, (op_case){.build = build_rows, .x = t, .y = s, .variant = row}, "rows/%dx%dx%dx%d-from%d", s.n,
               s.c, s.h, s.w, row);
    case_add(table, (op_case){.build = build_swapped, .x = t, .variant = 1}, "rows/%dx%dx%dx%d-swapped", s.n, s.c, s.h,
             s.w);
  }
  case_add(table, (op_case){.build = build_rows, .x = {7, 3, 5, 5}, .y = {3, 3, 5, 5}, .variant = 2},
           "rows/3x3x5x5-from2-of-7");
}
