/* R3GAN (Huang et al. 2024, "The GAN is dead; long live the GAN!"): residual blocks of 1x1, grouped 3x3 and 1x1
 * convolutions with leaky ReLUs of slope 0.2 and no normalisation, that begin as the identity; two a stage, a stage a
 * size. Names are those of the authors' code.
 *
 * A stage next to the picture has `filters` channels, each towards the base twice as many, at most 8 times; inside a
 * block there are twice the stage's, in groups of 16, or of the next smaller number that divides them. The generator
 * begins with a learned picture of the base's size, whose channels a linear layer of the code scales; the discriminator
 * ends in one filter a channel over the base and a linear layer. Sizes change by the filter [1, 3, 3, 1] along both
 * axes, which is bilinear resampling to twice the sides, and its adjoint over 4 to half of them; unlike the authors'
 * code this repeats edges where that has zeros. */
#ifndef LIMN_MODELS_R3GAN_H
#define LIMN_MODELS_R3GAN_H

#include "models/model.h"

/* Pictures, of which what is outside [-1, 1] is clipped when they are shown, of codes. */
limn_value limn_r3gan_generator(limn_scope *scope, const limn_model *model, limn_value z);
/* A score a picture. */
limn_value limn_r3gan_discriminator(limn_scope *scope, const limn_model *model, limn_value x);

limn_value limn_r3gan_pixels(limn_graph *graph, const limn_model *model, limn_value output);
const char *limn_r3gan_describe_output(const limn_config *config, const char *network);

#endif
