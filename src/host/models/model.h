/* Models: what the settings of a run make of a row of the registry. */
#ifndef LIMN_MODELS_MODEL_H
#define LIMN_MODELS_MODEL_H

#include "models/features/features.h"
#include "models/registry.h"
#include "models/trunk.h"

struct limn_model {
  const limn_model_row *row;
  const limn_config *config; /* borrowed, with its size and channels resolved */
  limn_trunk trunk;
};

/* LIMN_USAGE when the size cannot be served, or a pretrained encoder (pretrained_encoder.h). config is to outlive the
 * model. */
limn_status limn_model_init(limn_model *model, const limn_config *config);

/* The shape of `count` codes or pictures, whichever network `index` reads; a discriminator's have the channels of as
 * many pictures as it sees at once (setting pack). */
limn_shape limn_model_input(const limn_model *model, int index, int count);

/* The pretrained network that it is made with, an encoder's or a discriminator's, up to where it is read; .network is
 * NULL where there is none. LIMN_USAGE for one that there is not. Its published weights: infer/frozen_file.h. */
limn_status limn_model_pretrained_part(const limn_config *config, limn_feature_part *part);

/* Where network `index` is built, from its first layer on. */
limn_scope limn_model_scope(limn_graph *graph, const limn_model *model, int index, limn_network_mode mode);
/* Network `index`, and the one that makes pictures from codes, applied to x. */
limn_value limn_model_apply(limn_graph *graph, const limn_model *model, int index, limn_value x,
                            limn_network_mode mode);
limn_value limn_model_generate(limn_graph *graph, const limn_model *model, limn_value codes, limn_network_mode mode);

/* Whether its codes follow a known distribution, N(0, 1), so that pictures can be drawn. */
bool limn_model_draws(const limn_model *model);

/* Pictures in [0, 1] from what the generating network put out (tanh's range, logits, or means). */
limn_value limn_model_pixels(limn_graph *graph, const limn_model *model, limn_value output);

#endif
