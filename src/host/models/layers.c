#include "models/layers.h"

#include <stdio.h>

#include "graph/node.h"
#include "models/outline.h"

#define BATCHNORM_EPS      1e-5f
#define BATCHNORM_MOMENTUM 0.1f
#define NAME_SIZE          160

limn_value limn_scope_leaf(limn_scope *s, const char *layer, const char *what, limn_role role, limn_shape shape,
                           limn_initial initial) {
  char name[NAME_SIZE];
  int length = snprintf(name, sizeof name, "%s%s.%s%s%s", s->mode.average ? LIMN_AVERAGE : "", s->network,
                        layer ? layer : "", layer ? "." : "", what);
  if (length >= NAME_SIZE)
    return limn_graph_refuse(s->graph, LIMN_USAGE, "the name %s… is too long", name);
  return limn_graph_weight(s->graph, s->mode.average ? LIMN_ROLE_OPTIMIZER : role, name, shape, initial);
}

/* The layer's name: as given, or by its place. */
static const char *name_layer(limn_scope *s, const char *name, char buffer[NAME_SIZE]) {
  if (name)
    return name;
  snprintf(buffer, NAME_SIZE, "main.%d", s->place++);
  return buffer;
}

static limn_value convolve(limn_scope *s, const char *given, limn_value x, const limn_conv_layer *l, bool transposed) {
  char buffer[NAME_SIZE];
  const char *name = name_layer(s, given, buffer);
  const limn_shape from = limn_graph_shape(s->graph, x);
  const limn_shape shape = transposed ? (limn_shape){from.c, l->channels, l->kernel_h, l->kernel_w}
                                      : (limn_shape){l->channels, from.c, l->kernel_h, l->kernel_w};
  const limn_conv_attrs attrs = {l->stride, l->stride, l->pad, l->pad};
  limn_value w = limn_scope_leaf(s, name, "weight", LIMN_ROLE_PARAMETER, shape, (limn_initial){0, l->deviation});
  limn_value bias = LIMN_NONE, y;
  if (l->bias)
    bias = limn_scope_leaf(s, name, "bias", LIMN_ROLE_PARAMETER, LIMN_CHANNELS(l->channels), (limn_initial){0});
  if (transposed)
    y = limn_graph_conv_dx(s->graph, x, w, bias, attrs,
                           (limn_shape){from.n, l->channels, (from.h - 1) * l->stride - 2 * l->pad + l->kernel_h,
                                        (from.w - 1) * l->stride - 2 * l->pad + l->kernel_w});
  else
    y = limn_graph_conv(s->graph, x, w, bias, attrs);
  limn_outline_note(s->outline, s->graph, name, y, "%sconvolution %dx%d, stride %d", transposed ? "transposed " : "",
                    l->kernel_h, l->kernel_w, l->stride);
  return y;
}

limn_value limn_layer_conv(limn_scope *s, const char *name, limn_value x, const limn_conv_layer *layer) {
  return convolve(s, name, x, layer, false);
}

limn_value limn_layer_transposed(limn_scope *s, const char *name, limn_value x, const limn_conv_layer *layer) {
  return convolve(s, name, x, layer, true);
}

static limn_value normalise(limn_scope *s, limn_value x, limn_value gamma, limn_value beta, limn_value mean,
                            limn_value variance) {
  if (!s->mode.training)
    return limn_graph_batchnorm_inference(s->graph, x, gamma, beta, mean, variance, BATCHNORM_EPS);
  const limn_batchnorm_attrs attrs = {.eps = BATCHNORM_EPS,
                                      .momentum = s->mode.momentum > 0 ? s->mode.momentum : BATCHNORM_MOMENTUM,
                                      .groups = s->mode.groups};
  limn_value y = limn_graph_batchnorm(s->graph, x, gamma, beta, attrs);
  limn_graph_update_running(s->graph, x, mean, variance, s->mode.gate, attrs);
  return y;
}

limn_value limn_layer_batchnorm(limn_scope *s, const char *given, limn_value x, float deviation) {
  char buffer[NAME_SIZE];
  const char *name = name_layer(s, given, buffer);
  const limn_shape shape = LIMN_CHANNELS(limn_graph_shape(s->graph, x).c);
  limn_value gamma = limn_scope_leaf(s, name, "weight", LIMN_ROLE_PARAMETER, shape, (limn_initial){1, deviation});
  limn_value beta = limn_scope_leaf(s, name, "bias", LIMN_ROLE_PARAMETER, shape, (limn_initial){0});
  limn_value mean = limn_scope_leaf(s, name, "running_mean", LIMN_ROLE_BUFFER, shape, (limn_initial){0});
  limn_value variance = limn_scope_leaf(s, name, "running_var", LIMN_ROLE_BUFFER, shape, (limn_initial){1, 0});
  limn_value y = normalise(s, x, gamma, beta, mean, variance);
  limn_outline_note(s->outline, s->graph, name, y, "batchnorm");
  return y;
}

limn_value limn_layer_activation(limn_scope *s, limn_pointwise function, limn_value x, float slope) {
  char buffer[NAME_SIZE];
  const char *name = name_layer(s, NULL, buffer);
  limn_value y = limn_graph_unary(s->graph, function, x, slope, 0);
  if (s->activations && s->activations->count < LIMN_MOST_ACTIVATIONS)
    s->activations->values[s->activations->count++] = y;
  if (function == LIMN_PW_LEAKY_RELU)
    limn_outline_note(s->outline, s->graph, name, y, "leaky relu %g", (double)slope);
  else
    limn_outline_note(s->outline, s->graph, name, y, "%s",
                      y == LIMN_NONE ? "" : limn_op_name(limn_graph_node(s->graph, y)));
  return y;
}
