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
#include "checkpoint/checkpoint.h"
#include "checkpoint/contents.h"
#include "checkpoint/spelling.h"
#include "config/config.h"
#include "formats/safetensors.h"
#include "models/registry.h"

#define PATH_SIZE 4096
#define NAME_SIZE 192 /* of a tensor */

/* The networks of a model are its row's and, where an average is kept, "ema", that of the generator. */
static limn_status find_prefix(const limn_config *config, const char *path, const char *network, char *prefix,
                               size_t size) {
  const limn_model_row *row = limn_model_row_of(config);
  for (int i = 0; i < 2; ++i)
    if (strcmp(row->networks[i].name, network) == 0) {
      snprintf(prefix, size, "%s.", network);
      return LIMN_OK;
    }
  if (row->averages && strcmp(network, "ema") == 0) {
    snprintf(prefix, size, LIMN_AVERAGE "%s.", row->networks[row->generator].name);
    return LIMN_OK;
  }
  return limn_fail(LIMN_USAGE, "%s has no network \"%.32s\": a %s has %s%s%s%s", path, network,
                   limn_config_model(config), row->networks[0].name, row->averages ? ", " : " and ",
                   row->networks[1].name, row->averages ? " and, trained with ema, ema" : "");
}

/* The network's tensors under their bare names; `stored` has those of the file, in the same order. */
struct selection {
  const limn_store *store; /* where the tensors are read from; NULL: from the file */
  const limn_stored_tensor **stored;
  limn_tensor_to_store *tensors;
  char (*names)[NAME_SIZE]; /* of those that are spelled otherwise */
  size_t count;
};

static void select_tensors(struct selection *s, const limn_safetensors *file, const char *prefix, bool parametrized) {
  size_t length = strlen(prefix);
  for (size_t i = 0; i < limn_safetensors_count(file); ++i) {
    const limn_stored_tensor *stored = limn_safetensors_at(file, i);
    if (strncmp(stored->name, prefix, length) != 0 || strcmp(stored->dtype, "F32") != 0)
      continue;
    limn_tensor_to_store *tensor = &s->tensors[s->count];
    tensor->name = stored->name + length;
    if (parametrized)
      tensor->name = limn_spelling_parametrized(tensor->name, s->names[s->count], NAME_SIZE);
    tensor->dims = stored->dims;
    memcpy(tensor->shape, stored->shape, sizeof tensor->shape);
    s->stored[s->count++] = stored;
  }
}

static limn_status read_selected(void *context, size_t index, float *data) {
  const struct selection *s = context;
  if (s->store)
    return limn_weights_download(limn_store_find(s->store, s->stored[index]->name), data);
  memcpy(data, s->stored[index]->data, s->stored[index]->bytes);
  return LIMN_OK;
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
  add_pair(d, "output", limn_model_row_of(config)->describe_output(config, network));
  add_pair(d, "step", limn_safetensors_metadata(checkpoint, "step"));
  if (strcmp(network, "encoder") == 0)
    add_pair(d, LIMN_CHECKPOINT_FROZEN, limn_safetensors_metadata(checkpoint, LIMN_CHECKPOINT_FROZEN));
  for (size_t i = 0; i < limn_setting_count(); ++i)
    add_pair(d, limn_setting_at(i)->name, limn_safetensors_metadata(checkpoint, limn_setting_at(i)->name));
}

/* What is written: a network of a checkpoint. */
struct chosen {
  const char *path;          /* of the checkpoint, for messages */
  const char *name, *prefix; /* the network's, and that of its tensors */
  const limn_store *store;   /* as in a selection */
  bool parametrized;         /* in the newer one of PyTorch's spellings */
};

static limn_status write_network(const limn_safetensors *checkpoint, const struct chosen *network,
                                 const struct description *description, const char *file) {
  size_t most = limn_safetensors_count(checkpoint) + 1;
  struct selection s = {.store = network->store,
                        .stored = calloc(most, sizeof(limn_stored_tensor *)),
                        .tensors = calloc(most, sizeof *s.tensors),
                        .names = calloc(most, sizeof *s.names)};
  limn_status status = s.stored && s.tensors && s.names ? LIMN_OK : limn_fail_memory("an export");
  if (status == LIMN_OK)
    select_tensors(&s, checkpoint, network->prefix, network->parametrized);
  if (status == LIMN_OK && s.count == 0)
    status =
        limn_fail(LIMN_USAGE, "%s has no tensor of the network \"%s\"%s", network->path, network->name,
                  strcmp(network->name, "ema") == 0 ? ": an average is kept by training with --set ema=0.999" : "");
  if (status == LIMN_OK)
    status = limn_safetensors_write_from(file, s.tensors, s.count, description->pairs, read_selected, &s);
  free(s.stored);
  free(s.tensors);
  free(s.names);
  return status;
}

/* The average of an older checkpoint, whose statistics are taken anew. Both are the caller's, on failure too. */
static limn_status settle(limn_device **device, limn_store **store, const limn_config *config,
                          const limn_weights *weights) {
  limn_model model;
  LIMN_TRY(limn_model_init(&model, config));
  LIMN_TRY(limn_device_create(device, &(limn_device_options){.name = "cpu", .seed = config->seed}));
  LIMN_TRY(limn_store_create(store, *device));
  return limn_checkpoint_fill_average(*store, &model, limn_config_micro_batch(config), weights);
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
  return limn_export_as(path, network, LIMN_EXPORT_HOOKS, file);
}

limn_status limn_export_as(const char *path, const char *network, limn_export_names names, const char *file) {
  char checkpoint[PATH_SIZE], prefix[64];
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
  LIMN_TRY_OR_CLEANUP(status, find_prefix(config, checkpoint, network, prefix, sizeof prefix));
  LIMN_TRY_OR_CLEANUP(status, refuse_itself(checkpoint, file));
  if (strcmp(network, "ema") == 0 && limn_config_averages(config) && !limn_checkpoint_is_settled(stored))
    LIMN_TRY_OR_CLEANUP(status, settle(&device, &store, config, &(limn_weights){.file = stored, .path = checkpoint}));
  describe(&description, stored, config, network);
  status = write_network(stored,
                         &(struct chosen){.path = checkpoint,
                                          .name = network,
                                          .prefix = prefix,
                                          .store = store,
                                          .parametrized = names == LIMN_EXPORT_PARAMETRIZATIONS},
                         &description, file);
cleanup:
  limn_store_destroy(store);
  limn_device_destroy(device);
  limn_safetensors_close(stored);
  limn_config_destroy(config);
  return status;
}
