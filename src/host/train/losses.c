#include "train/losses.h"

static limn_value mean_of(limn_graph *graph, limn_pointwise function, limn_value x, float a, float b) {
  return limn_graph_mean_all(graph, limn_graph_unary(graph, function, limn_graph_affine(graph, x, a, b), 0, 0));
}

/* With s = 1 for real and -1 for fake pictures both terms of each loss are one function of s x, and a mean over all
 * scores is half the sum of the two means. */
limn_value limn_loss_discriminator(limn_graph *graph, limn_gan_loss loss, limn_value scores, limn_value sides) {
  limn_value x = limn_graph_mul(graph, sides, scores);
  switch (loss) {
  case LIMN_GAN_LEAST_SQUARES: /* (s x - (1 + s) / 2)^2 is (x - 1)^2 for s = 1, x^2 for s = -1 */
    x = limn_graph_sub(graph, x, limn_graph_affine(graph, sides, 0.5f, 0.5f));
    return limn_graph_mean_all(graph, limn_graph_unary(graph, LIMN_PW_SQUARE, x, 0, 0));
  case LIMN_GAN_HINGE:
    return limn_graph_affine(graph, mean_of(graph, LIMN_PW_RELU, x, -1, 1), 2, 0);
  default: /* -log sigmoid(x) = softplus(-x); -log(1 - sigmoid(x)) = softplus(x) */
    return limn_graph_affine(graph, mean_of(graph, LIMN_PW_SOFTPLUS, x, -1, 0), 2, 0);
  }
}

limn_value limn_loss_generator(limn_graph *graph, limn_gan_loss loss, limn_value fake) {
  switch (loss) {
  case LIMN_GAN_LEAST_SQUARES:
    return limn_graph_affine(graph, mean_of(graph, LIMN_PW_SQUARE, fake, 1, -1), 0.5f, 0);
  case LIMN_GAN_HINGE:
    return limn_graph_affine(graph, limn_graph_mean_all(graph, fake), -1, 0);
  case LIMN_GAN_MINIMAX:
    return limn_graph_affine(graph, mean_of(graph, LIMN_PW_SOFTPLUS, fake, 1, 0), -1, 0);
  default:
    return mean_of(graph, LIMN_PW_SOFTPLUS, fake, -1, 0);
  }
}

limn_value limn_mean_score(limn_graph *graph, limn_gan_loss loss, limn_value scores, limn_value sides, float side) {
  bool probability = loss == LIMN_GAN_NON_SATURATING || loss == LIMN_GAN_MINIMAX;
  limn_value d = probability ? limn_graph_unary(graph, LIMN_PW_SIGMOID, scores, 0, 0) : scores;
  limn_value counts = limn_graph_affine(graph, sides, 0.5f * side, 0.5f); /* 1 on that side, 0 on the other */
  return limn_graph_affine(graph, limn_graph_mean_all(graph, limn_graph_mul(graph, d, counts)), 2, 0);
}

limn_value limn_free_bits(limn_graph *graph, limn_value kl_elements, double free_nats) {
  limn_shape shape = limn_graph_shape(graph, kl_elements);
  limn_value mean = limn_graph_affine(graph, limn_graph_sum(graph, kl_elements, LIMN_CHANNELS(shape.c)),
                                      1 / (float)shape.n, (float)-free_nats);
  limn_value above = limn_graph_sum_all(graph, limn_graph_unary(graph, LIMN_PW_RELU, mean, 0, 0));
  return limn_graph_affine(graph, above, 1, (float)(free_nats * shape.c));
}
