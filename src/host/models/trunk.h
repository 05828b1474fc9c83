/* The trunk: the sizes that pictures pass through between a network's picture end and its code end. */
#ifndef LIMN_MODELS_TRUNK_H
#define LIMN_MODELS_TRUNK_H

#include "limn/status.h"
#include "models/layers.h"

typedef struct limn_trunk {
  int levels;                  /* how often a side is halved; at least 1 */
  int base_height, base_width; /* what is left then */
} limn_trunk;

/* Sides are halved while both are even and at least 8. LIMN_USAGE when the base is over 10 a side; the message names
 * the nearest size that works. */
limn_status limn_trunk_find(limn_trunk *trunk, int height, int width);

/* Channels of a trunk layer: `filters` next to the picture (level 0), doubled at each level, up to 16 times. */
int limn_trunk_channels(int filters, int level);

/* The trunk's layers: 4x4 convolutions of stride 2 to half the side, or transposed to twice it; and one over the whole
 * base, from there to a code or, transposed, back. */
limn_conv_layer limn_trunk_step(int channels, bool bias, float deviation);
limn_conv_layer limn_trunk_whole(const limn_trunk *trunk, int channels, bool bias, float deviation);

#endif
