/* Reading checkpoints. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/text.h"
#include "checkpoint/average.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/contents.h"
#include "formats/safetensors.h"
#include "run/run.h"

limn_status limn_checkpoint_fill_store(limn_store *store, const limn_weights *weights) {
  for (size_t i = 0; i < limn_store_count(store); ++i) {
    const char *name;
    limn_tensor *tensor = limn_store_at(store, i, &name);
    if (!limn_checkpoint_keeps(tensor))
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
  return limn_safetensors_metadata(file, LIMN_CHECKPOINT_STATISTICS) != NULL;
}

const char *limn_checkpoint_frozen(const limn_safetensors *file) {
  const char *sum = limn_safetensors_metadata(file, LIMN_CHECKPOINT_FROZEN);
  return sum ? sum : "";
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

/* "" where there is none. */
static void copy_metadata(const limn_safetensors *file, const char *key, char *text, size_t size) {
  const char *value = limn_safetensors_metadata(file, key);
  snprintf(text, size, "%s", value ? value : "");
}

limn_status limn_checkpoint_load(limn_store *store, limn_progress_state *state, const char *path) {
  limn_safetensors *file = NULL;
  limn_status status = limn_safetensors_open(&file, path);
  if (status == LIMN_DATA)
    return limn_fail(status, "%s; remove it to go on from the checkpoint before", limn_error_message());
  LIMN_TRY(status);
  status = limn_checkpoint_fill_store(store, &(limn_weights){.file = file, .path = path});
  const char *objective = limn_safetensors_metadata(file, "best_objective");
  *state = (limn_progress_state){.step = read_number(file, "step"),
                                 .best_step = read_number(file, "best_step"),
                                 .worse = read_number(file, "validations_since_best"),
                                 .pending = read_number(file, "pending") != 0,
                                 .settled = limn_checkpoint_is_settled(file)};
  copy_metadata(file, "best_by", state->best_by, sizeof state->best_by);
  snprintf(state->frozen, sizeof state->frozen, "%s", limn_checkpoint_frozen(file));
  copy_metadata(file, LIMN_CHECKPOINT_WATCH, state->watch, sizeof state->watch);
  copy_metadata(file, LIMN_CHECKPOINT_ENDING, state->ending, sizeof state->ending);
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
  const char *text = limn_safetensors_metadata(file, LIMN_CHECKPOINT_ENGINES);
  char *engines = text ? strdup(text) : NULL;
  limn_safetensors_close(file);
  return engines;
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
    if (value && limn_checkpoint_describes(setting, config))
      LIMN_TRY(limn_config_set(config, setting->name, value, LIMN_FROM_FILE));
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
