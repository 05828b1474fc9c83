/* The models: a row each, which answers all that is asked about a model by its name. A new one is a file of its own, a
 * row here, and its settings (config/). */
#ifndef LIMN_MODELS_REGISTRY_H
#define LIMN_MODELS_REGISTRY_H

#include "config/config.h"
#include "models/layers.h"

typedef struct limn_model limn_model;

/* A network is a function: it builds itself on the scope's graph, applied to x, and gives what it puts out. */
typedef limn_value (*limn_network_function)(limn_scope *scope, const limn_model *model, limn_value x);

typedef struct limn_network {
  const char *name; /* prefixes its tensors */
  limn_network_function build;
  bool reads_codes; /* (N, latent, 1, 1); else pictures */
  /* A tensor under the network's name that belongs to what trains it: files may have it or not. NULL: none. */
  const char *companion;
} limn_network;

/* The algorithms of train/ by which models are trained. */
typedef enum limn_training {
  LIMN_TRAINED_AS_GAN, /* networks "generator", which ends in pictures of the range [-1, 1], and "discriminator" */
  LIMN_TRAINED_AS_VAE, /* networks "encoder" and "decoder" */
} limn_training;

typedef struct limn_model_row {
  limn_network networks[2];
  int generator; /* of these, the one that makes pictures of codes */
  limn_training training;
  bool draws;    /* its codes follow a known distribution, so that pictures can be drawn */
  bool averages; /* of its generator a moving average may be kept: it has the setting ema */
  /* Pictures in [0, 1] of what the generator puts out. */
  limn_value (*pixels)(limn_graph *graph, const limn_model *model, limn_value output);
  /* What a network of that name puts out, for people: nothing in its layers says so. */
  const char *(*describe_output)(const limn_config *config, const char *network);
} limn_model_row;

const limn_model_row *limn_model_row_of(const limn_config *config);
/* By limn_model_index. */
const limn_model_row *limn_model_row_at(int index);

#endif
