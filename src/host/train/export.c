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
#include "config/config.h"
#include "formats/safetensors.h"
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

/* What the network's output is: nothing in its layers says so. */
static const char *describe_output(const limn_config *config, const char *network) {
  static const char *const scores[] = {
      [LIMN_GAN_NON_SATURATING] = "logits of being real; apply a sigmoid",
      [LIMN_GAN_MINIMAX] = "logits of being real; apply a sigmoid",
      [LIMN_GAN_LEAST_SQUARES] = "scores, 1 for real and 0 for generated pictures",
      [LIMN_GAN_HINGE] = "scores, over 0 for real and under 0 for generated pictures",
  };
  if (strcmp(network, "discriminator") == 0)
    return scores[config->loss];
  if (config->model == LIMN_MODEL_DCGAN)
    return "pictures after tanh, in [-1, 1]";
  if (strcmp(network, "encoder") == 0)
    return config->model == LIMN_MODEL_VAE ? "mean and log-variance of the code" : "the code";
  return config->likelihood == LIMN_LIKELIHOOD_BERNOULLI ? "logits; apply a sigmoid for pictures in [0, 1]"
                                                         : "pictures in [0, 1]; clip what is outside";
}

/* As NULL-terminated pairs: what the network is, and the settings of its run, from which it is built again. */
enum { MOST_PAIRS = LIMN_SETTING_LIMIT + 8 };
struct description {
  const char *pairs[2 * MOST_PAIRS + 1];
  int count;
};

static void add_pair(struct description *d, const char *key, const char *value) {
  if (!value || d->count == MOST_PAIRS)
    return;
  d->pairs[2 * d->count] = key;
  d->pairs[2 * d->count + 1] = value;
  d->pairs[2 * ++d->count] = NULL;
}

static void describe(struct description *d, const limn_safetensors *checkpoint, const limn_config *config,
                     const char *network) {
  add_pair(d, "format", "pt"); /* as Python's library says that tensors are PyTorch's */
  add_pair(d, "version", limn_version());
  add_pair(d, "model", limn_safetensors_metadata(checkpoint, "model"));
  add_pair(d, "network", network);
  add_pair(d, "output", describe_output(config, network));
  add_pair(d, "step", limn_safetensors_metadata(checkpoint, "step"));
  for (size_t i = 0; i < limn_setting_count(); ++i)
    add_pair(d, limn_setting_at(i)->name, limn_safetensors_metadata(checkpoint, limn_setting_at(i)->name));
}

/* What is written: a network of a checkpoint. */
struct chosen {
  const char *path;          /* of the checkpoint, for messages */
  const char *name, *prefix; /* the network's, and that of its tensors */
  const limn_store *store;   /* as in a selection */
};

static limn_status write_network(const limn_safetensors *checkpoint, const struct chosen *network,
                                 const struct description *description, const char *file) {
  size_t most = limn_safetensors_count(checkpoint) + 1;
  struct selection s = {.store = network->store,
                        .stored = calloc(most, sizeof(limn_stored_tensor *)),
                        .tensors = calloc(most, sizeof *s.tensors)};
  limn_status status = s.stored && s.tensors ? LIMN_OK : limn_fail_memory("an export");
  if (status == LIMN_OK)
    select_tensors(&s, checkpoint, network->prefix);
  if (status == LIMN_OK && s.count == 0)
    status =
        limn_fail(LIMN_USAGE, "%s has no tensor of the network \"%s\"%s", network->path, network->name,
                  strcmp(network->name, "ema") == 0 ? ": an average is kept by training with --set ema=0.999" : "");
  if (status == LIMN_OK)
    status = limn_safetensors_write_from(file, s.tensors, s.count, description->pairs, read_selected, &s);
  free(s.stored);
  free(s.tensors);
  return status;
}

/* The average of an older checkpoint, whose statistics are taken anew. Both are the caller's, on failure too. */
static limn_status settle(limn_device **device, limn_store **store, const limn_config *config,
                          const limn_weights *weights) {
  limn_model model;
  LIMN_TRY(limn_model_init(&model, config));
  LIMN_TRY(limn_device_create(device, &(limn_device_options){.name = "cpu", .seed = config->seed}));
  LIMN_TRY(limn_store_create(store, *device));
  return limn_checkpoint_fill_average(*store, &model, config->batch, weights);
}

/* An export over its own checkpoint would destroy the run. Its marks have no ending that an export may have. */
static limn_status refuse_itself(const char *path, const char *file) {
  struct stat a, b;
  if (stat(path, &a) != 0 || stat(file, &b) != 0 || a.st_dev != b.st_dev || a.st_ino != b.st_ino)
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
    return limn_output_check(file);
  int length = (int)(dot && dot > name ? dot - file : (long)strlen(file));
  for (size_t i = 0; dot && i < sizeof others / sizeof *others; ++i)
    if (strcasecmp(dot, others[i].ending) == 0)
      return limn_fail(LIMN_USAGE, "%s: Limn writes no %s file, which %s %.*s.safetensors; name that", file, dot,
                       others[i].why, length, file);
  LIMN_TRY(limn_output_check(file));
  return limn_fail(LIMN_USAGE, "%s: weights are written as .safetensors; name %.*s.safetensors", file, length, file);
}

limn_status limn_export(const char *path, const char *network, const char *file) {
  char checkpoint[PATH_SIZE];
  const char *prefix = NULL;
  limn_config *config = NULL;
  limn_safetensors *stored = NULL;
  limn_device *device = NULL;
  limn_store *store = NULL;
  struct description description = {.count = 0};
  uint64_t step;
  limn_status status;
  LIMN_TRY(check_target(file));
  LIMN_TRY_OR_CLEANUP(status, limn_checkpoint_open(&stored, path, checkpoint, sizeof checkpoint));
  if (limn_safetensors_metadata(stored, "network")) {
    status = limn_fail(LIMN_USAGE, "%s is an export already: name the run or the checkpoint that it is of", checkpoint);
    goto cleanup;
  }
  LIMN_TRY_OR_CLEANUP(status, limn_checkpoint_read_config(stored, checkpoint, &config, &step));
  LIMN_TRY_OR_CLEANUP(status, find_prefix(config, checkpoint, network, &prefix));
  LIMN_TRY_OR_CLEANUP(status, refuse_itself(checkpoint, file));
  if (strcmp(network, "ema") == 0 && config->ema > 0 && !limn_checkpoint_is_settled(stored))
    LIMN_TRY_OR_CLEANUP(status, settle(&device, &store, config, &(limn_weights){.file = stored, .path = checkpoint}));
  describe(&description, stored, config, network);
  status =
      write_network(stored, &(struct chosen){.path = checkpoint, .name = network, .prefix = prefix, .store = store},
                    &description, file);
cleanup:
  limn_store_destroy(store);
  limn_device_destroy(device);
  limn_safetensors_close(stored);
  limn_config_destroy(config);
  return status;
}
