/* Updates: the nodes that write leaves. */
#include "graph/op.h"

static void require_shape(limn_graph *graph, const limn_node *node, limn_value value, limn_shape shape,
                          const char *what) {
  limn_shape s = limn_graph_shape(graph, value);
  if (!limn_shape_equal(s, shape))
    limn_graph_refuse(graph, LIMN_USAGE, "%s: %s is " LIMN_SHAPE_FORMAT ", not " LIMN_SHAPE_FORMAT, limn_op_name(node),
                      what, LIMN_SHAPE_ARGS(s), LIMN_SHAPE_ARGS(shape));
}

void limn_assign_shape(limn_graph *graph, limn_node *n) {
  require_shape(graph, n, n->inputs[0], limn_graph_shape(graph, n->targets[0]), "the value");
}

void limn_graph_assign(limn_graph *graph, limn_value target, limn_value value) {
  limn_graph_append(
      graph,
      &(limn_node){.op = LIMN_OP_ASSIGN, .input_count = 1, .inputs = {value}, .target_count = 1, .targets = {target}});
}

limn_value limn_graph_assign_gated(limn_graph *graph, limn_value target, limn_value value, limn_value gate) {
  if (gate != LIMN_NONE) {
    limn_value open = limn_graph_affine(graph, gate, -1, 1);
    value = limn_graph_add(graph, limn_graph_binary(graph, LIMN_PW_RELU_GRAD, value, open),
                           limn_graph_binary(graph, LIMN_PW_RELU_GRAD, target, gate));
  }
  limn_graph_assign(graph, target, value);
  return value;
}

void limn_latch_shape(limn_graph *graph, limn_node *n) {
  require_shape(graph, n, n->inputs[0], LIMN_SCALAR, "the input");
  require_shape(graph, n, n->targets[0], LIMN_SCALAR, "the gate");
}

void limn_graph_latch(limn_graph *graph, limn_value gate, limn_value scalar) {
  limn_graph_append(
      graph,
      &(limn_node){.op = LIMN_OP_LATCH, .input_count = 1, .inputs = {scalar}, .target_count = 1, .targets = {gate}});
}

void limn_record_shape(limn_graph *graph, limn_node *n) {
  const limn_shape s = limn_graph_shape(graph, n->targets[0]);
  require_shape(graph, n, n->inputs[0], LIMN_SCALAR, "the input");
  if (s.h != 1 || s.w != 1 || n->column < 0 || n->column >= s.c)
    limn_graph_refuse(graph, LIMN_USAGE, "record: no column %d in a ring of " LIMN_SHAPE_FORMAT, n->column,
                      LIMN_SHAPE_ARGS(s));
}

void limn_graph_record(limn_graph *graph, limn_value ring, int32_t column, limn_value scalar) {
  limn_graph_append(graph, &(limn_node){.op = LIMN_OP_RECORD,
                                        .input_count = 1,
                                        .inputs = {scalar},
                                        .target_count = 1,
                                        .targets = {ring},
                                        .column = column});
}

/* Inputs: gradient, hyper [, scale [, gate]]. */
void limn_optimizer_shape(limn_graph *graph, limn_node *n) {
  const limn_shape shape = limn_graph_shape(graph, n->targets[0]);
  require_shape(graph, n, n->inputs[0], shape, "the gradient");
  require_shape(graph, n, n->inputs[1], LIMN_CHANNELS(4), "hyper");
  for (int i = 2; i < n->input_count; ++i)
    require_shape(graph, n, n->inputs[i], LIMN_SCALAR, "the scale or gate");
  for (int i = 1; i < n->target_count; ++i)
    require_shape(graph, n, n->targets[i], shape, "a moment");
}

static void add_optimizer(limn_graph *graph, limn_node *node, limn_optimizer_inputs inputs) {
  if (inputs.gate != LIMN_NONE && inputs.scale == LIMN_NONE)
    limn_graph_refuse(graph, LIMN_USAGE, "%s: a gate needs a scale", limn_op_name(node));
  const limn_value all[4] = {inputs.gradient, inputs.hyper, inputs.scale, inputs.gate};
  while (node->input_count < 4 && all[node->input_count] != LIMN_NONE) {
    node->inputs[node->input_count] = all[node->input_count];
    ++node->input_count;
  }
  if (node->input_count < 2)
    limn_graph_refuse(graph, LIMN_USAGE, "%s: it needs a gradient and its hyperparameters", limn_op_name(node));
  limn_graph_append(graph, node);
}

void limn_graph_adam(limn_graph *graph, limn_value w, limn_value m, limn_value v, limn_optimizer_inputs inputs,
                     limn_adam_attrs attrs) {
  limn_node node = {.op = LIMN_OP_ADAM,
                    .target_count = 3,
                    .targets = {w, m, v},
                    .beta1 = attrs.beta1,
                    .beta2 = attrs.beta2,
                    .eps = attrs.eps,
                    .weight_decay = attrs.weight_decay,
                    .decoupled = attrs.decoupled};
  add_optimizer(graph, &node, inputs);
}

void limn_graph_sgd(limn_graph *graph, limn_value w, limn_value buffer, limn_optimizer_inputs inputs, float momentum,
                    float weight_decay) {
  limn_node node = {.op = LIMN_OP_SGD,
                    .target_count = buffer == LIMN_NONE ? 1 : 2,
                    .targets = {w, buffer},
                    .alpha = momentum,
                    .weight_decay = weight_decay};
  if (momentum != 0 && buffer == LIMN_NONE)
    limn_graph_refuse(graph, LIMN_USAGE, "sgd: momentum %g needs a buffer", (double)momentum);
  add_optimizer(graph, &node, inputs);
}
