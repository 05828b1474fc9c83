/* What a run takes of its disk, and whether there is room for more. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/file.h"
#include "run/folder.h"

static uint64_t bytes_in(const limn_run *run, const char *name) {
  char folder[PATH_MAX];
  uint64_t bytes = 0;
  snprintf(folder, sizeof folder, "%s/%s", run->path, name);
  DIR *entries = opendir(folder);
  if (!entries)
    return 0;
  for (struct dirent *entry; (entry = readdir(entries));) {
    struct stat info;
    if (fstatat(dirfd(entries), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode))
      bytes += (uint64_t)info.st_size;
  }
  closedir(entries);
  return bytes;
}

uint64_t limn_run_bytes(const limn_run *run) { return bytes_in(run, "checkpoints") + bytes_in(run, "samples"); }

uint64_t limn_run_free_bytes(const limn_run *run) {
  struct statvfs info;
  return statvfs(run->path, &info) == 0 ? (uint64_t)info.f_bavail * info.f_frsize : UINT64_MAX;
}

bool limn_run_has_room(const limn_run *run, uint64_t bytes) {
  char path[PATH_MAX];
  limn_durable_file file;
  snprintf(path, sizeof path, "%s/checkpoints/room", run->path);
  if (limn_durable_open(&file, path) != LIMN_OK)
    return false;
  int error = posix_fallocate(fileno(file.stream), 0, bytes ? (off_t)bytes : 1);
  limn_durable_discard(&file);
  return error != ENOSPC && error != EDQUOT && error != EFBIG;
}
