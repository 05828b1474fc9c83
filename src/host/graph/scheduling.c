#include "graph/scheduling.h"

bool limn_scheduling_can_delay(const struct scheduling *s, limn_value value, limn_value until) {
  const limn_node *n = limn_graph_node(s->graph, value);
  for (int i = 0; i < n->input_count; ++i) {
    if (limn_graph_node(s->graph, n->inputs[i])->op != LIMN_OP_LEAF)
      continue;
    for (int u = value + 1; u < until; ++u) {
      const limn_node *update = limn_graph_node(s->graph, u);
      for (int t = 0; t < update->target_count; ++t)
        if (update->targets[t] == n->inputs[i])
          return false;
    }
  }
  return true;
}

limn_task *limn_scheduling_add(struct scheduling *s, limn_task_kind kind, const limn_node *node) {
  limn_task *task = &s->schedule->tasks[s->schedule->task_count++];
  *task = (limn_task){.kind = kind, .node = *node, .activation = LIMN_PW_COUNT, .domain = node->shape};
  return task;
}

/* The gradient of a ReLU behind the gradient of the convolution that read it. The activated value must be there by
 * then, and may not change in between, as a leaf might. */
static bool is_fused_gradient(const struct scheduling *s, limn_value v) {
  const limn_node *n = limn_graph_node(s->graph, v);
  limn_value dy = n->inputs[0], y = n->inputs[1];
  const limn_node *before = limn_graph_node(s->graph, dy), *activated = limn_graph_node(s->graph, y);
  return s->fusion.conv_gradient && (n->pointwise == LIMN_PW_RELU_GRAD || n->pointwise == LIMN_PW_LEAKY_GRAD) &&
         !s->absorbed[v] && before->op == LIMN_OP_CONV_DX && before->input_count == 2 && s->uses[dy] == 1 &&
         s->schedule->alias[dy] == LIMN_NONE && y < dy && activated->op != LIMN_OP_LEAF &&
         activated->op != LIMN_OP_FILL && limn_shape_equal(n->shape, before->shape) &&
         limn_shape_equal(n->shape, activated->shape);
}

bool limn_scheduling_is_fused_activation(const struct scheduling *s, limn_value v) {
  const limn_node *n = limn_graph_node(s->graph, v);
  if (n->op != LIMN_OP_POINTWISE)
    return false;
  if (n->input_count != 1)
    return is_fused_gradient(s, v);
  bool linear_pieces = n->pointwise == LIMN_PW_RELU || n->pointwise == LIMN_PW_LEAKY_RELU;
  bool bounded = n->pointwise == LIMN_PW_TANH || n->pointwise == LIMN_PW_SIGMOID || n->pointwise == LIMN_PW_CLAMP;
  const limn_node *before = limn_graph_node(s->graph, n->inputs[0]);
  if (s->uses[n->inputs[0]] != 1 || s->schedule->alias[n->inputs[0]] != LIMN_NONE ||
      !limn_shape_equal(n->shape, before->shape))
    return false;
  if (before->op == LIMN_OP_BATCHNORM)
    return s->fusion.batchnorm_activation && linear_pieces;
  return (before->op == LIMN_OP_CONV || before->op == LIMN_OP_CONV_DX) && s->fusion.conv_activation &&
         (linear_pieces || bounded);
}

int limn_scheduling_buffer(struct scheduling *s, limn_shape shape) {
  s->schedule->shapes[s->schedule->buffer_count] = shape;
  s->schedule->alias[s->schedule->buffer_count] = LIMN_NONE;
  return s->schedule->buffer_count++;
}
