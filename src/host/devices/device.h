/* A device: where work runs. The one vtable between Limn and an engine room (cpu/, cuda/; tests/reference/ is a third).
 * A device owns its threads or streams, library handles, memory and the seed of its random numbers. */
#ifndef LIMN_DEVICES_DEVICE_H
#define LIMN_DEVICES_DEVICE_H

#include <stddef.h>
#include <stdint.h>

#include "graph/graph.h"

typedef struct limn_device limn_device;
typedef struct limn_tensor limn_tensor;   /* one leaf's memory on a device */
typedef struct limn_program limn_program; /* a graph compiled for a device */

typedef struct limn_program_info {
  size_t arena_bytes; /* working memory, reused by lifetime */
  size_t naive_bytes; /* what it would be without reuse */
  int row_count;      /* rows of program_row */
  int launches;       /* of kernels and library calls, a run */
  double flops;       /* 2 x multiply-accumulates of convolutions and dense layers, a run */
  double least_bytes; /* that a run has to move however well it is fused (limn_schedule_least_bytes); 0: not known */
} limn_program_info;

/* One entry of a program's list, for `limn plan` and traces. Borrowed from the program. */
typedef struct limn_program_row {
  const char *name, *engine; /* "convolution"; a library's own name of what does it, or "" */
  limn_shape shape;          /* of what it makes */
  double flops, bytes;       /* bytes moved to and from memory */
  size_t workspace_bytes;
  int launches;
  int64_t blocks; /* of the launch that computes; 0: not known */
} limn_program_row;

typedef struct limn_program_options {
  int separate_buffers; /* debug: every buffer has its own NaN-filled allocation */
} limn_program_options;

/* Every entry is required unless said otherwise. */
typedef struct limn_device_ops {
  const char *kind; /* "cpu", "cuda", "reference" */
  void (*destroy)(limn_device *device);
  /* Zero-filled memory for a leaf. The layout is the device's own and a pure function of role and shape. */
  limn_status (*tensor_create)(limn_device *device, limn_role role, limn_shape shape, limn_tensor **out);
  void (*tensor_destroy)(limn_tensor *tensor);
  /* Host arrays are dense NCHW, `limn_shape_count(shape)` elements. Not for the role PICTURES. */
  limn_status (*upload)(limn_tensor *tensor, const float *nchw);
  limn_status (*download)(const limn_tensor *tensor, float *nchw);
  /* For the role PICTURES alone: dense NCHW bytes, which runs from now on read, those before do not. */
  limn_status (*upload_u8)(limn_tensor *tensor, const uint8_t *nchw);
  /* leaves[v] is the tensor of leaf v, NULL for nodes that are no leaf. The graph may be destroyed afterwards. */
  limn_status (*program_create)(limn_device *device, const limn_graph *graph, limn_tensor *const *leaves,
                                const limn_program_options *options, limn_program **out);
  void (*program_destroy)(limn_program *program);
  /* Runs every live node once. `step` is the counter of the random stream and of metric rings. */
  limn_status (*program_run)(limn_program *program, uint64_t step);
  void (*program_info)(const limn_program *program, limn_program_info *out);
  /* index < the info's row_count; may be NULL where that is 0. */
  void (*program_row)(const limn_program *program, int index, limn_program_row *out);
  /* Runs the program `rounds` times, row by row, and times each: seconds[round * row_count + row]. On a GPU each row
   * begins with cold caches, on the CPU with what the row before has left. May be NULL. */
  limn_status (*program_trace)(limn_program *program, int rounds, double *seconds);
  /* What the device does at most, measured now, in some hundred ms: FLOP/s and, to and from memory, bytes/s. NULL where
   * the figures of limn_device are all there is to know. */
  limn_status (*measure_peaks)(limn_device *device, double *flops, double *bandwidth);
  /* The engines that the clock or limn_device_options.engines has chosen for the programs so far, as text for that
   * option. *out is yours (free); NULL: none has been. NULL where engines are never timed. */
  limn_status (*engines)(const limn_device *device, char **out);
} limn_device_ops;

struct limn_device {
  const limn_device_ops *ops;
  uint64_t seed;         /* key of the random stream */
  char description[128]; /* "CPU, 2 threads, AVX-512, oneDNN 2.6.3" */
  double memory_bytes;   /* what programs and tensors may take; 0: not known */
  const char *memory_of; /* what has no more to give, for messages: "the machine"; static; NULL: the device itself */
  int starved;           /* 1 once memory was asked for and not there */
  char note[256];        /* what the user should know of how it was chosen or works, one line; "" for nothing */
  /* What the card's figures come to in the precision that it was made for: FLOP/s, bytes/s. 0: not known. */
  double peak_flops, peak_bandwidth;
  int multiprocessors;          /* among which a launch's blocks are divided; 0: it has none */
  const struct limn_card *card; /* what it is, or plans for; the device's own; NULL: no card */
};
struct limn_tensor {
  limn_device *device;
  limn_role role;
  limn_shape shape;
  limn_form form; /* the store's, not the device's: uploads and downloads know nothing of it */
};
struct limn_program {
  limn_device *device;
};

/* A graphics card by its figures, for plans without it (cards.c). */
typedef struct limn_card {
  const char *name;       /* "h100" */
  const char *properties; /* cuDNN's JSON of device properties (CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION) */
  double memory_bytes;
  double bandwidth;        /* bytes/s */
  double fp32, tf32, half; /* FLOP/s, dense */
} limn_card;

typedef struct limn_device_options {
  const char *name;      /* "auto", "cpu", "cuda", "cuda:N"; NULL: "auto" */
  int index;             /* cuda: the N of the name. Set by limn_device_create */
  int threads;           /* 0: as many as the process may use */
  const char *isa;       /* cpu: "avx512", "avx2", "sse2"; NULL or "auto": the best there is */
  int direct;            /* cpu: 1: no convolution by Winograd's way */
  const char *precision; /* "fp32", "tf32", "bf16", "fp16"; NULL or "auto": the device's own. CPUs: fp32, some bf16 */
  int deterministic;     /* 1: the same inputs give the same bytes, or an error */
  int autotune;          /* 1: times the engines of a convolution once and takes the fastest */
  const char *engines;   /* what another device's `engines` gave: those, not timed. What is not to be had here is chosen
                            as if it had not been named, and noted. NULL: none */
  const limn_card *card; /* cuda: plan for this card, which need not be there; nothing can run. NULL: a real device */
  int planning;          /* 1: plan for the real device, without its memory; nothing can run */
  uint64_t seed;
} limn_device_options;

/* "auto" is CUDA where that works, and else the CPU, whose note then says why. LIMN_USAGE for a name that there is not
 * and for a precision that no such device has; LIMN_DEVICE where the device is not there, or has not that precision. */
limn_status limn_device_create(limn_device **out, const limn_device_options *options);
void limn_device_destroy(limn_device *device);

/* Named tensors on a device: what the programs of one run share. */
typedef struct limn_store limn_store;
limn_status limn_store_create(limn_store **out, limn_device *device);
void limn_store_destroy(limn_store *store);
limn_device *limn_store_device(const limn_store *store);
/* The tensor of that name, NULL when there is none. Borrowed. */
limn_tensor *limn_store_find(const limn_store *store, const char *name);
/* In order of creation, for checkpoints. */
size_t limn_store_count(const limn_store *store);
limn_tensor *limn_store_at(const limn_store *store, size_t index, const char **name);
/* Makes the tensors of the graph's leaves that the store does not have yet. */
limn_status limn_store_add_leaves(limn_store *store, const limn_graph *graph);

/* Compiles the graph; its leaves are bound to the store's tensors by name (made, zero-filled, where absent). */
limn_status limn_program_create(limn_program **out, limn_store *store, const limn_graph *graph,
                                const limn_program_options *options);
void limn_program_destroy(limn_program *program);

static inline limn_status limn_program_run(limn_program *program, uint64_t step) {
  return program->device->ops->program_run(program, step);
}
static inline limn_status limn_program_trace(limn_program *program, int rounds, double *seconds) {
  return program->device->ops->program_trace(program, rounds, seconds);
}
static inline void limn_program_get_info(const limn_program *program, limn_program_info *out) {
  program->device->ops->program_info(program, out);
}
static inline void limn_program_get_row(const limn_program *program, int index, limn_program_row *out) {
  program->device->ops->program_row(program, index, out);
}

/* Numbers to and from a leaf of any role but PICTURES, bytes to one of that role; LIMN_USAGE for the other way round.
 * The host's array may be changed at once. An upload that no run has read yet is overwritten by the next; several runs
 * may read the same. */
limn_status limn_tensor_upload(limn_tensor *tensor, const float *nchw);
limn_status limn_tensor_upload_u8(limn_tensor *tensor, const uint8_t *nchw);
limn_status limn_tensor_download(const limn_tensor *tensor, float *nchw);

#endif
