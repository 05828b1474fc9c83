/* Networks in safetensors files, whoever wrote them: checkpoints, exports, state_dicts of PyTorch. */
#ifndef LIMN_CHECKPOINT_WEIGHTS_H
#define LIMN_CHECKPOINT_WEIGHTS_H

#include "devices/device.h"
#include "limn/safetensors.h"
#include "models/outline.h"

/* Under which names tensors stand in a file. */
typedef struct limn_weights {
  const limn_safetensors *file;
  const char *path;    /* for messages */
  const char *network; /* NULL: as in checkpoints. Else what is NETWORK.REST there is PREFIXREST here */
  char prefix[64];     /* "", "module." */
} limn_weights;

/* NULL: none. */
const limn_stored_tensor *limn_weights_find(const limn_weights *weights, const char *name);
/* As floats, to the tensor. LIMN_DATA, naming both, unless it has the tensor's shape, a type of floating point, and
 * only finite numbers. */
limn_status limn_weights_upload(const limn_weights *weights, const limn_stored_tensor *stored, limn_tensor *tensor);

/* The same the other way round: the tensor's numbers as a file has them. */
limn_status limn_weights_download(const limn_tensor *tensor, float *values);

/* The shape that a tensor of that form has in a file, PyTorch's; how many dimensions. */
int limn_weights_shape(limn_shape shape, limn_form form, int64_t dims[4]);

/* What came of a search: how many places of the file hold the network, and why the nearest other place does not. */
typedef struct limn_weights_search {
  int found;
  int score; /* of the nearest; INT_MIN: nothing is like it */
  char problem[320];
} limn_weights_search;

/* Looks for a network under the `prefix` of `weights`: all of its tensors with their shapes and no others, but that
 * PyTorch's num_batches_tracked do not count. */
bool limn_weights_fit(const limn_weights *weights, const limn_outline *network, limn_weights_search *search);
/* Looks for a network wherever it may be: under its own name, as checkpoints have it (the rest is not looked at, nor is
 * it checked for being whole), else bare or behind any prefix. Where search->found is 1 afterwards, *weights has its
 * names; weights->file and ->path are the caller's to set before. */
void limn_weights_locate(limn_weights *weights, const limn_outline *network, limn_weights_search *search);
/* A whole network from the file to the store, and to its average where one is kept. */
limn_status limn_weights_load(const limn_weights *weights, const limn_outline *network, limn_store *store);
/* The next prefix, from tensor *at on, under which the file has a tensor NAME; moves *at behind it. */
bool limn_weights_next_prefix(limn_weights *weights, const char *name, size_t *at);

#endif
