/* A device: where work runs. The one vtable between Limn and an engine room (cpu/, later cuda/; tests/reference/ is a
 * third). A device owns its threads or streams, library handles, memory and the seed of its random numbers. */
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
  int step_count;     /* launches a run makes */
  double flops;       /* 2 x multiply-accumulates of convolutions and dense layers, a run */
} limn_program_info;

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
  /* Host arrays are dense NCHW, `limn_shape_count(shape)` elements. */
  limn_status (*upload)(limn_tensor *tensor, const float *nchw);
  limn_status (*download)(const limn_tensor *tensor, float *nchw);
  /* x = scale * byte + shift, dense NCHW bytes. */
  limn_status (*upload_u8)(limn_tensor *tensor, const uint8_t *nchw, float scale, float shift);
  /* leaves[v] is the tensor of leaf v, NULL for nodes that are no leaf. The graph may be destroyed afterwards. */
  limn_status (*program_create)(limn_device *device, const limn_graph *graph, limn_tensor *const *leaves,
                                const limn_program_options *options, limn_program **out);
  void (*program_destroy)(limn_program *program);
  /* Runs every live node once. `step` is the counter of the random stream and of metric rings. */
  limn_status (*program_run)(limn_program *program, uint64_t step);
  void (*program_info)(const limn_program *program, limn_program_info *out);
} limn_device_ops;

struct limn_device {
  const limn_device_ops *ops;
  uint64_t seed;         /* key of the random stream */
  char description[128]; /* "CPU, 2 threads, AVX-512, oneDNN 2.6.3" */
};
struct limn_tensor {
  limn_device *device;
  limn_role role;
  limn_shape shape;
};
struct limn_program {
  limn_device *device;
};

typedef struct limn_device_options {
  const char *name; /* "auto", "cpu" */
  int threads;      /* 0: as many as the process may use */
  const char *isa;  /* cpu: "avx512", "avx2", "sse2"; NULL or "auto": the best there is */
  uint64_t seed;
} limn_device_options;

limn_status limn_device_create(limn_device **out, const limn_device_options *options);
void limn_device_destroy(limn_device *device);

/* Named tensors on a device: what the programs of one run share. */
typedef struct limn_store limn_store;
limn_status limn_store_create(limn_store **out, limn_device *device);
void limn_store_destroy(limn_store *store);
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
static inline void limn_program_get_info(const limn_program *program, limn_program_info *out) {
  program->device->ops->program_info(program, out);
}
static inline limn_status limn_tensor_upload(limn_tensor *tensor, const float *nchw) {
  return tensor->device->ops->upload(tensor, nchw);
}
static inline limn_status limn_tensor_upload_u8(limn_tensor *tensor, const uint8_t *nchw, float scale, float shift) {
  return tensor->device->ops->upload_u8(tensor, nchw, scale, shift);
}
static inline limn_status limn_tensor_download(const limn_tensor *tensor, float *nchw) {
  return tensor->device->ops->download(tensor, nchw);
}

#endif
