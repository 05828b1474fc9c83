/* Losses, as graphs. Logits in, scalars out, unless said otherwise. */
#ifndef LIMN_TRAIN_LOSSES_H
#define LIMN_TRAIN_LOSSES_H

#include "config/config.h"
#include "graph/graph.h"

/* What the discriminator minimises. scores (2N, 1, 1, 1) are its outputs for N real pictures x and N fake ones G(z);
 * sides, of the same shape, is 1 beside a real picture's and -1 beside a fake one's. Means over the N of each.
 * non-saturating, minimax: -log D(x) - log(1 - D(G(z))) (Goodfellow et al. 2014, equation 1), D = sigmoid(output)
 * least squares: (D(x) - 1)^2 / 2 + D(G(z))^2 / 2 (Mao et al. 2017, equation 2 with a = 0, b = c = 1)
 * hinge: max(0, 1 - D(x)) + max(0, 1 + D(G(z))) (Lim & Ye 2017) */
limn_value limn_loss_discriminator(limn_graph *graph, limn_gan_loss loss, limn_value scores, limn_value sides);
/* What the generator minimises.
 * non-saturating: -log D(G(z)) (Goodfellow et al. 2014, section 3); minimax: log(1 - D(G(z)))
 * least squares: (D(G(z)) - 1)^2 / 2; hinge: -D(G(z)) */
limn_value limn_loss_generator(limn_graph *graph, limn_gan_loss loss, limn_value fake);
/* Mean D over the pictures of that side, 1 or -1: a probability where D is one, else the output itself. */
limn_value limn_mean_score(limn_graph *graph, limn_gan_loss loss, limn_value scores, limn_value sides, float side);

/* -log p(x | z), summed over the pixels, mean over the batch, in nats. `output` is the decoder's: logits (Bernoulli) or
 * means. log_variance (a scalar value) is for the learned Gaussian only. L1 leaves out Laplace's constant. */
limn_value limn_loss_reconstruction(limn_graph *graph, limn_likelihood likelihood, limn_value output, limn_value x,
                                    double sigma, limn_value log_variance);
/* KL(N(mu, sigma^2) || N(0, 1)) of each element (Kingma & Welling 2014, appendix B): (mu^2 + sigma^2 - 1 - log sigma^2)
 * / 2 */
limn_value limn_kl_elements(limn_graph *graph, limn_value mu, limn_value log_variance);
/* z = mu + sigma epsilon (Kingma & Welling 2014, section 2.4). */
limn_value limn_reparameterize(limn_graph *graph, limn_value mu, limn_value log_variance, limn_value epsilon);
/* Sum over latents of max(free, mean over the batch of KL_j) (Kingma et al. 2016, equation 15, with groups of one). */
limn_value limn_free_bits(limn_graph *graph, limn_value kl_elements, double free_nats);

#endif
