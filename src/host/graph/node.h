/* What the builders (ops_*.c) share: adding a checked node, refusing a bad one. */
#ifndef LIMN_GRAPH_NODE_H
#define LIMN_GRAPH_NODE_H

#include "graph/graph.h"

/* Adds a node, checked by the row of its op (op.h), which gives it its shape where that follows from its inputs.
 * LIMN_NONE after an error. */
limn_value limn_graph_append(limn_graph *graph, const limn_node *node);

/* Makes the first error stick, with its message; always LIMN_NONE. */
limn_value limn_graph_refuse(limn_graph *graph, limn_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Pointwise function of two inputs with constants: LEAKY_GRAD's slope; CLAMP_GRAD's bounds. */
limn_value limn_graph_binary_alpha(limn_graph *graph, limn_pointwise function, limn_value x, limn_value y, float alpha);
limn_value limn_graph_binary_alpha_beta(limn_graph *graph, limn_pointwise function, limn_value x, limn_value y,
                                        float alpha, float beta);

/* x repeated along the axes on which it is 1 and `shape` is not. */
limn_value limn_graph_broadcast(limn_graph *graph, limn_value x, limn_shape shape);

static inline bool limn_pointwise_is_binary(limn_pointwise function) { return function >= LIMN_PW_ADD; }

#define LIMN_SHAPE_FORMAT  "(%d, %d, %d, %d)"
#define LIMN_SHAPE_ARGS(s) (s).n, (s).c, (s).h, (s).w

#endif
