/* What a checkpoint holds, as those who write and who read it have to agree. */
#ifndef LIMN_CHECKPOINT_CONTENTS_H
#define LIMN_CHECKPOINT_CONTENTS_H

#include <string.h>

#include "config/config.h"
#include "devices/device.h"

/* Keys of the metadata beside the settings. */
#define LIMN_CHECKPOINT_ENGINES    "engines"
#define LIMN_CHECKPOINT_STATISTICS "ema_statistics"
#define LIMN_CHECKPOINT_FROZEN     "frozen_sha256"
#define LIMN_CHECKPOINT_WATCH      "watch"
#define LIMN_CHECKPOINT_ENDING     "ending"

/* The settings in the metadata: what the numbers follow from, not how long, where and on what a run ran. */
static inline bool limn_checkpoint_describes(const limn_setting *setting, const limn_config *config) {
  return (setting->models >> config->model & 1) && setting->resume == LIMN_RESUME_FIXED &&
         strcmp(setting->type, "path") != 0;
}

static inline bool limn_checkpoint_keeps(const limn_tensor *tensor) {
  return tensor->role == LIMN_ROLE_PARAMETER || tensor->role == LIMN_ROLE_BUFFER || tensor->role == LIMN_ROLE_OPTIMIZER;
}

#endif
