/* The residual SNGAN of Miyato et al. 2018 (tables 3 and 4) as mimicry has it at 32, 48, 64 and 128 pixels, with its
 * names: no normalisation but the spectral in the discriminator, which sums over its last layer's pixels.
 *
 * Widths follow from `filters`, F (128 gives mimicry's):
 * - Pictures of up to 32 pixels a side: 2 F all through the generator, which goes from the trunk's base up; F all
 *   through the discriminator, which halves its input twice, then keeps it for two blocks.
 * - Larger ones: F/2 next to the picture and twice as many with each halving, up to 8 F, in both. The generator begins
 *   at the base. The discriminator goes one halving further where the base is even and it was halved less than five
 *   times; a block that halves nothing is behind it unless two pixels a side are left.
 * The discriminator's last layer is l and the number behind its blocks'; mimicry's for 48 pixels alone has l5 there. */
#ifndef LIMN_MODELS_SNGAN_H
#define LIMN_MODELS_SNGAN_H

#include "models/model.h"

/* Pictures in [-1, 1], of codes. */
limn_value limn_sngan_generator(limn_scope *scope, const limn_model *model, limn_value z);
/* A score a picture. */
limn_value limn_sngan_discriminator(limn_scope *scope, const limn_model *model, limn_value x);

#endif
