/* A network as a list of layers: one description from which its graph, its initial weights and its table of layers
 * come. */
#ifndef LIMN_MODELS_NETWORK_H
#define LIMN_MODELS_NETWORK_H

#include "graph/graph.h"

typedef enum limn_layer_kind {
  LIMN_LAYER_CONV,
  LIMN_LAYER_TRANSPOSED_CONV,
  LIMN_LAYER_BATCHNORM,
  LIMN_LAYER_ACTIVATION,
} limn_layer_kind;

typedef struct limn_layer {
  limn_layer_kind kind;
  char name[24];               /* "main.3": as in PyTorch's nn.Sequential */
  int channels, height, width; /* of the output */
  int input_channels;
  int kernel_h, kernel_w, stride, pad;
  bool bias;
  limn_pointwise activation;
  float slope;
  float deviation; /* of the initial weights: N(0, deviation^2); batchnorm's gamma: N(1, deviation^2) */
} limn_layer;

#define LIMN_MAX_LAYERS 40

typedef struct limn_network {
  const char *name;            /* "generator": the prefix of its parameters; static */
  int channels, height, width; /* of the input */
  int layer_count;
  limn_layer layers[LIMN_MAX_LAYERS];
} limn_network;

/* Sides of the trunk from the picture down: halved while both are even and at least 8. LIMN_USAGE when the base is over
 * 10 a side; the message names the nearest size that works. *levels is the number of halvings. */
limn_status limn_trunk(int height, int width, int *levels, int *base_height, int *base_width);

/* Appends a layer behind the last one. The network's error is that it is full, which no size up to 1024 makes it. */
limn_layer *limn_network_add(limn_network *network, limn_layer_kind kind, const char *name);

/* The next layer of a trunk, a 4x4 convolution of stride 2 and padding 1 to (channels, height, width), named
 * "main.INDEX" by its place. Bias and initial deviation are the caller's to set. */
limn_layer *limn_network_add_conv(limn_network *network, limn_layer_kind kind, int channels, int height, int width);
/* An activation, named by its place. */
void limn_network_add_activation(limn_network *network, limn_pointwise function, float slope);
/* Makes a convolution one whose kernel is the whole base: from a 1x1 code to the base, or from the base to 1x1. */
void limn_layer_make_full(limn_layer *layer, int kernel_h, int kernel_w);
/* Channels of a trunk layer: `filters` next to the picture (level 0), doubled at each level, up to 16 times. */
int limn_trunk_channels(int filters, int level);

/* How a network is run. */
typedef struct limn_network_mode {
  bool training;      /* batchnorm with batch statistics, which also move the running ones */
  limn_value gate;    /* of the running statistics; LIMN_NONE: none */
  const char *prefix; /* in place of "NAME.": "ema.generator." reads the averages; NULL: the network's own */
  limn_role role;     /* of the parameters read: LIMN_ROLE_PARAMETER, for averages LIMN_ROLE_OPTIMIZER */
  float momentum;     /* of the running statistics, PyTorch's; 0: 0.1 */
  int32_t groups;     /* equal parts of the batch with batch statistics of their own; 0 counts as 1 */
} limn_network_mode;

/* The network applied to x (N, channels, height, width). */
limn_value limn_network_apply(limn_graph *graph, const limn_network *network, limn_value x, limn_network_mode mode);
/* One layer of the network applied to x, for networks with several heads. */
limn_value limn_network_apply_layer(limn_graph *graph, const limn_network *network, const limn_layer *layer,
                                    limn_value x, limn_network_mode mode);

/* Visits every parameter and buffer in PyTorch's order. `deviation` and `mean` describe the initial values (buffers and
 * biases have deviation 0). Stops at the first failure. */
typedef limn_status (*limn_parameter_visitor)(void *context, const char *name, limn_role role, limn_shape shape,
                                              float mean, float deviation);
limn_status limn_network_visit(const limn_network *network, limn_parameter_visitor visitor, void *context);

int64_t limn_layer_parameters(const limn_layer *layer);
/* Multiply-accumulates an image, forward. */
double limn_layer_macs(const limn_layer *layer);
/* "transposed convolution 4x4, stride 2" */
const char *limn_layer_describe(const limn_layer *layer, char *buffer, size_t size);

#endif
