#include "fuzz/fuzz.h"

#include <string.h>
#include <unistd.h>

#define NAMES 8

static char folder[64];
static char paths[NAMES][128];

static void remove_all(void) {
  for (int i = 0; i < NAMES; ++i)
    if (paths[i][0])
      unlink(paths[i]);
  rmdir(folder);
}

const char *fuzz_folder(void) {
  if (!folder[0]) {
    snprintf(folder, sizeof folder, "%s/limn-fuzz-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    FUZZ_CHECK(mkdtemp(folder));
    atexit(remove_all);
  }
  return folder;
}

static char *path_of(const char *name) {
  for (int i = 0; i < NAMES; ++i) {
    if (!paths[i][0])
      snprintf(paths[i], sizeof paths[i], "%s/%s", fuzz_folder(), name);
    if (strcmp(strrchr(paths[i], '/') + 1, name) == 0)
      return paths[i];
  }
  FUZZ_CHECK(!"more than 8 names");
  return NULL;
}

const char *fuzz_file(const char *name, const uint8_t *data, size_t size) {
  const char *path = path_of(name);
  FILE *file = fopen(path, "wb");
  FUZZ_CHECK(file && fwrite(data, 1, size, file) == size && fclose(file) == 0);
  return path;
}

void fuzz_remove(const char *name) { unlink(path_of(name)); }

void fuzz_check_message(limn_status status) {
  if (status == LIMN_OK)
    return;
  FUZZ_CHECK(status == LIMN_DATA || status == LIMN_USAGE || status == LIMN_FAILED);
  const char *message = limn_error_message();
  FUZZ_CHECK(message[0] && !strchr(message, '\n'));
}
