/* Layers of a frozen network: one that somebody else has trained, that nobody trains further, or by its weights alone,
 * and whose batch normalisation is therefore part of its convolutions' weights. Such a network is a function that calls
 * these one after the other and names the values that are worth looking at: its taps. */
#ifndef LIMN_MODELS_FEATURES_FROZEN_H
#define LIMN_MODELS_FEATURES_FROZEN_H

#include "graph/graph.h"

#define LIMN_FROZEN_NAME 96

/* A layer with leaves, and the tensors of a file that these are made of. */
typedef struct limn_frozen_layer {
  char weight[LIMN_FROZEN_NAME]; /* the leaf, of the role FROZEN; its bias is the leaf `bias` */
  char bias[LIMN_FROZEN_NAME];
  limn_shape shape;             /* of the weight: (O, I / groups, KH, KW) */
  bool dense;                   /* the file has it as (O, I KH KW) */
  char name[LIMN_FROZEN_NAME];  /* the file's NAME.weight, and NAME.bias where it is biased */
  char norm[LIMN_FROZEN_NAME];  /* and NORM.weight, .bias, .running_mean, .running_var; "": none */
  char other[LIMN_FROZEN_NAME]; /* or OTHER.weight, .beta, .mean, .var, of a normalisation without gamma; "": no */
  bool biased;
  float eps; /* of the normalisation */
} limn_frozen_layer;

/* Where a frozen network is being built. */
typedef struct limn_frozen {
  limn_graph *graph;
  const char *prefix; /* of its leaves' names: PREFIX.NAME.weight */
  bool trained;       /* they are PARAMETERs, from which a training goes on */
  /* Taps: what is asked for, and what was found of it. */
  const char *const *wanted;
  int wanted_count, found;
  limn_value *taps; /* (wanted_count) */
  /* What is noted of the layers, by whoever sets `notes`. Owned: free(). */
  bool notes;
  limn_frozen_layer *layers;
  int layer_count;
} limn_frozen;

typedef struct limn_frozen_conv {
  const char *name, *norm, *other; /* in the file, as above; NULL: none */
  int channels;                    /* of the result */
  int kernel_h, kernel_w;
  int stride; /* 0 counts as 1 */
  int pad_h, pad_w;
  bool same;  /* TensorFlow's SAME padding instead: as many outputs as steps of the stride, the odd zero behind */
  int groups; /* 0 counts as 1 */
  bool biased;
  float eps;
} limn_frozen_conv;

/* A convolution with its normalisation, without an activation. */
limn_value limn_frozen_convolve(limn_frozen *f, limn_value x, const limn_frozen_conv *conv);
/* A dense layer over all of x's numbers. other: its name in the other naming, or NULL. */
limn_value limn_frozen_dense(limn_frozen *f, limn_value x, const char *name, const char *other, int width, bool biased);
limn_value limn_frozen_relu(limn_frozen *f, limn_value x);
limn_value limn_frozen_max_pool(limn_frozen *f, limn_value x, int window, int stride, int pad);
/* The mean over all pixels: (N, C, 1, 1). */
limn_value limn_frozen_mean(limn_frozen *f, limn_value x);

/* This value has that name. true: it was the last that is wanted, so that the network may end here. */
bool limn_frozen_tap(limn_frozen *f, const char *name, limn_value value);

#endif
