/* An encoder's part that is a pretrained network (setting encoder), frozen or trained further at a rate of its own. */
#ifndef LIMN_MODELS_PRETRAINED_ENCODER_H
#define LIMN_MODELS_PRETRAINED_ENCODER_H

#include "models/features/features.h"
#include "models/model.h"

/* Its leaves: encoder.pretrained.LAYER.weight and .bias, batch normalisation folded in. Of the role FROZEN, or
 * PARAMETER where the setting encoder_lr is over 0. Their published weights: infer/frozen_file.h. */
#define LIMN_PRETRAINED "encoder.pretrained"

/* Which part of which network. LIMN_USAGE for a network that there is not. */
limn_status limn_pretrained_encoder_part(const limn_config *config, limn_feature_part *part);
/* LIMN_USAGE where the settings name a network or a tap that there is not, a tap that is no map, or one that pictures
 * of the config's size are too small for. Does nothing where the encoder is the model's own. */
limn_status limn_pretrained_encoder_check(const limn_config *config);

/* The map of pictures x (N, 1 or 3, H, W) in [0, 1]: (N, C, H', W'), each picture's at mean square 1, so that what a
 * linear layer makes of it does not depend on how large a network's activations are. */
limn_value limn_pretrained_encoder_map(limn_scope *scope, const limn_config *config, limn_value x);

#endif
