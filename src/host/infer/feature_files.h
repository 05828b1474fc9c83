/* Where the weights of pretrained networks lie: in the user's cache, as features/NAME.pth, .pt or .safetensors. */
#ifndef LIMN_INFER_FEATURE_FILES_H
#define LIMN_INFER_FEATURE_FILES_H

#include <stdbool.h>

#include "limn/safetensors.h"
#include "models/features/features.h"

#define LIMN_DEFAULT_FEATURES "efficientnet_lite0"

/* The folder features/ of the cache, made where it is missing if `make`. LIMN_FAILED where there is no cache. */
limn_status limn_feature_folder(char *path, size_t size, bool make);

/* The network's file in the cache; false, and "": it is not there. */
bool limn_feature_file_find(const limn_feature_network *network, char *path, size_t size);

/* The weights that `features` means: a network's name, whose file has to be in the cache, or the path of a file, which
 * is recognised by its tensors. *out is yours; `path` is where they lie. LIMN_DATA where they are not there, with the
 * way to get them, or are of no network; LIMN_USAGE where it is neither name nor file. */
limn_status limn_feature_file_open(limn_safetensors **out, const char *features, const limn_feature_network **network,
                                   char *path, size_t size);

#endif
