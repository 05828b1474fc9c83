/* What the graph knows of its ops: one table, a row each (op.c), by which nodes are checked, differentiated and
 * scheduled. Other files ask for an op by name only to find patterns. */
#ifndef LIMN_GRAPH_OP_H
#define LIMN_GRAPH_OP_H

#include "graph/node.h"
#include "graph/schedule.h"

struct limn_sweep; /* gradient.h */
struct scheduling; /* scheduling.h */

/* Sets the shape of a node whose inputs and targets are there, or checks the one that it was given; refuses. */
typedef void limn_shape_rule(limn_graph *graph, limn_node *node);
/* Adds the gradients of the inputs of node n, whose value is v and has the gradient g. */
typedef limn_status limn_gradient_rule(struct limn_sweep *sweep, const limn_node *n, limn_value v, limn_value g);
/* Adds the tasks of node v. */
typedef limn_status limn_schedule_rule(struct scheduling *scheduling, limn_value v);

typedef struct limn_op_row {
  const char *name;
  int least_inputs, most_inputs, least_targets, most_targets;
  limn_shape_rule *shape;       /* NULL: any shape that is not empty */
  limn_gradient_rule *gradient; /* NULL: nothing can be differentiated through it: a leaf, a source, an update */
  limn_schedule_rule *schedule; /* NULL: it takes no task */
  limn_task_kind task;          /* that it becomes, where it is one */
} limn_op_row;

const limn_op_row *limn_op_row_of(limn_op op);

/* ops_conv.c, ops_pointwise.c, ops_channels.c, ops_pool.c, ops_pictures.c, ops_update.c */
limn_shape_rule limn_conv_shape, limn_batchnorm_shape, limn_batchnorm_backward_shape, limn_batchnorm_dgamma_shape,
    limn_running_shape;
limn_shape_rule limn_stack_shape, limn_rows_shape, limn_pointwise_shape, limn_sum_shape, limn_log_sum_exp_shape;
limn_shape_rule limn_concat_shape, limn_slice_shape;
limn_shape_rule limn_pool_shape, limn_resample_shape;
limn_shape_rule limn_pictures_shape, limn_window_shape;
limn_shape_rule limn_assign_shape, limn_optimizer_shape, limn_latch_shape, limn_record_shape;

/* gradient.c, gradient_pool.c, gradient_batchnorm.c */
limn_gradient_rule limn_pointwise_gradient, limn_sum_gradient, limn_log_sum_exp_gradient, limn_conv_gradient,
    limn_stack_gradient, limn_rows_gradient, limn_concat_gradient, limn_slice_gradient;
limn_gradient_rule limn_max_pool_gradient, limn_avg_pool_gradient, limn_resample_gradient, limn_window_gradient;
limn_gradient_rule limn_batchnorm_gradient, limn_batchnorm_backward_gradient, limn_batchnorm_dgamma_gradient;

/* schedule.c, fuse_pointwise.c */
limn_schedule_rule limn_schedule_value, limn_schedule_conv, limn_schedule_batchnorm, limn_schedule_batchnorm_backward,
    limn_schedule_update, limn_schedule_running, limn_schedule_pointwise;

#endif
