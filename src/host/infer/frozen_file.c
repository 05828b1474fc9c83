#include "infer/frozen_file.h"

#include <string.h>

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/pretrained.h"
#include "infer/feature_files.h"
#include "models/model.h"

#define PATH_SIZE 4096

limn_status limn_frozen_file_load(limn_store *store, const limn_config *config, char sha256[LIMN_SHA256_SIZE]) {
  limn_feature_part part;
  const limn_feature_network *found;
  limn_safetensors *file = NULL;
  char path[PATH_SIZE];
  sha256[0] = '\0';
  LIMN_TRY(limn_model_pretrained_part(config, &part));
  if (!part.network)
    return LIMN_OK;
  const char *named =
      config->pretrained_file && config->pretrained_file[0] ? config->pretrained_file : part.network->name;
  LIMN_TRY(limn_feature_file_open(&file, named, &found, path, sizeof path));
  limn_status status = limn_pretrained_load(store, part.network, part.prefix, file, path);
  limn_safetensors_close(file);
  if (status == LIMN_OK && !part.trained)
    status = limn_sha256_file(path, sha256);
  return status;
}

limn_status limn_frozen_file_compare(const char *checkpoint, const limn_config *config, const char *then,
                                     const char *now) {
  limn_feature_part part;
  if (strcmp(then, now) == 0)
    return LIMN_OK;
  LIMN_TRY(limn_model_pretrained_part(config, &part));
  return limn_fail(LIMN_DATA,
                   "%s: it was trained with other weights of %s, a file with the SHA-256 %.8s…, than these, "
                   "%.8s…: name that file by the run's setting pretrained_file",
                   checkpoint, part.network ? part.network->name : "its network", then, now);
}

/* With the file that the run names, which no checkpoint does. */
static limn_status restore(limn_store *store, limn_config *config, const limn_weights *checkpoint) {
  char now[LIMN_SHA256_SIZE];
  limn_config *run = NULL;
  LIMN_TRY(limn_config_of_run(&run, checkpoint->path));
  limn_status status = LIMN_OK;
  if (run && run->pretrained_file && run->pretrained_file[0])
    status = limn_config_set(config, "pretrained_file", run->pretrained_file, LIMN_FROM_FILE);
  limn_config_destroy(run);
  if (status == LIMN_OK)
    status = limn_frozen_file_load(store, config, now);
  return status == LIMN_OK
             ? limn_frozen_file_compare(checkpoint->path, config, limn_checkpoint_frozen(checkpoint->file), now)
             : status;
}

limn_status limn_frozen_file_restore(limn_store *store, const limn_config *config, const limn_weights *checkpoint) {
  limn_config *copy = NULL;
  if (!limn_config_has_frozen_network(config))
    return LIMN_OK;
  LIMN_TRY(limn_config_copy(&copy, config));
  limn_status status = restore(store, copy, checkpoint);
  limn_config_destroy(copy);
  return status;
}
