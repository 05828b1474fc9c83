#include "checkpoint/pretrained.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define NAME_SIZE (2 * LIMN_FROZEN_NAME)

/* How a file calls the tensors that a layer is made of. */
typedef enum naming {
  NAMING_TORCH, /* NAME.weight; NORM.weight, .bias, .running_mean, .running_var */
  NAMING_OTHER, /* OTHER.weight; OTHER.beta, .mean, .var, and gamma is 1 */
} naming;

/* What a layer is made of. Those that it has not are NULL. */
typedef struct parts {
  const limn_stored_tensor *weight, *bias, *gamma, *beta, *mean, *variance;
} parts;

/* A network as it stands in a file. */
typedef struct candidate {
  const limn_safetensors *file;
  const limn_frozen_layer *layers;
  int layer_count;
  naming naming;
  char prefix[NAME_SIZE];
  int present;       /* tensors of the network that are there */
  int missing;       /* and that are not, or have another shape */
  char problem[320]; /* the first; "": there is none */
} candidate;

static const limn_stored_tensor *find(const candidate *c, const char *layer, const char *what) {
  char name[2 * NAME_SIZE];
  snprintf(name, sizeof name, "%s%s.%s", c->prefix, layer, what);
  return limn_safetensors_find(c->file, name);
}

/* The layer's own name in the file. */
static const char *name_of(const candidate *c, const limn_frozen_layer *layer) {
  return c->naming == NAMING_OTHER ? layer->other : layer->name;
}

static parts find_parts(const candidate *c, const limn_frozen_layer *layer) {
  const char *name = name_of(c, layer), *norm = layer->norm;
  parts p = {.weight = find(c, name, "weight"), .bias = layer->biased ? find(c, name, "bias") : NULL};
  if (!norm[0])
    return p;
  if (c->naming == NAMING_OTHER) {
    p.beta = find(c, name, "beta");
    p.mean = find(c, name, "mean");
    p.variance = find(c, name, "var");
  } else {
    p.gamma = find(c, norm, "weight");
    p.beta = find(c, norm, "bias");
    p.mean = find(c, norm, "running_mean");
    p.variance = find(c, norm, "running_var");
  }
  return p;
}

static const char *shape_text(const int64_t *dims, int count, char *text, size_t size) {
  size_t used = 0;
  snprintf(text, size, "one number");
  for (int i = 0; i < count && used < size; ++i)
    used += (size_t)snprintf(text + used, size - used, "%s%" PRId64, i ? "x" : "", dims[i]);
  return text;
}

static void check_tensor(candidate *c, const limn_stored_tensor *stored, const char *layer, const char *what,
                         const int64_t *dims, int count) {
  char here[96], there[96];
  bool same = stored && stored->dims == count;
  for (int i = 0; same && i < count; ++i)
    same = stored->shape[i] == dims[i];
  ++*(same ? &c->present : &c->missing);
  if (same || c->problem[0])
    return;
  if (!stored)
    snprintf(c->problem, sizeof c->problem, "%.32s%.96s.%s is missing", c->prefix, layer, what);
  else
    snprintf(c->problem, sizeof c->problem, "%.96s is %s and not %s", stored->name,
             shape_text(stored->shape, stored->dims, there, sizeof there), shape_text(dims, count, here, sizeof here));
}

static void check_layer(candidate *c, const limn_frozen_layer *layer) {
  const limn_shape s = layer->shape;
  const int64_t all[4] = {s.n, s.c, s.h, s.w}, rows[2] = {s.n, (int64_t)s.c * s.h * s.w};
  const char *name = name_of(c, layer);
  const bool other = c->naming == NAMING_OTHER;
  const char *norm = other ? name : layer->norm;
  const parts p = find_parts(c, layer);
  check_tensor(c, p.weight, name, "weight", layer->dense ? rows : all, layer->dense ? 2 : 4);
  if (layer->biased)
    check_tensor(c, p.bias, name, "bias", all, 1);
  if (!layer->norm[0])
    return;
  if (!other)
    check_tensor(c, p.gamma, norm, "weight", all, 1);
  check_tensor(c, p.beta, norm, other ? "beta" : "bias", all, 1);
  check_tensor(c, p.mean, norm, other ? "mean" : "running_mean", all, 1);
  check_tensor(c, p.variance, norm, other ? "var" : "running_var", all, 1);
}

static bool ends_in(const char *text, const char *end) {
  const size_t length = strlen(text), of_end = strlen(end);
  return length >= of_end && strcmp(text + length - of_end, end) == 0;
}

/* Whether one of the layers is made of it. */
static bool is_used(const candidate *c, const limn_stored_tensor *stored) {
  for (int i = 0; i < c->layer_count; ++i) {
    const parts p = find_parts(c, &c->layers[i]);
    if (stored == p.weight || stored == p.bias || stored == p.gamma || stored == p.beta || stored == p.mean ||
        stored == p.variance)
      return true;
  }
  return false;
}

/* What PyTorch counts, and what only the training of Inception's needs. */
static bool is_ignored(const candidate *c, const char *name) {
  return ends_in(name, "num_batches_tracked") || strncmp(name + strlen(c->prefix), "AuxLogits.", 10) == 0;
}

/* A tensor that the network has not, where there are more than it has: the file is another network's. */
static void check_others(candidate *c) {
  const size_t length = strlen(c->prefix);
  int under = 0;
  for (size_t i = 0; i < limn_safetensors_count(c->file); ++i) {
    const char *name = limn_safetensors_at(c->file, i)->name;
    under += strncmp(name, c->prefix, length) == 0 && !is_ignored(c, name);
  }
  if (c->problem[0] || under == c->present)
    return;
  for (size_t i = 0; i < limn_safetensors_count(c->file) && !c->problem[0]; ++i) {
    const limn_stored_tensor *stored = limn_safetensors_at(c->file, i);
    if (strncmp(stored->name, c->prefix, length) == 0 && !is_ignored(c, stored->name) && !is_used(c, stored))
      snprintf(c->problem, sizeof c->problem, "%.96s belongs to no layer of it", stored->name);
  }
}

static void check_candidate(candidate *c) {
  c->present = c->missing = 0;
  c->problem[0] = '\0';
  for (int i = 0; i < c->layer_count; ++i)
    check_layer(c, &c->layers[i]);
  check_others(c);
}

/* The next prefix, from tensor *at on, behind which the file has NAME.weight. */
static bool next_prefix(candidate *c, const char *name, size_t *at) {
  char wanted[NAME_SIZE];
  const size_t length = (size_t)snprintf(wanted, sizeof wanted, "%s.weight", name);
  while (*at < limn_safetensors_count(c->file)) {
    const char *stored = limn_safetensors_at(c->file, (*at)++)->name;
    const size_t all = strlen(stored);
    if (all < length || all - length >= sizeof c->prefix || strcmp(stored + all - length, wanted) != 0 ||
        (all > length && stored[all - length - 1] != '.'))
      continue;
    snprintf(c->prefix, sizeof c->prefix, "%.*s", (int)(all - length), stored);
    return true;
  }
  return false;
}

/* Where the network may stand: the first place where it is whole, else the one that is nearest. c has file and layers.
 */
static void locate(candidate *c) {
  candidate best = *c;
  const limn_frozen_layer *first = &c->layers[0];
  best.missing = INT32_MAX;
  snprintf(best.problem, sizeof best.problem, "%.96s.weight is missing", first->name);
  for (naming n = NAMING_TORCH; n <= NAMING_OTHER; ++n) {
    c->naming = n;
    if (n == NAMING_OTHER && !first->other[0])
      continue;
    for (size_t at = 0; next_prefix(c, name_of(c, first), &at);) {
      check_candidate(c);
      if (!c->problem[0])
        return;
      if (c->missing < best.missing)
        best = *c;
    }
  }
  *c = best;
}

static limn_status read_floats(const limn_stored_tensor *stored, size_t count, const char *path, float **out) {
  *out = NULL;
  if (!stored)
    return LIMN_OK;
  *out = malloc(count * sizeof **out);
  if (!*out)
    return limn_fail_memory("weights");
  limn_status status = limn_stored_tensor_floats(stored, *out);
  return status == LIMN_OK ? LIMN_OK : limn_fail(status, "%s: %s", path, limn_error_message());
}

/* The numbers of a layer. */
typedef struct numbers {
  float *weight, *bias, *gamma, *beta, *mean, *variance;
} numbers;

static void release_numbers(numbers *n) {
  free(n->weight);
  free(n->bias);
  free(n->gamma);
  free(n->beta);
  free(n->mean);
  free(n->variance);
}

static limn_status read_numbers(const candidate *c, const limn_frozen_layer *layer, const char *path, numbers *n) {
  const parts p = find_parts(c, layer);
  const size_t channels = (size_t)layer->shape.n;
  LIMN_TRY(read_floats(p.weight, (size_t)limn_shape_count(layer->shape), path, &n->weight));
  LIMN_TRY(read_floats(p.bias, channels, path, &n->bias));
  LIMN_TRY(read_floats(p.gamma, channels, path, &n->gamma));
  LIMN_TRY(read_floats(p.beta, channels, path, &n->beta));
  LIMN_TRY(read_floats(p.mean, channels, path, &n->mean));
  return read_floats(p.variance, channels, path, &n->variance);
}

/* gamma (w x + b - mean) / sqrt(variance + eps) + beta, as weights and bias of a convolution alone. */
static limn_status fold(const limn_frozen_layer *layer, numbers *n) {
  const size_t channels = (size_t)layer->shape.n, each = (size_t)limn_shape_count(layer->shape) / channels;
  if (!n->bias)
    n->bias = calloc(channels, sizeof *n->bias);
  if (!n->bias)
    return limn_fail_memory("weights");
  for (size_t o = 0; o < channels; ++o) {
    const double scale = (n->gamma ? (double)n->gamma[o] : 1) / sqrt((double)n->variance[o] + (double)layer->eps);
    for (size_t i = 0; i < each; ++i)
      n->weight[o * each + i] = (float)(scale * (double)n->weight[o * each + i]);
    n->bias[o] = (float)((double)n->beta[o] + scale * ((double)n->bias[o] - (double)n->mean[o]));
  }
  return LIMN_OK;
}

static bool all_finite(const float *values, size_t count) {
  for (size_t i = 0; values && i < count; ++i)
    if (!isfinite(values[i]))
      return false;
  return true;
}

static limn_status load_layer(const candidate *c, const limn_frozen_layer *layer, limn_store *store, const char *path) {
  limn_tensor *weight = limn_store_find(store, layer->weight), *bias = limn_store_find(store, layer->bias);
  numbers n = {0};
  if (!weight) /* the graph ends before it */
    return LIMN_OK;
  limn_status status = read_numbers(c, layer, path, &n);
  if (status == LIMN_OK && n.weight && n.beta && n.mean && n.variance)
    status = fold(layer, &n);
  if (status == LIMN_OK &&
      (!all_finite(n.weight, (size_t)limn_shape_count(layer->shape)) || !all_finite(n.bias, (size_t)layer->shape.n)))
    status = limn_fail(LIMN_DATA, "%s: the weights of %s are not finite", path, name_of(c, layer));
  if (status == LIMN_OK)
    status = limn_tensor_upload(weight, n.weight);
  if (status == LIMN_OK && bias)
    status = limn_tensor_upload(bias, n.bias);
  release_numbers(&n);
  return status;
}

static limn_status candidate_of(candidate *c, limn_frozen_layer **layers, const limn_feature_network *network,
                                const char *prefix, const limn_safetensors *file) {
  int count;
  LIMN_TRY(limn_features_layers(network, prefix, layers, &count));
  *c = (candidate){.file = file, .layers = *layers, .layer_count = count};
  locate(c);
  return LIMN_OK;
}

static limn_status refuse(const candidate *c, const limn_feature_network *network, const char *path) {
  return limn_fail(LIMN_DATA, "%s: not the weights of %s: %s", path, network->name, c->problem);
}

limn_status limn_pretrained_load(limn_store *store, const limn_feature_network *network, const char *prefix,
                                 const limn_safetensors *file, const char *path) {
  candidate c;
  limn_frozen_layer *layers = NULL;
  LIMN_TRY(candidate_of(&c, &layers, network, prefix, file));
  limn_status status = c.problem[0] ? refuse(&c, network, path) : LIMN_OK;
  for (int i = 0; status == LIMN_OK && i < c.layer_count; ++i)
    status = load_layer(&c, &layers[i], store, path);
  free(layers);
  return status;
}

limn_status limn_pretrained_check(const limn_feature_network *network, const limn_safetensors *file, const char *path) {
  candidate c;
  limn_frozen_layer *layers = NULL;
  LIMN_TRY(candidate_of(&c, &layers, network, "features", file));
  free(layers);
  return c.problem[0] ? refuse(&c, network, path) : LIMN_OK;
}

limn_status limn_pretrained_recognise(const limn_feature_network **out, const limn_safetensors *file,
                                      const char *path) {
  double nearest = 0;
  char problem[320] = "", name[64] = "";
  *out = NULL;
  for (int i = 0; i < limn_feature_network_count(); ++i) {
    const limn_feature_network *network = limn_feature_network_at(i);
    limn_frozen_layer *layers = NULL;
    candidate c;
    LIMN_TRY(candidate_of(&c, &layers, network, "features", file));
    free(layers);
    if (!c.problem[0]) {
      *out = network;
      return LIMN_OK;
    }
    const double share = (double)c.present / ((double)c.present + (double)c.missing);
    if (share > nearest) {
      nearest = share;
      snprintf(problem, sizeof problem, "%s", c.problem);
      snprintf(name, sizeof name, "%s", network->name);
    }
  }
  if (nearest > 0)
    return limn_fail(LIMN_DATA, "%s: not the weights of %s, which it is most like: %s", path, name, problem);
  return limn_fail(LIMN_DATA, "%s: the weights of no pretrained network that Limn knows; limn features lists them",
                   path);
}
