#include "models/outline.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "graph/node.h"

static bool is_tensor(const limn_node *n) {
  return n->op == LIMN_OP_LEAF && (n->role == LIMN_ROLE_PARAMETER || n->role == LIMN_ROLE_BUFFER);
}

void limn_outline_note(limn_outline *outline, limn_graph *graph, const char *name, limn_value value, const char *kind,
                       ...) {
  if (!outline || value == LIMN_NONE)
    return;
  limn_outline_layer *layers = realloc(outline->layers, ((size_t)outline->layer_count + 1) * sizeof *layers);
  if (!layers) {
    limn_graph_refuse(graph, LIMN_FAILED, "out of memory for an outline");
    return;
  }
  outline->layers = layers;
  limn_outline_layer *layer = &layers[outline->layer_count++];
  *layer = (limn_outline_layer){.shape = limn_graph_shape(graph, value)};
  snprintf(layer->name, sizeof layer->name, "%s", name);
  va_list arguments;
  va_start(arguments, kind);
  vsnprintf(layer->kind, sizeof layer->kind, kind, arguments);
  va_end(arguments);
  for (; outline->noted < limn_graph_count(graph); ++outline->noted) {
    const limn_node *n = limn_graph_node(graph, outline->noted);
    if (is_tensor(n) && n->role == LIMN_ROLE_PARAMETER)
      layer->parameters += limn_shape_count(n->shape);
    layer->macs += limn_graph_macs(graph, outline->noted);
  }
}

static limn_status collect_leaves(limn_outline *o) {
  int count = limn_graph_count(o->graph);
  o->leaves = calloc((size_t)count, sizeof *o->leaves);
  if (!o->leaves)
    return limn_fail_memory("an outline");
  for (limn_value v = 0; v < count; ++v) {
    const limn_node *n = limn_graph_node(o->graph, v);
    if (is_tensor(n))
      o->leaves[o->leaf_count++] = (limn_outline_leaf){n->name, n->role, n->shape, n->initial, n->form};
  }
  return LIMN_OK;
}

limn_status limn_outline_take(limn_outline *outline, const limn_model *model, int index) {
  *outline = (limn_outline){.network = &model->row->networks[index]};
  limn_status status = limn_graph_create(&outline->graph);
  if (status == LIMN_OK) {
    limn_value x = limn_graph_leaf(outline->graph, LIMN_ROLE_INPUT, "input", limn_model_input(model, index, 1));
    limn_scope scope = limn_model_scope(outline->graph, model, index, (limn_network_mode){.gate = LIMN_NONE});
    scope.outline = outline;
    outline->network->build(&scope, model, x);
    status = limn_graph_status(outline->graph);
  }
  if (status == LIMN_OK)
    status = collect_leaves(outline);
  if (status != LIMN_OK)
    limn_outline_release(outline);
  return status;
}

void limn_outline_release(limn_outline *outline) {
  limn_graph_destroy(outline->graph);
  free(outline->leaves);
  free(outline->layers);
  *outline = (limn_outline){0};
}

const limn_outline_leaf *limn_outline_find(const limn_outline *outline, const char *name) {
  for (int i = 0; i < outline->leaf_count; ++i)
    if (strcmp(outline->leaves[i].name, name) == 0)
      return &outline->leaves[i];
  return NULL;
}
