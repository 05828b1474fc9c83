#include "disk.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static bool write_text(const char *path, const char *text) {
  int file = open(path, O_WRONLY | O_CLOEXEC);
  bool good = file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text);
  if (file >= 0)
    close(file);
  return good;
}

/* Who may not mount becomes root of a user namespace, where it may. */
static bool enter_user_namespace(void) {
  char users[64], groups[64];
  snprintf(users, sizeof users, "0 %u 1", (unsigned)geteuid());
  snprintf(groups, sizeof groups, "0 %u 1", (unsigned)getegid());
  return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && write_text("/proc/self/setgroups", "deny") &&
         write_text("/proc/self/uid_map", users) && write_text("/proc/self/gid_map", groups);
}

/* The first mount is the trial: a container may permit the namespace and not that. */
bool disk_prepare(void) {
  return (unshare(CLONE_NEWNS) == 0 || enter_user_namespace()) &&
         mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
         mount("none", "/tmp", "tmpfs", 0, "size=4k") == 0 && umount("/tmp") == 0;
}

static void mount_tmpfs(const char *path, unsigned long flags, const char *size) {
  if (mount("none", path, "tmpfs", flags, size) == 0)
    return;
  perror(path);
  exit(2);
}

void disk_mount(const char *path, unsigned long pages) {
  char size[32];
  snprintf(size, sizeof size, "size=%luk", pages * 4);
  mkdir(path, 0777);
  mount_tmpfs(path, 0, size);
}

void disk_make_room(const char *path) { mount_tmpfs(path, MS_REMOUNT, "size=64m"); }
void disk_unmount(const char *path) { umount2(path, MNT_DETACH); }
