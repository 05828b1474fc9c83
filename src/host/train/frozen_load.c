#include "train/frozen_load.h"

#include "base/error.h"
#include "checkpoint/pretrained.h"
#include "infer/feature_files.h"

limn_status limn_frozen_load(limn_store *store, const char *features, const char *prefix) {
  const limn_feature_network *network;
  limn_safetensors *file = NULL;
  char path[4096];
  LIMN_TRY(limn_feature_file_open(&file, features, &network, path, sizeof path));
  limn_status status = limn_pretrained_load(store, network, prefix, file, path);
  limn_safetensors_close(file);
  return status;
}
