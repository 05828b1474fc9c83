#include "models/likelihood.h"

#include <math.h>

#define PI 3.14159265358979323846

float limn_likelihood_scale(const limn_config *config) { return config->dequantize ? 1 / 256.0f : 1 / 255.0f; }

limn_value limn_likelihood_target(limn_graph *graph, const limn_config *config, limn_value pictures, uint32_t stream) {
  limn_shape shape = limn_graph_shape(graph, pictures);
  if (config->dequantize)
    pictures = limn_graph_add(graph, pictures,
                              limn_graph_affine(graph, limn_graph_uniform(graph, shape, stream), 1 / 256.0f, 0));
  if (config->binarize == LIMN_BINARIZE_THRESHOLD)
    return limn_graph_unary(graph, LIMN_PW_STEP, limn_graph_affine(graph, pictures, 1, -0.5f), 0, 0);
  if (config->binarize == LIMN_BINARIZE_STOCHASTIC)
    return limn_graph_unary(graph, LIMN_PW_STEP,
                            limn_graph_sub(graph, pictures, limn_graph_uniform(graph, shape, stream)), 0, 0);
  return pictures;
}

limn_value limn_likelihood_input(limn_graph *graph, const limn_config *config, limn_value target, uint32_t stream) {
  if (config->noise <= 0)
    return target;
  limn_value noise = limn_graph_normal(graph, limn_graph_shape(graph, target), stream);
  return limn_graph_add(graph, target, limn_graph_affine(graph, noise, (float)config->noise, 0));
}

struct likelihood {
  limn_likelihood kind;
  double sigma;
  limn_value log_variance;
};

/* -log p(x | output) summed to the shape `sums`: of each picture of `output`, or of all with their mean taken. */
static limn_value explain(limn_graph *graph, const struct likelihood *p, limn_value output, limn_value x,
                          limn_shape sums) {
  limn_shape shape = limn_graph_shape(graph, output);
  double pixels = (double)shape.c * shape.h * shape.w;
  float mean = (float)sums.n / (float)shape.n;
  limn_value difference = limn_graph_sub(graph, x, output), sum;
  switch (p->kind) {
  case LIMN_LIKELIHOOD_BERNOULLI: /* softplus(l) - x l */
    sum = limn_graph_sum(graph,
                         limn_graph_sub(graph, limn_graph_unary(graph, LIMN_PW_SOFTPLUS, output, 0, 0),
                                        limn_graph_mul(graph, x, output)),
                         sums);
    return limn_graph_affine(graph, sum, mean, 0);
  case LIMN_LIKELIHOOD_L1:
    sum = limn_graph_sum(graph, limn_graph_unary(graph, LIMN_PW_ABS, difference, 0, 0), sums);
    return limn_graph_affine(graph, sum, mean, 0);
  case LIMN_LIKELIHOOD_GAUSSIAN: /* d^2 / (2 sigma^2) + log(2 pi sigma^2) / 2 */
    sum = limn_graph_sum(graph, limn_graph_unary(graph, LIMN_PW_SQUARE, difference, 0, 0), sums);
    return limn_graph_affine(graph, sum, (float)(0.5 * (double)mean / (p->sigma * p->sigma)),
                             (float)(0.5 * pixels * log(2 * PI * p->sigma * p->sigma)));
  default: /* d^2 exp(-s) / 2 + (s + log 2 pi) / 2, s the log-variance */
    sum = limn_graph_sum(graph, limn_graph_unary(graph, LIMN_PW_SQUARE, difference, 0, 0), sums);
    sum = limn_graph_mul(graph, limn_graph_affine(graph, sum, 0.5f * mean, 0),
                         limn_graph_unary(graph, LIMN_PW_EXP, limn_graph_affine(graph, p->log_variance, -1, 0), 0, 0));
    return limn_graph_add(
        graph, sum,
        limn_graph_affine(graph, p->log_variance, (float)(0.5 * pixels), (float)(0.5 * pixels * log(2 * PI))));
  }
}

limn_value limn_loss_reconstruction(limn_graph *graph, limn_likelihood likelihood, limn_value output, limn_value x,
                                    double sigma, limn_value log_variance) {
  const struct likelihood p = {likelihood, sigma, log_variance};
  return explain(graph, &p, output, x, LIMN_SCALAR);
}

limn_value limn_loss_reconstruction_each(limn_graph *graph, limn_likelihood likelihood, limn_value output, limn_value x,
                                         double sigma, limn_value log_variance) {
  const struct likelihood p = {likelihood, sigma, log_variance};
  return explain(graph, &p, output, x, (limn_shape){limn_graph_shape(graph, output).n, 1, 1, 1});
}

limn_value limn_kl_elements(limn_graph *graph, limn_value mu, limn_value log_variance) {
  limn_value variance = limn_graph_unary(graph, LIMN_PW_EXP, log_variance, 0, 0);
  limn_value sum = limn_graph_add(graph, limn_graph_unary(graph, LIMN_PW_SQUARE, mu, 0, 0),
                                  limn_graph_sub(graph, variance, log_variance));
  return limn_graph_affine(graph, sum, 0.5f, -0.5f);
}

limn_value limn_reparameterize(limn_graph *graph, limn_value mu, limn_value log_variance, limn_value epsilon) {
  limn_value sigma = limn_graph_unary(graph, LIMN_PW_EXP, limn_graph_affine(graph, log_variance, 0.5f, 0), 0, 0);
  return limn_graph_add(graph, mu, limn_graph_mul(graph, sigma, epsilon));
}
