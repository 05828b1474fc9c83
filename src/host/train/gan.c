/* Generative adversarial training: Goodfellow et al. 2014, Algorithm 1, in the form of PyTorch's DCGAN example, which
 * takes the generator's step on the same fake pictures that the discriminator has just learned from. */
#include <math.h>
#include <stdio.h>

#include "base/error.h"
#include "base/philox.h"
#include "checkpoint/average.h"
#include "train/accumulation.h"
#include "train/augment.h"
#include "train/course.h"
#include "train/losses.h"
#include "train/optimizer.h"
#include "train/penalties.h"
#include "train/players.h"
#include "train/separation.h"
#include "train/session.h"

#define REAL          "real" /* the leaf of real pictures */
#define GENERATOR     "generator."
#define DISCRIMINATOR "discriminator."
#define SIGN          "sign" /* noted for ADA */

/* Measures of penalties. */
#define R1               "r1"
#define R2               "r2"
#define GRADIENT_PENALTY "gradient_penalty"

static const limn_player_streams step_streams = {LIMN_STREAM_LATENT, LIMN_STREAM_AUGMENT, LIMN_LOOK_DISCRIMINATOR};
static const limn_player_streams extra_streams = {LIMN_STREAM_LATENT_EXTRA, LIMN_STREAM_AUGMENT_EXTRA, LIMN_LOOK_EXTRA};
static const limn_player_streams penalty_streams = {LIMN_STREAM_LATENT, LIMN_STREAM_AUGMENT, LIMN_LOOK_PENALTY};

static int batches_per_step(const limn_config *config) { return config->d_steps; }

static float pixel_scale(const limn_config *config, float *shift) { /* to tanh's range */
  (void)config;
  *shift = -1;
  return 2 / 255.0f;
}

/* 1 beside each real picture's score, -1 beside each fake one's. */
static limn_value name_sides(limn_graph *graph, limn_value scores) {
  const limn_shape half = {limn_graph_shape(graph, scores).n / 2, 1, 1, 1};
  return limn_graph_stack(graph, limn_graph_fill(graph, half, 1), limn_graph_fill(graph, half, -1));
}

/* What the discriminator's optimiser is told. Where penalties have a step of their own after every k others, Adam's
 * rate and decays are those of k + 1 steps in the time of k (Karras et al. 2020, StyleGAN2, appendix B). */
static limn_config discriminator_config(const limn_config *config) {
  limn_config c = *config;
  c.lr = config->lr_d > 0 ? config->lr_d : config->lr;
  if (limn_penalties_lazy(config)) {
    const double period = limn_penalties_period(config), part = period / (period + 1);
    c.lr *= part;
    c.beta1 = pow(config->beta1, part);
    c.beta2 = pow(config->beta2, part);
    c.beta2_end = config->beta2_end > 0 ? pow(config->beta2_end, part) : 0;
  }
  return c;
}

static bool accumulates(const limn_config *config) { return config->accumulate > 1; }

/* *norm: LIMN_NONE where gradients are only gathered. */
static limn_status minimize(const limn_players *p, const limn_config *config, limn_value objective, limn_value loss,
                            const char *prefix, limn_value *norm) {
  *norm = LIMN_NONE;
  return accumulates(config) ? limn_optimizer_gather(p->graph, config, objective, loss, prefix, p->gate)
                             : limn_optimizer_minimize(p->graph, config, objective, loss, prefix, p->gate, norm);
}

/* loss: what of the objective is no penalty; LIMN_NONE: nothing. */
static limn_status minimize_discriminator(const limn_players *p, limn_value objective, limn_value loss,
                                          limn_value *norm) {
  const limn_config config = discriminator_config(p->config);
  return minimize(p, &config, objective, loss, DISCRIMINATOR, norm);
}

static void measure(const limn_players *p, const char *name, limn_value value) {
  if (value == LIMN_NONE)
    return;
  if (accumulates(p->config))
    limn_accumulation_measure(p->session, p->graph, name, value);
  else
    limn_session_measure(p->session, p->graph, name, value);
}

/* "Update the discriminator by ascending its stochastic gradient": real pictures from the leaf "real", fresh fake ones.
 * measured: it is the last of a step's. */
static limn_status add_discriminator_step(limn_players *p, const limn_player_streams *streams, bool measured) {
  limn_graph *graph = p->graph;
  const limn_config *c = p->config;
  const limn_gan_loss loss = (limn_gan_loss)c->loss;
  const bool penalised = limn_penalties_wanted(c) && !limn_penalties_lazy(c);
  limn_players_take_real(p, streams);
  if (measured &&
      accumulates(c)) /* the generator's own pass over these codes, which is to come, moves its statistics */
    p->generator_gate = limn_graph_fill(graph, LIMN_SCALAR, 1);
  limn_players_generate(p, streams);
  limn_players_score(p, streams->look, penalised && limn_penalties_apart(c));
  limn_value sides = name_sides(graph, p->scores), norm;
  limn_value loss_d = limn_loss_discriminator(graph, loss, p->scores, sides, c->label_smoothing), objective = loss_d;
  limn_value d_real = limn_mean_score(graph, loss, p->scores, sides, 1);
  limn_value d_fake = limn_mean_score(graph, loss, p->scores, sides, -1);
  limn_penalties penalties = {LIMN_NONE, LIMN_NONE, LIMN_NONE, LIMN_NONE};
  if (penalised) {
    LIMN_TRY(limn_penalties_take(&penalties, p, streams->look));
    objective = limn_graph_add(graph, loss_d, penalties.sum);
  }
  LIMN_TRY(minimize_discriminator(p, objective, loss_d, &norm));
  if (measured) {
    measure(p, "loss_d", loss_d);
    measure(p, "d_real", d_real);
    measure(p, "d_fake", d_fake);
    measure(p, "grad_norm_d", norm);
    measure(p, R1, penalties.r1);
    measure(p, R2, penalties.r2);
    measure(p, GRADIENT_PENALTY, penalties.gradient);
  }
  return limn_graph_status(graph);
}

/* "Update the generator by descending its stochastic gradient", through the discriminator as it now is. */
static limn_status add_generator_step(limn_players *p) {
  limn_graph *graph = p->graph;
  const limn_gan_loss loss = (limn_gan_loss)p->config->loss;
  limn_value norm, real = LIMN_NONE, fake = limn_players_judge_fake(p);
  if (loss == LIMN_GAN_RELATIVISTIC)
    real = limn_players_judge(p, p->real, LIMN_LOOK_GENERATOR_REAL, 1);
  limn_value loss_g = limn_loss_generator(graph, loss, fake, real);
  LIMN_TRY(minimize(p, p->config, loss_g, loss_g, GENERATOR, &norm));
  measure(p, "loss_g", loss_g);
  measure(p, "grad_norm_g", norm);
  return limn_graph_status(graph);
}

/* What a lazy penalty came to the last time, which is measured in each step. */
static limn_value last_penalty(limn_graph *graph, const char *name) {
  char leaf[64];
  snprintf(leaf, sizeof leaf, "optimizer.penalty.%s", name);
  return limn_graph_leaf(graph, LIMN_ROLE_OPTIMIZER, leaf, LIMN_SCALAR);
}

static void keep_penalty(const limn_players *p, const char *name, limn_value penalty) {
  if (penalty != LIMN_NONE)
    limn_graph_assign_gated(p->graph, last_penalty(p->graph, name), penalty, p->gate);
}

static void measure_last_penalties(limn_session *s, limn_graph *graph) {
  const limn_config *c = s->config;
  if (c->r1 > 0)
    limn_session_measure(s, graph, R1, last_penalty(graph, R1));
  if (c->r2 > 0)
    limn_session_measure(s, graph, R2, last_penalty(graph, R2));
  if (c->gradient_penalty > 0)
    limn_session_measure(s, graph, GRADIENT_PENALTY, last_penalty(graph, GRADIENT_PENALTY));
}

/* What follows the generator's update. sign: of the discriminator's scores of real pictures, where ADA goes by it. */
static limn_status end_step(limn_session *s, limn_graph *graph, limn_value sign) {
  if (limn_penalties_lazy(s->config))
    measure_last_penalties(s, graph);
  if (s->config->augment == LIMN_AUGMENT_ADA)
    limn_session_measure(s, graph, "ada_p", limn_augment_adapt(graph, s->config, sign, limn_session_gate(graph)));
  return limn_config_averages(s->config) ? limn_average_add_update(graph, &s->model, limn_session_gate(graph))
                                         : LIMN_OK;
}

static limn_status build_step(limn_session *s, limn_graph *graph) {
  const bool ada = s->config->augment == LIMN_AUGMENT_ADA;
  limn_players p = limn_players_begin(s, graph);
  LIMN_TRY(add_discriminator_step(&p, &step_streams, true));
  LIMN_TRY(add_generator_step(&p));
  LIMN_TRY(end_step(s, graph, ada ? limn_augment_sign(graph, s->config, p.real_scores, p.fake_scores) : LIMN_NONE));
  return limn_program_create(&s->train, s->store, graph, NULL);
}

/* The step in parts, for micro-batches: the discriminator's gradients, its update, the generator's gradients by the
 * discriminator as it then is, on the same pictures and codes, its update. */
static limn_status build_discriminator(limn_session *s, limn_graph *graph) {
  limn_players p = limn_players_begin(s, graph);
  LIMN_TRY(add_discriminator_step(&p, &step_streams, true));
  if (s->config->augment == LIMN_AUGMENT_ADA)
    limn_accumulation_note(graph, s->config, SIGN, limn_augment_sign(graph, s->config, p.real_scores, p.fake_scores));
  return limn_program_create(&s->train, s->store, graph, NULL);
}

static limn_status build_update(limn_session *s, limn_graph *graph) {
  const limn_config config = discriminator_config(s->config);
  limn_value norm;
  LIMN_TRY(limn_optimizer_apply(graph, &config, s->store, DISCRIMINATOR, limn_session_gate(graph), &norm));
  limn_accumulation_take_measures(s, graph);
  limn_session_measure(s, graph, "grad_norm_d", norm);
  return limn_program_create(&s->update, s->store, graph, NULL);
}

static limn_status build_generator(limn_session *s, limn_graph *graph) {
  limn_players p = limn_players_begin(s, graph);
  if (s->config->loss == LIMN_GAN_RELATIVISTIC)
    limn_players_take_real(&p, &step_streams);
  limn_players_generate(&p, &step_streams);
  LIMN_TRY(add_generator_step(&p));
  return limn_program_create(&s->generator, s->store, graph, NULL);
}

static limn_status build_update_generator(limn_session *s, limn_graph *graph) {
  const bool ada = s->config->augment == LIMN_AUGMENT_ADA;
  limn_value norm;
  LIMN_TRY(limn_optimizer_apply(graph, s->config, s->store, GENERATOR, limn_session_gate(graph), &norm));
  limn_accumulation_take_measures(s, graph);
  limn_session_measure(s, graph, "grad_norm_g", norm);
  LIMN_TRY(end_step(s, graph, ada ? limn_accumulation_mean(graph, s->config, SIGN) : LIMN_NONE));
  return limn_program_create(&s->update_generator, s->store, graph, NULL);
}

static limn_status build_accumulated(limn_session *s) {
  LIMN_TRY(limn_session_build(s, build_discriminator));
  LIMN_TRY(limn_session_build(s, build_update));
  LIMN_TRY(limn_session_build(s, build_generator));
  return limn_session_build(s, build_update_generator);
}

/* The discriminator's steps before the one that the generator's shares. */
static limn_status build_extra(limn_session *s, limn_graph *graph) {
  limn_players p = limn_players_begin(s, graph);
  LIMN_TRY(add_discriminator_step(&p, &extra_streams, false));
  return limn_program_create(&s->extra, s->store, graph, NULL);
}

static limn_status build_penalty(limn_session *s, limn_graph *graph) {
  limn_players p = limn_players_begin(s, graph);
  limn_penalties penalties;
  limn_value norm;
  LIMN_TRY(limn_penalties_take_alone(&penalties, &p, &penalty_streams));
  limn_value objective = limn_graph_affine(graph, penalties.sum, (float)limn_penalties_period(s->config), 0);
  LIMN_TRY(minimize_discriminator(&p, objective, LIMN_NONE, &norm));
  keep_penalty(&p, R1, penalties.r1);
  keep_penalty(&p, R2, penalties.r2);
  keep_penalty(&p, GRADIENT_PENALTY, penalties.gradient);
  return limn_program_create(&s->penalty, s->store, graph, NULL);
}

static limn_status build(limn_session *s) {
  LIMN_TRY(accumulates(s->config) ? build_accumulated(s) : limn_session_build(s, build_step));
  if (s->config->d_steps > 1)
    LIMN_TRY(limn_session_build(s, build_extra));
  if (limn_penalties_lazy(s->config))
    LIMN_TRY(limn_session_build(s, build_penalty));
  if (limn_config_averages(s->config))
    LIMN_TRY(limn_average_create_program(&s->statistics, s->store, &s->model, s->batch.n));
  if (s->held_out_count)
    LIMN_TRY(limn_session_build(s, limn_separation_build));
  return limn_session_build_samples(s);
}

/* What changes over the run beside the rates. */
static limn_status upload_course(limn_session *s, uint64_t step) {
  const limn_config *c = s->config;
  float course[LIMN_COURSES];
  if (!limn_store_find(s->store, LIMN_VIEW_COURSE))
    return LIMN_OK;
  const uint64_t fading = c->instance_noise_steps ? (uint64_t)c->instance_noise_steps : s->horizon;
  const double faded = fading ? fmin(1, (double)step / (double)fading) : 0;
  course[LIMN_COURSE_NOISE] = (float)(c->instance_noise * (1 - faded));
  course[LIMN_COURSE_PENALTY] = (float)limn_course_cosine(1, c->penalty_end, step, s->horizon);
  return limn_session_upload(s, LIMN_VIEW_COURSE, course);
}

/* Rates of the discriminator's step number `index`, from 0: Adam counts its own steps. */
static limn_status upload_discriminator_rates(limn_session *s, uint64_t step, uint64_t index) {
  const limn_config config = discriminator_config(s->config);
  float hyper[4];
  limn_optimizer_hyper(&config, config.lr, step, index, s->horizon, hyper);
  hyper[0] *= (float)s->rate_factor;
  return limn_session_upload(s, "hyper.discriminator.", hyper);
}

/* The half-life begins at 0, so that the average is at first the weights themselves (Huang et al. 2024). */
static float average_rate_at(const limn_session *s, uint64_t step) {
  const limn_config *c = s->config;
  return c->ema_half_life > 0
             ? limn_average_rate_of_half_life(limn_course_cosine(0, c->ema_half_life, step, s->horizon), c->batch)
             : limn_average_rate(c->ema, step);
}

static limn_status upload_generator_rates(limn_session *s, uint64_t step) {
  const limn_config *c = s->config;
  const float average_hyper[4] = {average_rate_at(s, step)};
  float hyper[4];
  limn_optimizer_hyper(c, c->lr, step, step, s->horizon, hyper);
  hyper[0] *= (float)s->rate_factor;
  LIMN_TRY(limn_session_upload(s, "hyper.generator.", hyper));
  return limn_config_averages(c) ? limn_session_upload(s, LIMN_AVERAGE_RATE, average_hyper) : LIMN_OK;
}

/* On all micro-batches of the batch; NULL: of pictures that are there already, or that the program does not read. */
static limn_status run(limn_session *s, limn_program *program, uint64_t index, const limn_batch *batch) {
  for (int micro = 0; micro < s->config->accumulate; ++micro) {
    if (batch)
      LIMN_TRY(limn_session_upload_batch(s, REAL, batch, micro));
    LIMN_TRY(limn_program_run(program, limn_accumulation_index(s->config, index, micro)));
  }
  return LIMN_OK;
}

/* Without micro-batches there is none: programs make their updates themselves. */
static limn_status run_update(limn_program *program, uint64_t step_index) {
  return program ? limn_program_run(program, step_index) : LIMN_OK;
}

/* k discriminator steps, a part each, the last of them in one program with the generator's; before the first, every so
 * often, one of the penalties alone. */
static limn_status step(limn_session *s, uint64_t step_index, int part, const limn_batch *batch) {
  const limn_config *c = s->config;
  const uint64_t each = (uint64_t)c->d_steps, k = (uint64_t)part, every = (uint64_t)c->penalty_every;
  const bool last = k == each - 1, lazy = limn_penalties_lazy(c), penalised = lazy && step_index % every == 0;
  uint64_t index = step_index * each + k + (lazy ? (step_index + every - 1) / every : 0);
  const limn_batch *const again = accumulates(c) ? batch : NULL; /* whose micro-batches take turns on the device */
  if (!again)
    LIMN_TRY(limn_session_upload_batch(s, REAL, batch, 0));
  LIMN_TRY(upload_course(s, step_index));
  if (penalised && part == 0) {
    LIMN_TRY(upload_discriminator_rates(s, step_index, index));
    LIMN_TRY(run(s, s->penalty, step_index, again));
    LIMN_TRY(run_update(s->update, step_index));
  }
  LIMN_TRY(upload_discriminator_rates(s, step_index, index + penalised));
  if (last)
    LIMN_TRY(upload_generator_rates(s, step_index));
  LIMN_TRY(run(s, last ? s->train : s->extra, last ? step_index : step_index * (each - 1) + k, again));
  LIMN_TRY(run_update(s->update, step_index));
  if (!last || !s->generator)
    return LIMN_OK;
  LIMN_TRY(run(s, s->generator, step_index, c->loss == LIMN_GAN_RELATIVISTIC ? again : NULL));
  return run_update(s->update_generator, step_index);
}

static limn_status draw(limn_session *s, limn_drawing *drawings, int *count) {
  *count = 1;
  return limn_session_draw_samples(s, drawings);
}

/* A measure, but nothing to choose the best checkpoint by: a discriminator may fail for being poor. */
static limn_status validate(limn_session *s, limn_validation *out) {
  out->measures[0] = (limn_measure){"separation", NAN};
  out->count = 1;
  out->objective = NAN;
  return limn_separation_take(s, &out->measures[0].value);
}

const limn_algorithm limn_gan_algorithm = {
    .batches_per_step = batches_per_step,
    .pixel_scale = pixel_scale,
    .build = build,
    .step = step,
    .draw = draw,
    .validate = validate,
};
