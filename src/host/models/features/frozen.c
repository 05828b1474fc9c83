#include "models/features/frozen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/node.h"

static void note(limn_frozen *f, const limn_frozen_layer *layer) {
  if (!f->notes)
    return;
  for (int i = 0; i < f->layer_count; ++i)
    if (strcmp(f->layers[i].weight, layer->weight) == 0) /* used twice */
      return;
  limn_frozen_layer *layers = realloc(f->layers, ((size_t)f->layer_count + 1) * sizeof *layers);
  if (!layers) {
    limn_graph_refuse(f->graph, LIMN_FAILED, "out of memory for the layers of a network");
    return;
  }
  f->layers = layers;
  layers[f->layer_count++] = *layer;
}

static void copy_name(limn_graph *graph, char *to, const char *name) {
  if (name && snprintf(to, LIMN_FROZEN_NAME, "%s", name) >= LIMN_FROZEN_NAME)
    limn_graph_refuse(graph, LIMN_USAGE, "the name %s is too long", name);
}

static void name_leaf(limn_frozen *f, char *to, const char *name, const char *what) {
  if (snprintf(to, LIMN_FROZEN_NAME, "%s.%s.%s", f->prefix, name, what) >= LIMN_FROZEN_NAME)
    limn_graph_refuse(f->graph, LIMN_USAGE, "the name %s.%s.%s is too long", f->prefix, name, what);
}

/* Notes the layer and makes its leaves; weights that a normalisation is folded into have a bias always. */
static void make_leaves(limn_frozen *f, limn_frozen_layer *layer, limn_value *weight, limn_value *bias) {
  name_leaf(f, layer->weight, layer->name, "weight");
  name_leaf(f, layer->bias, layer->name, "bias");
  const limn_role role = f->trained ? LIMN_ROLE_PARAMETER : LIMN_ROLE_FROZEN;
  *weight = limn_graph_leaf(f->graph, role, layer->weight, layer->shape);
  limn_graph_set_form(f->graph, *weight, layer->dense ? LIMN_FORM_ROWS : LIMN_FORM_KERNEL);
  *bias = LIMN_NONE;
  if (layer->biased || layer->norm[0])
    *bias = limn_graph_leaf(f->graph, role, layer->bias, LIMN_CHANNELS(layer->shape.n));
  note(f, layer);
}

/* TensorFlow's SAME: ceil(side / stride) outputs, as many zeros before as behind, and an odd one behind. */
static void pad_same(int side, int kernel, int stride, int32_t *pad, int32_t *more) {
  const int outputs = (side + stride - 1) / stride, zeros = (outputs - 1) * stride + kernel - side;
  *pad = zeros > 0 ? zeros / 2 : 0;
  *more = zeros > 0 ? zeros % 2 : 0;
}

limn_value limn_frozen_convolve(limn_frozen *f, limn_value x, const limn_frozen_conv *conv) {
  const int groups = conv->groups ? conv->groups : 1, stride = conv->stride ? conv->stride : 1;
  limn_value weight, bias;
  const limn_shape from = limn_graph_shape(f->graph, x);
  limn_frozen_layer layer = {.shape = {conv->channels, from.c / groups, conv->kernel_h, conv->kernel_w},
                             .biased = conv->biased,
                             .eps = conv->eps};
  copy_name(f->graph, layer.name, conv->name);
  copy_name(f->graph, layer.norm, conv->norm);
  copy_name(f->graph, layer.other, conv->other);
  limn_conv_attrs attrs = {.stride_h = stride,
                           .stride_w = stride,
                           .pad_h = conv->pad_h,
                           .pad_w = conv->pad_w,
                           .groups = groups > 1 ? groups : 0};
  if (conv->same) {
    pad_same(from.h, conv->kernel_h, stride, &attrs.pad_h, &attrs.more_h);
    pad_same(from.w, conv->kernel_w, stride, &attrs.pad_w, &attrs.more_w);
  }
  make_leaves(f, &layer, &weight, &bias);
  return limn_graph_conv(f->graph, x, weight, bias, attrs);
}

limn_value limn_frozen_dense(limn_frozen *f, limn_value x, const char *name, const char *other, int width,
                             bool biased) {
  limn_value weight, bias;
  const limn_shape from = limn_graph_shape(f->graph, x);
  limn_frozen_layer layer = {.shape = {width, from.c, from.h, from.w}, .dense = true, .biased = biased};
  copy_name(f->graph, layer.name, name);
  copy_name(f->graph, layer.other, other);
  make_leaves(f, &layer, &weight, &bias);
  return limn_graph_dense(f->graph, x, weight, bias);
}

limn_value limn_frozen_relu(limn_frozen *f, limn_value x) { return limn_graph_unary(f->graph, LIMN_PW_RELU, x, 0, 0); }

limn_value limn_frozen_max_pool(limn_frozen *f, limn_value x, int window, int stride, int pad) {
  return limn_graph_max_pool(
      f->graph, x,
      (limn_pool_attrs){
          .window_h = window, .window_w = window, .stride_h = stride, .stride_w = stride, .pad_h = pad, .pad_w = pad});
}

limn_value limn_frozen_mean(limn_frozen *f, limn_value x) {
  const limn_shape s = limn_graph_shape(f->graph, x);
  return limn_graph_avg_pool(f->graph, x,
                             (limn_pool_attrs){.window_h = s.h, .window_w = s.w, .stride_h = 1, .stride_w = 1});
}

bool limn_frozen_tap(limn_frozen *f, const char *name, limn_value value) {
  for (int i = 0; i < f->wanted_count; ++i)
    if (strcmp(f->wanted[i], name) == 0) {
      f->taps[i] = value;
      ++f->found;
    }
  return f->found >= f->wanted_count || limn_graph_status(f->graph) != LIMN_OK;
}
