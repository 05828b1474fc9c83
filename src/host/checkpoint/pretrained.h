/* Weights of pretrained networks (models/features/): from the files that others publish to a store's leaves. */
#ifndef LIMN_CHECKPOINT_PRETRAINED_H
#define LIMN_CHECKPOINT_PRETRAINED_H

#include "devices/device.h"
#include "limn/safetensors.h"
#include "models/features/features.h"

/* Fills the leaves PREFIX.* that the store has of the network, with batch normalisation folded in. `path`: of the file,
 * for messages. Behind any prefix in the file ("state_dict.", "module."); num_batches_tracked and what begins with
 * AuxLogits is not looked at. LIMN_DATA, naming it, where a tensor of the network is missing in the file, has another
 * shape or makes weights that are not finite, and where the file has one that the network has not. */
limn_status limn_pretrained_load(limn_store *store, const limn_feature_network *network, const char *prefix,
                                 const limn_safetensors *file, const char *path);

/* Which network a file holds. LIMN_DATA where it is none of those known: says what the likeliest lacks. */
limn_status limn_pretrained_recognise(const limn_feature_network **out, const limn_safetensors *file, const char *path);

/* Whether the file holds that network, all of it and nothing else. LIMN_DATA with what is wrong. */
limn_status limn_pretrained_check(const limn_feature_network *network, const limn_safetensors *file, const char *path);

#endif
