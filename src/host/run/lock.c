/* The lock of a run's folder: who holds it, and only who holds it, writes there. It is the kernel's lock on the file
 * `lock`, so that it goes with its process, however that ends; the file itself stays and says whose it was. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/error.h"
#include "run/folder.h"

#define OWNER_SIZE (HOST_NAME_MAX + 32) /* "PID HOST" and a newline */

static void own_name(char owner[OWNER_SIZE]) {
  char host[HOST_NAME_MAX + 1] = "";
  gethostname(host, HOST_NAME_MAX);
  snprintf(owner, OWNER_SIZE, "%ld %s\n", (long)getpid(), host);
}

static limn_status refuse(const char *path, int descriptor) {
  char owner[OWNER_SIZE];
  ssize_t length = pread(descriptor, owner, sizeof owner - 1, 0);
  owner[length > 0 ? length : 0] = '\0';
  owner[strcspn(owner, "\n")] = '\0';
  char *host = strchr(owner, ' ');
  if (!host)
    return limn_fail(LIMN_FAILED, "%s: another process is writing this run: stop that one first", path);
  *host++ = '\0';
  return limn_fail(LIMN_FAILED, "%s: process %s on %s is writing this run: stop that one first", path, owner, host);
}

bool limn_run_is_guarded(const limn_run *run) { return !run->open_to_others; }

limn_status limn_run_lock(limn_run *run) {
  char path[PATH_MAX], owner[OWNER_SIZE];
  snprintf(path, sizeof path, "%s/lock", run->path);
  int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor < 0)
    return limn_fail(LIMN_FAILED, "%s: cannot lock the run: %s", path, strerror(errno));
  bool locked = flock(descriptor, LOCK_EX | LOCK_NB) == 0;
  if (!locked && errno == EWOULDBLOCK) {
    limn_status status = refuse(run->path, descriptor);
    close(descriptor);
    return status;
  }
  run->open_to_others = !locked; /* a file system without locks has to do without */
  own_name(owner);
  /* On a full disk the name is missing, and the lock holds all the same. */
  if (ftruncate(descriptor, 0) == 0 && pwrite(descriptor, owner, strlen(owner), 0) < 0)
    errno = 0;
  run->lock = descriptor;
  return LIMN_OK;
}
