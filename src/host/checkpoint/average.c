#include "checkpoint/average.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/philox.h"
#include "models/outline.h"

#define CODES         1280 /* that statistics are taken from, in whole batches */
#define FEWEST        32   /* codes a batch: fewer know too little of how pictures differ */
#define MOST          64
#define LONGEST       192 /* name of a leaf */
#define FIRST_DECAY   10  /* of the average's warming up: (1 + t) / (10 + t) */
#define SHORTEST_LIFE 1e-8

/* Codes a batch: as many as the training has pictures, within bounds. */
static int batch_of_codes(int batch) { return batch < FEWEST ? FEWEST : batch > MOST ? MOST : batch; }

float limn_average_rate(double ema, uint64_t t) {
  double decay = (1 + (double)t) / (FIRST_DECAY + (double)t);
  return (float)(1 - (decay < ema ? decay : ema));
}

float limn_average_rate_of_half_life(double pictures, int batch) {
  return (float)-expm1(-log(2) * batch / fmax(pictures, SHORTEST_LIFE));
}

static const char *average_name(const char *name, char buffer[LONGEST]) {
  snprintf(buffer, LONGEST, LIMN_AVERAGE "%s", name);
  return buffer;
}

limn_tensor *limn_average_find(const limn_store *store, const char *name) {
  char buffer[LONGEST];
  return limn_store_find(store, average_name(name, buffer));
}

/* A step down 1/2 |average - w|^2, whose gradient is -w and a decay of 1: optimisers take all tensors in one launch. */
static void add_update(limn_graph *graph, const limn_outline_leaf *leaf, limn_optimizer_inputs inputs) {
  char buffer[LONGEST];
  inputs.gradient = limn_graph_leaf(graph, leaf->role, leaf->name, leaf->shape);
  limn_value kept = limn_graph_leaf(graph, LIMN_ROLE_OPTIMIZER, average_name(leaf->name, buffer), leaf->shape);
  limn_graph_set_form(graph, kept, leaf->form);
  limn_graph_sgd(graph, kept, LIMN_NONE, inputs, 0, 1);
}

limn_status limn_average_add_update(limn_graph *graph, const limn_model *model, limn_value gate) {
  limn_outline outline;
  const limn_optimizer_inputs inputs = {
      .hyper = limn_graph_leaf(graph, LIMN_ROLE_INPUT, LIMN_AVERAGE_RATE, LIMN_CHANNELS(4)),
      .scale = limn_graph_fill(graph, LIMN_SCALAR, -1),
      .gate = gate};
  LIMN_TRY(limn_outline_take(&outline, model, model->row->generator));
  for (int i = 0; i < outline.leaf_count; ++i)
    if (outline.leaves[i].role == LIMN_ROLE_PARAMETER)
      add_update(graph, &outline.leaves[i], inputs);
  limn_outline_release(&outline);
  return limn_graph_status(graph);
}

limn_status limn_average_create_program(limn_program **out, limn_store *store, const limn_model *model, int batch) {
  limn_graph *graph = NULL;
  /* Training mode with momentum 1: a run leaves the statistics of its own batch in the running ones. */
  const limn_network_mode mode = {.training = true, .average = true, .momentum = 1, .gate = LIMN_NONE};
  LIMN_TRY(limn_graph_create(&graph));
  limn_shape codes = limn_model_input(model, model->row->generator, batch_of_codes(batch));
  limn_model_generate(graph, model, limn_graph_normal(graph, codes, LIMN_STREAM_STATISTICS), mode);
  limn_status status = limn_graph_status(graph);
  if (status == LIMN_OK)
    status = limn_program_create(out, store, graph, NULL);
  limn_graph_destroy(graph);
  return status;
}

/* The average's running means and variances, and room for what they are. */
struct statistics {
  limn_tensor **tensors;
  int count;
  size_t channels; /* of all of them together */
  double *sums;    /* (channels) */
  float *values;   /* (channels) */
};

/* LIMN_FAILED, with what there is to be freed, when memory runs out. */
static limn_status find_statistics(struct statistics *s, const limn_store *store, const limn_outline *generator) {
  s->tensors = calloc((size_t)generator->leaf_count, sizeof(limn_tensor *));
  for (int i = 0; s->tensors && i < generator->leaf_count; ++i) {
    const limn_outline_leaf *leaf = &generator->leaves[i];
    if (leaf->role != LIMN_ROLE_BUFFER)
      continue;
    s->tensors[s->count++] = limn_average_find(store, leaf->name);
    s->channels += (size_t)limn_shape_count(leaf->shape);
  }
  s->sums = calloc(s->channels + 1, sizeof *s->sums);
  s->values = calloc(s->channels + 1, sizeof *s->values);
  return s->tensors && s->sums && s->values ? LIMN_OK : limn_fail_memory("the average's statistics");
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

int limn_average_batches(int batch) { return (CODES + batch_of_codes(batch) - 1) / batch_of_codes(batch); }

limn_status limn_average_take_statistics(limn_program *program, limn_store *store, const limn_model *model, int batch) {
  struct statistics s = {0};
  limn_outline generator;
  const int batches = limn_average_batches(batch);
  LIMN_TRY(limn_outline_take(&generator, model, model->row->generator));
  limn_status status = find_statistics(&s, store, &generator);
  limn_outline_release(&generator);
  for (int i = 0; status == LIMN_OK && i < batches; ++i)
    status = add_batch(&s, program, i);
  if (status == LIMN_OK)
    status = store_means(&s, batches);
  free(s.tensors);
  free(s.sums);
  free(s.values);
  return status;
}
