/* Initial weights from a file (--init). */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "checkpoint/checkpoint.h"

/* The settings that would fit, where the file says them. */
static const char *advise(const limn_safetensors *file, char *text, size_t size) {
  const char *side = limn_safetensors_metadata(file, "size"), *channels = limn_safetensors_metadata(file, "channels"),
             *filters = limn_safetensors_metadata(file, "filters"), *latent = limn_safetensors_metadata(file, "latent");
  if (side && channels && filters && latent)
    snprintf(text, size, "it was trained with --size %.16s --channels %.16s --filters %.16s --latent %.16s", side,
             channels, filters, latent);
  else
    snprintf(text, size, "give the settings that the file was trained with");
  return text;
}

/* One network of the session, where the file has it. */
static limn_status load_network(limn_store *store, const limn_outline *network, const limn_safetensors *file,
                                const char *path, limn_weights_search *search) {
  limn_weights weights = {.file = file, .path = path};
  limn_weights_locate(&weights, network, search);
  if (search->found > 1)
    return limn_fail(LIMN_DATA, "--init %s: %d networks in it could be the %s; save the one that is meant alone", path,
                     search->found, network->network->name);
  return search->found == 1 ? limn_weights_load(&weights, network, store) : LIMN_OK;
}

/* Heads fit one map alone: that of the file's network, and with its weights. */
static limn_status check_encoder(const limn_config *config, const limn_safetensors *file, const char *path) {
  static const char *const settings[] = {"encoder", "encoder_tap"};
  const char *rate = limn_safetensors_metadata(file, "encoder_lr");
  char ours[128];
  for (int i = 0; i < 2; ++i) {
    const char *theirs = limn_safetensors_metadata(file, settings[i]);
    limn_config_get(config, settings[i], ours, sizeof ours);
    if (theirs && strcmp(theirs, ours) != 0)
      return limn_fail(LIMN_DATA, "--init %s: its %s is %.64s and not %s; set it so", path, settings[i], theirs, ours);
  }
  if (limn_config_has_frozen_encoder(config) && rate && strcmp(rate, "0") != 0)
    return limn_fail(LIMN_DATA,
                     "--init %s: its %s was trained further, and a frozen one is the published one: set encoder_lr "
                     "over 0",
                     path, config->encoder);
  return LIMN_OK;
}

static limn_status load_weights(limn_store *store, const limn_model *model, const limn_safetensors *file,
                                const char *path) {
  limn_weights_search search = {.score = INT_MIN};
  const limn_network *networks = model->row->networks;
  int loaded = 0;
  if (limn_config_has_pretrained_encoder(model->config))
    LIMN_TRY(check_encoder(model->config, file, path));
  for (int i = 0; i < 2; ++i) {
    limn_outline outline;
    LIMN_TRY(limn_outline_take(&outline, model, i));
    limn_status status = load_network(store, &outline, file, path, &search);
    limn_outline_release(&outline);
    LIMN_TRY(status);
    loaded += search.found;
  }
  const char *said = limn_safetensors_metadata(file, "model"), *held = limn_safetensors_metadata(file, "network");
  if (!loaded && said && held && !search.problem[0])
    return limn_fail(LIMN_DATA, "--init %s: it holds the %.32s of a %.32s, and a %s has the networks %s and %s", path,
                     held, said, limn_config_model(model->config), networks[0].name, networks[1].name);
  char advice[160];
  if (!loaded && search.problem[0])
    return limn_fail(LIMN_DATA, "--init %s: %s; %s", path, search.problem, advise(file, advice, sizeof advice));
  if (!loaded)
    return limn_fail(LIMN_DATA, "--init %s: no tensor of the %s or the %s of a %s is in it", path, networks[0].name,
                     networks[1].name, limn_config_model(model->config));
  return LIMN_OK;
}

limn_status limn_checkpoint_load_weights(limn_store *store, const limn_model *model, const char *path) {
  limn_safetensors *file = NULL;
  LIMN_TRY(limn_safetensors_open(&file, path));
  limn_status status = load_weights(store, model, file, path);
  limn_safetensors_close(file);
  return status;
}
