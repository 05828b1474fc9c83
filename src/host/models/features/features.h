/* Pretrained networks as functions from pictures to named feature maps: a table, a row a network. Metrics, perceptual
 * losses, encoders read it. Their weights: checkpoint/pretrained.h. */
#ifndef LIMN_MODELS_FEATURES_FEATURES_H
#define LIMN_MODELS_FEATURES_FEATURES_H

#include "models/features/frozen.h"

#define LIMN_MAX_TAPS 24

/* A file that somebody has published with the weights. */
typedef struct limn_feature_file {
  const char *url;
  const char *sha256; /* of the file, in hex: all 64 digits, or those that are known: the first 8 */
} limn_feature_file;
#define LIMN_FEATURE_FILES 3

typedef struct limn_feature_network {
  const char *name;                    /* "resnet18" */
  const char *title;                   /* "ResNet-18, trained on ImageNet" */
  const char *short_name;              /* "lite0", behind "FD-"; NULL: the name */
  const char *distance;                /* "FID": what the distance by published weights is called; NULL: FD- */
  const char *taps[LIMN_MAX_TAPS + 1]; /* in the order of the network; NULL behind the last */
  const char *stages[4];               /* of the taps: maps at strides 4, 8, 16, 32; NULL: not said */
  const char *judge, *logits;          /* of the taps: which is compared by default, and which tells classes */
  const char *last_map;                /* and the deepest that still has places, for what reads them by default */
  int size;                            /* side of the pictures that it was trained with */
  float scale[3], shift[3];            /* of each channel: x = scale v + shift, for v in 0 ... 255 */
  limn_feature_file files[LIMN_FEATURE_FILES]; /* the first is the one to take; url NULL: no more */
  const char *package; /* of the Python package that holds files[0], "name==version"; NULL: none */
  const char *licence; /* of the weights */
  void (*build)(limn_frozen *frozen, limn_value x, int variant);
  int variant;
} limn_feature_network;

int limn_feature_network_count(void);
const limn_feature_network *limn_feature_network_at(int index);
/* LIMN_USAGE, with the names that there are. */
limn_status limn_feature_network_find(const limn_feature_network **out, const char *name);

/* The network on a graph, up to the last of the taps. x: (N, 3, H, W), scaled as the row says; any H and W that the
 * network does not make too small (and of VGG's dense layers only such that they can read). Its leaves have the role
 * FROZEN and are called PREFIX.LAYER.weight and .bias. taps: (count) names, NULL: the judge alone; out: (count), maps
 * (N, C, H', W') or, of what is no map, (N, C, 1, 1). */
limn_status limn_features_build(const limn_feature_network *network, limn_graph *graph, const char *prefix,
                                limn_value x, const char *const *taps, int count, limn_value *out);

/* Pictures (N, 1 or 3, H, W) in [0, 1] as the network was trained to read them: three channels, each with its scale and
 * shift; resized to `size` a side, unless that is 0. */
limn_value limn_features_input(limn_graph *graph, const limn_feature_network *network, limn_value x, int size);

/* A part of a network: from its input to one of its maps. */
typedef struct limn_feature_part {
  const limn_feature_network *network;
  const char *tap;
  const char *prefix; /* of its leaves */
  bool trained;       /* which are parameters then, and not frozen */
} limn_feature_part;
limn_status limn_feature_part_build(const limn_feature_part *part, limn_graph *graph, limn_value x, limn_value *map);
/* LIMN_USAGE, with a way out, where the tap is none, is no map, or wants larger pictures than height x width. */
limn_status limn_feature_part_check(const limn_feature_part *part, int height, int width);

/* All layers of the network, and what they are made of in a file. *layers is yours (free). */
limn_status limn_features_layers(const limn_feature_network *network, const char *prefix, limn_frozen_layer **layers,
                                 int *count);

#endif
