#include "models/spectral.h"

#include <math.h>

#define EPS 1e-12f

/* x / max(|x|, eps), of a whole tensor. */
static limn_value normalise(limn_graph *graph, limn_value x) {
  limn_value squares = limn_graph_sum_all(graph, limn_graph_unary(graph, LIMN_PW_SQUARE, x, 0, 0));
  limn_value norm = limn_graph_unary(graph, LIMN_PW_SQRT, squares, 0, 0);
  norm = limn_graph_unary(graph, LIMN_PW_CLAMP, norm, EPS, INFINITY);
  return limn_graph_mul(graph, x, limn_graph_unary(graph, LIMN_PW_RECIPROCAL, norm, 0, 0));
}

/* Writes the leaf. Returns what it now holds, as a constant: the next pass may write the leaf before this one's
 * gradient is taken. */
static limn_value keep(limn_scope *s, limn_value leaf, limn_value moved) {
  return limn_graph_hold(s->graph, limn_graph_assign_gated(s->graph, leaf, moved, s->mode.gate));
}

limn_value limn_spectral_weight(limn_scope *s, const char *layer, limn_shape shape, limn_initial initial,
                                bool transposed, limn_form form) {
  limn_graph *graph = s->graph;
  const limn_initial unit = {.deviation = 1, .unit = true};
  limn_shape rows = {shape.n, 1, 1, 1}, columns = {1, shape.c, shape.h, shape.w};
  if (transposed) {
    rows = LIMN_CHANNELS(shape.c);
    columns = (limn_shape){shape.n, 1, shape.h, shape.w};
  }
  limn_value w = limn_scope_leaf(s, layer, "weight_orig", LIMN_ROLE_PARAMETER, shape, initial);
  limn_value u = limn_scope_leaf(s, layer, "weight_u", LIMN_ROLE_BUFFER, rows, unit);
  limn_value v = limn_scope_leaf(s, layer, "weight_v", LIMN_ROLE_BUFFER, columns, unit);
  limn_graph_set_form(graph, w, form);
  limn_graph_set_form(graph, u, LIMN_FORM_VECTOR);
  limn_graph_set_form(graph, v, LIMN_FORM_VECTOR);
  if (s->mode.training)
    v = keep(s, v, normalise(graph, limn_graph_sum(graph, limn_graph_mul(graph, w, u), columns)));
  /* With the v that is kept now, so that the u and sigma share the product. */
  limn_value product = limn_graph_sum(graph, limn_graph_mul(graph, w, v), rows);
  if (s->mode.training)
    u = keep(s, u, normalise(graph, product));
  limn_value sigma = limn_graph_sum_all(graph, limn_graph_mul(graph, product, u));
  return limn_graph_mul(graph, w, limn_graph_unary(graph, LIMN_PW_RECIPROCAL, sigma, 0, 0));
}
