/* The work in progress of limn_graph_gradient, shared by gradient.c and the rules in files of their own. */
#ifndef LIMN_GRAPH_GRADIENT_H
#define LIMN_GRAPH_GRADIENT_H

#include "graph/graph.h"

struct limn_sweep {
  limn_graph *graph;
  bool *needed;          /* (count) whether a value leads to one that the gradient is wanted of */
  limn_value *gradients; /* (count) d(loss)/d(value) so far, LIMN_NONE: nothing yet */
};

/* gradient of `to` += g, reduced to the shape of `to` when that was broadcast. */
void limn_sweep_flow(struct limn_sweep *sweep, limn_value to, limn_value g);

/* The gradients of inputs of what was composed of nodes `first` ... `output`, when that of `output` is given: a rule
 * may say what an op is made of instead of differentiating it. out[i] LIMN_NONE: none flows to inputs[i]. */
limn_status limn_sweep_through(limn_graph *graph, limn_value first, limn_value output, limn_value gradient,
                               const limn_value *inputs, int count, limn_value *out);

#endif
