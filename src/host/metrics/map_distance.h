/* How far apart two pictures are in the maps of a pretrained network, as LPIPS has it (Zhang et al. 2018, equation 1),
 * but without weights that people's judgements were fitted by. */
#ifndef LIMN_METRICS_MAP_DISTANCE_H
#define LIMN_METRICS_MAP_DISTANCE_H

#include <stddef.h>

/* a, b: (channels, pixels). At each pixel both vectors of channels come to length 1; the mean over the pixels of the
 * squares of their difference: 0 for what differs by brightness alone, 2 for what has nothing in common. A pixel whose
 * vector is 0 stays 0. */
double limn_map_distance(const float *a, const float *b, size_t channels, size_t pixels);

#endif
