/* The marks of a run, `latest` and `best`: symbolic links to checkpoints or, where the file system has none, files that
 * hold a checkpoint's name and a newline. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "run/folder.h"

/* Where a mark is made before it replaces the old one. */
static const char *temporary_mark(const limn_run *run, const char *mark, char path[PATH_MAX]) {
  snprintf(path, PATH_MAX, "%s/checkpoints/.%s.tmp", run->path, mark);
  return path;
}

void limn_run_clean_marks(limn_run *run) {
  static const char *const marks[] = {"latest", "best", "healthy", LIMN_RUN_TRIAL};
  char path[PATH_MAX];
  for (size_t i = 0; i < sizeof marks / sizeof *marks; ++i)
    unlink(temporary_mark(run, marks[i], path));
  snprintf(path, sizeof path, "%s/checkpoints/" LIMN_RUN_TRIAL, run->path);
  unlink(path);
}

const char *limn_run_write_name(const char *path, const char *name) {
  char line[LIMN_CHECKPOINT_NAME + 1];
  const char *failed = NULL;
  int length = snprintf(line, sizeof line, "%s\n", name), error = 0;
  int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor < 0)
    return "make a file";
  errno = ENOSPC; /* of a write that was cut short */
  if (write(descriptor, line, (size_t)length) != length)
    failed = "write a file";
  else if (fsync(descriptor) != 0)
    failed = "sync a file";
  error = errno;
  if (close(descriptor) != 0 && !failed) {
    failed = "write a file";
    error = errno;
  }
  if (failed)
    unlink(path);
  errno = error;
  return failed;
}

/* Whether that is how a file system without symbolic links answers: FAT and exFAT, network drives, FUSE. */
static bool has_no_links(int error) {
  return error == EPERM || error == EOPNOTSUPP || error == ENOSYS || error == EACCES;
}

const char *limn_run_put_mark(limn_run *run, const char *mark, const char *name) {
  char temporary[PATH_MAX], path[PATH_MAX];
  snprintf(path, sizeof path, "%s/checkpoints/%s", run->path, mark);
  unlink(temporary_mark(run, mark, temporary)); /* of one that failed */
  if (symlink(name, temporary) != 0) {
    if (!has_no_links(errno))
      return "make a link";
    const char *failed = limn_run_write_name(temporary, name);
    if (failed)
      return failed;
  }
  if (rename(temporary, path) == 0)
    return NULL;
  int error = errno;
  unlink(temporary);
  errno = error;
  return "rename a file over another";
}

limn_status limn_run_mark(limn_run *run, const char *mark, uint64_t step) {
  char path[PATH_MAX], name[LIMN_CHECKPOINT_NAME];
  if (access(limn_run_checkpoint_path(run, step, path, sizeof path), F_OK) != 0)
    return limn_fail(LIMN_FAILED, "%s: cannot mark it as %s: %s", path, mark, strerror(errno));
  const char *failed = limn_run_put_mark(run, mark, limn_run_checkpoint_name(step, name));
  if (failed)
    return limn_fail(LIMN_FAILED, "%s: cannot mark it as %s: cannot %s: %s", path, mark, failed, strerror(errno));
  snprintf(path, sizeof path, "%s/checkpoints/%s", run->path, mark);
  return limn_sync_folder_of(path);
}

bool limn_run_read_mark(const char *path, uint64_t *step) {
  char name[LIMN_CHECKPOINT_NAME];
  ssize_t length = readlink(path, name, sizeof name - 1);
  if (length < 0)
    return errno == EINVAL && limn_read_name(path, name, sizeof name) && limn_run_step_of(name, step);
  name[length] = '\0';
  return limn_run_step_of(name, step);
}
