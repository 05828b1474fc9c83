/* An outline: what a network is made of. It is taken by building the network once, for one picture, and says all that
 * is asked of a network without a device: which tensors it has, how they begin, what its layers are and cost. */
#ifndef LIMN_MODELS_OUTLINE_H
#define LIMN_MODELS_OUTLINE_H

#include "models/model.h"

/* A tensor of the network: a parameter or a buffer. */
typedef struct limn_outline_leaf {
  const char *name; /* "generator.main.0.weight" */
  limn_role role;
  limn_shape shape;
  limn_initial initial;
  limn_form form;
} limn_outline_leaf;

/* A layer, for people. */
typedef struct limn_outline_layer {
  char name[64], kind[64]; /* "main.3", "transposed convolution 4x4, stride 2" */
  limn_shape shape;        /* of what it makes of one picture */
  int64_t parameters;
  double macs; /* multiply-accumulates a picture, forward */
} limn_outline_layer;

typedef struct limn_outline {
  const limn_network *network;
  limn_graph *graph; /* holds the names */
  limn_outline_leaf *leaves;
  limn_outline_layer *layers;
  int leaf_count, layer_count;
  limn_value noted; /* nodes up to here belong to layers already */
} limn_outline;

/* Of network `index` of the model. Leaves and layers are in the order in which the network makes them, PyTorch's. */
limn_status limn_outline_take(limn_outline *outline, const limn_model *model, int index);
void limn_outline_release(limn_outline *outline);

/* The leaf of that name; NULL: there is none. */
const limn_outline_leaf *limn_outline_find(const limn_outline *outline, const char *name);

/* For layers: what was added to the graph since the last note is one, and makes `value`. printf-style: what it is.
 * Does nothing where outline is NULL; a lack of memory fails the graph. */
void limn_outline_note(limn_outline *outline, limn_graph *graph, const char *name, limn_value value, const char *kind,
                       ...) __attribute__((format(printf, 5, 6)));

#endif
