/* The generator that a file holds: which settings rebuild it, and under which names its tensors stand. */
#ifndef LIMN_INFER_GENERATOR_FILE_H
#define LIMN_INFER_GENERATOR_FILE_H

#include "checkpoint/weights.h"
#include "config/config.h"

typedef struct limn_generator_file {
  limn_weights weights;
  limn_config *config; /* owned; of a foreign file what its shapes say */
  limn_model model;
  uint64_t step; /* 0: the file does not say */
  bool single;   /* the file holds nothing but this network */
  bool averaged; /* which is the average of the weights */
} limn_generator_file;

/* A checkpoint, an export, or a state_dict of PyTorch's DCGAN example. `path`: for messages; both are borrowed.
 * LIMN_DATA when it has no generator that can be rebuilt, LIMN_USAGE for an export of a network that is none. */
limn_status limn_generator_file_init(limn_generator_file *out, const limn_safetensors *file, const char *path);
void limn_generator_file_release(limn_generator_file *file);

/* Calls `use` with what `path` means: such a file, or the latest checkpoint of a run. It is closed afterwards. */
limn_status limn_generator_file_use(const char *path,
                                    limn_status (*use)(void *context, const limn_generator_file *file), void *context);
/* A device for its networks, with a store that has nothing in it yet; both are yours, also after a failure. */
limn_status limn_generator_file_make_store(const limn_generator_file *file, const char *device, int threads,
                                           limn_device **out, limn_store **store);

#endif
