/* Generative adversarial training: Goodfellow et al. 2014, Algorithm 1, in the form of PyTorch's DCGAN example, which
 * takes the generator's step on the same fake pictures that the discriminator has just learned from. */
#include "base/error.h"
#include "base/philox.h"
#include "checkpoint/average.h"
#include "train/losses.h"
#include "train/optimizer.h"
#include "train/session.h"

enum { GENERATOR, DISCRIMINATOR }; /* networks of the model */

static int batches_per_step(const limn_config *config) { return config->d_steps; }

static float pixel_scale(const limn_config *config, float *shift) { /* to tanh's range */
  (void)config;
  *shift = -1;
  return 2 / 255.0f;
}

/* The random numbers of a step: the discriminator's further ones have their own. */
struct streams {
  uint32_t latent, augment;
};
static const struct streams step_streams = {LIMN_STREAM_LATENT, LIMN_STREAM_AUGMENT};
static const struct streams extra_streams = {LIMN_STREAM_LATENT_EXTRA, LIMN_STREAM_AUGMENT_EXTRA};

/* Leaves and networks of one step. */
struct players {
  limn_graph *graph;
  limn_session *session;
  limn_value gate;
  limn_value real, fake; /* pictures */
};

static limn_value generate(const struct players *p, uint32_t stream) {
  const limn_model *model = &p->session->model;
  const limn_network_mode mode = {.training = true, .gate = p->gate};
  limn_shape codes = limn_model_input(model, GENERATOR, p->session->batch.n);
  return limn_model_apply(p->graph, model, GENERATOR, limn_graph_normal(p->graph, codes, stream), mode);
}

/* `groups` batches one behind the other in one pass; each has its own batch statistics, as if it were passed alone. */
static limn_value discriminate(const struct players *p, limn_value pictures, int groups) {
  const limn_network_mode mode = {.training = true, .gate = p->gate, .groups = groups};
  return limn_model_apply(p->graph, &p->session->model, DISCRIMINATOR, pictures, mode);
}

/* 1 beside each real picture's score, -1 beside each fake one's. */
static limn_value name_sides(limn_graph *graph, limn_value scores) {
  limn_shape half = limn_graph_shape(graph, scores);
  half.n /= 2;
  return limn_graph_stack(graph, limn_graph_fill(graph, half, 1), limn_graph_fill(graph, half, -1));
}

/* "Update the discriminator by ascending its stochastic gradient": real pictures from the leaf "real", fresh fake ones.
 * Both go through D together, which takes half the launches of two passes. */
static limn_status add_discriminator_step(struct players *p, const struct streams *streams, bool measured) {
  limn_graph *graph = p->graph;
  const limn_config *config = p->session->config;
  limn_gan_loss loss = (limn_gan_loss)config->loss;
  p->real = limn_session_training_pictures(p->session, graph, "real", streams->augment);
  p->fake = generate(p, streams->latent);
  limn_value scores = discriminate(p, limn_graph_stack(graph, p->real, p->fake), 2);
  limn_value sides = name_sides(graph, scores), norm;
  limn_value loss_d = limn_loss_discriminator(graph, loss, scores, sides);
  limn_value d_real = limn_mean_score(graph, loss, scores, sides, 1);
  limn_value d_fake = limn_mean_score(graph, loss, scores, sides, -1);
  LIMN_TRY(limn_optimizer_minimize(graph, config, loss_d, "discriminator.", p->gate, &norm));
  if (measured) {
    limn_session_measure(p->session, graph, "loss_d", loss_d);
    limn_session_measure(p->session, graph, "d_real", d_real);
    limn_session_measure(p->session, graph, "d_fake", d_fake);
    limn_session_measure(p->session, graph, "grad_norm_d", norm);
  }
  return limn_graph_status(graph);
}

/* "Update the generator by descending its stochastic gradient", through the discriminator as it now is. */
static limn_status add_generator_step(struct players *p) {
  limn_graph *graph = p->graph;
  const limn_config *config = p->session->config;
  limn_value norm, loss_g = limn_loss_generator(graph, (limn_gan_loss)config->loss, discriminate(p, p->fake, 1));
  LIMN_TRY(limn_optimizer_minimize(graph, config, loss_g, "generator.", p->gate, &norm));
  limn_session_measure(p->session, graph, "loss_g", loss_g);
  limn_session_measure(p->session, graph, "grad_norm_g", norm);
  return limn_graph_status(graph);
}

static limn_status build_step(limn_session *s, limn_graph *graph) {
  struct players p = {.graph = graph, .session = s, .gate = limn_session_gate(graph)};
  LIMN_TRY(add_discriminator_step(&p, &step_streams, true));
  LIMN_TRY(add_generator_step(&p));
  if (s->config->ema > 0)
    LIMN_TRY(limn_average_add_update(graph, &s->model, p.gate));
  return limn_program_create(&s->train, s->store, graph, NULL);
}

/* The discriminator's steps before the one that the generator's shares. */
static limn_status build_extra(limn_session *s, limn_graph *graph) {
  struct players p = {.graph = graph, .session = s, .gate = limn_session_gate(graph)};
  LIMN_TRY(add_discriminator_step(&p, &extra_streams, false));
  return limn_program_create(&s->extra, s->store, graph, NULL);
}

static limn_status build(limn_session *s) {
  LIMN_TRY(limn_session_build(s, build_step));
  if (s->config->d_steps > 1)
    LIMN_TRY(limn_session_build(s, build_extra));
  if (s->config->ema > 0)
    LIMN_TRY(limn_average_create_program(&s->statistics, s->store, &s->model, s->batch.n));
  return limn_session_build_samples(s);
}

/* k discriminator steps, a part each, the last of them in one program with the generator's. */
static limn_status step(limn_session *s, uint64_t step_index, int part, const limn_batch *batch) {
  const limn_config *config = s->config;
  const uint64_t each = (uint64_t)config->d_steps, k = (uint64_t)part;
  const bool last = k == each - 1;
  float hyper[4];
  limn_optimizer_hyper(config, config->lr_d > 0 ? config->lr_d : config->lr, step_index, s->horizon, hyper);
  const float rate = hyper[0], average_rate = limn_average_rate(config->ema, step_index);
  /* Adam of the discriminator counts its own steps. */
  limn_optimizer_hyper(config, 1, step_index * each + k, s->horizon, hyper);
  hyper[0] = rate;
  LIMN_TRY(limn_session_upload(s, "hyper.discriminator.", hyper));
  if (last) {
    limn_optimizer_hyper(config, config->lr, step_index, s->horizon, hyper);
    LIMN_TRY(limn_session_upload(s, "hyper.generator.", hyper));
  }
  if (last && config->ema > 0)
    LIMN_TRY(limn_session_upload(s, LIMN_AVERAGE_RATE, &average_rate));
  LIMN_TRY(limn_session_upload_batch(s, "real", batch));
  return limn_program_run(last ? s->train : s->extra, last ? step_index : step_index * (each - 1) + k);
}

static limn_status draw(limn_session *s, limn_drawing *drawings, int *count) {
  *count = 1;
  return limn_session_draw_samples(s, drawings);
}

const limn_algorithm limn_gan_algorithm = {
    .batches_per_step = batches_per_step,
    .pixel_scale = pixel_scale,
    .build = build,
    .step = step,
    .draw = draw,
};
