/* What is asked of codes, and of several codes a picture, as graphs: the importance-weighted bound, and regularisers of
 * autoencoders. */
#ifndef LIMN_TRAIN_CODE_LOSSES_H
#define LIMN_TRAIN_CODE_LOSSES_H

#include "graph/graph.h"

/* x, `times` times, one behind the other: (times N, C, H, W). */
limn_value limn_repeat(limn_graph *graph, limn_value x, int times);

/* log p(z) - log q(z | x) of z = mu + sigma epsilon, (samples N, 1, 1, 1): |epsilon|^2 / 2 + sum log sigma - |z|^2 / 2,
 * in which the gradient's way through z is kept whole. z and epsilon: (samples N, latent, 1, 1), a sample of each
 * picture, then the next; log_variance: (N, latent, 1, 1). */
limn_value limn_log_prior_ratio(limn_graph *graph, limn_value z, limn_value epsilon, limn_value log_variance);

/* -log 1/k sum w, mean over the pictures (Burda et al. 2016, equation 8). log_weights: (k N, 1, 1, 1) in that order. */
limn_value limn_loss_importance(limn_graph *graph, limn_value log_weights, int samples);

/* The distance of codes (N, latent, 1, 1), N > 1, from as many draws of the prior N(0, 1): maximum mean discrepancy by
 * the unbiased estimator, with the sum of inverse multiquadratics C / (C + |a - b|^2), C = 2 latent scale, over the
 * scales .1, .2, .5, 1, 2, 5, 10 (Tolstikhin et al. 2018, section 4 and their code). */
limn_value limn_loss_mmd(limn_graph *graph, limn_value codes, limn_value prior);

/* |z|^2 / 2, mean over the batch (Ghosh et al. 2020, equation 5). */
limn_value limn_loss_code_norm(limn_graph *graph, limn_value codes);
/* |theta|^2 / 2 over all parameters whose names begin so, those called `but` left out. */
limn_value limn_loss_weight_norm(limn_graph *graph, const char *prefix, const char *but);

#endif
