#include "checkpoint/weights.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "checkpoint/average.h"
#include "checkpoint/contents.h"
#include "checkpoint/spelling.h"
#include "models/pretrained_encoder.h"

#define NAME_SIZE 192

static int set_dims(int64_t dims[4], int count, int64_t a, int64_t b, int64_t c, int64_t d) {
  dims[0] = a;
  dims[1] = b;
  dims[2] = c;
  dims[3] = d;
  return count;
}

int limn_weights_shape(limn_shape s, limn_form form, int64_t dims[4]) {
  const int64_t each = (int64_t)s.c * s.h * s.w;
  switch (form) {
  case LIMN_FORM_USUAL:
    break;
  case LIMN_FORM_KERNEL:
    return set_dims(dims, 4, s.n, s.c, s.h, s.w);
  case LIMN_FORM_VECTOR:
    return set_dims(dims, 1, s.n * each, 1, 1, 1);
  case LIMN_FORM_PICTURE:
    return set_dims(dims, 3, s.c, s.h, s.w, 1);
  case LIMN_FORM_ROWS:
    return set_dims(dims, 2, s.n, each, 1, 1);
  case LIMN_FORM_COLUMNS:
    return set_dims(dims, 2, each, s.n, 1, 1);
  }
  if (s.n == 1 && s.h == 1 && s.w == 1)
    return set_dims(dims, 1, s.c, 1, 1, 1);
  return set_dims(dims, 4, s.n, s.c, s.h, s.w);
}

/* values (rows, columns) become (columns, rows). */
static limn_status transpose(float *values, size_t rows, size_t columns) {
  float *copy = malloc(rows * columns * sizeof *copy);
  if (!copy)
    return limn_fail_memory("weights");
  memcpy(copy, values, rows * columns * sizeof *copy);
  for (size_t c = 0; c < columns; ++c)
    for (size_t r = 0; r < rows; ++r)
      values[c * rows + r] = copy[r * columns + c];
  free(copy);
  return LIMN_OK;
}

/* What follows "NETWORK." in a name; NULL: it is another network's. */
static const char *name_within(const char *network, const char *name) {
  size_t length = strlen(network);
  return strncmp(name, network, length) == 0 && name[length] == '.' ? name + length + 1 : NULL;
}

const limn_stored_tensor *limn_weights_find(const limn_weights *w, const char *name) {
  char full[NAME_SIZE], other[NAME_SIZE];
  const char *rest = w->network ? name_within(w->network, name) : NULL;
  if (rest) {
    snprintf(full, sizeof full, "%s%s", w->prefix, rest);
    name = full;
  }
  const limn_stored_tensor *stored = limn_safetensors_find(w->file, name);
  return stored ? stored : limn_safetensors_find(w->file, limn_spelling_parametrized(name, other, sizeof other));
}

static bool has_shape(const limn_stored_tensor *stored, limn_shape shape, limn_form form) {
  int64_t dims[4];
  int count = limn_weights_shape(shape, form, dims);
  bool same = count == stored->dims;
  for (int i = 0; same && i < count; ++i)
    same = dims[i] == stored->shape[i];
  return same;
}

static const char *shape_text(const int64_t *dims, int count, char *text, size_t size) {
  size_t used = 0;
  snprintf(text, size, "one number");
  for (int i = 0; i < count && used < size; ++i)
    used += (size_t)snprintf(text + used, size - used, "%s%" PRId64, i ? "x" : "", dims[i]);
  return text;
}

/* "main.0.weight is 8x32x4x4 in the file and 8x16x4x4 here" */
static void describe_shapes(const limn_stored_tensor *stored, limn_shape shape, limn_form form, char *text,
                            size_t size) {
  char there[96], here[96];
  int64_t dims[4];
  int count = limn_weights_shape(shape, form, dims);
  snprintf(text, size, "%.96s is %s in the file and %s here", stored->name,
           shape_text(stored->shape, stored->dims, there, sizeof there), shape_text(dims, count, here, sizeof here));
}

limn_status limn_weights_upload(const limn_weights *w, const limn_stored_tensor *stored, limn_tensor *tensor) {
  char shapes[320];
  if (!has_shape(stored, tensor->shape, tensor->form)) {
    describe_shapes(stored, tensor->shape, tensor->form, shapes, sizeof shapes);
    return limn_fail(LIMN_DATA, "%s: %s; give the settings that the file was trained with", w->path, shapes);
  }
  size_t count = (size_t)limn_shape_count(tensor->shape);
  float *values = malloc(count * sizeof *values);
  if (!values)
    return limn_fail_memory("weights");
  limn_status status = limn_stored_tensor_floats(stored, values);
  if (status != LIMN_OK)
    status = limn_fail(status, "%s: %s", w->path, limn_error_message());
  for (size_t i = 0; status == LIMN_OK && i < count; ++i)
    if (!isfinite(values[i]))
      status = limn_fail(LIMN_DATA, "%s: %.96s is not finite: the training that made the file had diverged", w->path,
                         stored->name);
  if (status == LIMN_OK && tensor->form == LIMN_FORM_COLUMNS)
    status = transpose(values, count / (size_t)tensor->shape.n, (size_t)tensor->shape.n);
  if (status == LIMN_OK)
    status = limn_tensor_upload(tensor, values);
  free(values);
  return status;
}

limn_status limn_weights_download(const limn_tensor *tensor, float *values) {
  const size_t rows = (size_t)tensor->shape.n, columns = (size_t)limn_shape_count(tensor->shape) / rows;
  LIMN_TRY(limn_tensor_download(tensor, values));
  return tensor->form == LIMN_FORM_COLUMNS ? transpose(values, rows, columns) : LIMN_OK;
}

/* A network held against the tensors of a prefix. */
struct comparison {
  int wanted, present;
  char problem[256]; /* the first */
};

static bool is_companion(const limn_outline *network, const char *name) {
  return network->network->companion && strcmp(network->network->companion, name) == 0;
}

static void compare_tensor(struct comparison *c, const limn_weights *w, const limn_outline_leaf *leaf,
                           const char *name) {
  const limn_stored_tensor *stored = limn_weights_find(w, leaf->name);
  ++c->wanted;
  c->present += stored != NULL;
  if (c->problem[0])
    return;
  if (!stored)
    snprintf(c->problem, sizeof c->problem, "%.96s is missing", name);
  else if (!has_shape(stored, leaf->shape, leaf->form))
    describe_shapes(stored, leaf->shape, leaf->form, c->problem, sizeof c->problem);
}

/* What PyTorch counts and inference does not need, and what belongs to the training. */
static bool is_ignored(const char *name, const limn_outline *network) {
  static const char counter[] = "num_batches_tracked";
  size_t length = strlen(name), end = sizeof counter - 1;
  return (length >= end && strcmp(name + length - end, counter) == 0) || is_companion(network, name);
}

/* Tensors under the prefix that the network does not have. */
static int count_others(struct comparison *c, const limn_weights *w, const limn_outline *network) {
  size_t length = strlen(w->prefix);
  int others = 0;
  for (size_t i = 0; i < limn_safetensors_count(w->file); ++i) {
    const char *name = limn_safetensors_at(w->file, i)->name;
    char full[NAME_SIZE], hooked[NAME_SIZE];
    if (strncmp(name, w->prefix, length) != 0 || is_ignored(name + length, network))
      continue;
    snprintf(full, sizeof full, "%s.%.120s", network->network->name,
             limn_spelling_hooked(name + length, hooked, sizeof hooked));
    if (limn_outline_find(network, full))
      continue;
    ++others;
    if (!c->problem[0])
      snprintf(c->problem, sizeof c->problem, "%.96s belongs to no layer of it", name);
  }
  return others;
}

bool limn_weights_fit(const limn_weights *weights, const limn_outline *network, limn_weights_search *search) {
  limn_weights named = *weights;
  named.network = network->network->name;
  struct comparison c = {0};
  for (int i = 0; i < network->leaf_count; ++i) {
    const char *name = name_within(named.network, network->leaves[i].name);
    if (!is_companion(network, name))
      compare_tensor(&c, &named, &network->leaves[i], name);
  }
  int score = 2 * c.present - c.wanted - count_others(&c, weights, network);
  if (!c.problem[0]) {
    ++search->found;
    return true;
  }
  if (c.present > 0 && score > search->score) {
    search->score = score;
    snprintf(search->problem, sizeof search->problem, "as the %s: %s", network->network->name, c.problem);
  }
  return false;
}

bool limn_weights_next_prefix(limn_weights *weights, const char *name, size_t *at) {
  size_t length = strlen(name);
  while (*at < limn_safetensors_count(weights->file)) {
    char hooked[NAME_SIZE];
    const char *stored = limn_spelling_hooked(limn_safetensors_at(weights->file, (*at)++)->name, hooked, sizeof hooked);
    size_t all = strlen(stored), before = all >= length ? all - length : 0;
    if (all < length || before >= sizeof weights->prefix || strcmp(stored + before, name) != 0 ||
        (before > 0 && stored[before - 1] != '.'))
      continue;
    snprintf(weights->prefix, sizeof weights->prefix, "%.*s", (int)before, stored);
    return true;
  }
  return false;
}

/* An export says which network it is. */
static bool is_of_another(const limn_safetensors *file, const limn_network *network) {
  const char *said = limn_safetensors_metadata(file, "network");
  if (said && strcmp(said, "ema") == 0) /* of what makes pictures */
    return !network->reads_codes;
  return said && strcmp(said, network->name) != 0;
}

void limn_weights_locate(limn_weights *weights, const limn_outline *network, limn_weights_search *search) {
  const char *name = network->network->name;
  char own[96];
  size_t at = 0;
  search->found = 0;
  if (is_of_another(weights->file, network->network))
    return;
  snprintf(own, sizeof own, "%s.", name);
  for (size_t i = 0; i < limn_safetensors_count(weights->file); ++i)
    if (strncmp(limn_safetensors_at(weights->file, i)->name, own, strlen(own)) == 0) {
      weights->network = NULL;
      search->found = 1;
      return;
    }
  const char *format = limn_safetensors_metadata(weights->file, "format");
  if (format && strcmp(format, "limn") == 0) /* a checkpoint has no other names */
    return;
  limn_weights candidate = *weights;
  while (limn_weights_next_prefix(&candidate, name_within(name, network->leaves[0].name), &at))
    if (limn_weights_fit(&candidate, network, search)) {
      *weights = candidate;
      weights->network = name;
    }
}

/* Whether the network that the file is of read the tensor frozen, from elsewhere. */
static bool is_published(const limn_safetensors *file, const char *name) {
  return limn_safetensors_metadata(file, LIMN_CHECKPOINT_FROZEN) &&
         strncmp(name, LIMN_PRETRAINED ".", sizeof LIMN_PRETRAINED) == 0;
}

limn_status limn_weights_load(const limn_weights *weights, const limn_outline *network, limn_store *store) {
  for (int i = 0; i < network->leaf_count; ++i) {
    const char *name = network->leaves[i].name;
    const limn_stored_tensor *stored = limn_weights_find(weights, name);
    limn_tensor *average = limn_average_find(store, name);
    if (!stored && is_companion(network, name_within(network->network->name, name)))
      continue;
    if (!stored && is_published(weights->file, name)) /* the store has it already */
      continue;
    if (!stored)
      return limn_fail(LIMN_DATA, "--init %s: the network is not whole: %s is missing", weights->path, name);
    LIMN_TRY(limn_weights_upload(weights, stored, limn_store_find(store, name)));
    if (average)
      LIMN_TRY(limn_weights_upload(weights, stored, average));
  }
  return LIMN_OK;
}
