/* The variational autoencoder: Kingma & Welling 2014, Algorithm 1 with the estimator of equation 10 and one sample of
 * epsilon a picture, or with several the importance-weighted bound (Burda et al. 2016). The plain and the denoising
 * (Vincent et al. 2008) autoencoder are the same without the KL term; a regulariser makes a Wasserstein autoencoder of
 * it (Tolstikhin et al. 2018) or a regularised one (Ghosh et al. 2020).
 *
 * Conventions: reconstruction and KL are in nats, summed over pixels and latents, mean over the batch and the samples.
 * loss = reconstruction + beta KL (Higgins et al. 2017), the KL with free bits when these are set; with several samples
 * the negative bound; elbo = -(reconstruction + KL) whatever beta is. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/philox.h"
#include "models/likelihood.h"
#include "models/vae.h"
#include "train/accumulation.h"
#include "train/code_losses.h"
#include "train/losses.h"
#include "train/optimizer.h"
#include "train/perceptual_loss.h"
#include "train/session.h"

#define ACTIVE_VARIANCE 0.01f /* of mu over the pictures (Burda et al. 2016, section 5.3) */
#define PAIRS           32    /* pictures shown with their reconstructions */
#define PAIR_COLUMNS    8
#define BETA            "beta" /* the leaf, and the measure */
#define LN2             0.69314718055994531

static int batches_per_step(const limn_config *config) {
  (void)config;
  return 1;
}

static float pixel_scale(const limn_config *config, float *shift) {
  *shift = 0;
  return limn_likelihood_scale(config);
}

/* The random numbers of one use of the networks: training, validation and drawing share none. */
struct streams {
  uint32_t epsilon, noise, dequantize, binarize, prior;
};
static const struct streams training_streams = {LIMN_STREAM_EPSILON, LIMN_STREAM_NOISE, LIMN_STREAM_DEQUANTIZE,
                                                LIMN_STREAM_BINARIZE, LIMN_STREAM_PRIOR};
static const struct streams validation_streams = {LIMN_STREAM_VALIDATION, LIMN_STREAM_VALIDATION_NOISE,
                                                  LIMN_STREAM_VALIDATION_PIXELS, LIMN_STREAM_VALIDATION_PIXELS,
                                                  LIMN_STREAM_VALIDATION_PRIOR};
/* Drawings take the mean of q: no epsilon is drawn. */
static const struct streams drawing_streams = {
    .noise = LIMN_STREAM_DRAWING, .dequantize = LIMN_STREAM_DRAWING_PIXELS, .binarize = LIMN_STREAM_DRAWING_PIXELS};

/* One pass of a batch through both networks. */
struct pass {
  limn_graph *graph;
  limn_session *session;
  const struct streams *streams;
  limn_value target, input; /* the picture to explain; what the encoder sees */
  limn_encoding q;
  int samples;                   /* codes a picture, one set of the batch's behind the other */
  limn_value epsilon, z, output; /* of the decoder; epsilon: LIMN_NONE where z is the mean */
  limn_value reconstruction, kl, penalty, perceptual, loss;
};

/* From pictures to what the likelihood explains. */
static void prepare(struct pass *p, limn_value pictures) {
  const limn_config *config = p->session->config;
  const uint32_t stream = config->dequantize ? p->streams->dequantize : p->streams->binarize; /* never both */
  p->target = limn_likelihood_target(p->graph, config, pictures, stream);
  p->input = limn_likelihood_input(p->graph, config, p->target, p->streams->noise);
}

/* mu alone when there is no epsilon: an autoencoder's code, or the mean of q for pictures to look at. */
static void reconstruct(struct pass *p, bool sampled) {
  limn_graph *graph = p->graph;
  p->q = limn_vae_encode(graph, &p->session->model, p->input);
  p->z = p->q.mu;
  p->epsilon = LIMN_NONE;
  p->samples = 1;
  if (sampled && p->q.log_variance != LIMN_NONE) {
    limn_shape shape = limn_graph_shape(graph, p->q.mu);
    p->samples = p->session->config->importance_samples;
    shape.n *= p->samples;
    p->epsilon = limn_graph_normal(graph, shape, p->streams->epsilon);
    p->z = limn_reparameterize(graph, limn_repeat(graph, p->q.mu, p->samples),
                               limn_repeat(graph, p->q.log_variance, p->samples), p->epsilon);
  }
  p->output = limn_model_generate(graph, &p->session->model, p->z, (limn_network_mode){.gate = LIMN_NONE});
}

/* Burda et al. 2016, equation 8: each sample weighs p(x | z) p(z) / q(z | x). */
static void add_importance_loss(struct pass *p, limn_value variance) {
  limn_graph *graph = p->graph;
  const limn_config *config = p->session->config;
  limn_value each = limn_loss_reconstruction_each(graph, (limn_likelihood)config->likelihood, p->output,
                                                  limn_repeat(graph, p->target, p->samples), config->sigma, variance);
  limn_value ratio = limn_log_prior_ratio(graph, p->z, p->epsilon, p->q.log_variance);
  p->reconstruction = limn_graph_mean_all(graph, each);
  p->loss = limn_loss_importance(graph, limn_graph_sub(graph, ratio, each), p->samples);
}

static limn_value mean_kl(struct pass *p, limn_value elements) {
  return limn_graph_affine(p->graph, limn_graph_sum_all(p->graph, elements),
                           1 / (float)limn_graph_shape(p->graph, elements).n, 0);
}

/* As set, or what goes with a reconstruction in nats a picture. */
static float regularizer_weight(const limn_config *config) {
  if (config->regularizer_weight > 0)
    return (float)config->regularizer_weight;
  return config->regularizer == LIMN_REGULARIZER_MMD ? 300 : 1;
}

/* What an autoencoder's codes, and its decoder's weights, cost beside the reconstruction. */
static void add_regularizer(struct pass *p) {
  limn_graph *graph = p->graph;
  const limn_config *config = p->session->config;
  if (config->regularizer == LIMN_REGULARIZER_NONE)
    return;
  bool mmd = config->regularizer == LIMN_REGULARIZER_MMD;
  p->penalty =
      mmd ? limn_loss_mmd(graph, p->z, limn_graph_normal(graph, limn_graph_shape(graph, p->z), p->streams->prior))
          : limn_loss_code_norm(graph, p->z);
  p->loss = limn_graph_add(graph, p->loss, limn_graph_affine(graph, p->penalty, regularizer_weight(config), 0));
  if (!mmd && config->decoder_decay > 0) {
    limn_value norm = limn_loss_weight_norm(graph, "decoder.", "decoder." LIMN_VAE_VARIANCE);
    p->loss = limn_graph_add(graph, p->loss, limn_graph_affine(graph, norm, (float)config->decoder_decay, 0));
  }
}

static void add_loss(struct pass *p, limn_value beta) {
  limn_graph *graph = p->graph;
  const limn_config *config = p->session->config;
  limn_value variance = limn_vae_log_variance(graph, &p->session->model);
  if (p->samples > 1) {
    add_importance_loss(p, variance);
    p->kl = mean_kl(p, limn_kl_elements(graph, p->q.mu, p->q.log_variance));
    return;
  }
  p->reconstruction = limn_loss_reconstruction(graph, (limn_likelihood)config->likelihood, p->output, p->target,
                                               config->sigma, variance);
  p->loss = p->reconstruction;
  if (p->q.log_variance == LIMN_NONE) {
    add_regularizer(p);
    return;
  }
  limn_value elements = limn_kl_elements(graph, p->q.mu, p->q.log_variance);
  p->kl = mean_kl(p, elements);
  p->penalty = config->free_bits > 0 ? limn_free_bits(graph, elements, config->free_bits) : p->kl;
  p->loss = limn_graph_add(graph, p->reconstruction, limn_graph_mul(graph, p->penalty, beta));
}

/* What reconstructions cost in the eyes of a pretrained network. */
static limn_status add_perceptual(struct pass *p) {
  limn_graph *graph = p->graph;
  const limn_config *config = p->session->config;
  if (config->perceptual <= 0)
    return LIMN_OK;
  limn_value pixels = limn_model_pixels(graph, &p->session->model, p->output);
  LIMN_TRY(limn_loss_perceptual(graph, config, pixels, p->target, &p->perceptual));
  p->loss = limn_graph_add(graph, p->loss, limn_graph_affine(graph, p->perceptual, (float)config->perceptual, 0));
  return LIMN_OK;
}

/* How many latents' mu varies over the batch. */
static limn_value active_latents(limn_graph *graph, limn_value mu) {
  limn_shape shape = limn_graph_shape(graph, mu);
  limn_shape channels = LIMN_CHANNELS(shape.c);
  float each = 1 / (float)shape.n;
  limn_value mean = limn_graph_affine(graph, limn_graph_sum(graph, mu, channels), each, 0);
  limn_value squares = limn_graph_unary(graph, LIMN_PW_SQUARE, limn_graph_sub(graph, mu, mean), 0, 0);
  limn_value variance = limn_graph_affine(graph, limn_graph_sum(graph, squares, channels), each, -ACTIVE_VARIANCE);
  return limn_graph_sum_all(graph, limn_graph_unary(graph, LIMN_PW_STEP, variance, 0, 0));
}

/* The measures that training and validation share. `record` takes a name and a scalar. */
static void record_measures(struct pass *p, void (*record)(limn_session *, limn_graph *, const char *, limn_value)) {
  limn_graph *graph = p->graph;
  limn_session *s = p->session;
  record(s, graph, "loss", p->loss);
  record(s, graph, "reconstruction", p->reconstruction);
  if (s->config->perceptual > 0)
    record(s, graph, "perceptual", p->perceptual);
  if (p->q.log_variance == LIMN_NONE) {
    if (s->config->regularizer != LIMN_REGULARIZER_NONE)
      record(s, graph, "regularizer", p->penalty);
    return;
  }
  limn_value elbo = limn_graph_affine(graph, limn_graph_add(graph, p->reconstruction, p->kl), -1, 0);
  record(s, graph, "kl", p->kl);
  record(s, graph, "elbo", elbo);
  record(s, graph, "active_latents", active_latents(graph, p->q.mu));
  if (s->config->dequantize) { /* of bytes: the density over [0, 1) has 256 of them in it */
    const double values = (double)s->batch.c * s->batch.h * s->batch.w;
    const limn_value bound = p->samples > 1 ? limn_graph_affine(graph, p->loss, -1, 0) : elbo; /* the tighter one */
    record(s, graph, "bits_per_dimension", limn_graph_affine(graph, bound, (float)(-1 / (values * LN2)), 8));
  }
}

static bool is_measured(const limn_session *s, const char *name) {
  for (int i = 0; i < s->measure_count; ++i)
    if (strcmp(s->measures[i], name) == 0)
      return true;
  return false;
}

/* Those of the update, behind the others. */
static void record_update(limn_session *s, limn_graph *graph, limn_value beta, limn_value norm) {
  limn_session_measure(s, graph, "grad_norm", norm);
  if (is_measured(s, "kl"))
    limn_session_measure(s, graph, BETA, beta);
}

static limn_status build_train(limn_session *s, limn_graph *graph) {
  struct pass p = {.graph = graph, .session = s, .streams = &training_streams};
  prepare(&p, limn_session_training_pictures(s, graph, "pictures.training", LIMN_STREAM_AUGMENT));
  reconstruct(&p, true);
  limn_value beta = limn_graph_leaf(graph, LIMN_ROLE_INPUT, BETA, LIMN_SCALAR), norm;
  add_loss(&p, beta);
  LIMN_TRY(add_perceptual(&p));
  LIMN_TRY(limn_graph_status(graph));
  if (s->config->accumulate > 1) {
    LIMN_TRY(limn_optimizer_gather(graph, s->config, p.loss, p.loss, "", limn_session_gate(graph)));
    record_measures(&p, limn_accumulation_measure);
    return limn_program_create(&s->train, s->store, graph, NULL);
  }
  LIMN_TRY(limn_optimizer_minimize(graph, s->config, p.loss, p.loss, "", limn_session_gate(graph), &norm));
  record_measures(&p, limn_session_measure);
  record_update(s, graph, beta, norm);
  return limn_program_create(&s->train, s->store, graph, NULL);
}

/* Of gradients that were summed over micro-batches. */
static limn_status build_update(limn_session *s, limn_graph *graph) {
  limn_value norm;
  LIMN_TRY(limn_optimizer_apply(graph, s->config, s->store, "", limn_session_gate(graph), &norm));
  limn_accumulation_take_measures(s, graph);
  record_update(s, graph, limn_graph_leaf(graph, LIMN_ROLE_INPUT, BETA, LIMN_SCALAR), norm);
  return limn_program_create(&s->update, s->store, graph, NULL);
}

/* The same measures in the same order, in a ring with a row a batch. */
static void record_validation(limn_session *s, limn_graph *graph, const char *name, limn_value scalar) {
  int rows = (int)(s->held_out_count / (uint32_t)s->validation_batch);
  limn_value ring =
      limn_graph_leaf(graph, LIMN_ROLE_OUTPUT, "measures.validation", (limn_shape){rows, LIMN_MAX_MEASURES, 1, 1});
  for (int i = 0; i < s->measure_count; ++i)
    if (strcmp(s->measures[i], name) == 0)
      limn_graph_record(graph, ring, i, scalar);
}

static limn_status build_validation(limn_session *s, limn_graph *graph) {
  struct pass p = {.graph = graph, .session = s, .streams = &validation_streams};
  prepare(&p, limn_session_plain_pictures(s, graph, "pictures.validation", s->validation_batch));
  reconstruct(&p, true);
  add_loss(&p, limn_graph_fill(graph, LIMN_SCALAR, (float)s->config->beta));
  LIMN_TRY(add_perceptual(&p));
  record_measures(&p, record_validation);
  return limn_program_create(&s->validation, s->store, graph, NULL);
}

static limn_status build_reconstruct(limn_session *s, limn_graph *graph) {
  struct pass p = {.graph = graph, .session = s, .streams = &drawing_streams};
  limn_shape shape = s->batch;
  shape.n = s->held_out_count < PAIRS ? (int32_t)s->held_out_count : PAIRS;
  if (shape.n > PAIR_COLUMNS) /* whole rows, so that originals and reconstructions do not share one */
    shape.n -= shape.n % PAIR_COLUMNS;
  s->drawn = shape.n;
  prepare(&p, limn_session_plain_pictures(s, graph, "pictures.shown", shape.n));
  reconstruct(&p, false);
  limn_graph_assign(graph, limn_graph_leaf(graph, LIMN_ROLE_OUTPUT, "shown.input", shape),
                    limn_graph_affine(graph, p.input, 1, 0));
  limn_graph_assign(graph, limn_graph_leaf(graph, LIMN_ROLE_OUTPUT, "shown.output", shape),
                    limn_model_pixels(graph, &s->model, p.output));
  return limn_program_create(&s->reconstruct, s->store, graph, NULL);
}

static size_t picture_floats(const limn_session *s) {
  return (size_t)s->batch.c * (size_t)s->batch.h * (size_t)s->batch.w;
}

static limn_status build(limn_session *s) {
  LIMN_TRY(limn_session_build(s, build_train));
  if (s->config->accumulate > 1)
    LIMN_TRY(limn_session_build(s, build_update));
  if (s->config->perceptual > 0 && !s->planning)
    LIMN_TRY(limn_perceptual_load(s->store, s->config));
  if (s->held_out_count) {
    s->validation_batch = s->held_out_count < (uint32_t)s->batch.n ? (int)s->held_out_count : s->batch.n;
    if (s->validation_batch < 2 && s->config->regularizer == LIMN_REGULARIZER_MMD)
      return limn_fail(LIMN_DATA,
                       "the regularizer mmd compares codes with each other, and one picture is held out: set "
                       "validation higher, or to 0");
    LIMN_TRY(limn_session_build(s, build_validation));
    LIMN_TRY(limn_session_build(s, build_reconstruct));
    s->targets = malloc(3 * (size_t)s->drawn * picture_floats(s) * sizeof *s->targets);
    if (!s->targets)
      return limn_fail_memory("the reconstructions");
  }
  /* A plain autoencoder's codes follow no known distribution to draw from. */
  return limn_model_draws(&s->model) ? limn_session_build_samples(s) : LIMN_OK;
}

static float beta_at(const limn_config *config, uint64_t step) {
  double rise = config->beta_warmup > 0 ? (double)(step + 1) / (double)config->beta_warmup : 1;
  return (float)(config->beta * (rise < 1 ? rise : 1));
}

static limn_status step(limn_session *s, uint64_t step_index, int part, const limn_batch *batch) {
  (void)part; /* a step is one */
  float hyper[4], beta = beta_at(s->config, step_index);
  limn_optimizer_hyper(s->config, s->config->lr, step_index, step_index, s->horizon, hyper);
  LIMN_TRY(limn_session_upload(s, "hyper.", hyper));
  limn_optimizer_hyper(s->config, s->config->encoder_lr, step_index, step_index, s->horizon, hyper);
  if (limn_store_find(s->store, LIMN_PRETRAINED_RATE))
    LIMN_TRY(limn_session_upload(s, LIMN_PRETRAINED_RATE, hyper));
  if (limn_store_find(s->store, BETA))
    LIMN_TRY(limn_session_upload(s, BETA, &beta));
  for (int micro = 0; micro < s->config->accumulate; ++micro) {
    LIMN_TRY(limn_session_upload_batch(s, "pictures.training", batch, micro));
    LIMN_TRY(limn_program_run(s->train, limn_accumulation_index(s->config, step_index, micro)));
  }
  return s->update ? limn_program_run(s->update, step_index) : LIMN_OK;
}

static bool is_of_training_alone(const char *measure) {
  return strcmp(measure, "grad_norm") == 0 || strcmp(measure, BETA) == 0;
}

static limn_status validate(limn_session *s, limn_validation *out) {
  int batches = (int)(s->held_out_count / (uint32_t)s->validation_batch);
  for (int b = 0; b < batches; ++b) {
    if (s->stop && *s->stop)
      return LIMN_OK;
    const uint8_t *pictures = s->held_out + (size_t)b * (size_t)s->validation_batch * picture_floats(s);
    LIMN_TRY(limn_session_upload_pictures(s, "pictures.validation", pictures));
    LIMN_TRY(limn_program_run(s->validation, (uint64_t)b));
  }
  float *ring = malloc((size_t)batches * LIMN_MAX_MEASURES * sizeof *ring);
  if (!ring)
    return limn_fail_memory("a validation");
  limn_status status = limn_tensor_download(limn_store_find(s->store, "measures.validation"), ring);
  out->count = 0;
  for (int i = 0; status == LIMN_OK && i < s->measure_count; ++i) {
    double sum = 0;
    for (int b = 0; b < batches; ++b)
      sum += (double)ring[b * LIMN_MAX_MEASURES + i];
    if (!is_of_training_alone(s->measures[i]))
      out->measures[out->count++] = (limn_measure){s->measures[i], (double)(float)(sum / batches)};
  }
  free(ring);
  out->objective = out->measures[0].value; /* the loss at the full beta */
  return status;
}

/* Rows of originals, then (denoising) of what the encoder saw, then of reconstructions. */
static limn_status draw_pairs(limn_session *s, limn_drawing *drawing) {
  size_t picture = picture_floats(s), row = PAIR_COLUMNS * picture, shown = (size_t)s->drawn * picture;
  bool noisy = s->config->noise > 0;
  size_t kinds = noisy ? 3 : 2;
  float *all = s->targets, *buffers[3];
  limn_status status = LIMN_OK;
  for (int i = 0; i < 3; ++i)
    buffers[i] = malloc(shown * sizeof **buffers);
  if (!buffers[0] || !buffers[1] || !buffers[2]) {
    status = limn_fail_memory("the reconstructions");
    goto cleanup;
  }
  LIMN_TRY_OR_CLEANUP(status, limn_session_upload_pictures(s, "pictures.shown", s->held_out));
  LIMN_TRY_OR_CLEANUP(status, limn_program_run(s->reconstruct, 0));
  for (size_t i = 0; i < shown; ++i)
    buffers[0][i] = (float)s->held_out[i] / 255;
  LIMN_TRY_OR_CLEANUP(status, limn_tensor_download(limn_store_find(s->store, "shown.input"), buffers[1]));
  LIMN_TRY_OR_CLEANUP(status, limn_tensor_download(limn_store_find(s->store, "shown.output"), buffers[kinds - 1]));
  for (size_t first = 0, to = 0; first < shown; first += row) {
    size_t length = shown - first < row ? shown - first : row;
    for (size_t i = 0; i < kinds; ++i, to += length)
      memcpy(all + to, buffers[i] + first, length * sizeof *all);
  }
  *drawing = (limn_drawing){.suffix = "-reconstructions",
                            .pixels = all,
                            .count = s->drawn * (int)kinds,
                            .columns = s->drawn < PAIR_COLUMNS ? s->drawn : PAIR_COLUMNS};
cleanup:
  for (int i = 0; i < 3; ++i)
    free(buffers[i]);
  return status;
}

static limn_status draw(limn_session *s, limn_drawing *drawings, int *count) {
  *count = 0;
  if (s->reconstruct)
    LIMN_TRY(draw_pairs(s, &drawings[(*count)++]));
  if (!s->sampler)
    return LIMN_OK;
  return limn_session_draw_samples(s, &drawings[(*count)++]);
}

const limn_algorithm limn_vae_algorithm = {
    .batches_per_step = batches_per_step,
    .pixel_scale = pixel_scale,
    .build = build,
    .step = step,
    .draw = draw,
    .validate = validate,
    .validation_decides = true,
    .reconstructs = true,
};
