/* Layers: functions on a graph, each of which makes its leaves. A network is a function that calls them. */
#ifndef LIMN_MODELS_LAYERS_H
#define LIMN_MODELS_LAYERS_H

#include "graph/graph.h"

/* The prefix of the moving average of a network's weights: "ema.generator.main.0.weight". */
#define LIMN_AVERAGE "ema."

/* What a discriminator that looks through a frozen network has seen of pictures already (projected.h): the network that
 * is applied to the same value again takes it from there. */
#define LIMN_PROJECTIONS 4
typedef struct limn_projection {
  limn_value pictures, maps[LIMN_PROJECTIONS]; /* pictures LIMN_NONE: nothing yet */
} limn_projection;

/* How a network is run. */
typedef struct limn_network_mode {
  bool training;               /* batchnorm with batch statistics, which also move the running ones */
  bool average;                /* with the moving average of the weights, whose leaves have the role OPTIMIZER */
  limn_value gate;             /* of the running statistics; LIMN_NONE: none */
  float momentum;              /* of the running statistics, PyTorch's; 0: 0.1 */
  limn_projection *projection; /* NULL: nothing is kept */
  int32_t groups;              /* equal parts of the batch with batch statistics of their own; 0 counts as 1 */
} limn_network_mode;

struct limn_outline;

/* What a network's activations put out, in their order. */
#define LIMN_MOST_ACTIVATIONS 64 /* those behind are left out */
typedef struct limn_activations {
  int count;
  limn_value values[LIMN_MOST_ACTIVATIONS];
} limn_activations;

/* Where a network is being built. */
typedef struct limn_scope {
  limn_graph *graph;
  const char *network; /* "generator": the first word of its leaves' names */
  limn_network_mode mode;
  int place;                     /* of the next layer in the network's sequence */
  struct limn_outline *outline;  /* notes the layers, for people (outline.h); NULL: nobody does */
  limn_activations *activations; /* gathers what limn_layer_activation makes; NULL: nobody does */
} limn_scope;

/* A leaf of the network, NETWORK.LAYER.WHAT, or NETWORK.WHAT where `layer` is NULL. role: PARAMETER or BUFFER. */
limn_value limn_scope_leaf(limn_scope *scope, const char *layer, const char *what, limn_role role, limn_shape shape,
                           limn_initial initial);

/* A layer's name as below: `given`, or by its place, in `buffer`. */
#define LIMN_LAYER_NAME 160
const char *limn_scope_layer_name(limn_scope *scope, const char *given, char buffer[LIMN_LAYER_NAME]);

/* Layers are named as in PyTorch. name NULL: "main.PLACE", the next place of one nn.Sequential, where every layer has
 * one, with leaves or not. Initial biases are 0. */

typedef struct limn_conv_layer {
  int channels; /* of the result */
  int kernel_h, kernel_w, stride, pad;
  bool bias;
  const char *bias_name; /* of its leaf, behind NETWORK; NULL: LAYER.bias */
  float deviation;       /* of the initial weights: N(0, deviation^2) */
  float uniform;         /* over 0: U(-uniform, uniform) instead */
  int groups;            /* of a convolution that is not transposed; 0 counts as 1 */
  bool spectral;         /* the weight normalised: spectral.h */
} limn_conv_layer;
limn_value limn_layer_conv(limn_scope *scope, const char *name, limn_value x, const limn_conv_layer *layer);
/* nn.Linear over all that a picture has: (N, C, H, W) to (N, channels, 1, 1). Of `layer`, sizes, stride and groups are
 * not read. */
limn_value limn_layer_linear(limn_scope *scope, const char *name, limn_value x, const limn_conv_layer *layer);
/* nn.Linear whose outputs are seen as (channels, kernel_h, kernel_w), of codes (N, C, 1, 1); `spectral` is not read
 * either. */
limn_value limn_layer_linear_to_pictures(limn_scope *scope, const char *name, limn_value x,
                                         const limn_conv_layer *layer);
/* The transposed convolution, to (H - 1) stride - 2 pad + kernel a side. */
limn_value limn_layer_transposed(limn_scope *scope, const char *name, limn_value x, const limn_conv_layer *layer);

/* Batch normalisation with eps 1e-5; gamma begins at N(1, deviation^2). */
limn_value limn_layer_batchnorm(limn_scope *scope, const char *name, limn_value x, float deviation);

/* One of limn_pointwise; slope: of LEAKY_RELU. The first is "main.PLACE". */
limn_value limn_layer_activation(limn_scope *scope, limn_pointwise function, limn_value x, float slope);
limn_value limn_layer_named_activation(limn_scope *scope, const char *name, limn_pointwise function, limn_value x,
                                       float slope);

#endif
