#include "models/network.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define BATCHNORM_EPS      1e-5f
#define BATCHNORM_MOMENTUM 0.1f
#define SMALLEST_HALVED    8
#define LARGEST_BASE       10
#define MOST_TIMES         16

static void halve(int *height, int *width, int *levels) {
  *levels = 0;
  while (*height % 2 == 0 && *width % 2 == 0 && *height >= SMALLEST_HALVED && *width >= SMALLEST_HALVED) {
    *height /= 2;
    *width /= 2;
    ++*levels;
  }
}

static bool serves(int height, int width) {
  int levels;
  halve(&height, &width, &levels);
  return levels > 0 && height <= LARGEST_BASE && width <= LARGEST_BASE;
}

/* The size nearest to (height, width) that serves, searched in growing rings. */
static void nearest_size(int *height, int *width) {
  for (int distance = 1; distance < 1024; ++distance)
    for (int dh = -distance; dh <= distance; ++dh)
      for (int sign = 1; sign >= -1; sign -= 2) {
        int dw = sign * (distance - abs(dh)), h = *height + dh, w = *width + dw;
        if (h >= SMALLEST_HALVED && w >= SMALLEST_HALVED && serves(h, w) && (*height != *width || h == w)) {
          *height = h;
          *width = w;
          return;
        }
      }
}

limn_status limn_trunk(int height, int width, int *levels, int *base_height, int *base_width) {
  if (!serves(height, width)) {
    int near_height = height, near_width = width;
    nearest_size(&near_height, &near_width);
    return limn_fail(LIMN_USAGE,
                     "pictures of %dx%d cannot be halved down to a base of at most %d a side; the nearest size that "
                     "can is --size %dx%d",
                     height, width, LARGEST_BASE, near_height, near_width);
  }
  *base_height = height;
  *base_width = width;
  halve(base_height, base_width, levels);
  return LIMN_OK;
}

limn_layer *limn_network_add(limn_network *network, limn_layer_kind kind, const char *name) {
  limn_layer *layer = &network->layers[network->layer_count];
  const limn_layer *before = network->layer_count ? layer - 1 : NULL;
  *layer = (limn_layer){.kind = kind,
                        .channels = before ? before->channels : network->channels,
                        .height = before ? before->height : network->height,
                        .width = before ? before->width : network->width};
  layer->input_channels = layer->channels;
  snprintf(layer->name, sizeof layer->name, "%s", name);
  if (network->layer_count < LIMN_MAX_LAYERS - 1)
    ++network->layer_count;
  return layer;
}

limn_layer *limn_network_add_conv(limn_network *network, limn_layer_kind kind, int channels, int height, int width) {
  char name[24];
  snprintf(name, sizeof name, "main.%d", network->layer_count);
  limn_layer *layer = limn_network_add(network, kind, name);
  layer->channels = channels;
  layer->height = height;
  layer->width = width;
  layer->kernel_h = layer->kernel_w = 4;
  layer->stride = 2;
  layer->pad = 1;
  return layer;
}

void limn_network_add_activation(limn_network *network, limn_pointwise function, float slope) {
  char name[24];
  snprintf(name, sizeof name, "main.%d", network->layer_count);
  limn_layer *layer = limn_network_add(network, LIMN_LAYER_ACTIVATION, name);
  layer->activation = function;
  layer->slope = slope;
}

void limn_layer_make_full(limn_layer *layer, int kernel_h, int kernel_w) {
  layer->kernel_h = kernel_h;
  layer->kernel_w = kernel_w;
  layer->stride = 1;
  layer->pad = 0;
}

int limn_trunk_channels(int filters, int level) {
  int times = 1 << level;
  return filters * (times < MOST_TIMES ? times : MOST_TIMES);
}

static limn_shape weight_shape(const limn_layer *l) {
  return l->kind == LIMN_LAYER_CONV ? (limn_shape){l->channels, l->input_channels, l->kernel_h, l->kernel_w}
                                    : (limn_shape){l->input_channels, l->channels, l->kernel_h, l->kernel_w};
}

static limn_value parameter(limn_graph *graph, const limn_network *network, const limn_layer *l, const char *what,
                            limn_role role, limn_shape shape, limn_network_mode mode) {
  char name[96];
  if (mode.prefix)
    snprintf(name, sizeof name, "%s%s.%s", mode.prefix, l->name, what);
  else
    snprintf(name, sizeof name, "%s.%s.%s", network->name, l->name, what);
  return limn_graph_leaf(graph, mode.role == LIMN_ROLE_OPTIMIZER ? mode.role : role, name, shape);
}

static limn_value apply_batchnorm(limn_graph *graph, const limn_network *network, const limn_layer *l, limn_value x,
                                  limn_network_mode mode) {
  limn_shape channels = LIMN_CHANNELS(l->channels);
  limn_value gamma = parameter(graph, network, l, "weight", LIMN_ROLE_PARAMETER, channels, mode);
  limn_value beta = parameter(graph, network, l, "bias", LIMN_ROLE_PARAMETER, channels, mode);
  limn_value mean = parameter(graph, network, l, "running_mean", LIMN_ROLE_BUFFER, channels, mode);
  limn_value variance = parameter(graph, network, l, "running_var", LIMN_ROLE_BUFFER, channels, mode);
  if (!mode.training)
    return limn_graph_batchnorm_inference(graph, x, gamma, beta, mean, variance, BATCHNORM_EPS);
  limn_batchnorm_attrs attrs = {
      .eps = BATCHNORM_EPS, .momentum = mode.momentum > 0 ? mode.momentum : BATCHNORM_MOMENTUM, .groups = mode.groups};
  limn_value y = limn_graph_batchnorm(graph, x, gamma, beta, attrs);
  limn_graph_update_running(graph, x, mean, variance, mode.gate, attrs);
  return y;
}

limn_value limn_network_apply_layer(limn_graph *graph, const limn_network *network, const limn_layer *l, limn_value x,
                                    limn_network_mode mode) {
  if (l->kind == LIMN_LAYER_ACTIVATION)
    return limn_graph_unary(graph, l->activation, x, l->slope, 0);
  if (l->kind == LIMN_LAYER_BATCHNORM)
    return apply_batchnorm(graph, network, l, x, mode);
  limn_value w = parameter(graph, network, l, "weight", LIMN_ROLE_PARAMETER, weight_shape(l), mode), bias = LIMN_NONE;
  if (l->bias)
    bias = parameter(graph, network, l, "bias", LIMN_ROLE_PARAMETER, LIMN_CHANNELS(l->channels), mode);
  limn_conv_attrs attrs = {l->stride, l->stride, l->pad, l->pad};
  if (l->kind == LIMN_LAYER_CONV)
    return limn_graph_conv(graph, x, w, bias, attrs);
  limn_shape shape = {limn_graph_shape(graph, x).n, l->channels, l->height, l->width};
  return limn_graph_conv_dx(graph, x, w, bias, attrs, shape);
}

limn_value limn_network_apply(limn_graph *graph, const limn_network *network, limn_value x, limn_network_mode mode) {
  for (int i = 0; i < network->layer_count; ++i)
    x = limn_network_apply_layer(graph, network, &network->layers[i], x, mode);
  return x;
}

limn_status limn_network_visit(const limn_network *network, limn_parameter_visitor visitor, void *context) {
  for (int i = 0; i < network->layer_count; ++i) {
    const limn_layer *l = &network->layers[i];
    char name[96];
    limn_shape channels = LIMN_CHANNELS(l->channels);
    bool batchnorm = l->kind == LIMN_LAYER_BATCHNORM;
    if (l->kind == LIMN_LAYER_ACTIVATION)
      continue;
    snprintf(name, sizeof name, "%s.%s.weight", network->name, l->name);
    LIMN_TRY(visitor(context, name, LIMN_ROLE_PARAMETER, batchnorm ? channels : weight_shape(l), batchnorm ? 1 : 0,
                     l->deviation));
    if (batchnorm || l->bias) {
      snprintf(name, sizeof name, "%s.%s.bias", network->name, l->name);
      LIMN_TRY(visitor(context, name, LIMN_ROLE_PARAMETER, channels, 0, 0));
    }
    if (batchnorm) {
      snprintf(name, sizeof name, "%s.%s.running_mean", network->name, l->name);
      LIMN_TRY(visitor(context, name, LIMN_ROLE_BUFFER, channels, 0, 0));
      snprintf(name, sizeof name, "%s.%s.running_var", network->name, l->name);
      LIMN_TRY(visitor(context, name, LIMN_ROLE_BUFFER, channels, 1, 0));
    }
  }
  return LIMN_OK;
}

int64_t limn_layer_parameters(const limn_layer *l) {
  if (l->kind == LIMN_LAYER_ACTIVATION)
    return 0;
  if (l->kind == LIMN_LAYER_BATCHNORM)
    return 2 * (int64_t)l->channels;
  return limn_shape_count(weight_shape(l)) + (l->bias ? l->channels : 0);
}

double limn_layer_macs(const limn_layer *l) {
  if (l->kind == LIMN_LAYER_CONV)
    return (double)limn_shape_count(weight_shape(l)) * l->height * l->width;
  if (l->kind == LIMN_LAYER_TRANSPOSED_CONV) {
    int in_height = (l->height + 2 * l->pad - l->kernel_h) / l->stride + 1,
        in_width = (l->width + 2 * l->pad - l->kernel_w) / l->stride + 1;
    return (double)limn_shape_count(weight_shape(l)) * in_height * in_width;
  }
  return 0;
}

const char *limn_layer_describe(const limn_layer *l, char *buffer, size_t size) {
  static const char *const activations[LIMN_PW_COUNT] = {
      [LIMN_PW_RELU] = "relu", [LIMN_PW_TANH] = "tanh", [LIMN_PW_SIGMOID] = "sigmoid"};
  if (l->kind == LIMN_LAYER_BATCHNORM)
    snprintf(buffer, size, "batchnorm");
  else if (l->kind == LIMN_LAYER_ACTIVATION && l->activation == LIMN_PW_LEAKY_RELU)
    snprintf(buffer, size, "leaky relu %g", (double)l->slope);
  else if (l->kind == LIMN_LAYER_ACTIVATION)
    snprintf(buffer, size, "%s", activations[l->activation]);
  else
    snprintf(buffer, size, "%sconvolution %dx%d, stride %d", l->kind == LIMN_LAYER_CONV ? "" : "transposed ",
             l->kernel_h, l->kernel_w, l->stride);
  return buffer;
}
