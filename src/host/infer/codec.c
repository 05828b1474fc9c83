#include "infer/codec.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/philox.h"
#include "checkpoint/checkpoint.h"
#include "infer/explainer.h"
#include "infer/frozen_file.h"
#include "infer/generator_file.h"
#include "infer/sampler.h"
#include "models/likelihood.h"
#include "models/vae.h"

#define BYTES        "encoded.bytes" /* leaves */
#define TARGETS      "encoded.targets"
#define MEAN         "encoded.mean"
#define LOG_VARIANCE "encoded.log_variance"

/* Of the pictures that explain_one decodes in a pass, which then takes some hundred MB. */
#define MOST_NUMBERS (1 << 22)
#define MOST_CODES   256

struct limn_codec {
  limn_config *config;
  limn_model model;
  limn_device *device;
  limn_store *store;
  limn_program *encoder;
  limn_sampler *decoder;
  limn_explainer *each, *one; /* one: NULL unless it was asked for */
  limn_codec_info info;
  uint8_t *bytes;  /* of a batch */
  float *download; /* room for what a batch becomes, whichever is largest */
};

static void keep(limn_graph *graph, const char *name, limn_value value) {
  limn_graph_assign(graph, limn_graph_leaf(graph, LIMN_ROLE_OUTPUT, name, limn_graph_shape(graph, value)), value);
}

static void build_encoder(limn_codec *c, limn_graph *graph) {
  const limn_config *config = c->config;
  limn_shape shape = {c->info.batch, config->channels, config->height, config->width};
  limn_picture_attrs attrs = {.height = config->height, .width = config->width, .scale = limn_likelihood_scale(config)};
  limn_value pictures = limn_graph_pictures(graph, limn_graph_leaf(graph, LIMN_ROLE_PICTURES, BYTES, shape), attrs);
  limn_value target = limn_likelihood_target(graph, config, pictures, LIMN_STREAM_VALIDATION_PIXELS);
  limn_value input = limn_likelihood_input(graph, config, target, LIMN_STREAM_VALIDATION_NOISE);
  limn_encoding q = limn_vae_encode(graph, &c->model, input);
  c->info.distributed = q.log_variance != LIMN_NONE;
  keep(graph, TARGETS, limn_graph_affine(graph, target, 1, 0));
  keep(graph, MEAN, q.mu);
  if (c->info.distributed)
    keep(graph, LOG_VARIANCE, q.log_variance);
}

static limn_status make_encoder(limn_codec *c) {
  limn_graph *graph = NULL;
  LIMN_TRY(limn_graph_create(&graph));
  build_encoder(c, graph);
  limn_status status = limn_graph_status(graph);
  if (status == LIMN_OK)
    status = limn_program_create(&c->encoder, c->store, graph, NULL);
  limn_graph_destroy(graph);
  return status;
}

static size_t picture_size(const limn_codec *c) {
  return (size_t)c->info.channels * (size_t)c->info.height * (size_t)c->info.width;
}

static limn_status make_room(limn_codec *c) {
  const size_t picture = picture_size(c), latent = (size_t)c->info.latent, batch = (size_t)c->info.batch;
  c->bytes = calloc(batch * picture, 1);
  c->download = malloc(batch * (picture > latent ? picture : latent) * sizeof *c->download);
  return c->bytes && c->download ? LIMN_OK : limn_fail_memory("a batch of pictures");
}

/* How many codes explain one picture in a pass. */
static int codes_at_once(const limn_codec *c, int wanted) {
  const size_t fit = MOST_NUMBERS / picture_size(c);
  const int most = fit < 1 ? 1 : fit > MOST_CODES ? MOST_CODES : (int)fit;
  return wanted < most ? wanted : most;
}

struct opening {
  limn_codec *codec;
  const limn_codec_options *options;
};

static limn_status make_codec(void *context, const limn_generator_file *file) {
  limn_codec *c = ((struct opening *)context)->codec;
  const limn_codec_options *o = ((struct opening *)context)->options;
  if (file->model.row->training != LIMN_TRAINED_AS_VAE)
    return limn_fail(LIMN_USAGE, "%s is of the model %s, which has no encoder; name a vae or an autoencoder",
                     file->weights.path, limn_config_model(file->config));
  if (file->single)
    return limn_fail(LIMN_USAGE, "%s holds a decoder alone; name its run, which has the encoder too",
                     file->weights.path);
  LIMN_TRY(limn_config_copy(&c->config, file->config));
  LIMN_TRY(limn_model_init(&c->model, c->config));
  const limn_config *config = c->config;
  c->info = (limn_codec_info){.config = config,
                              .latent = config->latent,
                              .channels = config->channels,
                              .height = config->height,
                              .width = config->width,
                              .batch = config->batch > 0 ? limn_config_micro_batch(config) : 1,
                              .step = file->step};
  if (o->pictures && o->pictures < (uint32_t)c->info.batch)
    c->info.batch = (int)o->pictures;
  LIMN_TRY(limn_generator_file_make_store(file, o->device, o->threads, &c->device, &c->store));
  LIMN_TRY(make_encoder(c));
  LIMN_TRY(limn_sampler_create(&c->decoder, c->store, &c->model, c->info.batch, false));
  LIMN_TRY(limn_explainer_create(&c->each, c->store, &c->model, c->info.batch, false));
  if (o->codes > 0) {
    c->info.codes = codes_at_once(c, o->codes);
    LIMN_TRY(limn_explainer_create(&c->one, c->store, &c->model, c->info.codes, true));
  }
  LIMN_TRY(make_room(c));
  LIMN_TRY(limn_checkpoint_fill_store(c->store, &file->weights));
  return limn_frozen_file_restore(c->store, config, &file->weights);
}

limn_status limn_codec_open(limn_codec **out, const char *path, const limn_codec_options *options) {
  *out = NULL;
  limn_codec *c = calloc(1, sizeof *c);
  if (!c)
    return limn_fail_memory("an encoder");
  limn_status status = limn_generator_file_use(path, make_codec, &(struct opening){c, options});
  if (status != LIMN_OK) {
    limn_codec_close(c);
    return status;
  }
  *out = c;
  return LIMN_OK;
}

void limn_codec_close(limn_codec *c) {
  if (!c)
    return;
  limn_explainer_destroy(c->one);
  limn_explainer_destroy(c->each);
  limn_sampler_destroy(c->decoder);
  limn_program_destroy(c->encoder);
  limn_store_destroy(c->store);
  limn_device_destroy(c->device);
  limn_config_destroy(c->config);
  free(c->bytes);
  free(c->download);
  free(c);
}

void limn_codec_get_info(const limn_codec *c, limn_codec_info *out) { *out = c->info; }

/* The first `count` rows of `size` floats of a leaf. */
static limn_status fetch(limn_codec *c, const char *leaf, size_t count, size_t size, float *out) {
  if (!out)
    return LIMN_OK;
  LIMN_TRY(limn_tensor_download(limn_store_find(c->store, leaf), c->download));
  memcpy(out, c->download, count * size * sizeof *out);
  return LIMN_OK;
}

static limn_status encode_batch(limn_codec *c, const uint8_t *pictures, uint64_t batch, size_t count,
                                const limn_codes *out) {
  const size_t picture = picture_size(c), latent = (size_t)c->info.latent;
  memcpy(c->bytes, pictures, count * picture);
  LIMN_TRY(limn_tensor_upload_u8(limn_store_find(c->store, BYTES), c->bytes));
  LIMN_TRY(limn_program_run(c->encoder, batch));
  LIMN_TRY(fetch(c, TARGETS, count, picture, out->targets));
  LIMN_TRY(fetch(c, MEAN, count, latent, out->mean));
  return c->info.distributed ? fetch(c, LOG_VARIANCE, count, latent, out->log_variance) : LIMN_OK;
}

limn_status limn_codec_encode(limn_codec *c, const uint8_t *pictures, uint64_t first, int count,
                              const limn_codes *out) {
  const uint64_t batch = (uint64_t)c->info.batch;
  const size_t picture = picture_size(c), latent = (size_t)c->info.latent;
  if (first % batch != 0)
    return limn_fail(LIMN_USAGE, "pictures are encoded in batches of %d, and number %llu begins none", c->info.batch,
                     (unsigned long long)first);
  for (size_t i = 0, all = (size_t)count; i < all; i += batch) {
    const limn_codes at = {.mean = out->mean ? out->mean + i * latent : NULL,
                           .log_variance = out->log_variance ? out->log_variance + i * latent : NULL,
                           .targets = out->targets ? out->targets + i * picture : NULL};
    LIMN_TRY(encode_batch(c, pictures + i * picture, (first + i) / batch, all - i < batch ? all - i : batch, &at));
  }
  return LIMN_OK;
}

limn_status limn_codec_decode(limn_codec *c, const float *codes, int count, float *pixels) {
  return limn_sampler_draw(c->decoder, codes, count, pixels);
}

limn_status limn_codec_explain(limn_codec *c, const float *targets, const float *codes, int count, float *nats) {
  return limn_explainer_run(c->each, targets, codes, count, nats);
}

limn_status limn_codec_explain_one(limn_codec *c, const float *target, const float *codes, int count, float *nats) {
  if (!c->one)
    return limn_fail(LIMN_USAGE, "the codec was not opened for codes that explain one picture");
  return limn_explainer_run(c->one, target, codes, count, nats);
}
