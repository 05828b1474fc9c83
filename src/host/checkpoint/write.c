/* Writing checkpoints. */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/contents.h"
#include "formats/safetensors.h"

#define VALUE_SIZE  256
#define MOST_PAIRS  160
#define HEADER_ROOM 4096 /* of the metadata, and */
#define TENSOR_ROOM 256  /* of a tensor's entry in the header */

/* Metadata as NULL-terminated pairs; the texts lie in `texts`. */
struct metadata {
  const char *pairs[2 * MOST_PAIRS + 1];
  char texts[MOST_PAIRS][VALUE_SIZE];
  int count;
};

/* The text is borrowed, of any length. */
static void add_long_pair(struct metadata *m, const char *key, const char *text) {
  if (m->count == MOST_PAIRS)
    return;
  m->pairs[2 * m->count] = key;
  m->pairs[2 * m->count + 1] = text;
  m->pairs[2 * ++m->count] = NULL;
}

__attribute__((format(printf, 3, 4))) static void add_pair(struct metadata *m, const char *key, const char *format,
                                                           ...) {
  if (m->count == MOST_PAIRS)
    return;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(m->texts[m->count], VALUE_SIZE, format, arguments);
  va_end(arguments);
  add_long_pair(m, key, m->texts[m->count]);
}

static void describe(struct metadata *m, const limn_config *config, const limn_progress_state *state) {
  char value[VALUE_SIZE];
  add_pair(m, "format", "limn");
  add_pair(m, "version", "%s", limn_version());
  add_pair(m, "model", "%s", limn_config_model(config));
  add_pair(m, "step", "%" PRIu64, state->step);
  if (state->best_step) {
    add_pair(m, "best_step", "%" PRIu64, state->best_step);
    add_pair(m, "best_objective", "%s", limn_text_from_double(state->best_objective, 17, value, sizeof value));
    if (state->best_by[0])
      add_pair(m, "best_by", "%s", state->best_by);
    add_pair(m, "validations_since_best", "%" PRIu64, state->worse);
  }
  if (state->pending)
    add_pair(m, "pending", "1");
  if (state->frozen[0])
    add_pair(m, LIMN_CHECKPOINT_FROZEN, "%s", state->frozen);
  for (size_t i = 0; i < limn_setting_count(); ++i) {
    const limn_setting *setting = limn_setting_at(i);
    if (limn_checkpoint_describes(setting, config))
      add_pair(m, setting->name, "%s", limn_config_get(config, setting->name, value, sizeof value));
  }
}

static bool is_finite(const float *data, size_t count) {
  for (size_t i = 0; i < count; ++i)
    if (!isfinite(data[i]))
      return false;
  return true;
}

/* The tensors of a checkpoint, by their index in the file. */
struct kept {
  const limn_tensor **tensors;
  limn_tensor_to_store *entries;
  size_t count;
};

static limn_status read_kept(void *context, size_t index, float *data) {
  const struct kept *kept = context;
  const limn_tensor *tensor = kept->tensors[index];
  LIMN_TRY(limn_weights_download(tensor, data));
  if (!is_finite(data, (size_t)limn_shape_count(tensor->shape)))
    return limn_fail(LIMN_DIVERGED, "%s is not finite", kept->entries[index].name);
  return LIMN_OK;
}

uint64_t limn_checkpoint_bytes(const limn_store *store) {
  uint64_t bytes = HEADER_ROOM;
  for (size_t i = 0; i < limn_store_count(store); ++i) {
    const char *name;
    const limn_tensor *tensor = limn_store_at(store, i, &name);
    if (limn_checkpoint_keeps(tensor))
      bytes += TENSOR_ROOM + sizeof(float) * (uint64_t)limn_shape_count(tensor->shape);
  }
  return bytes;
}

limn_status limn_checkpoint_save(limn_store *store, const limn_config *config, const limn_progress_state *state,
                                 const char *path) {
  const limn_device *device = limn_store_device(store);
  size_t count = limn_store_count(store);
  struct kept kept = {.tensors = calloc(count + 1, sizeof(limn_tensor *)),
                      .entries = calloc(count + 1, sizeof *kept.entries)};
  struct metadata *metadata = calloc(1, sizeof *metadata);
  char *engines = NULL;
  limn_status status = kept.tensors && kept.entries && metadata ? LIMN_OK : limn_fail_memory("a checkpoint");
  for (size_t i = 0; status == LIMN_OK && i < count; ++i) {
    const char *name;
    const limn_tensor *tensor = limn_store_at(store, i, &name);
    if (!limn_checkpoint_keeps(tensor))
      continue;
    limn_tensor_to_store *entry = &kept.entries[kept.count];
    entry->name = name;
    entry->dims = limn_weights_shape(tensor->shape, tensor->form, entry->shape);
    kept.tensors[kept.count++] = tensor;
  }
  if (status == LIMN_OK && device->ops->engines)
    status = device->ops->engines(device, &engines);
  if (status == LIMN_OK) {
    describe(metadata, config, state);
    if (state->watch[0])
      add_long_pair(metadata, LIMN_CHECKPOINT_WATCH, state->watch);
    if (state->ending[0])
      add_pair(metadata, LIMN_CHECKPOINT_ENDING, "%s", state->ending);
    if (state->settled)
      add_pair(metadata, LIMN_CHECKPOINT_STATISTICS, "anew");
    if (engines)
      add_long_pair(metadata, LIMN_CHECKPOINT_ENGINES, engines);
    status = limn_safetensors_write_from(path, kept.entries, kept.count, metadata->pairs, read_kept, &kept);
  }
  free(kept.tensors);
  free(kept.entries);
  free(metadata);
  free(engines);
  return status;
}
