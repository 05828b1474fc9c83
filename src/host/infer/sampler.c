#include "infer/sampler.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/philox.h"

#define CODES    "codes" /* leaves */
#define PICTURES "pictures"

struct limn_sampler {
  limn_program *program;
  limn_tensor *codes_leaf, *pictures_leaf;
  int chunk;
  size_t latent, picture; /* floats of a code, of a picture */
  float *codes, *pixels;  /* of a chunk */
};

static limn_status build(limn_sampler *s, limn_store *store, const limn_model *model, bool average) {
  limn_graph *graph = NULL;
  LIMN_TRY(limn_graph_create(&graph));
  limn_value codes =
      limn_graph_leaf(graph, LIMN_ROLE_INPUT, CODES, limn_model_input(model, model->row->generator, s->chunk));
  limn_value pixels = limn_model_pixels(
      graph, model,
      limn_model_generate(graph, model, codes, (limn_network_mode){.average = average, .gate = LIMN_NONE}));
  limn_graph_assign(graph, limn_graph_leaf(graph, LIMN_ROLE_OUTPUT, PICTURES, limn_graph_shape(graph, pixels)), pixels);
  limn_status status = limn_graph_status(graph);
  if (status == LIMN_OK)
    status = limn_program_create(&s->program, store, graph, NULL);
  limn_graph_destroy(graph);
  return status;
}

static limn_status init(limn_sampler *s, limn_store *store, const limn_model *model, bool average) {
  LIMN_TRY(build(s, store, model, average));
  s->codes_leaf = limn_store_find(store, CODES);
  s->pictures_leaf = limn_store_find(store, PICTURES);
  s->latent = (size_t)limn_shape_count(s->codes_leaf->shape) / (size_t)s->chunk;
  s->picture = (size_t)limn_shape_count(s->pictures_leaf->shape) / (size_t)s->chunk;
  s->codes = calloc((size_t)s->chunk * s->latent, sizeof *s->codes);
  s->pixels = malloc((size_t)s->chunk * s->picture * sizeof *s->pixels);
  return s->codes && s->pixels ? LIMN_OK : limn_fail_memory("a generator");
}

limn_status limn_sampler_create(limn_sampler **out, limn_store *store, const limn_model *model, int chunk,
                                bool average) {
  *out = NULL;
  limn_sampler *s = calloc(1, sizeof *s);
  if (!s)
    return limn_fail_memory("a generator");
  s->chunk = chunk;
  limn_status status = init(s, store, model, average);
  if (status != LIMN_OK) {
    limn_sampler_destroy(s);
    return status;
  }
  *out = s;
  return LIMN_OK;
}

void limn_sampler_destroy(limn_sampler *s) {
  if (!s)
    return;
  limn_program_destroy(s->program);
  free(s->codes);
  free(s->pixels);
  free(s);
}

void limn_sampler_codes(uint64_t seed, int latent, uint64_t first, int count, float *codes) {
  limn_philox_normal(seed, LIMN_STREAM_SAMPLE, 0, first * (uint64_t)latent, codes, (size_t)count * (size_t)latent);
}

limn_status limn_sampler_draw(limn_sampler *s, const float *codes, int count, float *pixels) {
  for (int first = 0; first < count; first += s->chunk) {
    size_t n = (size_t)(count - first < s->chunk ? count - first : s->chunk);
    memcpy(s->codes, codes + (size_t)first * s->latent, n * s->latent * sizeof *codes);
    LIMN_TRY(limn_tensor_upload(s->codes_leaf, s->codes));
    LIMN_TRY(limn_program_run(s->program, 0));
    LIMN_TRY(limn_tensor_download(s->pictures_leaf, s->pixels));
    memcpy(pixels + (size_t)first * s->picture, s->pixels, n * s->picture * sizeof *pixels);
  }
  return LIMN_OK;
}

const limn_program *limn_sampler_program(const limn_sampler *s) { return s->program; }
int limn_sampler_chunk(const limn_sampler *s) { return s->chunk; }
