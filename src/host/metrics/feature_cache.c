/* Features of data sets, kept between evaluations in the user's folder of caches: a file each. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cache_folder.h"
#include "base/error.h"
#include "base/file.h"
#include "data/source.h"
#include "formats/safetensors.h"
#include "metrics/judge.h"

#define FOLDER "judged"
#define KEY    "of" /* of the metadata: the whole key, since a file's name is but its hash */

const char *limn_judge_key(const limn_judge *j, const limn_picture_set_info *set, char *buffer, size_t size) {
  char identity[LIMN_JUDGE_IDENTITY_SIZE];
  snprintf(buffer, size, "pictures %016" PRIx64 ", %s%s%s", set->fingerprint,
           limn_judge_identity(j, identity, sizeof identity), j->tap_count > 1 ? ", " : "",
           j->tap_count > 1 ? j->taps[1] : "");
  return buffer;
}

/* false: there is no place for it. */
static bool path_of(const char *key, char *path, size_t size) {
  char buffer[PATH_MAX];
  const char *folder = limn_cache_folder(buffer, sizeof buffer);
  return folder && snprintf(path, size, "%s/" FOLDER "/%016" PRIx64 ".safetensors", folder,
                            limn_hash_bytes(0, key, strlen(key))) < (int)size;
}

static bool take(const limn_safetensors *file, const limn_judge *j, uint32_t count, limn_judged *out) {
  out->count = count;
  out->tap_count = j->tap_count;
  for (int t = 0; t < j->tap_count; ++t) {
    const limn_stored_tensor *stored = limn_safetensors_find(file, j->taps[t]);
    out->widths[t] = j->info.widths[t];
    if (!stored || stored->dims != 2 || stored->shape[0] != count || stored->shape[1] != out->widths[t])
      return false;
    out->rows[t] = malloc((size_t)count * (size_t)out->widths[t] * sizeof **out->rows);
    if (!out->rows[t] || limn_stored_tensor_floats(stored, out->rows[t]) != LIMN_OK)
      return false;
  }
  return true;
}

bool limn_feature_cache_load(const limn_judge *j, const char *key, uint32_t count, limn_judged *out) {
  char path[PATH_MAX];
  limn_safetensors *file = NULL;
  if (!path_of(key, path, sizeof path) || access(path, R_OK) != 0 || limn_safetensors_open(&file, path) != LIMN_OK)
    return false;
  const char *of = limn_safetensors_metadata(file, KEY);
  out->cached = of && strcmp(of, key) == 0 && take(file, j, count, out);
  limn_safetensors_close(file);
  if (!out->cached)
    limn_judged_release(out);
  return out->cached;
}

void limn_feature_cache_store(const limn_judge *j, const char *key, const limn_judged *judged) {
  char path[PATH_MAX];
  limn_tensor_to_store tensors[2];
  if (!path_of(key, path, sizeof path))
    return;
  char *slash = strrchr(path, '/'), *parent;
  *slash = '\0';
  parent = strrchr(path, '/');
  *parent = '\0';
  mkdir(path, 0700); /* where these fail, so does the write */
  *parent = '/';
  mkdir(path, 0700);
  limn_durable_clean(path);
  *slash = '/';
  for (int t = 0; t < judged->tap_count; ++t)
    tensors[t] = (limn_tensor_to_store){j->taps[t], 2, {judged->count, judged->widths[t]}, judged->rows[t]};
  limn_safetensors_write(path, tensors, (size_t)judged->tap_count, (const char *const[]){KEY, key, NULL});
}
