#include "infer/explainer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "models/likelihood.h"
#include "models/vae.h"

enum { TARGETS, CODES, NATS, LEAVES };

struct limn_explainer {
  limn_program *program;
  limn_tensor *leaves[LEAVES];
  int chunk;
  bool one;
  size_t latent, picture;        /* floats of a code, of a picture */
  float *targets, *codes, *nats; /* of a chunk; targets: NULL where there is one */
};

/* The names of the leaves: two explainers of one store have their own. */
static const char *leaf_name(const limn_explainer *e, int leaf, char *buffer, size_t size) {
  static const char *const names[LEAVES] = {"targets", "codes", "nats"};
  snprintf(buffer, size, "%s.%s", e->one ? "explained_one" : "explained", names[leaf]);
  return buffer;
}

static limn_value add_leaf(const limn_explainer *e, limn_graph *graph, int leaf, limn_shape shape) {
  char name[64];
  return limn_graph_leaf(graph, leaf == NATS ? LIMN_ROLE_OUTPUT : LIMN_ROLE_INPUT,
                         leaf_name(e, leaf, name, sizeof name), shape);
}

static limn_status build(limn_explainer *e, limn_store *store, const limn_model *model) {
  const limn_config *c = model->config;
  limn_graph *graph = NULL;
  LIMN_TRY(limn_graph_create(&graph));
  limn_value targets =
      add_leaf(e, graph, TARGETS, (limn_shape){e->one ? 1 : e->chunk, c->channels, c->height, c->width});
  limn_value codes = add_leaf(e, graph, CODES, limn_model_input(model, model->row->generator, e->chunk));
  limn_value output = limn_model_generate(graph, model, codes, (limn_network_mode){.gate = LIMN_NONE});
  limn_value nats = limn_loss_reconstruction_each(graph, (limn_likelihood)c->likelihood, output, targets, c->sigma,
                                                  limn_vae_log_variance(graph, model));
  limn_graph_assign(graph, add_leaf(e, graph, NATS, limn_graph_shape(graph, nats)), nats);
  limn_status status = limn_graph_status(graph);
  if (status == LIMN_OK)
    status = limn_program_create(&e->program, store, graph, NULL);
  limn_graph_destroy(graph);
  return status;
}

static limn_status init(limn_explainer *e, limn_store *store, const limn_model *model) {
  LIMN_TRY(build(e, store, model));
  for (int i = 0; i < LEAVES; ++i) {
    char name[64];
    e->leaves[i] = limn_store_find(store, leaf_name(e, i, name, sizeof name));
  }
  const limn_shape shape = e->leaves[TARGETS]->shape;
  const size_t chunk = (size_t)e->chunk;
  e->picture = (size_t)limn_shape_count(shape) / (size_t)shape.n;
  e->latent = (size_t)limn_shape_count(e->leaves[CODES]->shape) / chunk;
  e->codes = calloc(chunk * e->latent, sizeof *e->codes);
  e->nats = malloc(chunk * sizeof *e->nats);
  e->targets = e->one ? NULL : calloc(chunk * e->picture, sizeof *e->targets);
  return e->codes && e->nats && (e->one || e->targets) ? LIMN_OK : limn_fail_memory("a decoder");
}

limn_status limn_explainer_create(limn_explainer **out, limn_store *store, const limn_model *model, int chunk,
                                  bool one) {
  *out = NULL;
  limn_explainer *e = calloc(1, sizeof *e);
  if (!e)
    return limn_fail_memory("a decoder");
  e->chunk = chunk;
  e->one = one;
  limn_status status = init(e, store, model);
  if (status != LIMN_OK) {
    limn_explainer_destroy(e);
    return status;
  }
  *out = e;
  return LIMN_OK;
}

void limn_explainer_destroy(limn_explainer *e) {
  if (!e)
    return;
  limn_program_destroy(e->program);
  free(e->targets);
  free(e->codes);
  free(e->nats);
  free(e);
}

limn_status limn_explainer_run(limn_explainer *e, const float *targets, const float *codes, int count, float *nats) {
  if (e->one)
    LIMN_TRY(limn_tensor_upload(e->leaves[TARGETS], targets));
  for (int first = 0; first < count; first += e->chunk) {
    size_t n = (size_t)(count - first < e->chunk ? count - first : e->chunk);
    if (!e->one) {
      memcpy(e->targets, targets + (size_t)first * e->picture, n * e->picture * sizeof *targets);
      LIMN_TRY(limn_tensor_upload(e->leaves[TARGETS], e->targets));
    }
    memcpy(e->codes, codes + (size_t)first * e->latent, n * e->latent * sizeof *codes);
    LIMN_TRY(limn_tensor_upload(e->leaves[CODES], e->codes));
    LIMN_TRY(limn_program_run(e->program, 0));
    LIMN_TRY(limn_tensor_download(e->leaves[NATS], e->nats));
    memcpy(nats + first, e->nats, n * sizeof *nats);
  }
  return LIMN_OK;
}
