#include "train/checkpoint.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/text.h"
#include "formats/safetensors.h"
#include "run/run.h"
#include "train/average.h"

#define VALUE_SIZE  256
#define MOST_PAIRS  160
#define HEADER_ROOM 4096 /* of the metadata, and */
#define TENSOR_ROOM 256  /* of a tensor's entry in the header */
#define ENGINES     "engines"
#define STATISTICS  "ema_statistics"

/* What the numbers follow from: not how long, where and on what a run ran. */
static bool is_described(const limn_setting *setting, const limn_config *config) {
  return (setting->models >> config->model & 1) && setting->resume == LIMN_RESUME_FIXED &&
         strcmp(setting->type, "path") != 0;
}

static bool is_kept(const limn_tensor *tensor) {
  return tensor->role == LIMN_ROLE_PARAMETER || tensor->role == LIMN_ROLE_BUFFER || tensor->role == LIMN_ROLE_OPTIMIZER;
}

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
    add_pair(m, "validations_since_best", "%" PRIu64, state->worse);
  }
  if (state->pending)
    add_pair(m, "pending", "1");
  for (size_t i = 0; i < limn_setting_count(); ++i) {
    const limn_setting *setting = limn_setting_at(i);
    if (is_described(setting, config))
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
  LIMN_TRY(limn_tensor_download(tensor, data));
  if (!is_finite(data, (size_t)limn_shape_count(tensor->shape)))
    return limn_fail(LIMN_DIVERGED, "%s is not finite", kept->entries[index].name);
  return LIMN_OK;
}

uint64_t limn_checkpoint_bytes(const limn_session *s) {
  uint64_t bytes = HEADER_ROOM;
  for (size_t i = 0; i < limn_store_count(s->store); ++i) {
    const char *name;
    const limn_tensor *tensor = limn_store_at(s->store, i, &name);
    if (is_kept(tensor))
      bytes += TENSOR_ROOM + sizeof(float) * (uint64_t)limn_shape_count(tensor->shape);
  }
  return bytes;
}

limn_status limn_checkpoint_save(limn_session *s, const limn_progress_state *state, const char *path) {
  LIMN_TRY(limn_session_settle_average(s));
  size_t count = limn_store_count(s->store);
  struct kept kept = {.tensors = calloc(count + 1, sizeof(limn_tensor *)),
                      .entries = calloc(count + 1, sizeof *kept.entries)};
  struct metadata *metadata = calloc(1, sizeof *metadata);
  char *engines = NULL;
  limn_status status = kept.tensors && kept.entries && metadata ? LIMN_OK : limn_fail_memory("a checkpoint");
  for (size_t i = 0; status == LIMN_OK && i < count; ++i) {
    const char *name;
    const limn_tensor *tensor = limn_store_at(s->store, i, &name);
    if (!is_kept(tensor))
      continue;
    limn_tensor_to_store *entry = &kept.entries[kept.count];
    entry->name = name;
    entry->dims = limn_weights_shape(tensor->shape, entry->shape);
    kept.tensors[kept.count++] = tensor;
  }
  if (status == LIMN_OK && s->device->ops->engines)
    status = s->device->ops->engines(s->device, &engines);
  if (status == LIMN_OK) {
    describe(metadata, s->config, state);
    if (s->statistics)
      add_pair(metadata, STATISTICS, "anew");
    if (engines)
      add_long_pair(metadata, ENGINES, engines);
    status = limn_safetensors_write_from(path, kept.entries, kept.count, metadata->pairs, read_kept, &kept);
  }
  free(kept.tensors);
  free(kept.entries);
  free(metadata);
  free(engines);
  return status;
}

limn_status limn_checkpoint_fill_store(limn_store *store, const limn_weights *weights) {
  for (size_t i = 0; i < limn_store_count(store); ++i) {
    const char *name;
    limn_tensor *tensor = limn_store_at(store, i, &name);
    if (!is_kept(tensor))
      continue;
    const limn_stored_tensor *stored = limn_weights_find(weights, name);
    if (!stored)
      return limn_fail(LIMN_DATA, "%s: the tensor %s is missing; is it a checkpoint of this run's kind?", weights->path,
                       name);
    LIMN_TRY(limn_weights_upload(weights, stored, tensor));
  }
  return LIMN_OK;
}

bool limn_checkpoint_is_settled(const limn_safetensors *file) {
  return limn_safetensors_metadata(file, STATISTICS) != NULL;
}

limn_status limn_checkpoint_fill_average(limn_store *store, const limn_model *model, int batch,
                                         const limn_weights *weights) {
  limn_program *program = NULL;
  limn_status status = LIMN_OK;
  if (!limn_checkpoint_is_settled(weights->file)) /* first the program: it brings the leaves */
    status = limn_average_create_program(&program, store, model, batch);
  if (status == LIMN_OK)
    status = limn_checkpoint_fill_store(store, weights);
  if (status == LIMN_OK && program)
    status = limn_average_take_statistics(program, store, model, batch);
  limn_program_destroy(program);
  return status;
}

static uint64_t read_number(const limn_safetensors *file, const char *key) {
  const char *text = limn_safetensors_metadata(file, key);
  return text ? strtoull(text, NULL, 10) : 0;
}

limn_status limn_checkpoint_load(limn_session *s, limn_progress_state *state, const char *path) {
  limn_safetensors *file = NULL;
  limn_status status = limn_safetensors_open(&file, path);
  if (status == LIMN_DATA)
    return limn_fail(status, "%s; remove it to go on from the checkpoint before", limn_error_message());
  LIMN_TRY(status);
  status = limn_checkpoint_fill_store(s->store, &(limn_weights){.file = file, .path = path});
  s->settled = limn_checkpoint_is_settled(file);
  const char *objective = limn_safetensors_metadata(file, "best_objective");
  *state = (limn_progress_state){.step = read_number(file, "step"),
                                 .best_step = read_number(file, "best_step"),
                                 .worse = read_number(file, "validations_since_best"),
                                 .pending = read_number(file, "pending") != 0};
  if (status == LIMN_OK && !limn_safetensors_metadata(file, "step"))
    status = limn_fail(LIMN_DATA, "%s does not say which step it is of; is it a checkpoint of Limn's?", path);
  if (objective && !limn_text_to_double(objective, &state->best_objective))
    state->best_step = 0; /* as if there had been no validation yet */
  limn_safetensors_close(file);
  return status;
}

char *limn_checkpoint_engines(const char *path) {
  limn_safetensors *file = NULL;
  if (limn_safetensors_open(&file, path) != LIMN_OK)
    return NULL;
  const char *text = limn_safetensors_metadata(file, ENGINES);
  char *engines = text ? strdup(text) : NULL;
  limn_safetensors_close(file);
  return engines;
}

/* The settings that would fit, where the file says them. */
static const char *advise(const limn_safetensors *file, char *text, size_t size) {
  const char *side = limn_safetensors_metadata(file, "size"), *channels = limn_safetensors_metadata(file, "channels"),
             *filters = limn_safetensors_metadata(file, "filters"), *latent = limn_safetensors_metadata(file, "latent");
  if (side && channels && filters && latent)
    snprintf(text, size, "it was trained with --size %.16s --channels %.16s --filters %.16s --latent %.16s", side,
             channels, filters, latent);
  else
    snprintf(text, size, "give the settings that the file was trained with");
  return text;
}

/* One network of the session, where the file has it. */
static limn_status load_network(limn_session *s, const limn_outline *network, const limn_safetensors *file,
                                const char *path, limn_weights_search *search) {
  limn_weights weights = {.file = file, .path = path};
  limn_weights_locate(&weights, network, search);
  if (search->found > 1)
    return limn_fail(LIMN_DATA, "--init %s: %d networks in it could be the %s; save the one that is meant alone", path,
                     search->found, network->network->name);
  return search->found == 1 ? limn_weights_load(&weights, network, s->store) : LIMN_OK;
}

static limn_status load_weights(limn_session *s, const limn_safetensors *file, const char *path) {
  limn_weights_search search = {.score = INT_MIN};
  const limn_network *networks = s->model.row->networks;
  int loaded = 0;
  for (int i = 0; i < 2; ++i) {
    limn_outline outline;
    LIMN_TRY(limn_outline_take(&outline, &s->model, i));
    limn_status status = load_network(s, &outline, file, path, &search);
    limn_outline_release(&outline);
    LIMN_TRY(status);
    loaded += search.found;
  }
  const char *model = limn_safetensors_metadata(file, "model"), *held = limn_safetensors_metadata(file, "network");
  if (!loaded && model && held && !search.problem[0])
    return limn_fail(LIMN_DATA, "--init %s: it holds the %.32s of a %.32s, and a %s has the networks %s and %s", path,
                     held, model, limn_config_model(s->config), networks[0].name, networks[1].name);
  char advice[160];
  if (!loaded && search.problem[0])
    return limn_fail(LIMN_DATA, "--init %s: %s; %s", path, search.problem, advise(file, advice, sizeof advice));
  if (!loaded)
    return limn_fail(LIMN_DATA, "--init %s: no tensor of the %s or the %s of a %s is in it", path, networks[0].name,
                     networks[1].name, limn_config_model(s->config));
  return LIMN_OK;
}

limn_status limn_checkpoint_load_weights(limn_session *s, const char *path) {
  limn_safetensors *file = NULL;
  LIMN_TRY(limn_safetensors_open(&file, path));
  limn_status status = load_weights(s, file, path);
  limn_safetensors_close(file);
  return status;
}

limn_status limn_checkpoint_open(limn_safetensors **out, const char *path, char *file, size_t size) {
  struct stat info;
  limn_run *run = NULL;
  uint64_t step, before;
  if (stat(path, &info) != 0)
    return limn_fail(LIMN_DATA, "%s does not exist; name a run folder or a checkpoint file", path);
  if (!S_ISDIR(info.st_mode)) {
    if (limn_safetensors_follow(path, file, size) == path)
      snprintf(file, size, "%s", path);
    return limn_safetensors_open(out, file);
  }
  LIMN_TRY(limn_run_open(&run, path));
  limn_status status = limn_run_marked(run, "latest", &step);
  bool found = status == LIMN_OK;
  while (found) {
    before = step;
    status = limn_safetensors_open(out, limn_run_checkpoint_path(run, step, file, size));
    /* A run that trains may have put a newer one in its place and deleted it. */
    found = status != LIMN_OK && limn_run_marked(run, "latest", &step) == LIMN_OK && step != before;
  }
  limn_run_close(run);
  return status;
}

static limn_status set_described(limn_config *config, const limn_safetensors *file) {
  for (size_t i = 0; i < limn_setting_count(); ++i) {
    const limn_setting *setting = limn_setting_at(i);
    const char *value = limn_safetensors_metadata(file, setting->name);
    if (value && is_described(setting, config))
      LIMN_TRY(limn_config_set(config, setting->name, value, LIMN_SOURCE_FILE));
  }
  return LIMN_OK;
}

limn_status limn_checkpoint_read_config(const limn_safetensors *file, const char *path, limn_config **out,
                                        uint64_t *step) {
  const char *format = limn_safetensors_metadata(file, "format"), *model = limn_safetensors_metadata(file, "model");
  limn_config *config = NULL;
  bool known = format && (strcmp(format, "limn") == 0 || limn_safetensors_metadata(file, "network"));
  if (!known || !model)
    return limn_fail(LIMN_DATA, "%s is no checkpoint of Limn's: its metadata names no model", path);
  LIMN_TRY(limn_config_create(&config, model));
  limn_status status = set_described(config, file);
  if (status != LIMN_OK) {
    limn_config_destroy(config);
    return status;
  }
  *step = read_number(file, "step");
  *out = config;
  return LIMN_OK;
}
