/* The losses of the models, composed of primitives as src/host/models composes them: what training differentiates. */
#include <math.h>

#include "cases.h"

/* Sum over everything, mean over the batch: the convention of the VAE's terms. */
static limn_value batch_mean(limn_graph *graph, limn_value terms) {
  float batch = (float)limn_graph_shape(graph, terms).n;
  return limn_graph_affine(graph, limn_graph_sum_all(graph, terms), 1 / batch, 0);
}

static limn_value unary(limn_graph *graph, limn_pointwise function, limn_value x) {
  return limn_graph_unary(graph, function, x, 0, 0);
}

/* -log p(x | logits) = softplus(l) - x l. */
static void build_bernoulli(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_value logits = case_input(g, "logits", c->x, c->range);
  limn_value x = case_leaf_of(g, LIMN_ROLE_INPUT, "x", c->x, RANGE_UNIT, false);
  limn_value terms = limn_graph_sub(graph, unary(graph, LIMN_PW_SOFTPLUS, logits), limn_graph_mul(graph, x, logits));
  case_output(g, batch_mean(graph, terms));
}

/* -log N(x; y, sigma^2) = (x - y)^2 / (2 sigma^2) + log(sigma) + log(2 pi) / 2, sigma fixed. */
static void build_gaussian(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  const float sigma = 0.7f;
  limn_value y = case_input(g, "y", c->x, RANGE_SIGNED);
  limn_value x = case_leaf_of(g, LIMN_ROLE_INPUT, "x", c->x, RANGE_UNIT, false);
  limn_value squares = unary(graph, LIMN_PW_SQUARE, limn_graph_sub(graph, x, y));
  case_output(g,
              batch_mean(graph, limn_graph_affine(graph, squares, 0.5f / (sigma * sigma), logf(sigma) + 0.9189385f)));
}

/* The same with one learned log-variance s: ((x - y)^2 exp(-s) + s) / 2. */
static void build_gaussian_learned(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_value y = case_input(g, "y", c->x, RANGE_SIGNED),
             s = case_parameter(g, "log_variance", LIMN_SCALAR, RANGE_SIGNED);
  limn_value x = case_leaf_of(g, LIMN_ROLE_INPUT, "x", c->x, RANGE_UNIT, false);
  limn_value squares = unary(graph, LIMN_PW_SQUARE, limn_graph_sub(graph, x, y));
  limn_value precision = unary(graph, LIMN_PW_EXP, limn_graph_affine(graph, s, -1, 0));
  limn_value terms = limn_graph_add(graph, limn_graph_mul(graph, squares, precision), s);
  case_output(g, batch_mean(graph, limn_graph_affine(graph, terms, 0.5f, 0)));
}

/* |x - y| with x in (0, 1) and y at least 0.2 away from it, on both sides. */
static void build_l1(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_value x = case_input(g, "x", c->x, RANGE_UNIT), away = case_input(g, "away", c->x, RANGE_OFF_ZERO);
  limn_value y = limn_graph_add(graph, x, away);
  case_output(g, batch_mean(graph, unary(graph, LIMN_PW_ABS, limn_graph_sub(graph, x, y))));
}

/* KL(N(mu, exp(s)) || N(0, 1)) a latent dimension (Kingma & Welling 2014, appendix B). */
static limn_value kl_terms(limn_graph *graph, limn_value mu, limn_value s) {
  limn_value t = limn_graph_sub(graph, unary(graph, LIMN_PW_EXP, s), s);
  t = limn_graph_add(graph, t, unary(graph, LIMN_PW_SQUARE, mu));
  return limn_graph_affine(graph, t, 0.5f, -0.5f);
}

static void build_kl(case_graph *g, const op_case *c) {
  limn_value mu = case_input(g, "mu", c->x, RANGE_SIGNED), s = case_input(g, "log_variance", c->x, RANGE_SIGNED);
  case_output(g, batch_mean(g->graph, kl_terms(g->graph, mu, s)));
}

/* Free bits (Kingma et al. 2016): max(lambda, mean over the batch) a dimension, as lambda + relu(mean - lambda). */
static void build_free_bits(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  const float lambda = 0.02f;
  limn_value mu = case_input(g, "mu", c->x, RANGE_SIGNED), s = case_input(g, "log_variance", c->x, RANGE_SIGNED);
  limn_value mean = limn_graph_affine(graph, limn_graph_sum(graph, kl_terms(graph, mu, s), LIMN_CHANNELS(c->x.c)),
                                      1 / (float)c->x.n, 0);
  limn_value over = unary(graph, LIMN_PW_RELU, limn_graph_affine(graph, mean, 1, -lambda));
  case_output(g, limn_graph_affine(graph, limn_graph_sum_all(graph, over), 1, lambda * (float)c->x.c));
}

/* z = mu + exp(s / 2) epsilon. */
static void build_reparameterization(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_value mu = case_input(g, "mu", c->x, RANGE_SIGNED), s = case_input(g, "log_variance", c->x, RANGE_SIGNED);
  limn_value sigma = unary(graph, LIMN_PW_EXP, limn_graph_affine(graph, s, 0.5f, 0));
  case_output(g, limn_graph_add(graph, mu, limn_graph_mul(graph, sigma, limn_graph_normal(graph, c->x, 1))));
}

typedef enum gan_loss { GAN_NON_SATURATING, GAN_MINIMAX, GAN_LEAST_SQUARES, GAN_HINGE } gan_loss;

static limn_value mean_of(limn_graph *graph, limn_pointwise function, limn_value x, float a, float b) {
  return limn_graph_mean_all(graph, unary(graph, function, limn_graph_affine(graph, x, a, b)));
}

/* L_D and L_G from logits. The hinge has its kink where |logit| is 1, so logits are made at a distance from it. */
static void build_gan(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  bool hinge = c->variant == GAN_HINGE;
  limn_value real = case_input(g, "real", c->x, hinge ? RANGE_OFF_ZERO : c->range);
  limn_value fake = case_input(g, "fake", c->x, hinge ? RANGE_OFF_ZERO : c->range);
  limn_value loss_d, loss_g;
  if (c->variant == GAN_LEAST_SQUARES) { /* Mao et al. 2017, a = 0, b = c = 1 */
    loss_d =
        limn_graph_add(graph, mean_of(graph, LIMN_PW_SQUARE, real, 1, -1), mean_of(graph, LIMN_PW_SQUARE, fake, 1, 0));
    loss_g = mean_of(graph, LIMN_PW_SQUARE, fake, 1, -1);
  } else if (hinge) {
    real = limn_graph_affine(graph, real, 1, 1);
    fake = limn_graph_affine(graph, fake, 1, -1);
    loss_d = limn_graph_add(graph, mean_of(graph, LIMN_PW_RELU, real, -1, 1), mean_of(graph, LIMN_PW_RELU, fake, 1, 1));
    loss_g = limn_graph_affine(graph, limn_graph_mean_all(graph, fake), -1, 0);
  } else { /* Goodfellow et al. 2014: -log D = softplus(-logit), -log(1 - D) = softplus(logit) */
    loss_d = limn_graph_add(graph, mean_of(graph, LIMN_PW_SOFTPLUS, real, -1, 0),
                            mean_of(graph, LIMN_PW_SOFTPLUS, fake, 1, 0));
    loss_g = c->variant == GAN_MINIMAX ? limn_graph_affine(graph, mean_of(graph, LIMN_PW_SOFTPLUS, fake, 1, 0), -1, 0)
                                       : mean_of(graph, LIMN_PW_SOFTPLUS, fake, -1, 0);
  }
  case_output(g, loss_d);
  case_output(g, loss_g);
}

void cases_add_loss(case_table *table) {
  static const struct {
    const char *name;
    case_builder build;
  } rows[] = {{"bernoulli", build_bernoulli},
              {"gaussian", build_gaussian},
              {"gaussian-learned", build_gaussian_learned},
              {"l1", build_l1},
              {"kl", build_kl},
              {"free-bits", build_free_bits},
              {"reparameterization", build_reparameterization}};
  static const limn_shape shapes[] = {{2, 3, 5, 7}, {4, 20, 1, 1}, {1, 16, 4, 4}};
  static const char *const gan[] = {"non-saturating", "minimax", "least-squares", "hinge"};
  for (int i = 0; i < 3; ++i)
    for (size_t j = 0; j < sizeof rows / sizeof *rows; ++j) {
      limn_shape s = shapes[i];
      if (rows[j].build == build_free_bits && (s.h > 1 || s.w > 1))
        s.h = s.w = 1; /* a latent dimension is a channel */
      case_add(table, (op_case){.build = rows[j].build, .x = s, .step = 3}, "loss/%s-%dx%dx%dx%d", rows[j].name, s.n,
               s.c, s.h, s.w);
    }
  case_add(table, (op_case){.build = build_bernoulli, .x = {2, 3, 5, 7}, .range = RANGE_WIDE}, "loss/bernoulli-wide");
  for (int variant = GAN_NON_SATURATING; variant <= GAN_HINGE; ++variant)
    for (int32_t batch = 1; batch <= 64; batch *= 8) {
      op_case row = {.build = build_gan, .x = {batch, 1, 1, 1}, .variant = variant};
      case_add(table, row, "loss/%s-batch-%d", gan[variant], batch);
    }
}
