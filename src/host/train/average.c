#include "train/average.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/philox.h"

#define CODES       1280 /* that statistics are taken from, in whole batches */
#define FEWEST      32   /* codes a batch: fewer know too little of how pictures differ */
#define MOST        64
#define LONGEST     128 /* name of a leaf */
#define FIRST_DECAY 10  /* of the average's warming up: (1 + t) / (10 + t) */

/* Codes a batch: as many as the training has pictures, within bounds. */
static int batch_of_codes(int batch) { return batch < FEWEST ? FEWEST : batch > MOST ? MOST : batch; }

float limn_average_rate(double ema, uint64_t t) {
  double decay = (1 + (double)t) / (FIRST_DECAY + (double)t);
  return (float)(1 - (decay < ema ? decay : ema));
}

struct updating {
  limn_graph *graph;
  limn_value rate; /* 0 once the gate is shut */
};

static limn_status add_update(void *context, const char *name, limn_role role, limn_shape shape, float mean,
                              float deviation) {
  struct updating *u = context;
  char leaf[LONGEST];
  (void)mean;
  (void)deviation;
  if (role != LIMN_ROLE_PARAMETER)
    return LIMN_OK;
  snprintf(leaf, sizeof leaf, "ema.%s", name);
  limn_value w = limn_graph_leaf(u->graph, role, name, shape);
  limn_value kept = limn_graph_leaf(u->graph, LIMN_ROLE_OPTIMIZER, leaf, shape);
  limn_value moved = limn_graph_mul(u->graph, limn_graph_sub(u->graph, w, kept), u->rate);
  limn_graph_assign(u->graph, kept, limn_graph_add(u->graph, kept, moved));
  return limn_graph_status(u->graph);
}

limn_status limn_average_add_update(limn_graph *graph, const limn_network *generator, limn_value gate) {
  limn_value rate = limn_graph_leaf(graph, LIMN_ROLE_INPUT, LIMN_AVERAGE_RATE, LIMN_SCALAR);
  struct updating u = {.graph = graph, .rate = limn_graph_mul(graph, limn_graph_affine(graph, gate, -1, 1), rate)};
  return limn_network_visit(generator, add_update, &u);
}

limn_status limn_average_create_program(limn_program **out, limn_store *store, const limn_model *model, int batch) {
  limn_graph *graph = NULL;
  const limn_network *network = limn_model_generator(model);
  char prefix[LONGEST];
  snprintf(prefix, sizeof prefix, "ema.%s.", network->name);
  /* Training mode with momentum 1: a run leaves the statistics of its own batch in the running ones. */
  const limn_network_mode mode = {
      .training = true, .momentum = 1, .gate = LIMN_NONE, .prefix = prefix, .role = LIMN_ROLE_OPTIMIZER};
  LIMN_TRY(limn_graph_create(&graph));
  limn_shape codes = {batch_of_codes(batch), model->latent, 1, 1};
  limn_network_apply(graph, network, limn_graph_normal(graph, codes, LIMN_STREAM_STATISTICS), mode);
  limn_status status = limn_graph_status(graph);
  if (status == LIMN_OK)
    status = limn_program_create(out, store, graph, NULL);
  limn_graph_destroy(graph);
  return status;
}

/* The average's running means and variances, and room for what they are. */
struct statistics {
  const limn_store *store;
  limn_tensor *tensors[2 * LIMN_MAX_LAYERS];
  int count;
  size_t channels; /* of all of them together */
  double *sums;    /* (channels) */
  float *values;   /* (channels) */
};

static limn_status find_statistic(void *context, const char *name, limn_role role, limn_shape shape, float mean,
                                  float deviation) {
  struct statistics *s = context;
  char leaf[LONGEST];
  (void)mean;
  (void)deviation;
  if (role != LIMN_ROLE_BUFFER)
    return LIMN_OK;
  snprintf(leaf, sizeof leaf, "ema.%s", name);
  s->tensors[s->count++] = limn_store_find(s->store, leaf);
  s->channels += (size_t)limn_shape_count(shape);
  return LIMN_OK;
}

static limn_status add_batch(struct statistics *s, limn_program *program, int index) {
  LIMN_TRY(limn_program_run(program, (uint64_t)index));
  float *values = s->values;
  for (int i = 0; i < s->count; ++i) {
    LIMN_TRY(limn_tensor_download(s->tensors[i], values));
    values += limn_shape_count(s->tensors[i]->shape);
  }
  for (size_t c = 0; c < s->channels; ++c)
    s->sums[c] += (double)s->values[c];
  return LIMN_OK;
}

static limn_status store_means(struct statistics *s, int batches) {
  for (size_t c = 0; c < s->channels; ++c)
    s->values[c] = (float)(s->sums[c] / batches);
  const float *values = s->values;
  for (int i = 0; i < s->count; ++i) {
    LIMN_TRY(limn_tensor_upload(s->tensors[i], values));
    values += limn_shape_count(s->tensors[i]->shape);
  }
  return LIMN_OK;
}

limn_status limn_average_take_statistics(limn_program *program, limn_store *store, const limn_model *model, int batch) {
  struct statistics s = {.store = store};
  int codes = batch_of_codes(batch), batches = (CODES + codes - 1) / codes;
  LIMN_TRY(limn_network_visit(limn_model_generator(model), find_statistic, &s));
  s.sums = calloc(s.channels + 1, sizeof *s.sums);
  s.values = calloc(s.channels + 1, sizeof *s.values);
  limn_status status = s.sums && s.values ? LIMN_OK : limn_fail_memory("the average's statistics");
  for (int i = 0; status == LIMN_OK && i < batches; ++i)
    status = add_batch(&s, program, i);
  if (status == LIMN_OK)
    status = store_means(&s, batches);
  free(s.sums);
  free(s.values);
  return status;
}
