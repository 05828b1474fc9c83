#include "models/residual.h"

#include <math.h>
#include <stdio.h>

#include "models/outline.h"

#define HE_GAIN 1.4142135623730951 /* of a layer in front of a ReLU */

float limn_xavier(double gain, int inputs, int outputs, int taps) {
  return (float)(gain * sqrt(6 / ((double)taps * (inputs + outputs))));
}

static limn_value convolve(limn_scope *s, const char *block, const char *what, limn_value x, int channels, int kernel,
                           bool spectral) {
  char name[LIMN_LAYER_NAME];
  const int from = limn_graph_shape(s->graph, x).c;
  const limn_conv_layer layer = {.channels = channels,
                                 .kernel_h = kernel,
                                 .kernel_w = kernel,
                                 .stride = 1,
                                 .pad = kernel / 2,
                                 .bias = true,
                                 .uniform = limn_xavier(kernel == 1 ? 1 : HE_GAIN, from, channels, kernel * kernel),
                                 .spectral = spectral};
  snprintf(name, sizeof name, "%s.%s", block, what);
  return limn_layer_conv(s, name, x, &layer);
}

static limn_value activate(limn_scope *s, const char *block, limn_value x) {
  char name[LIMN_LAYER_NAME];
  snprintf(name, sizeof name, "%s.activation", block);
  return limn_layer_named_activation(s, name, LIMN_PW_RELU, x, 0);
}

static limn_value normalise(limn_scope *s, const char *block, const char *what, limn_value x) {
  char name[LIMN_LAYER_NAME];
  snprintf(name, sizeof name, "%s.%s", block, what);
  return limn_layer_batchnorm(s, name, x, 0);
}

static limn_value twice(limn_scope *s, limn_value x) {
  const limn_shape shape = limn_graph_shape(s->graph, x);
  return limn_graph_resample(s->graph, x, LIMN_BILINEAR, 2 * shape.h, 2 * shape.w);
}

static limn_value half(limn_scope *s, limn_value x) {
  return limn_graph_avg_pool(s->graph, x,
                             (limn_pool_attrs){.window_h = 2, .window_w = 2, .stride_h = 2, .stride_w = 2});
}

static limn_value join(limn_scope *s, const char *name, limn_value x, limn_value shortcut) {
  limn_value y = limn_graph_add(s->graph, x, shortcut);
  limn_outline_note(s->outline, s->graph, name, y, "sum with the shortcut");
  return y;
}

static bool has_shortcut(const limn_scope *s, limn_value x, const limn_residual *block) {
  return block->resample || limn_graph_shape(s->graph, x).c != block->channels;
}

/* A 1x1 convolution and the resampling behind or before it can change places: it is taken where pictures are small. */
limn_value limn_residual_up(limn_scope *s, const char *name, limn_value x, const limn_residual *block) {
  const int hidden = block->hidden ? block->hidden : block->channels;
  limn_value h = activate(s, name, normalise(s, name, "b1", x)), shortcut = x;
  if (block->resample)
    h = twice(s, h);
  h = convolve(s, name, "c1", h, hidden, 3, block->spectral);
  h = activate(s, name, normalise(s, name, "b2", h));
  h = convolve(s, name, "c2", h, block->channels, 3, block->spectral);
  if (has_shortcut(s, x, block))
    shortcut = convolve(s, name, "c_sc", x, block->channels, 1, block->spectral);
  return join(s, name, h, block->resample ? twice(s, shortcut) : shortcut);
}

limn_value limn_residual_down(limn_scope *s, const char *name, limn_value x, const limn_residual *block) {
  const int hidden = block->hidden ? block->hidden : block->channels;
  limn_value h = block->first ? x : activate(s, name, x);
  h = convolve(s, name, "c1", h, hidden, 3, block->spectral);
  h = convolve(s, name, "c2", activate(s, name, h), block->channels, 3, block->spectral);
  if (block->resample)
    h = half(s, h);
  limn_value shortcut = block->resample ? half(s, x) : x;
  if (has_shortcut(s, x, block))
    shortcut = convolve(s, name, "c_sc", shortcut, block->channels, 1, block->spectral);
  return join(s, name, h, shortcut);
}
