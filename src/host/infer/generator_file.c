#include "infer/generator_file.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "checkpoint/checkpoint.h"

#define FIRST       "main.0.weight" /* of every generator */
#define MOST_LEVELS 10

/* The weight of transposed convolution number `level` of a DCGAN's generator: main.0, main.3, main.6. */
static const limn_stored_tensor *find_level(const limn_weights *w, int level) {
  char name[96];
  snprintf(name, sizeof name, "%smain.%d.weight", w->prefix, 3 * level);
  const limn_stored_tensor *stored = limn_safetensors_find(w->file, name);
  return stored && stored->dims == 4 ? stored : NULL;
}

/* The settings of the DCGAN whose generator has these shapes. LIMN_USAGE where there is none. */
static limn_status read_shapes(const limn_weights *w, limn_config **out) {
  const limn_stored_tensor *first = find_level(w, 0), *last = first;
  limn_config *config = NULL;
  int levels = 0;
  while (levels < MOST_LEVELS && find_level(w, levels + 1))
    last = find_level(w, ++levels);
  if (!first || levels == 0 || first->shape[2] > 1024 || first->shape[3] > 1024)
    return limn_fail(LIMN_USAGE, "its layers are not those of PyTorch's DCGAN example, main.0, main.3, main.6");
  LIMN_TRY(limn_config_create(&config, "dcgan"));
  const struct {
    const char *name;
    int64_t value, second;
  } settings[] = {
      {"size", first->shape[2] << levels, first->shape[3] << levels},
      {"channels", last->shape[1], 0},
      {"filters", last->shape[0], 0},
      {"latent", first->shape[0], 0},
  };
  limn_status status = LIMN_OK;
  for (size_t i = 0; i < sizeof settings / sizeof *settings && status == LIMN_OK; ++i) {
    char text[64];
    int length = snprintf(text, sizeof text, "%lld", (long long)settings[i].value);
    if (settings[i].second)
      snprintf(text + length, sizeof text - (size_t)length, "x%lld", (long long)settings[i].second);
    status = limn_config_set(config, settings[i].name, text, LIMN_FROM_FILE);
  }
  if (status == LIMN_OK)
    *out = config;
  else
    limn_config_destroy(config);
  return status;
}

/* Whether the model's generator is under those names. */
static limn_status try_model(const limn_model *model, const limn_weights *w, limn_weights_search *search, bool *fits) {
  limn_outline outline;
  LIMN_TRY(limn_outline_take(&outline, model, model->row->generator));
  *fits = limn_weights_fit(w, &outline, search);
  limn_outline_release(&outline);
  return LIMN_OK;
}

/* Tries one prefix; what fits is taken over, but that a second one that fits only counts. */
static void try_prefix(limn_generator_file *out, const limn_weights *w, limn_weights_search *search) {
  limn_config *config = NULL;
  limn_model model;
  bool fits = false;
  limn_status status = read_shapes(w, &config);
  if (status == LIMN_OK)
    status = limn_model_init(&model, config);
  if (status == LIMN_OK)
    status = try_model(&model, w, search, &fits);
  if (status != LIMN_OK && search->score == INT_MIN)
    snprintf(search->problem, sizeof search->problem, "%s", limn_error_message());
  if (fits && !out->config) {
    out->weights = *w;
    out->weights.network = model.row->networks[model.row->generator].name;
    out->model = model;
    out->config = config;
    return;
  }
  limn_config_destroy(config);
}

static limn_status read_foreign(limn_generator_file *out) {
  limn_weights w = out->weights;
  limn_weights_search search = {.score = INT_MIN};
  size_t at = 0;
  out->single = true;
  while (limn_weights_next_prefix(&w, FIRST, &at))
    try_prefix(out, &w, &search);
  if (search.found == 1)
    return LIMN_OK;
  if (search.found > 1)
    return limn_fail(LIMN_DATA, "%s holds %d generators; save the one that is meant alone", w.path, search.found);
  return limn_fail(LIMN_DATA, "%s holds no generator that can be rebuilt: %s; name a run, a checkpoint or an export",
                   w.path, search.problem[0] ? search.problem : "it has no tensor " FIRST);
}

/* One network that says what it is, but for its size where an old Limn wrote it. */
static limn_status read_export(limn_generator_file *out, const char *network) {
  const limn_safetensors *file = out->weights.file;
  const char *path = out->weights.path, *model = limn_safetensors_metadata(file, "model");
  limn_weights_search search = {.score = INT_MIN};
  const int kind = limn_model_index(model);
  if (kind < 0)
    return limn_fail(LIMN_DATA, "%s is of a model \"%.32s\", which this Limn does not know", path, model);
  const limn_model_row *row = limn_model_row_at(kind);
  const char *generator = row->networks[row->generator].name;
  out->averaged = row->averages && strcmp(network, "ema") == 0;
  if (!out->averaged && strcmp(network, generator) != 0)
    return limn_fail(LIMN_USAGE, "%s is the %.32s of a %.32s: it makes no pictures; export the %s%s", path, network,
                     model, generator, row->averages ? " or ema" : "");
  if (!limn_safetensors_metadata(file, "size")) {
    if (kind != LIMN_MODEL_DCGAN) /* the one whose settings its shapes tell */
      return limn_fail(LIMN_DATA, "%s does not say its size: export it again from its run", path);
    return read_foreign(out);
  }
  out->single = true;
  LIMN_TRY(limn_checkpoint_read_config(file, path, &out->config, &out->step));
  LIMN_TRY(limn_model_init(&out->model, out->config));
  bool fits;
  out->weights.network = out->model.row->networks[out->model.row->generator].name;
  LIMN_TRY(try_model(&out->model, &out->weights, &search, &fits));
  if (!fits)
    return limn_fail(LIMN_DATA, "%s is not what its metadata say, %s; export it again", path, search.problem);
  return LIMN_OK;
}

static limn_status read_file(limn_generator_file *out) {
  const limn_safetensors *file = out->weights.file;
  const char *format = limn_safetensors_metadata(file, "format"), *network = limn_safetensors_metadata(file, "network");
  if (format && strcmp(format, "limn") == 0) {
    LIMN_TRY(limn_checkpoint_read_config(file, out->weights.path, &out->config, &out->step));
    return limn_model_init(&out->model, out->config);
  }
  return network && limn_safetensors_metadata(file, "model") ? read_export(out, network) : read_foreign(out);
}

limn_status limn_generator_file_init(limn_generator_file *out, const limn_safetensors *file, const char *path) {
  *out = (limn_generator_file){.weights = {.file = file, .path = path}};
  limn_status status = read_file(out);
  if (status != LIMN_OK)
    limn_generator_file_release(out);
  return status;
}

void limn_generator_file_release(limn_generator_file *file) {
  limn_config_destroy(file->config);
  file->config = NULL;
}

limn_status limn_generator_file_use(const char *path,
                                    limn_status (*use)(void *context, const limn_generator_file *file), void *context) {
  char name[4096];
  limn_generator_file contents;
  limn_safetensors *file = NULL;
  LIMN_TRY(limn_checkpoint_open(&file, path, name, sizeof name));
  limn_status status = limn_generator_file_init(&contents, file, name);
  if (status == LIMN_OK) {
    status = use(context, &contents);
    limn_generator_file_release(&contents);
  }
  limn_safetensors_close(file);
  return status;
}

limn_status limn_generator_file_make_store(const limn_generator_file *file, const char *device, int threads,
                                           limn_device **out, limn_store **store) {
  LIMN_TRY(
      limn_device_create(out, &(limn_device_options){.name = device, .threads = threads, .seed = file->config->seed}));
  return limn_store_create(store, *out);
}
