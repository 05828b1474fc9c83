/* The losses of train/losses.h and models/likelihood.h as training differentiates them. What they come to is held to
 * formulas in tests/unit/losses.c. */
#include "train/losses.h"

#include "cases.h"
#include "models/likelihood.h"

/* A decoder's output and the pictures. L1 has its kink where they meet: they stay 0.2 apart, on both sides. */
static void reconstruct(case_graph *g, const op_case *c, bool each) {
  limn_graph *graph = g->graph;
  const limn_likelihood likelihood = (limn_likelihood)c->variant;
  const bool pixels = likelihood == LIMN_LIKELIHOOD_L1;
  const limn_shape pictures = {each ? 1 : c->x.n, c->x.c, c->x.h, c->x.w};
  limn_value output = case_input(g, "output", c->x, pixels ? RANGE_OFF_ZERO : c->range), s = LIMN_NONE;
  limn_value x = case_leaf_of(g, LIMN_ROLE_INPUT, "x", pictures, RANGE_UNIT, pixels);
  if (pixels)
    output = limn_graph_add(graph, x, output);
  if (likelihood == LIMN_LIKELIHOOD_GAUSSIAN_LEARNED)
    s = case_parameter(g, "log_variance", LIMN_SCALAR, RANGE_SIGNED);
  case_output(g, each ? limn_loss_reconstruction_each(graph, likelihood, output, x, 0.7, s)
                      : limn_loss_reconstruction(graph, likelihood, output, x, 0.7, s));
}

static void build_reconstruction(case_graph *g, const op_case *c) { reconstruct(g, c, false); }
/* One picture by many codes. */
static void build_each(case_graph *g, const op_case *c) { reconstruct(g, c, true); }

static limn_value kl_of(case_graph *g, limn_shape shape) {
  limn_value mu = case_input(g, "mu", shape, RANGE_SIGNED), s = case_input(g, "log_variance", shape, RANGE_SIGNED);
  return limn_kl_elements(g->graph, mu, s);
}

static void build_kl(case_graph *g, const op_case *c) { case_output(g, limn_graph_mean_all(g->graph, kl_of(g, c->x))); }

/* A latent dimension is a channel. */
static void build_free_bits(case_graph *g, const op_case *c) {
  case_output(g, limn_free_bits(g->graph, kl_of(g, (limn_shape){c->x.n, c->x.c, 1, 1}), 0.02));
}

static void build_reparameterization(case_graph *g, const op_case *c) {
  limn_value mu = case_input(g, "mu", c->x, RANGE_SIGNED), s = case_input(g, "log_variance", c->x, RANGE_SIGNED);
  case_output(g, limn_reparameterize(g->graph, mu, s, limn_graph_normal(g->graph, c->x, 1)));
}

/* Hinges have their kink where a score is 1 or -1: scores stay 0.2 away from it. */
static void build_gan(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  const limn_gan_loss loss = (limn_gan_loss)c->variant;
  const bool hinge = loss == LIMN_GAN_HINGE;
  limn_value real = case_input(g, "real", c->x, hinge ? RANGE_OFF_ZERO : c->range),
             fake = case_input(g, "fake", c->x, hinge ? RANGE_OFF_ZERO : c->range);
  limn_value sides = limn_graph_stack(graph, limn_graph_fill(graph, c->x, 1), limn_graph_fill(graph, c->x, -1));
  if (hinge) {
    real = limn_graph_affine(graph, real, 1, 1);
    fake = limn_graph_affine(graph, fake, 1, -1);
  }
  case_output(g, limn_loss_discriminator(graph, loss, limn_graph_stack(graph, real, fake), sides, 0));
  case_output(g, limn_loss_generator(graph, loss, fake, real));
}

void cases_add_loss(case_table *table) {
  static const struct {
    const char *name;
    case_builder build;
    int variant;
  } rows[] = {{"bernoulli", build_reconstruction, LIMN_LIKELIHOOD_BERNOULLI},
              {"gaussian", build_reconstruction, LIMN_LIKELIHOOD_GAUSSIAN},
              {"gaussian-learned", build_reconstruction, LIMN_LIKELIHOOD_GAUSSIAN_LEARNED},
              {"l1", build_reconstruction, LIMN_LIKELIHOOD_L1},
              {"bernoulli-each", build_each, LIMN_LIKELIHOOD_BERNOULLI},
              {"gaussian-each", build_each, LIMN_LIKELIHOOD_GAUSSIAN},
              {"gaussian-learned-each", build_each, LIMN_LIKELIHOOD_GAUSSIAN_LEARNED},
              {"l1-each", build_each, LIMN_LIKELIHOOD_L1},
              {"kl", build_kl, 0},
              {"free-bits", build_free_bits, 0},
              {"reparameterization", build_reparameterization, 0}};
  static const struct {
    const char *name;
    limn_gan_loss loss;
  } gans[] = {{"non-saturating", LIMN_GAN_NON_SATURATING}, {"minimax", LIMN_GAN_MINIMAX},
              {"least-squares", LIMN_GAN_LEAST_SQUARES},   {"hinge", LIMN_GAN_HINGE},
              {"wasserstein", LIMN_GAN_WASSERSTEIN},       {"relativistic", LIMN_GAN_RELATIVISTIC}};
  static const limn_shape shapes[] = {{2, 3, 5, 7}, {4, 20, 1, 1}, {1, 16, 4, 4}};
  for (int i = 0; i < 3; ++i)
    for (size_t j = 0; j < sizeof rows / sizeof *rows; ++j)
      case_add(table, (op_case){.build = rows[j].build, .x = shapes[i], .step = 3, .variant = rows[j].variant},
               "loss/%s-%dx%dx%dx%d", rows[j].name, shapes[i].n, shapes[i].c, shapes[i].h, shapes[i].w);
  case_add(
      table,
      (op_case){
          .build = build_reconstruction, .x = {2, 3, 5, 7}, .range = RANGE_WIDE, .variant = LIMN_LIKELIHOOD_BERNOULLI},
      "loss/bernoulli-wide");
  for (size_t k = 0; k < sizeof gans / sizeof *gans; ++k)
    for (int32_t batch = 1; batch <= 64; batch *= 8) {
      op_case row = {.build = build_gan, .x = {batch, 1, 1, 1}, .variant = (int)gans[k].loss};
      case_add(table, row, "loss/%s-batch-%d", gans[k].name, batch);
    }
}
