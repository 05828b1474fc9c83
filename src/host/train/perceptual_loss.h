/* How far pictures are from each other in a map of a pretrained network: what a reconstruction can be asked for beside
 * its likelihood (Johnson et al. 2016; Hou et al. 2017). */
#ifndef LIMN_TRAIN_PERCEPTUAL_LOSS_H
#define LIMN_TRAIN_PERCEPTUAL_LOSS_H

#include "config/config.h"
#include "devices/device.h"
#include "graph/graph.h"

/* Of pictures x and y, (N, 1 or 3, H, W) in [0, 1], as config's settings `perceptual_...` say: their maps' vectors of
 * channels at length 1, the squared difference of these, mean over the map's pixels, mean over the batch; LPIPS without
 * its weights (Zhang et al. 2018, equation 1). y has no gradient and none is computed for it. Brings the network's
 * leaves, whose weights limn_perceptual_load brings. LIMN_USAGE for a network or a tap that there is not. */
limn_status limn_loss_perceptual(limn_graph *graph, const limn_config *config, limn_value x, limn_value y,
                                 limn_value *loss);

/* The published weights into the leaves that the store has. LIMN_DATA, with the way to get them, where they are not in
 * the user's cache. */
limn_status limn_perceptual_load(limn_store *store, const limn_config *config);

#endif
