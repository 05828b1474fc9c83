/* Weights of frozen, pretrained networks, from the user's cache to a session's store. */
#ifndef LIMN_TRAIN_FROZEN_LOAD_H
#define LIMN_TRAIN_FROZEN_LOAD_H

#include "devices/device.h"

/* Fills the leaves PREFIX.* of the network that `features` names (infer/feature_files.h), which the programs have made.
 * LIMN_DATA where its file is not there, with the way to get it. */
limn_status limn_frozen_load(limn_store *store, const char *features, const char *prefix);

#endif
