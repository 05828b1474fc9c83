/* The terms of the evidence lower bound, as graphs: what a decoder's output says about pictures, and how far the
 * encoder's distribution of codes is from the prior. Training minimises them, measures sum them up. */
#ifndef LIMN_MODELS_LIKELIHOOD_H
#define LIMN_MODELS_LIKELIHOOD_H

#include "config/config.h"
#include "graph/graph.h"

/* What a byte is multiplied by: [0, 255] to [0, 1], or to [0, 1) where noise below one grey level is added. */
float limn_likelihood_scale(const limn_config *config);
/* What the likelihood explains of pictures, bytes times that scale: themselves, dequantised or binarised, as the
 * settings say, by uniform numbers of `stream`. */
limn_value limn_likelihood_target(limn_graph *graph, const limn_config *config, limn_value pictures, uint32_t stream);
/* What the encoder sees of a target: itself, or what a denoising autoencoder gets, by normal numbers of `stream`. */
limn_value limn_likelihood_input(limn_graph *graph, const limn_config *config, limn_value target, uint32_t stream);

/* -log p(x | z), summed over the pixels, mean over the batch, in nats. `output` is the decoder's: logits (Bernoulli) or
 * means. log_variance (a scalar value) is for the learned Gaussian only. L1 leaves out Laplace's constant. */
limn_value limn_loss_reconstruction(limn_graph *graph, limn_likelihood likelihood, limn_value output, limn_value x,
                                    double sigma, limn_value log_variance);
/* The same of each output, (N, 1, 1, 1). x has as many pictures as `output`, or one for all. */
limn_value limn_loss_reconstruction_each(limn_graph *graph, limn_likelihood likelihood, limn_value output, limn_value x,
                                         double sigma, limn_value log_variance);

/* KL(N(mu, sigma^2) || N(0, 1)) of each element (Kingma & Welling 2014, appendix B): (mu^2 + sigma^2 - 1 - log sigma^2)
 * / 2 */
limn_value limn_kl_elements(limn_graph *graph, limn_value mu, limn_value log_variance);
/* z = mu + sigma epsilon (Kingma & Welling 2014, section 2.4). */
limn_value limn_reparameterize(limn_graph *graph, limn_value mu, limn_value log_variance, limn_value epsilon);

#endif
