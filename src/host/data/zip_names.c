#include "data/zip_names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/zip.h"

static limn_status check_entries(const limn_zip *zip, const char *path) {
  limn_zip_entry e;
  for (size_t at = 0; limn_zip_next(zip, &at, &e);)
    if (!e.local_name || e.local_name_length != e.name_length || memcmp(e.local_name, e.name, e.name_length) != 0)
      return limn_fail(
          LIMN_DATA,
          "%s: damaged: %.*s has another name in the archive's directory; fetch the file again, or unpack it", path,
          (int)e.name_length, e.name);
  return LIMN_OK;
}

limn_status limn_zip_check_names(const char *path) {
  struct stat info;
  limn_zip zip;
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return limn_fail(LIMN_DATA, "%s: cannot open: %s", path, strerror(errno));
  limn_status status = LIMN_OK;
  const bool known = fstat(descriptor, &info) == 0;
  void *map =
      known && info.st_size > 0 ? mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0) : NULL;
  if (!known || map == MAP_FAILED)
    status = limn_fail(LIMN_FAILED, "%s: cannot map it into memory: %s; unpack it", path, strerror(errno));
  close(descriptor);
  if (status != LIMN_OK || !map)
    return status;
  if (limn_zip_find(&zip, map, (size_t)info.st_size))
    status = check_entries(&zip, path);
  munmap(map, (size_t)info.st_size);
  return status;
}
