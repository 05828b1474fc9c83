/* The pretrained network that a model is made with (limn_model_pretrained_part): its published weights, from their file
 * into the leaves that a store has. */
#ifndef LIMN_INFER_FROZEN_FILE_H
#define LIMN_INFER_FROZEN_FILE_H

#include "checkpoint/weights.h"
#include "infer/sha256.h"

/* The weights that the settings name. sha256: of their file, where they are frozen and so in no checkpoint; else "".
 * Does nothing where there is no such network. LIMN_DATA where they are not there, with the way to get them, or
 * are another network's. */
limn_status limn_frozen_file_load(limn_store *store, const limn_config *config, char sha256[LIMN_SHA256_SIZE]);

/* LIMN_DATA where what was loaded (`now`) is another file than the checkpoint's training had (`then`). */
limn_status limn_frozen_file_compare(const char *checkpoint, const limn_config *config, const char *then,
                                     const char *now);

/* The frozen weights that a checkpoint was trained with, and does not hold: from the file that its run names, else from
 * the cache. Does nothing where it holds all. LIMN_DATA where that is not there, or is another one. */
limn_status limn_frozen_file_restore(limn_store *store, const limn_config *config, const limn_weights *checkpoint);

#endif
