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
 * LIMN_DATA when it has no generator that can be rebuilt, LIMN_USAGE for networks that make no pictures from noise. */
limn_status limn_generator_file_init(limn_generator_file *out, const limn_safetensors *file, const char *path);
void limn_generator_file_release(limn_generator_file *file);

#endif
