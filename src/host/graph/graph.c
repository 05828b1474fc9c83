#include "graph/graph.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "graph/op.h"

struct limn_graph {
  limn_node *nodes;
  int count, capacity;
  limn_status status;
  char message[512];
};

limn_status limn_graph_create(limn_graph **out) {
  *out = calloc(1, sizeof **out);
  return *out ? LIMN_OK : limn_fail_memory("a graph");
}

void limn_graph_destroy(limn_graph *graph) {
  if (!graph)
    return;
  for (int i = 0; i < graph->count; ++i)
    free((char *)graph->nodes[i].name);
  free(graph->nodes);
  free(graph);
}

limn_status limn_graph_status(const limn_graph *graph) {
  return graph->status == LIMN_OK ? LIMN_OK : limn_fail(graph->status, "%s", graph->message);
}

int limn_graph_count(const limn_graph *graph) { return graph->count; }
const limn_node *limn_graph_node(const limn_graph *graph, limn_value value) { return &graph->nodes[value]; }

limn_shape limn_graph_shape(const limn_graph *graph, limn_value value) {
  return value < 0 || value >= graph->count ? LIMN_SCALAR : graph->nodes[value].shape;
}

limn_value limn_graph_refuse(limn_graph *graph, limn_status status, const char *format, ...) {
  if (graph->status == LIMN_OK) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(graph->message, sizeof graph->message, format, arguments);
    va_end(arguments);
    graph->status = status;
  }
  return LIMN_NONE;
}

static bool is_bytes(const limn_graph *graph, limn_value value) {
  return graph->nodes[value].op == LIMN_OP_LEAF && graph->nodes[value].role == LIMN_ROLE_PICTURES;
}

static bool check_input(limn_graph *graph, const limn_node *node, int i) {
  limn_value v = node->inputs[i];
  if (v < 0 || v >= graph->count || !graph->nodes[v].shape.n)
    limn_graph_refuse(graph, LIMN_USAGE, "%s: input %d is no value of this graph", limn_op_name(node), i);
  else if (is_bytes(graph, v) && node->op != LIMN_OP_PICTURES)
    limn_graph_refuse(graph, LIMN_USAGE, "%s: the leaf %s holds bytes: make numbers of them by limn_graph_pictures",
                      limn_op_name(node), graph->nodes[v].name);
  return graph->status == LIMN_OK;
}

static bool check_target(limn_graph *graph, const limn_node *node, int i) {
  limn_value v = node->targets[i];
  if (v < 0 || v >= graph->count || graph->nodes[v].op != LIMN_OP_LEAF)
    limn_graph_refuse(graph, LIMN_USAGE, "%s: target %d is no leaf of this graph", limn_op_name(node), i);
  else if (is_bytes(graph, v))
    limn_graph_refuse(graph, LIMN_USAGE, "%s: the leaf %s holds bytes, which only the host writes", limn_op_name(node),
                      graph->nodes[v].name);
  return graph->status == LIMN_OK;
}

static bool check_shape(limn_graph *graph, const limn_op_row *row, limn_node *node) {
  if (row->shape)
    row->shape(graph, node);
  else if (limn_shape_count(node->shape) < 1)
    limn_graph_refuse(graph, LIMN_USAGE, "%s: the shape " LIMN_SHAPE_FORMAT " is empty", limn_op_name(node),
                      LIMN_SHAPE_ARGS(node->shape));
  return graph->status == LIMN_OK;
}

limn_value limn_graph_append(limn_graph *graph, const limn_node *wanted) {
  limn_node node = *wanted;
  const limn_op_row *row = limn_op_row_of(node.op);
  if (graph->status != LIMN_OK)
    return LIMN_NONE;
  if (node.input_count < row->least_inputs || node.input_count > row->most_inputs ||
      node.target_count < row->least_targets || node.target_count > row->most_targets)
    return limn_graph_refuse(graph, LIMN_USAGE, "%s: not with %d inputs and %d targets", limn_op_name(&node),
                             node.input_count, node.target_count);
  for (int i = 0; i < node.input_count; ++i)
    if (!check_input(graph, &node, i))
      return LIMN_NONE;
  for (int i = 0; i < node.target_count; ++i)
    if (!check_target(graph, &node, i))
      return LIMN_NONE;
  if (!check_shape(graph, row, &node))
    return LIMN_NONE;
  if (graph->count == graph->capacity) {
    int capacity = graph->capacity ? 2 * graph->capacity : 64;
    limn_node *nodes = realloc(graph->nodes, (size_t)capacity * sizeof *nodes);
    if (!nodes)
      return limn_graph_refuse(graph, LIMN_FAILED, "out of memory for a graph of %d nodes", capacity);
    graph->nodes = nodes;
    graph->capacity = capacity;
  }
  graph->nodes[graph->count] = node;
  return graph->count++;
}

limn_value limn_graph_find_leaf(const limn_graph *graph, const char *name) {
  for (int i = 0; i < graph->count; ++i)
    if (graph->nodes[i].op == LIMN_OP_LEAF && strcmp(graph->nodes[i].name, name) == 0)
      return i;
  return LIMN_NONE;
}

limn_value limn_graph_leaf(limn_graph *graph, limn_role role, const char *name, limn_shape shape) {
  return limn_graph_weight(graph, role, name, shape, (limn_initial){0});
}

limn_value limn_graph_weight(limn_graph *graph, limn_role role, const char *name, limn_shape shape,
                             limn_initial initial) {
  if (graph->status != LIMN_OK)
    return LIMN_NONE;
  limn_value known = limn_graph_find_leaf(graph, name);
  if (known != LIMN_NONE) {
    const limn_node *leaf = &graph->nodes[known];
    if (leaf->role != role || !limn_shape_equal(leaf->shape, shape))
      return limn_graph_refuse(graph, LIMN_USAGE, "leaf %s has two shapes or roles", name);
    return known;
  }
  if (shape.n < 1 || shape.c < 1 || shape.h < 1 || shape.w < 1)
    return limn_graph_refuse(graph, LIMN_USAGE, "leaf %s has the shape (%d, %d, %d, %d)", name, shape.n, shape.c,
                             shape.h, shape.w);
  limn_value value =
      limn_graph_append(graph, &(limn_node){.op = LIMN_OP_LEAF, .shape = shape, .role = role, .initial = initial});
  if (value == LIMN_NONE)
    return LIMN_NONE;
  graph->nodes[value].name = strdup(name);
  if (graph->nodes[value].name)
    return value;
  --graph->count; /* a leaf without a name is none */
  return limn_graph_refuse(graph, LIMN_FAILED, "out of memory for the leaf %s", name);
}

void limn_graph_set_form(limn_graph *graph, limn_value leaf, limn_form form) {
  if (leaf != LIMN_NONE)
    graph->nodes[leaf].form = form;
}

const char *limn_op_name(const limn_node *node) {
  static const char *const functions[LIMN_PW_COUNT] = {
      [LIMN_PW_AFFINE] = "affine",
      [LIMN_PW_RELU] = "relu",
      [LIMN_PW_LEAKY_RELU] = "leaky_relu",
      [LIMN_PW_TANH] = "tanh",
      [LIMN_PW_SIGMOID] = "sigmoid",
      [LIMN_PW_SOFTPLUS] = "softplus",
      [LIMN_PW_EXP] = "exp",
      [LIMN_PW_LOG] = "log",
      [LIMN_PW_SQUARE] = "square",
      [LIMN_PW_SQRT] = "sqrt",
      [LIMN_PW_RSQRT] = "rsqrt",
      [LIMN_PW_RECIPROCAL] = "reciprocal",
      [LIMN_PW_ABS] = "abs",
      [LIMN_PW_SIGN] = "sign",
      [LIMN_PW_STEP] = "step",
      [LIMN_PW_CLAMP] = "clamp",
      [LIMN_PW_ADD] = "add",
      [LIMN_PW_SUB] = "sub",
      [LIMN_PW_MUL] = "mul",
      [LIMN_PW_RELU_GRAD] = "relu_grad",
      [LIMN_PW_LEAKY_GRAD] = "leaky_grad",
      [LIMN_PW_TANH_GRAD] = "tanh_grad",
      [LIMN_PW_SIGMOID_GRAD] = "sigmoid_grad",
      [LIMN_PW_CLAMP_GRAD] = "clamp_grad",
  };
  return node->op == LIMN_OP_POINTWISE ? functions[node->pointwise] : limn_op_row_of(node->op)->name;
}
