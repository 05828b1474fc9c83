/* Gradients of what moves pixels about or puts them together: pooling, resampling, windows. All but the maximum is
 * linear, and the gradient of a linear map is its adjoint. */
#include "graph/gradient.h"
#include "graph/op.h"

/* Where the maximum of x lies, changes almost nowhere: so all is linear but MAX_POOL itself, and nothing flows to the x
 * of the others. */
limn_status limn_max_pool_gradient(struct limn_sweep *s, const limn_node *n, limn_value y, limn_value g) {
  (void)y;
  limn_value x = n->inputs[0], to = n->inputs[n->input_count - 1];
  if (s->needed[to])
    limn_sweep_flow(s, to,
                    n->op == LIMN_OP_MAX_POOL_DX ? limn_graph_max_pool_pick(s->graph, x, g, n->pool)
                                                 : limn_graph_max_pool_dx(s->graph, x, g, n->pool));
  return LIMN_OK;
}

limn_status limn_avg_pool_gradient(struct limn_sweep *s, const limn_node *n, limn_value y, limn_value g) {
  (void)y;
  limn_sweep_flow(s, n->inputs[0],
                  n->op == LIMN_OP_AVG_POOL
                      ? limn_graph_avg_pool_dx(s->graph, g, n->pool, limn_graph_shape(s->graph, n->inputs[0]))
                      : limn_graph_avg_pool(s->graph, g, n->pool));
  return LIMN_OK;
}

limn_status limn_resample_gradient(struct limn_sweep *s, const limn_node *n, limn_value y, limn_value g) {
  (void)y;
  const limn_shape x = limn_graph_shape(s->graph, n->inputs[0]);
  limn_sweep_flow(s, n->inputs[0],
                  n->op == LIMN_OP_RESAMPLE ? limn_graph_resample_dx(s->graph, g, n->resampling, x.h, x.w)
                                            : limn_graph_resample(s->graph, g, n->resampling, x.h, x.w));
  return LIMN_OK;
}

limn_status limn_window_gradient(struct limn_sweep *s, const limn_node *n, limn_value y, limn_value g) {
  (void)y;
  limn_sweep_flow(s, n->inputs[0],
                  n->op == LIMN_OP_WINDOW ? limn_graph_window_dx(s->graph, g, n->window, n->stream)
                                          : limn_graph_window(s->graph, g, n->window, n->stream));
  return LIMN_OK;
}
