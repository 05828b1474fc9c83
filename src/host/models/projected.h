/* Projected GANs (Sauer et al. 2021): the discriminator looks at pictures through a frozen, pretrained network. Maps of
 * four of its stages are mixed at random, which nothing trains either: over channels by 1x1 convolutions, and over
 * scales from the smallest map to the largest, each brought to twice its sides and added to the next. A small
 * discriminator on each of the four mixtures gives a map of scores. The generator is another model's. */
#ifndef LIMN_MODELS_PROJECTED_H
#define LIMN_MODELS_PROJECTED_H

#include "models/model.h"

/* The leaves of the pretrained network: "projector.LAYER.weight". */
#define LIMN_PROJECTOR "projector"

/* The pretrained network, up to its last stage. LIMN_USAGE for a network that there is not, or whose stages are not
 * known. */
limn_status limn_projector_part(const limn_config *config, limn_feature_part *part);
/* The same of the settings; and LIMN_USAGE for a size that it cannot be shown. Does nothing where there is no
 * projector. */
limn_status limn_projector_check(const limn_config *config);

limn_value limn_projected_generator(limn_scope *scope, const limn_model *model, limn_value z);
/* (N, 4, S, S): scores of the four discriminators; S is the side of the smallest mixture, less 3. */
limn_value limn_projected_discriminator(limn_scope *scope, const limn_model *model, limn_value x);

#endif
