#include "train/losses.h"

static limn_value mean_of(limn_graph *graph, limn_pointwise function, limn_value x, float a, float b) {
  return limn_graph_mean_all(graph, limn_graph_unary(graph, function, limn_graph_affine(graph, x, a, b), 0, 0));
}

/* 1 where the picture is of that side, else 0. */
static limn_value count_side(limn_graph *graph, limn_value sides, float side) {
  return limn_graph_affine(graph, sides, 0.5f * side, 0.5f);
}

/* Mean of -log sigmoid(x_i - y_i). */
static limn_value prefer(limn_graph *graph, limn_value x, limn_value y) {
  return mean_of(graph, LIMN_PW_SOFTPLUS, limn_graph_sub(graph, x, y), -1, 0);
}

static limn_value half_of(limn_graph *graph, limn_value scores, int which) {
  const int32_t count = limn_graph_shape(graph, scores).n / 2;
  return limn_graph_rows(graph, scores, which * count, count);
}

/* With s = 1 for real and -1 for fake pictures both terms of each loss are one function of s x, and a mean over all
 * scores is half the sum of the two means. */
limn_value limn_loss_discriminator(limn_graph *graph, limn_gan_loss loss, limn_value scores, limn_value sides,
                                   double smoothing) {
  if (loss == LIMN_GAN_RELATIVISTIC)
    return prefer(graph, half_of(graph, scores, 0), half_of(graph, scores, 1));
  limn_value x = limn_graph_mul(graph, scores, sides), missing = LIMN_NONE;
  switch (loss) {
  case LIMN_GAN_LEAST_SQUARES: /* (s x - t)^2, t the target for real pictures and 0 for fake ones */
    x = limn_graph_sub(graph, x, limn_graph_affine(graph, count_side(graph, sides, 1), 1 - (float)smoothing, 0));
    return limn_graph_mean_all(graph, limn_graph_unary(graph, LIMN_PW_SQUARE, x, 0, 0));
  case LIMN_GAN_HINGE:
    return limn_graph_affine(graph, mean_of(graph, LIMN_PW_RELU, x, -1, 1), 2, 0);
  case LIMN_GAN_WASSERSTEIN:
    return limn_graph_affine(graph, limn_graph_mean_all(graph, x), -2, 0);
  default: /* -log sigmoid(x) = softplus(-x); -log(1 - sigmoid(x)) = softplus(x) = softplus(-x) + x */
    if (smoothing > 0)
      missing = limn_graph_mean_all(graph, limn_graph_mul(graph, scores, count_side(graph, sides, 1)));
    x = mean_of(graph, LIMN_PW_SOFTPLUS, x, -1, 0);
    if (smoothing > 0)
      x = limn_graph_add(graph, x, limn_graph_affine(graph, missing, (float)smoothing, 0));
    return limn_graph_affine(graph, x, 2, 0);
  }
}

limn_value limn_loss_generator(limn_graph *graph, limn_gan_loss loss, limn_value fake, limn_value real) {
  switch (loss) {
  case LIMN_GAN_LEAST_SQUARES:
    return limn_graph_affine(graph, mean_of(graph, LIMN_PW_SQUARE, fake, 1, -1), 0.5f, 0);
  case LIMN_GAN_HINGE:
  case LIMN_GAN_WASSERSTEIN:
    return limn_graph_affine(graph, limn_graph_mean_all(graph, fake), -1, 0);
  case LIMN_GAN_MINIMAX:
    return limn_graph_affine(graph, mean_of(graph, LIMN_PW_SOFTPLUS, fake, 1, 0), -1, 0);
  case LIMN_GAN_RELATIVISTIC:
    return prefer(graph, fake, real);
  default:
    return mean_of(graph, LIMN_PW_SOFTPLUS, fake, -1, 0);
  }
}

limn_value limn_mean_score(limn_graph *graph, limn_gan_loss loss, limn_value scores, limn_value sides, float side) {
  bool probability = loss == LIMN_GAN_NON_SATURATING || loss == LIMN_GAN_MINIMAX;
  limn_value d = probability ? limn_graph_unary(graph, LIMN_PW_SIGMOID, scores, 0, 0) : scores;
  limn_value of_side = limn_graph_mul(graph, d, count_side(graph, sides, side));
  return limn_graph_affine(graph, limn_graph_mean_all(graph, of_side), 2, 0);
}

limn_value limn_free_bits(limn_graph *graph, limn_value kl_elements, double free_nats) {
  limn_shape shape = limn_graph_shape(graph, kl_elements);
  limn_value mean = limn_graph_affine(graph, limn_graph_sum(graph, kl_elements, LIMN_CHANNELS(shape.c)),
                                      1 / (float)shape.n, (float)-free_nats);
  limn_value above = limn_graph_sum_all(graph, limn_graph_unary(graph, LIMN_PW_RELU, mean, 0, 0));
  return limn_graph_affine(graph, above, 1, (float)(free_nats * shape.c));
}
