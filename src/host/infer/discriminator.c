#include "infer/discriminator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "devices/device.h"
#include "infer/frozen_file.h"
#include "infer/generator_file.h"

#define BYTES "judged.bytes" /* leaves */
#define LAYER "judged.layer.%d"
#define BATCH 64

struct limn_discriminator {
  limn_config *config;
  limn_model model;
  limn_device *device;
  limn_store *store;
  limn_program *program;
  limn_activations layers;
  int sizes[LIMN_MOST_ACTIVATIONS]; /* numbers a picture of each */
  uint8_t *bytes;                   /* of a batch */
  float *download;                  /* of a batch, the largest layer */
  limn_discriminator_info info;
};

static int32_t stride_of(int32_t side) { return side > LIMN_POOLED_SIDE ? side / LIMN_POOLED_SIDE : 1; }
static int32_t window_of(int32_t side) {
  return side > LIMN_POOLED_SIDE ? side - (LIMN_POOLED_SIDE - 1) * stride_of(side) : 1;
}

static limn_value pool(limn_graph *graph, limn_value x) {
  const limn_shape s = limn_graph_shape(graph, x);
  if (s.h <= LIMN_POOLED_SIDE && s.w <= LIMN_POOLED_SIDE)
    return x;
  return limn_graph_max_pool(graph, x,
                             (limn_pool_attrs){.window_h = window_of(s.h),
                                               .window_w = window_of(s.w),
                                               .stride_h = stride_of(s.h),
                                               .stride_w = stride_of(s.w)});
}

static const char *layer_name(int layer, char buffer[32]) {
  snprintf(buffer, 32, LAYER, layer);
  return buffer;
}

static void build(limn_discriminator *d, limn_graph *graph) {
  const limn_config *c = d->config;
  const int index = 1 - d->model.row->generator;
  const limn_shape shape = {BATCH, c->channels, c->height, c->width};
  /* To tanh's range, as the training has them. */
  limn_value x = limn_graph_pictures(
      graph, limn_graph_leaf(graph, LIMN_ROLE_PICTURES, BYTES, shape),
      (limn_picture_attrs){.height = c->height, .width = c->width, .scale = 2 / 255.0f, .shift = -1});
  if (c->pack > 1) { /* a picture beside itself, as often as D saw others beside it */
    const limn_value same[LIMN_MAX_INPUTS] = {x, x, x, x};
    x = limn_graph_concat(graph, same, c->pack);
  }
  limn_scope scope = limn_model_scope(graph, &d->model, index, (limn_network_mode){.gate = LIMN_NONE});
  scope.activations = &d->layers;
  d->model.row->networks[index].build(&scope, &d->model, x);
  for (int i = 0; i < d->layers.count; ++i) {
    char name[32];
    limn_value pooled = pool(graph, d->layers.values[i]);
    const limn_shape s = limn_graph_shape(graph, pooled);
    d->sizes[i] = s.c * s.h * s.w;
    d->info.features += d->sizes[i];
    limn_graph_assign(graph, limn_graph_leaf(graph, LIMN_ROLE_OUTPUT, layer_name(i, name), s), pooled);
  }
  d->info.layers = d->layers.count;
}

static limn_status make_program(limn_discriminator *d) {
  limn_graph *graph = NULL;
  LIMN_TRY(limn_graph_create(&graph));
  build(d, graph);
  limn_status status = limn_graph_status(graph);
  if (status == LIMN_OK)
    status = limn_program_create(&d->program, d->store, graph, NULL);
  limn_graph_destroy(graph);
  return status;
}

static size_t picture_size(const limn_discriminator *d) {
  return (size_t)d->info.channels * (size_t)d->info.height * (size_t)d->info.width;
}

static limn_status make_room(limn_discriminator *d) {
  int largest = 1;
  for (int i = 0; i < d->layers.count; ++i)
    largest = d->sizes[i] > largest ? d->sizes[i] : largest;
  d->bytes = calloc(BATCH, picture_size(d));
  d->download = malloc(BATCH * (size_t)largest * sizeof *d->download);
  return d->bytes && d->download ? LIMN_OK : limn_fail_memory("a batch of pictures");
}

struct opening {
  limn_discriminator *discriminator;
  const limn_discriminator_options *options;
};

static limn_status make_discriminator(void *context, const limn_generator_file *file) {
  limn_discriminator *d = ((struct opening *)context)->discriminator;
  const limn_discriminator_options *o = ((struct opening *)context)->options;
  if (file->model.row->training != LIMN_TRAINED_AS_GAN)
    return limn_fail(LIMN_USAGE, "%s is of the model %s, which has no discriminator", file->weights.path,
                     limn_config_model(file->config));
  if (file->single)
    return limn_fail(LIMN_USAGE, "%s holds a generator alone; name its run, which has the discriminator too",
                     file->weights.path);
  LIMN_TRY(limn_config_copy(&d->config, file->config));
  LIMN_TRY(limn_model_init(&d->model, d->config));
  d->info = (limn_discriminator_info){.channels = d->config->channels,
                                      .height = d->config->height,
                                      .width = d->config->width,
                                      .batch = BATCH,
                                      .step = file->step};
  LIMN_TRY(limn_generator_file_make_store(file, o->device, o->threads, &d->device, &d->store));
  LIMN_TRY(make_program(d));
  LIMN_TRY(make_room(d));
  LIMN_TRY(limn_checkpoint_fill_store(d->store, &file->weights));
  return limn_frozen_file_restore(d->store, d->config, &file->weights);
}

limn_status limn_discriminator_open(limn_discriminator **out, const char *path,
                                    const limn_discriminator_options *options) {
  *out = NULL;
  limn_discriminator *d = calloc(1, sizeof *d);
  if (!d)
    return limn_fail_memory("a discriminator");
  limn_status status = limn_generator_file_use(path, make_discriminator, &(struct opening){d, options});
  if (status != LIMN_OK) {
    limn_discriminator_close(d);
    return status;
  }
  *out = d;
  return LIMN_OK;
}

void limn_discriminator_close(limn_discriminator *d) {
  if (!d)
    return;
  limn_program_destroy(d->program);
  limn_store_destroy(d->store);
  limn_device_destroy(d->device);
  limn_config_destroy(d->config);
  free(d->bytes);
  free(d->download);
  free(d);
}

void limn_discriminator_get_info(const limn_discriminator *d, limn_discriminator_info *out) { *out = d->info; }

/* The layers of `count` pictures into their places of the rows. */
static limn_status take_layers(limn_discriminator *d, size_t count, float *rows) {
  const size_t width = (size_t)d->info.features;
  for (int layer = 0; layer < d->layers.count; ++layer) {
    char name[32];
    const size_t size = (size_t)d->sizes[layer];
    LIMN_TRY(limn_tensor_download(limn_store_find(d->store, layer_name(layer, name)), d->download));
    for (size_t i = 0; i < count; ++i)
      memcpy(rows + i * width, d->download + i * size, size * sizeof *rows);
    rows += size;
  }
  return LIMN_OK;
}

limn_status limn_discriminator_run(limn_discriminator *d, const uint8_t *pictures, int count, float *features) {
  const size_t picture = picture_size(d);
  for (size_t first = 0, some, all = (size_t)count; first < all; first += some) {
    some = all - first < BATCH ? all - first : BATCH;
    memcpy(d->bytes, pictures + first * picture, some * picture);
    LIMN_TRY(limn_tensor_upload_u8(limn_store_find(d->store, BYTES), d->bytes));
    LIMN_TRY(limn_program_run(d->program, 0));
    LIMN_TRY(take_layers(d, some, features + first * (size_t)d->info.features));
  }
  return LIMN_OK;
}
