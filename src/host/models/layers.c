#include "models/layers.h"

#include <stdio.h>

#include "graph/node.h"
#include "models/outline.h"
#include "models/spectral.h"

#define BATCHNORM_EPS      1e-5f
#define BATCHNORM_MOMENTUM 0.1f

limn_value limn_scope_leaf(limn_scope *s, const char *layer, const char *what, limn_role role, limn_shape shape,
                           limn_initial initial) {
  char name[LIMN_LAYER_NAME];
  int length = snprintf(name, sizeof name, "%s%s.%s%s%s", s->mode.average ? LIMN_AVERAGE : "", s->network,
                        layer ? layer : "", layer ? "." : "", what);
  if (length >= LIMN_LAYER_NAME)
    return limn_graph_refuse(s->graph, LIMN_USAGE, "the name %s… is too long", name);
  return limn_graph_weight(s->graph, s->mode.average ? LIMN_ROLE_OPTIMIZER : role, name, shape, initial);
}

const char *limn_scope_layer_name(limn_scope *s, const char *given, char buffer[LIMN_LAYER_NAME]) {
  if (given)
    return given;
  snprintf(buffer, LIMN_LAYER_NAME, "main.%d", s->place++);
  return buffer;
}

/* The weight of a layer, normalised where it is to be. */
static limn_value weight_of(limn_scope *s, const char *name, limn_shape shape, const limn_conv_layer *l,
                            bool transposed, limn_form form) {
  const limn_initial initial = {.deviation = l->deviation, .uniform = l->uniform};
  if (l->spectral)
    return limn_spectral_weight(s, name, shape, initial, transposed, form);
  limn_value w = limn_scope_leaf(s, name, "weight", LIMN_ROLE_PARAMETER, shape, initial);
  limn_graph_set_form(s->graph, w, form);
  return w;
}

static limn_value convolve(limn_scope *s, const char *given, limn_value x, const limn_conv_layer *l, bool transposed) {
  char buffer[LIMN_LAYER_NAME];
  const char *name = limn_scope_layer_name(s, given, buffer);
  const limn_shape from = limn_graph_shape(s->graph, x);
  const int groups = l->groups ? l->groups : 1;
  const limn_shape shape = transposed ? (limn_shape){from.c, l->channels, l->kernel_h, l->kernel_w}
                                      : (limn_shape){l->channels, from.c / groups, l->kernel_h, l->kernel_w};
  const limn_conv_attrs attrs = {l->stride, l->stride, l->pad, l->pad, .groups = groups > 1 ? groups : 0};
  limn_value w = weight_of(s, name, shape, l, transposed, LIMN_FORM_KERNEL);
  limn_value bias = LIMN_NONE, y;
  if (l->bias)
    bias = limn_scope_leaf(s, l->bias_name ? NULL : name, l->bias_name ? l->bias_name : "bias", LIMN_ROLE_PARAMETER,
                           LIMN_CHANNELS(l->channels), (limn_initial){0});
  if (transposed)
    y = limn_graph_conv_dx(s->graph, x, w, bias, attrs,
                           (limn_shape){from.n, l->channels, (from.h - 1) * l->stride - 2 * l->pad + l->kernel_h,
                                        (from.w - 1) * l->stride - 2 * l->pad + l->kernel_w});
  else
    y = limn_graph_conv(s->graph, x, w, bias, attrs);
  char note[32] = "";
  if (groups > 1)
    snprintf(note, sizeof note, ", %d groups", groups);
  limn_outline_note(s->outline, s->graph, name, y, "%sconvolution %dx%d, stride %d%s", transposed ? "transposed " : "",
                    l->kernel_h, l->kernel_w, l->stride, note);
  return y;
}

limn_value limn_layer_conv(limn_scope *s, const char *name, limn_value x, const limn_conv_layer *layer) {
  return convolve(s, name, x, layer, false);
}

limn_value limn_layer_transposed(limn_scope *s, const char *name, limn_value x, const limn_conv_layer *layer) {
  return convolve(s, name, x, layer, true);
}

limn_value limn_layer_linear(limn_scope *s, const char *name, limn_value x, const limn_conv_layer *l) {
  const limn_shape from = limn_graph_shape(s->graph, x);
  limn_value bias = LIMN_NONE;
  limn_value w = weight_of(s, name, (limn_shape){l->channels, from.c, from.h, from.w}, l, false, LIMN_FORM_ROWS);
  if (l->bias)
    bias = limn_scope_leaf(s, name, "bias", LIMN_ROLE_PARAMETER, LIMN_CHANNELS(l->channels), (limn_initial){0});
  limn_value y = limn_graph_dense(s->graph, x, w, bias);
  limn_outline_note(s->outline, s->graph, name, y, "linear");
  return y;
}

limn_value limn_layer_linear_to_pictures(limn_scope *s, const char *name, limn_value x, const limn_conv_layer *l) {
  const limn_shape from = limn_graph_shape(s->graph, x), to = {1, l->channels, l->kernel_h, l->kernel_w};
  limn_value w = limn_scope_leaf(s, name, "weight", LIMN_ROLE_PARAMETER, (limn_shape){from.c, to.c, to.h, to.w},
                                 (limn_initial){.deviation = l->deviation, .uniform = l->uniform});
  limn_graph_set_form(s->graph, w, LIMN_FORM_COLUMNS);
  limn_value y = limn_graph_conv_dx(s->graph, x, w, LIMN_NONE, (limn_conv_attrs){1, 1, 0, 0},
                                    (limn_shape){from.n, to.c, to.h, to.w});
  if (l->bias) {
    limn_value bias = limn_scope_leaf(s, name, "bias", LIMN_ROLE_PARAMETER, to, (limn_initial){0});
    limn_graph_set_form(s->graph, bias, LIMN_FORM_VECTOR);
    y = limn_graph_add(s->graph, y, bias);
  }
  limn_outline_note(s->outline, s->graph, name, y, "linear");
  return y;
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
  char buffer[LIMN_LAYER_NAME];
  const char *name = limn_scope_layer_name(s, given, buffer);
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
  return limn_layer_named_activation(s, NULL, function, x, slope);
}

limn_value limn_layer_named_activation(limn_scope *s, const char *given, limn_pointwise function, limn_value x,
                                       float slope) {
  char buffer[LIMN_LAYER_NAME];
  const char *name = limn_scope_layer_name(s, given, buffer);
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
