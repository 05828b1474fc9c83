#include "base/cache_folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static const char *non_empty(const char *name) {
  const char *value = getenv(name);
  return value && value[0] ? value : NULL;
}

const char *limn_cache_folder(char *buffer, size_t size) {
  const char *own = getenv("LIMN_CACHE"), *caches = non_empty("XDG_CACHE_HOME"), *home = non_empty("HOME");
  if (own)
    return own[0] ? own : NULL;
  if (caches) {
    int length = snprintf(buffer, size, "%s/limn", caches);
    return length > 0 && (size_t)length < size ? buffer : NULL;
  }
  if (!home)
    return NULL;
  int length = snprintf(buffer, size, "%s/.cache", home);
  if (length < 0 || (size_t)length + sizeof "/limn" > size || (mkdir(buffer, 0700) != 0 && errno != EEXIST))
    return NULL;
  snprintf(buffer + length, size - (size_t)length, "/limn");
  return buffer;
}
