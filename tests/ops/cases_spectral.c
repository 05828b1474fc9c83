/* Convolutions whose weight is a value and no leaf: spectral normalisation as models/spectral.c has it, with u and v
 * that a test can compare, and the gradient with respect to pictures that R1 takes. x, w and attributes are the
 * convolution's. */
#include "cases.h"

typedef enum spectral_variant { SPECTRAL_CONV, SPECTRAL_TRANSPOSED, SPECTRAL_PENALTY } spectral_variant;

static limn_value normalised(limn_graph *graph, limn_value x) {
  limn_value squares = limn_graph_sum_all(graph, limn_graph_unary(graph, LIMN_PW_SQUARE, x, 0, 0));
  return limn_graph_mul(graph, x, limn_graph_unary(graph, LIMN_PW_RSQRT, squares, 0, 0));
}

/* w over u^T w v, with leaves u and v that one step of the power iteration moves: of another weight, since central
 * differences know nothing of what is held constant. */
static limn_value spectral_weight(case_graph *g, limn_value w, limn_shape rows, limn_shape columns) {
  limn_graph *graph = g->graph;
  limn_value u = case_leaf_of(g, LIMN_ROLE_BUFFER, "u", rows, RANGE_POSITIVE, false);
  limn_value v = case_leaf_of(g, LIMN_ROLE_BUFFER, "v", columns, RANGE_POSITIVE, false);
  limn_value other = case_leaf_of(g, LIMN_ROLE_PARAMETER, "other", limn_graph_shape(graph, w), RANGE_POSITIVE, false);
  limn_graph_assign(graph, v, normalised(graph, limn_graph_sum(graph, limn_graph_mul(graph, other, u), columns)));
  limn_graph_assign(graph, u, normalised(graph, limn_graph_sum(graph, limn_graph_mul(graph, other, v), rows)));
  limn_value product = limn_graph_sum(graph, limn_graph_mul(graph, w, v), rows);
  limn_value sigma = limn_graph_sum_all(graph, limn_graph_mul(graph, product, u));
  return limn_graph_mul(graph, w, limn_graph_unary(graph, LIMN_PW_RECIPROCAL, sigma, 0, 0));
}

/* |d sum(leaky(y)) / d x|^2. */
static void show_penalty(case_graph *g, limn_value x, limn_value y) {
  limn_graph *graph = g->graph;
  limn_value slope;
  limn_value total = limn_graph_sum_all(graph, limn_graph_unary(graph, LIMN_PW_LEAKY_RELU, y, 0.2F, 0));
  g->status = limn_graph_gradient(graph, total, &x, 1, &slope);
  if (g->status == LIMN_OK)
    case_output(g, limn_graph_sum_all(graph, limn_graph_unary(graph, LIMN_PW_SQUARE, slope, 0, 0)));
}

static void build_spectral(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  const bool transposed = c->variant == SPECTRAL_TRANSPOSED;
  limn_value x = case_input(g, "x", c->x, RANGE_SIGNED), w = case_parameter(g, "w", c->w, RANGE_POSITIVE);
  const limn_shape rows = transposed ? LIMN_CHANNELS(c->w.c) : (limn_shape){c->w.n, 1, 1, 1};
  const limn_shape columns =
      transposed ? (limn_shape){c->w.n, 1, c->w.h, c->w.w} : (limn_shape){1, c->w.c, c->w.h, c->w.w};
  limn_value weight = spectral_weight(g, w, rows, columns);
  limn_value y = transposed ? limn_graph_conv_dx(graph, x, weight, LIMN_NONE, c->conv, c->y)
                            : limn_graph_conv(graph, x, weight, LIMN_NONE, c->conv);
  if (c->variant == SPECTRAL_PENALTY)
    show_penalty(g, x, y);
  else
    case_output(g, y);
}

void cases_add_spectral(case_table *table) {
  static const struct {
    limn_shape x, w;
    limn_conv_attrs conv;
  } layers[] = {
      {{2, 3, 5, 7}, {4, 3, 3, 3}, {1, 1, 1, 1}},
      {{1, 1, 6, 6}, {5, 1, 4, 4}, {2, 2, 1, 1}},
      {{3, 16, 4, 4}, {32, 16, 3, 3}, {1, 1, 1, 1}},
      {{2, 32, 8, 8}, {32, 32, 4, 4}, {2, 2, 1, 1}}, /* Winograd's, where it is taken */
      {{2, 32, 6, 6}, {16, 32, 1, 1}, {1, 1, 0, 0}},
      {{4, 32, 4, 4}, {1, 32, 4, 4}, {1, 1, 0, 0}},
      {{3, 16, 6, 6}, {16, 4, 3, 3}, {1, 1, 1, 1, .groups = 4}},
  };
  for (size_t i = 0; i < sizeof layers / sizeof *layers; ++i) {
    const limn_shape x = layers[i].x, w = layers[i].w;
    for (int penalty = 0; penalty < 2; ++penalty)
      case_add(table,
               (op_case){.build = build_spectral,
                         .x = x,
                         .w = w,
                         .conv = layers[i].conv,
                         .variant = penalty ? SPECTRAL_PENALTY : SPECTRAL_CONV,
                         .flags = limn_shape_count(w) > 1024 ? CASE_NO_SECOND : 0},
               "spectral/%dx%dx%dx%d-%dx%dx%dx%d%s", x.n, x.c, x.h, x.w, w.n, w.c, w.h, w.w, penalty ? "-penalty" : "");
  }
  case_add(table,
           (op_case){.build = build_spectral,
                     .x = {2, 6, 4, 4},
                     .w = {6, 4, 4, 4},
                     .y = {2, 4, 8, 8},
                     .conv = {2, 2, 1, 1},
                     .variant = SPECTRAL_TRANSPOSED},
           "spectral/2x6x4x4-transposed");
}
