/* Checkpoints: weights, running statistics, averages and optimiser state in a safetensors file; step and settings as
 * metadata. No time, host name or path: the same run writes the same bytes. */
#ifndef LIMN_CHECKPOINT_CHECKPOINT_H
#define LIMN_CHECKPOINT_CHECKPOINT_H

#include "checkpoint/weights.h"
#include "config/config.h"
#include "limn/safetensors.h"

#define LIMN_BEST_BY     128
#define LIMN_CHECKSUM    65
#define LIMN_WATCH_TEXT  2048
#define LIMN_ENDING_TEXT 512

/* What the loop must remember beside the tensors. */
typedef struct limn_progress_state {
  uint64_t step;      /* steps done */
  uint64_t best_step; /* of the best validation or evaluation; 0: none yet */
  double best_objective;
  char best_by[LIMN_BEST_BY];  /* what that was measured by; "": held-out pictures */
  uint64_t worse;              /* measurements since then without improvement */
  bool pending;                /* the step's validation and pictures are still due: it was stopped before them */
  bool settled;                /* the average, where one is kept, has statistics of its own (average.h) */
  char frozen[LIMN_CHECKSUM];  /* SHA-256 of the file with the weights of a frozen network that it is trained with; "":
                                  there is none */
  char watch[LIMN_WATCH_TEXT]; /* what the watch over a GAN's samples has seen (train/alarm.h); "": nothing */
  char ending[LIMN_ENDING_TEXT]; /* what an end by equilibrium is decided by (train/ending.h); "": nothing yet */
} limn_progress_state;

/* Bytes of a checkpoint, a little more than less. */
uint64_t limn_checkpoint_bytes(const limn_store *store);
/* What the store has of a run with this config. LIMN_DIVERGED, and no file, when a tensor is not finite. */
limn_status limn_checkpoint_save(limn_store *store, const limn_config *config, const limn_progress_state *state,
                                 const char *path);
/* Everything back; the tensors must all be there with their shapes. */
limn_status limn_checkpoint_load(limn_store *store, limn_progress_state *state, const char *path);
/* The engines that a checkpoint was made with (limn_device_ops.engines); yours to free. NULL: they were not chosen by
 * the clock, or the file cannot be read. */
char *limn_checkpoint_engines(const char *path);
/* Weights alone (--init), from a checkpoint, an export or a state_dict: networks that the file has must be whole;
 * others keep their initial weights. LIMN_DATA when nothing in the file fits. */
limn_status limn_checkpoint_load_weights(limn_store *store, const limn_model *model, const char *path);

/* Opens the checkpoint that `path` means: that file, or the latest of that run folder, which may be training meanwhile.
 * *out is yours; its own path comes into `file`, for messages. */
limn_status limn_checkpoint_open(limn_safetensors **out, const char *path, char *file, size_t size);
/* The config that the metadata of a checkpoint or an export describe. *out is yours. */
limn_status limn_checkpoint_read_config(const limn_safetensors *file, const char *path, limn_config **out,
                                        uint64_t *step);
/* Whether the average in it has statistics of its own (average.h); older checkpoints hold averaged ones. */
bool limn_checkpoint_is_settled(const limn_safetensors *file);
/* Of a frozen encoder, as in limn_progress_state; "": there is none. Borrowed. */
const char *limn_checkpoint_frozen(const limn_safetensors *file);
/* A store's tensors, PARAMETER, BUFFER and OPTIMIZER, from a file, which must have each of them. */
limn_status limn_checkpoint_fill_store(limn_store *store, const limn_weights *weights);
/* The same for an averaged generator, whose statistics are taken anew where the file is an older one. `batch` is that
 * of the training. */
limn_status limn_checkpoint_fill_average(limn_store *store, const limn_model *model, int batch,
                                         const limn_weights *weights);

#endif
