#include "infer/extractor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "checkpoint/pretrained.h"
#include "devices/device.h"
#include "infer/feature_files.h"

#define PREFIX        "features"
#define PICTURES      "pictures"
#define CPU_PIXELS    (8 * 224 * 224)  /* of a pass, about: more keep no core busier, and take memory */
#define CUDA_PIXELS   (64 * 224 * 224) /* and a card has more cores */
#define LARGEST_BATCH 256
#define CPU_BATCH     64 /* of small pictures: what is missing of a pass is computed all the same */

struct limn_extractor {
  limn_device *device;
  limn_store *store;
  limn_program *program;
  limn_tensor *input, *output[LIMN_MAX_TAPS];
  float *pictures; /* (batch, 3, size, size), of a pass that is not full */
  float *features; /* (batch, the largest width) */
  limn_extractor_info info;
};

static int choose_batch(const limn_device *device, int size) {
  const bool cuda = strcmp(device->ops->kind, "cuda") == 0;
  const int64_t batch = (cuda ? CUDA_PIXELS : CPU_PIXELS) / ((int64_t)size * size);
  const int most = cuda ? LARGEST_BATCH : CPU_BATCH;
  return batch < 1 ? 1 : batch > most ? most : (int)batch;
}

static const char *output_name(int tap, char buffer[32]) {
  snprintf(buffer, 32, "tap.%d", tap);
  return buffer;
}

static limn_status add_outputs(limn_extractor *e, limn_graph *graph, const limn_value *taps, bool maps) {
  limn_frozen means = {.graph = graph};
  for (int i = 0; i < e->info.tap_count; ++i) {
    char name[32];
    limn_shape s = limn_graph_shape(graph, taps[i]);
    limn_value mean = s.h * s.w > 1 && !maps ? limn_frozen_mean(&means, taps[i]) : taps[i];
    e->info.pixels[i] = s.h * s.w;
    e->info.widths[i] = maps ? s.c * s.h * s.w : s.c;
    limn_graph_assign(
        graph, limn_graph_leaf(graph, LIMN_ROLE_OUTPUT, output_name(i, name), limn_graph_shape(graph, mean)), mean);
  }
  return limn_graph_status(graph);
}

static limn_status build(limn_extractor *e, bool maps) {
  limn_value taps[LIMN_MAX_TAPS];
  limn_graph *graph;
  LIMN_TRY(limn_graph_create(&graph));
  limn_value x =
      limn_graph_leaf(graph, LIMN_ROLE_INPUT, PICTURES, (limn_shape){e->info.batch, 3, e->info.size, e->info.size});
  limn_status status = limn_features_build(e->info.network, graph, PREFIX, x, e->info.taps, e->info.tap_count, taps);
  if (status == LIMN_OK)
    status = add_outputs(e, graph, taps, maps);
  if (status == LIMN_OK)
    status = limn_program_create(&e->program, e->store, graph, NULL);
  limn_graph_destroy(graph);
  return status;
}

static limn_status allocate(limn_extractor *e) {
  char name[32];
  int widest = 1;
  e->input = limn_store_find(e->store, PICTURES);
  for (int i = 0; i < e->info.tap_count; ++i) {
    e->output[i] = limn_store_find(e->store, output_name(i, name));
    widest = e->info.widths[i] > widest ? e->info.widths[i] : widest;
  }
  e->pictures = calloc((size_t)limn_shape_count(e->input->shape), sizeof *e->pictures);
  e->features = malloc((size_t)e->info.batch * (size_t)widest * sizeof *e->features);
  return e->pictures && e->features ? LIMN_OK : limn_fail_memory("a feature extractor");
}

static limn_status take_options(limn_extractor *e, const limn_extractor_options *o) {
  const limn_feature_network *network = e->info.network;
  e->info.tap_count = o->taps ? o->tap_count : 1;
  if (e->info.tap_count < 1 || e->info.tap_count > LIMN_MAX_TAPS)
    return limn_fail(LIMN_USAGE, "%d taps were asked for: 1 to %d are possible", e->info.tap_count, LIMN_MAX_TAPS);
  for (int i = 0; i < e->info.tap_count; ++i)
    e->info.taps[i] = o->taps ? o->taps[i] : network->judge;
  if (o->size < 0 || o->batch < 0 || o->size > 4096 || o->batch > 4096)
    return limn_fail(LIMN_USAGE, "%d pictures a pass of %dx%d: both have to lie in 1 to 4096", o->batch, o->size,
                     o->size);
  e->info.size = o->size ? o->size : network->size;
  e->info.batch = o->batch;
  memcpy(e->info.scale, network->scale, sizeof e->info.scale);
  memcpy(e->info.shift, network->shift, sizeof e->info.shift);
  return LIMN_OK;
}

static limn_status open_extractor(limn_extractor *e, const limn_safetensors *weights, const limn_extractor_options *o) {
  LIMN_TRY(take_options(e, o));
  /* Numbers that are published are fp32's, on a GPU too. */
  LIMN_TRY(limn_device_create(
      &e->device,
      &(limn_device_options){
          .name = o->device, .threads = o->threads, .precision = "fp32", .card = o->card, .planning = o->planning}));
  snprintf(e->info.device, sizeof e->info.device, "%s", e->device->description);
  if (!e->info.batch)
    e->info.batch = choose_batch(e->device, e->info.size);
  LIMN_TRY(limn_store_create(&e->store, e->device));
  LIMN_TRY(build(e, o->maps));
  if (o->planning)
    return LIMN_OK;
  LIMN_TRY(allocate(e));
  for (int i = 0; i < e->info.tap_count; ++i) /* which are the caller's names so far */
    for (int k = 0; e->info.network->taps[k]; ++k)
      if (strcmp(e->info.network->taps[k], e->info.taps[i]) == 0)
        e->info.taps[i] = e->info.network->taps[k];
  return limn_pretrained_load(e->store, e->info.network, PREFIX, weights, e->info.path);
}

limn_status limn_extractor_open(limn_extractor **out, const limn_extractor_options *given) {
  const limn_extractor_options options = given ? *given : (limn_extractor_options){0};
  limn_safetensors *weights = NULL;
  *out = NULL;
  limn_extractor *e = calloc(1, sizeof *e);
  if (!e)
    return limn_fail_memory("a feature extractor");
  const char *features = options.features ? options.features : LIMN_DEFAULT_FEATURES;
  const bool named = limn_feature_network_find(&e->info.network, features) == LIMN_OK;
  limn_status status = LIMN_OK;
  if (!options.planning || !named)
    status = limn_feature_file_open(&weights, features, &e->info.network, e->info.path, sizeof e->info.path);
  if (status == LIMN_OK && !options.planning)
    status = limn_sha256_file(e->info.path, e->info.checksum);
  if (status == LIMN_OK)
    status = open_extractor(e, weights, &options);
  limn_safetensors_close(weights);
  if (status != LIMN_OK) {
    limn_extractor_close(e);
    return status;
  }
  *out = e;
  return LIMN_OK;
}

void limn_extractor_close(limn_extractor *e) {
  if (!e)
    return;
  limn_program_destroy(e->program);
  limn_store_destroy(e->store);
  limn_device_destroy(e->device);
  free(e->pictures);
  free(e->features);
  free(e);
}

void limn_extractor_get_info(const limn_extractor *e, limn_extractor_info *out) { *out = e->info; }

size_t limn_extractor_bytes(const limn_extractor *e) {
  limn_program_info info;
  size_t bytes = 0;
  limn_program_get_info(e->program, &info);
  for (size_t i = 0; i < limn_store_count(e->store); ++i) {
    const char *name;
    bytes += (size_t)limn_shape_count(limn_store_at(e->store, i, &name)->shape) * sizeof(float);
  }
  return bytes + info.arena_bytes;
}

double limn_extractor_flops(const limn_extractor *e) {
  limn_program_info info;
  limn_program_get_info(e->program, &info);
  return info.flops / e->info.batch;
}

limn_status limn_extractor_run(limn_extractor *e, const float *pictures, int count, float *const *out) {
  const size_t batch = (size_t)e->info.batch, picture = (size_t)limn_shape_count(e->input->shape) / batch;
  for (size_t first = 0, n; first < (size_t)(count > 0 ? count : 0); first += n) {
    const float *from = pictures + first * picture;
    n = (size_t)count - first < batch ? (size_t)count - first : batch;
    if (n < batch)
      from = memcpy(e->pictures, from, n * picture * sizeof *from);
    LIMN_TRY(limn_tensor_upload(e->input, from));
    LIMN_TRY(limn_program_run(e->program, 0));
    for (int i = 0; i < e->info.tap_count; ++i) {
      const size_t width = (size_t)e->info.widths[i];
      const bool whole = n == batch;
      LIMN_TRY(limn_tensor_download(e->output[i], whole ? out[i] + first * width : e->features));
      if (!whole)
        memcpy(out[i] + first * width, e->features, n * width * sizeof **out);
    }
  }
  return LIMN_OK;
}
