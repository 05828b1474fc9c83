/* Losses, as graphs. Logits in, scalars out, unless said otherwise. Those of likelihoods: models/likelihood.h. */
#ifndef LIMN_TRAIN_LOSSES_H
#define LIMN_TRAIN_LOSSES_H

#include "config/config.h"
#include "graph/graph.h"

/* What the discriminator minimises. scores (2N, ...) are its outputs for N real pictures x and N fake ones G(z);
 * sides, (2N, 1, 1, 1), is 1 beside a real picture's and -1 beside a fake one's. Means over the N of each.
 * non-saturating, minimax: -log D(x) - log(1 - D(G(z))) (Goodfellow et al. 2014, equation 1), D = sigmoid(output)
 * least squares: (D(x) - 1)^2 / 2 + D(G(z))^2 / 2 (Mao et al. 2017, equation 2 with a = 0, b = c = 1)
 * hinge: max(0, 1 - D(x)) + max(0, 1 + D(G(z))) (Lim & Ye 2017)
 * Wasserstein: D(G(z)) - D(x) (Arjovsky et al. 2017, algorithm 1, with signs turned)
 * relativistic: -log sigmoid(D(x) - D(G(z))), of pairs by their place in the batch (Jolicoeur-Martineau 2018, RSGAN;
 * RpGAN of Huang et al. 2024)
 * smoothing: the target of real pictures is 1 - smoothing (Salimans et al. 2016, section 3.4, one-sided); 0 where the
 * loss has no target for them. */
limn_value limn_loss_discriminator(limn_graph *graph, limn_gan_loss loss, limn_value scores, limn_value sides,
                                   double smoothing);
/* What the generator minimises. `real` are D's scores of real pictures, as many as fake ones, and read by the
 * relativistic loss alone; LIMN_NONE else. non-saturating: -log D(G(z)) (Goodfellow et al. 2014, section 3); minimax:
 * log(1 - D(G(z))) least squares: (D(G(z)) - 1)^2 / 2; hinge, Wasserstein: -D(G(z)); relativistic: -log sigmoid(D(G(z))
 * - D(x)) */
limn_value limn_loss_generator(limn_graph *graph, limn_gan_loss loss, limn_value fake, limn_value real);
/* Mean D over the pictures of that side, 1 or -1: a probability where D is one, else the output itself. */
limn_value limn_mean_score(limn_graph *graph, limn_gan_loss loss, limn_value scores, limn_value sides, float side);

/* Sum over latents of max(free, mean over the batch of KL_j) (Kingma et al. 2016, equation 15, with groups of one). */
limn_value limn_free_bits(limn_graph *graph, limn_value kl_elements, double free_nats);

#endif
