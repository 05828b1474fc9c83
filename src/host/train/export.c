/* One network of a checkpoint as a file of its own. */
#include "limn/export.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "run/config.h"
#include "run/run.h"
#include "run/safetensors.h"
#include "train/checkpoint.h"

#define PATH_SIZE 4096

#define DCGAN  (1u << LIMN_MODEL_DCGAN)
#define CODERS (1u << LIMN_MODEL_VAE | 1u << LIMN_MODEL_AUTOENCODER)

static const struct {
  const char *name, *prefix;
  unsigned models;
} networks[] = {
    {"generator", "generator.", DCGAN}, {"discriminator", "discriminator.", DCGAN},
    {"ema", "ema.generator.", DCGAN},   {"encoder", "encoder.", CODERS},
    {"decoder", "decoder.", CODERS},
};
enum { NETWORKS = sizeof networks / sizeof *networks };

static limn_status find_prefix(const limn_config *config, const char *path, const char *network, const char **prefix) {
  for (size_t i = 0; i < NETWORKS; ++i)
    if (strcmp(networks[i].name, network) == 0 && (networks[i].models >> config->model & 1)) {
      *prefix = networks[i].prefix;
      return LIMN_OK;
    }
  return limn_fail(LIMN_USAGE, "%s has no network \"%.32s\": a %s has %s", path, network, limn_config_model(config),
                   config->model == LIMN_MODEL_DCGAN ? "generator, discriminator and, trained with ema, ema"
                                                     : "encoder and decoder");
}

/* The network's tensors under their bare names; `stored` has those of the file, in the same order. */
struct selection {
  const limn_store *store; /* where the tensors are read from; NULL: from the file */
  const limn_stored_tensor **stored;
  limn_tensor_to_store *tensors;
  size_t count;
};

static void select_tensors(struct selection *s, const limn_safetensors *file, const char *prefix) {
  size_t length = strlen(prefix);
  for (size_t i = 0; i < limn_safetensors_count(file); ++i) {
    const limn_stored_tensor *stored = limn_safetensors_at(file, i);
    if (strncmp(stored->name, prefix, length) != 0 || strcmp(stored->dtype, "F32") != 0)
      continue;
    limn_tensor_to_store *tensor = &s->tensors[s->count];
    tensor->name = stored->name + length;
    tensor->dims = stored->dims;
    memcpy(tensor->shape, stored->shape, sizeof tensor->shape);
    s->stored[s->count++] = stored;
  }
}

static limn_status read_selected(void *context, size_t index, float *data) {
  const struct selection *s = context;
  if (s->store)
    return limn_tensor_download(limn_store_find(s->store, s->stored[index]->name), data);
  memcpy(data, s->stored[index]->data, s->stored[index]->bytes);
  return LIMN_OK;
}

/* `store` as in a selection. */
static limn_status write_network(const limn_safetensors *checkpoint, const limn_store *store, const char *path,
                                 const char *network, const char *prefix, const char *file) {
  const char *const metadata[] = {"format",  "pt", /* as Python's library says that tensors are PyTorch's */
                                  "model",   limn_safetensors_metadata(checkpoint, "model"),
                                  "network", network,
                                  "step",    limn_safetensors_metadata(checkpoint, "step"),
                                  NULL};
  size_t most = limn_safetensors_count(checkpoint) + 1;
  struct selection s = {
      .store = store, .stored = calloc(most, sizeof(limn_stored_tensor *)), .tensors = calloc(most, sizeof *s.tensors)};
  limn_status status = s.stored && s.tensors ? LIMN_OK : limn_fail_memory("an export");
  if (status == LIMN_OK)
    select_tensors(&s, checkpoint, prefix);
  if (status == LIMN_OK && s.count == 0)
    status = limn_fail(LIMN_USAGE, "%s has no tensor of the network \"%s\"%s", path, network,
                       strcmp(network, "ema") == 0 ? ": an average is kept by training with --set ema=0.999" : "");
  if (status == LIMN_OK)
    status = limn_safetensors_write_from(file, s.tensors, s.count, metadata, read_selected, &s);
  free(s.stored);
  free(s.tensors);
  return status;
}

/* The average of an older checkpoint, whose statistics are taken anew. Both are the caller's, on failure too. */
static limn_status settle(limn_device **device, limn_store **store, const limn_config *config,
                          const limn_safetensors *file, const char *path) {
  limn_model model;
  LIMN_TRY(limn_model_init(&model, config));
  LIMN_TRY(limn_device_create(device, &(limn_device_options){.name = "cpu", .seed = config->seed}));
  LIMN_TRY(limn_store_create(store, *device));
  return limn_checkpoint_fill_average(*store, &model, config->batch, file, path);
}

/* An export over its own checkpoint would destroy the run. */
static limn_status refuse_itself(const char *path, const char *file) {
  char marked[PATH_SIZE];
  struct stat a, b;
  if (stat(path, &a) != 0 || stat(limn_run_follow_mark(file, marked, sizeof marked), &b) != 0 || a.st_dev != b.st_dev ||
      a.st_ino != b.st_ino)
    return LIMN_OK;
  return limn_fail(LIMN_USAGE, "%s is the checkpoint that would be exported: name another file", file);
}

/* The ending promises a format, and there is one. */
static limn_status check_target(const char *file) {
  static const struct {
    const char *ending, *why;
  } others[] = {
      {".pt", "is a pickle of Python's: there, safetensors.torch.load_file reads"},
      {".pth", "is a pickle of Python's: there, safetensors.torch.load_file reads"},
      {".ckpt", "is a pickle of Python's: there, safetensors.torch.load_file reads"},
      {".bin", "is a pickle of Python's: there, safetensors.torch.load_file reads"},
      {".onnx", "holds a program: torch.onnx.export makes it of a module that has loaded"},
  };
  const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file, *dot = strrchr(name, '.');
  if ((dot && dot > name && strcasecmp(dot, ".safetensors") == 0) || limn_file_is_stream(file))
    return limn_durable_check(file);
  int length = (int)(dot && dot > name ? dot - file : (long)strlen(file));
  for (size_t i = 0; dot && i < sizeof others / sizeof *others; ++i)
    if (strcasecmp(dot, others[i].ending) == 0)
      return limn_fail(LIMN_USAGE, "%s: Limn writes no %s file, which %s %.*s.safetensors; name that", file, dot,
                       others[i].why, length, file);
  LIMN_TRY(limn_durable_check(file));
  return limn_fail(LIMN_USAGE, "%s: weights are written as .safetensors; name %.*s.safetensors", file, length, file);
}

limn_status limn_export(const char *path, const char *network, const char *file) {
  char checkpoint[PATH_SIZE];
  const char *prefix = NULL;
  limn_config *config = NULL;
  limn_safetensors *stored = NULL;
  limn_device *device = NULL;
  limn_store *store = NULL;
  uint64_t step;
  limn_status status;
  LIMN_TRY(check_target(file));
  LIMN_TRY_OR_CLEANUP(status, limn_checkpoint_open(&stored, path, checkpoint, sizeof checkpoint));
  LIMN_TRY_OR_CLEANUP(status, limn_checkpoint_read_config(stored, checkpoint, &config, &step));
  LIMN_TRY_OR_CLEANUP(status, find_prefix(config, checkpoint, network, &prefix));
  LIMN_TRY_OR_CLEANUP(status, refuse_itself(checkpoint, file));
  if (strcmp(network, "ema") == 0 && config->ema > 0 && !limn_checkpoint_is_settled(stored))
    LIMN_TRY_OR_CLEANUP(status, settle(&device, &store, config, stored, checkpoint));
  status = write_network(stored, store, checkpoint, network, prefix, file);
cleanup:
  limn_store_destroy(store);
  limn_device_destroy(device);
  limn_safetensors_close(stored);
  limn_config_destroy(config);
  return status;
}
