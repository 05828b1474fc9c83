/* Minibatch standard deviation (Karras et al. 2018, "Progressive Growing of GANs", section 3; the groups are
 * StyleGAN2's). */
#ifndef LIMN_MODELS_MINIBATCH_H
#define LIMN_MODELS_MINIBATCH_H

#include "models/layers.h"

/* x (N, C, H, W) with one more channel behind it, (N, C + 1, H, W): how much the pictures of a group differ. A batch of
 * N is M groups of G, the largest divisor of N up to 4; group i has the pictures i, M + i, 2 M + i, ... The channel is,
 * all over each picture of a group, the mean over channels and pixels of sqrt(variance + 1e-8), with the biased
 * variance over the group's pictures. Each of the mode's `groups` parts of the batch has groups of its own. In
 * inference a picture is a group of its own, so that what is said of it depends on it alone. */
limn_value limn_layer_minibatch_deviation(limn_scope *scope, const char *name, limn_value x);

#endif
