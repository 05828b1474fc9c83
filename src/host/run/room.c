/* What a run takes of its disk, whether there is room for more, and whether the file system can keep it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/error.h"
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

/* 0, or the error that a file of so many bytes would meet. Not posix_fallocate: where bytes cannot be reserved, that
 * writes them. */
static int room_error(const limn_run *run, uint64_t bytes) {
  char path[PATH_MAX];
  limn_durable_file file;
  struct statvfs info;
  snprintf(path, sizeof path, "%s/checkpoints/room", run->path);
  if (limn_durable_open(&file, path) != LIMN_OK)
    return errno ? errno : EIO;
  int error = fallocate(fileno(file.stream), 0, 0, bytes ? (off_t)bytes : 1) == 0 ? 0 : errno;
  limn_durable_discard(&file);
  if (error == 0 || error == ENOSPC || error == EDQUOT || error == EFBIG)
    return error;
  return statvfs(run->path, &info) == 0 && (uint64_t)info.f_bavail * info.f_frsize < bytes ? ENOSPC : 0;
}

bool limn_run_has_room(const limn_run *run, uint64_t bytes) { return room_error(run, bytes) == 0; }

limn_status limn_run_try_room(const limn_run *run, uint64_t bytes) {
  int error = room_error(run, bytes);
  if (error == 0)
    return LIMN_OK;
  return limn_fail(LIMN_FAILED,
                   "%s: no room for a checkpoint of %.1f MB: %s: make some, or put the run on another disk (--out)",
                   run->path, (double)bytes / 1e6, strerror(error));
}

limn_status limn_run_try_disk(limn_run *run) {
  char path[PATH_MAX], name[LIMN_CHECKPOINT_NAME];
  limn_run_checkpoint_name(0, name);
  snprintf(path, sizeof path, "%s/checkpoints/" LIMN_RUN_TRIAL, run->path);
  const char *failed = limn_run_write_name(path, name);
  if (!failed)
    failed = limn_run_put_mark(run, LIMN_RUN_TRIAL, name);
  if (!failed && limn_sync_folder_of(path) != LIMN_OK)
    failed = "sync a folder";
  int error = errno;
  if (unlink(path) != 0 && !failed) {
    failed = "remove a file";
    error = errno;
  }
  if (!failed)
    return LIMN_OK;
  bool full = error == ENOSPC || error == EDQUOT;
  return limn_fail(LIMN_FAILED, "%s: its file system cannot %s: %s: %sput the run on another disk (--out)", run->path,
                   failed, strerror(error), full ? "make room, or " : "");
}
