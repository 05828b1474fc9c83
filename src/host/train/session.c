#include "train/session.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/parallel.h"
#include "base/philox.h"
#include "checkpoint/average.h"
#include "models/outline.h"
#include "train/optimizer.h"

#define ASSUMED_SIZE     64
#define ASSUMED_CHANNELS 3

#define LABELS "labels" /* the leaf */

#define VALUES_AT_A_TIME ((size_t)4096) /* a multiple of 4 (base/philox.h) */

struct initial_values {
  uint64_t seed;
  uint32_t stream;
  limn_initial initial;
  float *values;
  size_t count;
};

static limn_status draw_some(void *context, uint32_t i) {
  const struct initial_values *n = context;
  const limn_initial *how = &n->initial;
  const size_t first = i * VALUES_AT_A_TIME, left = n->count - first;
  const size_t count = left < VALUES_AT_A_TIME ? left : VALUES_AT_A_TIME;
  if (how->uniform > 0)
    limn_philox_uniform(n->seed, n->stream, 0, first, n->values + first, count);
  else
    limn_philox_normal(n->seed, n->stream, 0, first, n->values + first, count);
  for (size_t j = first; j < first + count; ++j)
    n->values[j] =
        how->mean + (how->uniform > 0 ? how->uniform * (2 * n->values[j] - 1) : how->deviation * n->values[j]);
  return LIMN_OK;
}

static void normalise(float *values, size_t count) {
  double squares = 0;
  for (size_t i = 0; i < count; ++i)
    squares += (double)values[i] * (double)values[i];
  for (size_t i = 0; i < count; ++i)
    values[i] = (float)((double)values[i] / sqrt(squares));
}

static limn_status initialise(limn_session *s, const limn_outline_leaf *leaf, uint32_t stream) {
  const limn_initial *how = &leaf->initial;
  size_t count = (size_t)limn_shape_count(leaf->shape);
  float *values = calloc(count, sizeof *values);
  if (!values)
    return limn_fail_memory("initial weights");
  limn_status status = LIMN_OK;
  if (how->deviation == 0 && how->uniform == 0)
    for (size_t i = 0; i < count; ++i)
      values[i] = how->mean;
  else
    status = limn_parallel_for((uint32_t)((count + VALUES_AT_A_TIME - 1) / VALUES_AT_A_TIME), s->config->threads,
                               draw_some, &(struct initial_values){s->device->seed, stream, *how, values, count});
  if (how->unit)
    normalise(values, count);
  if (status == LIMN_OK)
    status = limn_session_upload(s, leaf->name, values);
  limn_tensor *average = limn_average_find(s->store, leaf->name);
  if (status == LIMN_OK && average) /* it begins at the weights */
    status = limn_tensor_upload(average, values);
  free(values);
  return status;
}

/* Tensor number i of all networks draws from stream INITIAL + i. */
static limn_status initialise_networks(limn_session *s) {
  uint32_t stream = (uint32_t)LIMN_STREAM_INITIAL;
  limn_status status = LIMN_OK;
  for (int n = 0; n < 2 && status == LIMN_OK; ++n) {
    limn_outline outline;
    LIMN_TRY(limn_outline_take(&outline, &s->model, n));
    for (int i = 0; i < outline.leaf_count && status == LIMN_OK; ++i)
      status = initialise(s, &outline.leaves[i], stream++);
    limn_outline_release(&outline);
  }
  return status;
}

static limn_status initialise_loss_scales(limn_session *s) {
  static const char prefix[] = "optimizer." LIMN_LOSS_SCALE ".";
  const float first = LIMN_FIRST_LOSS_SCALE;
  for (size_t i = 0; i < limn_store_count(s->store); ++i) {
    const char *name;
    limn_tensor *tensor = limn_store_at(s->store, i, &name);
    if (strncmp(name, prefix, sizeof prefix - 1) == 0)
      LIMN_TRY(limn_tensor_upload(tensor, &first));
  }
  return LIMN_OK;
}

limn_shape limn_session_bytes(const limn_config *config) {
  return (limn_shape){config->batch, config->channels, config->height + config->crop, config->width + config->crop};
}

void limn_session_assume_pictures(limn_config *config) {
  config->height = config->height ? config->height : ASSUMED_SIZE;
  config->width = config->width ? config->width : ASSUMED_SIZE;
  config->channels = config->channels ? config->channels : ASSUMED_CHANNELS;
}

const limn_algorithm *limn_algorithm_of(const limn_config *config) {
  static const limn_algorithm *const algorithms[] = {
      [LIMN_TRAINED_AS_GAN] = &limn_gan_algorithm, [LIMN_TRAINED_AS_VAE] = &limn_vae_algorithm};
  return algorithms[limn_model_row_of(config)->training];
}

limn_status limn_session_begin(limn_session *s, const limn_config *config, uint64_t horizon,
                               const limn_session_data *data) {
  *s = (limn_session){.config = config,
                      .algorithm = limn_algorithm_of(config),
                      .batch = {limn_config_micro_batch(config), config->channels, config->height, config->width},
                      .rate_factor = 1,
                      .horizon = horizon,
                      .stop = data->stop,
                      .planning = data->planning,
                      .held_out = data->held_out,
                      .held_out_count = data->held_out_count};
  limn_status status = limn_model_init(&s->model, config);
  s->labels = calloc((size_t)s->batch.n, sizeof *s->labels);
  if (status == LIMN_OK && !s->labels)
    status = limn_fail_memory("labels");
  if (status == LIMN_OK)
    status = limn_device_create(&s->device, &(limn_device_options){.name = config->device,
                                                                   .threads = config->threads,
                                                                   .isa = config->isa,
                                                                   .direct = !config->winograd,
                                                                   .precision = config->precision,
                                                                   .deterministic = config->deterministic,
                                                                   .autotune = config->autotune,
                                                                   .engines = data->engines,
                                                                   .card = data->card,
                                                                   .planning = data->planning,
                                                                   .seed = config->seed});
  if (status == LIMN_OK)
    status = limn_store_create(&s->store, s->device);
  if (status == LIMN_OK)
    status = s->algorithm->build(s);
  if (status == LIMN_OK && !data->blank)
    status = initialise_networks(s);
  if (status == LIMN_OK && !data->blank)
    status = initialise_loss_scales(s);
  /* What is trained of a pretrained network is in a checkpoint; what is frozen is not. */
  if (status == LIMN_OK && !data->planning && (!data->blank || limn_config_has_frozen_network(config)))
    status = limn_frozen_file_load(s->store, config, s->frozen);
  return status;
}

limn_status limn_session_init(limn_session *s, const limn_config *config, uint64_t horizon,
                              const limn_session_data *data) {
  limn_status status = limn_session_begin(s, config, horizon, data);
  if (status != LIMN_OK)
    limn_session_release(s);
  return status;
}

void limn_session_release(limn_session *s) {
  limn_program_destroy(s->train);
  limn_program_destroy(s->extra);
  limn_program_destroy(s->penalty);
  limn_program_destroy(s->generator);
  limn_program_destroy(s->update);
  limn_program_destroy(s->update_generator);
  limn_program_destroy(s->statistics);
  limn_sampler_destroy(s->sampler);
  limn_program_destroy(s->reconstruct);
  limn_program_destroy(s->validation);
  limn_store_destroy(s->store);
  limn_device_destroy(s->device);
  free(s->pixels);
  free(s->inputs);
  free(s->targets);
  free(s->labels);
  *s = (limn_session){0};
}

void limn_session_measure(limn_session *s, limn_graph *graph, const char *name, limn_value scalar) {
  limn_value ring =
      limn_graph_leaf(graph, LIMN_ROLE_OUTPUT, "measures", (limn_shape){LIMN_RING_ROWS, LIMN_MAX_MEASURES, 1, 1});
  if (s->measure_count == LIMN_MAX_MEASURES)
    return;
  s->measures[s->measure_count] = name;
  limn_graph_record(graph, ring, s->measure_count++, scalar);
  s->recorded = s->measure_count;
}

limn_value limn_session_gate(limn_graph *graph) {
  return limn_graph_leaf(graph, LIMN_ROLE_OUTPUT, "gate", LIMN_SCALAR);
}

limn_status limn_session_upload(limn_session *s, const char *leaf, const float *values) {
  limn_tensor *tensor = limn_store_find(s->store, leaf);
  if (!tensor)
    return limn_fail(LIMN_FAILED, "there is no leaf %s", leaf);
  return limn_tensor_upload(tensor, values);
}

static limn_value add_pictures(const limn_session *s, limn_graph *graph, const char *leaf, limn_shape shape,
                               limn_picture_attrs attrs) {
  attrs.height = s->batch.h;
  attrs.width = s->batch.w;
  attrs.scale = s->algorithm->pixel_scale(s->config, &attrs.shift);
  return limn_graph_pictures(graph, limn_graph_leaf(graph, LIMN_ROLE_PICTURES, leaf, shape), attrs);
}

limn_value limn_session_training_pictures(const limn_session *s, limn_graph *graph, const char *leaf, uint32_t stream) {
  const limn_config *config = s->config;
  const limn_window window = {.flip = config->flip,
                              .moved = config->crop > 0 || config->shift > 0,
                              .reach_h = config->shift,
                              .reach_w = config->shift};
  limn_shape bytes = limn_session_bytes(config);
  bytes.n = s->batch.n;
  return add_pictures(s, graph, leaf, bytes, (limn_picture_attrs){.window = window, .stream = stream});
}

limn_value limn_session_plain_pictures(const limn_session *s, limn_graph *graph, const char *leaf, int count) {
  limn_shape shape = s->batch;
  shape.n = count;
  return add_pictures(s, graph, leaf, shape, (limn_picture_attrs){0});
}

limn_status limn_session_upload_pictures(limn_session *s, const char *leaf, const uint8_t *nchw) {
  limn_tensor *tensor = limn_store_find(s->store, leaf);
  if (!tensor)
    return limn_fail(LIMN_FAILED, "there is no leaf %s", leaf);
  return limn_tensor_upload_u8(tensor, nchw);
}

limn_value limn_session_labels(const limn_session *s, limn_graph *graph) {
  return limn_graph_leaf(graph, LIMN_ROLE_INPUT, LABELS, (limn_shape){s->batch.n, 1, 1, 1});
}

limn_status limn_session_upload_batch(limn_session *s, const char *leaf, const limn_batch *batch, int micro) {
  limn_tensor *labels = limn_store_find(s->store, LABELS);
  const size_t first = (size_t)micro * (size_t)s->batch.n,
               picture = (size_t)limn_shape_count(limn_session_bytes(s->config)) / (size_t)s->config->batch;
  LIMN_TRY(limn_session_upload_pictures(s, leaf, batch->pixels + first * picture));
  if (!labels)
    return LIMN_OK;
  if (!batch->labels)
    return limn_fail(LIMN_DATA, "training reads the pictures' classes, and the data has none: name some by --labels");
  for (int i = 0; i < s->batch.n; ++i)
    s->labels[i] = (float)batch->labels[first + (size_t)i];
  return limn_tensor_upload(labels, s->labels);
}

limn_status limn_session_measures(limn_session *s, uint64_t first, int count, float *values) {
  float ring[LIMN_RING_ROWS * LIMN_MAX_MEASURES];
  LIMN_TRY(limn_tensor_download(limn_store_find(s->store, "measures"), ring));
  for (int i = 0; i < count; ++i)
    memcpy(values + (size_t)i * (size_t)s->measure_count,
           ring + (first + (uint64_t)i) % LIMN_RING_ROWS * LIMN_MAX_MEASURES,
           (size_t)s->measure_count * sizeof *values);
  return LIMN_OK;
}

limn_status limn_session_settle_average(limn_session *s) {
  if (!s->statistics || s->settled)
    return LIMN_OK;
  LIMN_TRY(limn_average_take_statistics(s->statistics, s->store, &s->model, s->batch.n));
  s->settled = true;
  return LIMN_OK;
}

int limn_session_parts(const limn_session *s, limn_session_part parts[LIMN_SESSION_PARTS]) {
  const limn_config *c = s->config;
  const double micros = c->accumulate, batches = s->algorithm->batches_per_step(c),
               penalties = s->penalty ? 1.0 / c->penalty_every : 0;
  const limn_session_part all[LIMN_SESSION_PARTS] = {{s->penalty, micros * penalties},
                                                     {s->extra, micros * (batches - 1)},
                                                     {s->train, micros},
                                                     {s->update, batches + penalties},
                                                     {s->generator, micros},
                                                     {s->update_generator, 1}};
  int count = 0;
  for (int i = 0; i < LIMN_SESSION_PARTS; ++i)
    if (all[i].program)
      parts[count++] = all[i];
  return count;
}

double limn_session_flops(const limn_session *s) {
  limn_session_part parts[LIMN_SESSION_PARTS];
  double sum = 0;
  for (int i = limn_session_parts(s, parts) - 1; i >= 0; --i) {
    limn_program_info info;
    limn_program_get_info(parts[i].program, &info);
    sum += parts[i].times * info.flops;
  }
  return sum;
}

int limn_session_programs(const limn_session *s, const limn_program *programs[LIMN_SESSION_PROGRAMS]) {
  const limn_program *const all[LIMN_SESSION_PROGRAMS] = {
      s->train,       s->extra,      s->penalty,   s->statistics, s->sampler ? limn_sampler_program(s->sampler) : NULL,
      s->reconstruct, s->validation, s->generator, s->update,     s->update_generator};
  int count = 0;
  for (int i = 0; i < LIMN_SESSION_PROGRAMS; ++i)
    if (all[i])
      programs[count++] = all[i];
  return count;
}

limn_status limn_session_build(limn_session *s, limn_status (*build)(limn_session *, limn_graph *)) {
  limn_graph *graph = NULL;
  LIMN_TRY(limn_graph_create(&graph));
  limn_status status = build(s, graph);
  limn_graph_destroy(graph);
  return status;
}

/* Their codes never change, so that the pictures show what training did. */
limn_status limn_session_build_samples(limn_session *s) {
  const limn_config *c = s->config;
  int count = c->sample_count;
  LIMN_TRY(limn_sampler_create(&s->sampler, s->store, &s->model, count < s->batch.n ? count : s->batch.n,
                               limn_config_averages(c)));
  size_t codes = (size_t)count * (size_t)c->latent;
  s->inputs = malloc(codes * sizeof *s->inputs);
  s->pixels = malloc((size_t)count * (size_t)s->batch.c * (size_t)s->batch.h * (size_t)s->batch.w * sizeof *s->pixels);
  if (!s->inputs || !s->pixels)
    return limn_fail_memory("the samples");
  limn_philox_normal(c->seed, LIMN_STREAM_SAMPLE, 0, 0, s->inputs, codes);
  return LIMN_OK;
}

limn_status limn_session_draw_samples(limn_session *s, limn_drawing *drawing) {
  LIMN_TRY(limn_session_settle_average(s));
  LIMN_TRY(limn_sampler_draw(s->sampler, s->inputs, s->config->sample_count, s->pixels));
  *drawing = (limn_drawing){.suffix = "", .pixels = s->pixels, .count = s->config->sample_count};
  return LIMN_OK;
}
