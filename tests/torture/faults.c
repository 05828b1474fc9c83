/* A library for LD_PRELOAD that makes one chosen call of a program fail, or kills the program in its place.
 *
 *   LIMN_FAULT=CALL:N:EFFECT   the N-th CALL (1: the first; 0: none) has EFFECT: "kill", "hang", or "ENOSPC" etc.
 *   LIMN_FAULT_COUNTS=FILE     a line "CALL COUNT" for each kind of call is written there when the program exits
 *
 *   LIMN_FAULT_ALWAYS=CALL:ERROR,...   every such CALL has that error, as on a file system that lacks it
 *
 * CALL is a name of the list below, or "disk" for all calls that change what is on the disk but fwrite, of which a run
 * makes thousands. A kill comes instead of the call, so that "disk" has a point between any two changes of the disk.
 * Calls of libraries that cannot report a failure, and abort or worse, are let through and not counted: oneDNN,
 * libgomp, libstdc++. glibc's stdio writes without a call that a library could stand in for: fwrite and fflush stand
 * for it. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <unistd.h>

enum {
  MALLOC,
  OPEN,
  READ,
  WRITE,
  FWRITE,
  FFLUSH,
  FSYNC,
  RENAME,
  UNLINK,
  SYMLINK,
  FTRUNCATE,
  MKDIR,
  MMAP,
  STATVFS,
  THREAD,
  FLOCK,
  FALLOCATE,
  SYNC_FOLDER, /* fsync of a folder, which is an fsync too */
  DISK
};
static const char *const names[] = {"malloc",    "open",      "read",        "write",   "fwrite",
                                    "fflush",    "fsync",     "rename",      "unlink",  "symlink",
                                    "ftruncate", "mkdir",     "mmap",        "statvfs", "pthread_create",
                                    "flock",     "fallocate", "sync_folder", "disk"};
enum { CALLS = sizeof names / sizeof *names };

static const struct {
  const char *name;
  int number;
} errors[] = {{"EIO", EIO},       {"ENOSPC", ENOSPC}, {"ENOMEM", ENOMEM}, {"EMFILE", EMFILE},
              {"EDQUOT", EDQUOT}, {"EACCES", EACCES}, {"EAGAIN", EAGAIN}, {"EPERM", EPERM},
              {"ENOSYS", ENOSYS}, {"EINVAL", EINVAL}, {"ENOLCK", ENOLCK}, {"EOPNOTSUPP", EOPNOTSUPP}};

static atomic_ulong made[CALLS];
static int always[CALLS];      /* the error of each such call; 0: none */
static int chosen = -1, error; /* 0: kill or hang */
static bool hangs;
static unsigned long turn;

static int call_of(const char *name) {
  for (int i = 0; i < CALLS; ++i)
    if (strcmp(names[i], name) == 0)
      return i;
  return -1;
}

static int error_of(const char *name) {
  for (size_t i = 0; i < sizeof errors / sizeof *errors; ++i)
    if (strcmp(errors[i].name, name) == 0)
      return errors[i].number;
  return 0;
}

__attribute__((constructor)) static void begin(void) {
  char call[32], effect[32];
  const char *text = getenv("LIMN_FAULT"), *lacks = getenv("LIMN_FAULT_ALWAYS");
  unsigned long number;
  if (text && sscanf(text, "%31[^:]:%lu:%31s", call, &number, effect) == 3) {
    error = error_of(effect);
    hangs = strcmp(effect, "hang") == 0;
    turn = number;
    chosen = call_of(call);
  }
  while (lacks && sscanf(lacks, "%31[^:]:%31[^,]", call, effect) == 2) {
    if (call_of(call) >= 0)
      always[call_of(call)] = error_of(effect);
    lacks = strchr(lacks, ',');
    lacks += lacks != NULL;
  }
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((destructor)) static void end(void) {
  const char *path = getenv("LIMN_FAULT_COUNTS");
  int file = path ? NEXT(open)(path, O_WRONLY | O_CREAT | O_TRUNC, 0666) : -1;
  for (int i = 0; file >= 0 && i < CALLS; ++i)
    dprintf(file, "%s %lu\n", names[i], atomic_load(&made[i]));
  if (file >= 0)
    close(file);
}

static bool is_let_through(const void *caller) {
  static const char *const libraries[] = {"/libdnnl.so", "/libgomp.so", "/libstdc++.so"};
  struct dl_find_object module; /* dladdr would search for a symbol too, at each of a hundred thousand calls */
  if (_dl_find_object((void *)caller, &module) != 0 || !module.dlfo_link_map)
    return false;
  for (size_t i = 0; i < sizeof libraries / sizeof *libraries; ++i)
    if (strstr(module.dlfo_link_map->l_name, libraries[i]))
      return true;
  return false;
}

/* Whether this call is to fail; errno is set then. */
static bool call_strikes(int call, const void *caller) {
  if (is_let_through(caller))
    return false;
  unsigned long number = atomic_fetch_add(&made[call], 1) + 1;
  if (always[call]) {
    errno = always[call];
    return true;
  }
  if (call != chosen || number != turn)
    return false;
  if (error) {
    errno = error;
    return true;
  }
  if (!hangs)
    kill(getpid(), SIGKILL);
  for (;;)
    pause();
}

/* A call that changes the disk counts twice. */
static bool disk_strikes(int call, const void *caller) {
  bool first = call_strikes(call, caller);
  return call_strikes(DISK, caller) || first;
}

#define strikes(call)      call_strikes(call, __builtin_return_address(0))
#define strikes_disk(call) disk_strikes(call, __builtin_return_address(0))

#ifndef __SANITIZE_ADDRESS__ /* which has an allocator of its own */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

void *malloc(size_t size) { return strikes(MALLOC) ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return strikes(MALLOC) ? NULL : __libc_calloc(count, size); }
void *realloc(void *old, size_t size) { return strikes(MALLOC) ? NULL : __libc_realloc(old, size); }
#endif

int open(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  bool changes = (flags & O_CREAT) != 0;
  return (changes ? strikes_disk(OPEN) : strikes(OPEN)) ? -1 : NEXT(open)(path, flags, mode);
}

FILE *fopen(const char *path, const char *mode) {
  return (*mode == 'r' ? strikes(OPEN) : strikes_disk(OPEN)) ? NULL : NEXT(fopen)(path, mode);
}

ssize_t read(int file, void *bytes, size_t size) { return strikes(READ) ? -1 : NEXT(read)(file, bytes, size); }

ssize_t write(int file, const void *bytes, size_t size) {
  return strikes_disk(WRITE) ? -1 : NEXT(write)(file, bytes, size);
}

size_t fwrite(const void *bytes, size_t size, size_t count, FILE *stream) {
  if (!strikes(FWRITE))
    return NEXT(fwrite)(bytes, size, count, stream);
  stream->_flags |= _IO_ERR_SEEN;
  return 0;
}

int fflush(FILE *stream) {
  if (!strikes_disk(FFLUSH))
    return NEXT(fflush)(stream);
  if (stream)
    stream->_flags |= _IO_ERR_SEEN;
  return EOF;
}

int fsync(int file) {
  struct stat info;
  if (fstat(file, &info) == 0 && S_ISDIR(info.st_mode) && strikes(SYNC_FOLDER))
    return -1;
  return strikes_disk(FSYNC) ? -1 : NEXT(fsync)(file);
}

int flock(int file, int how) { return strikes(FLOCK) ? -1 : NEXT(flock)(file, how); }

int fallocate(int file, int how, off_t from, off_t size) {
  return strikes(FALLOCATE) ? -1 : NEXT(fallocate)(file, how, from, size);
}

int rename(const char *from, const char *to) { return strikes_disk(RENAME) ? -1 : NEXT(rename)(from, to); }
int unlink(const char *path) { return strikes_disk(UNLINK) ? -1 : NEXT(unlink)(path); }
int symlink(const char *to, const char *path) { return strikes_disk(SYMLINK) ? -1 : NEXT(symlink)(to, path); }
int ftruncate(int file, off_t size) { return strikes_disk(FTRUNCATE) ? -1 : NEXT(ftruncate)(file, size); }
int mkdir(const char *path, mode_t mode) { return strikes_disk(MKDIR) ? -1 : NEXT(mkdir)(path, mode); }

void *mmap(void *at, size_t size, int protection, int flags, int file, off_t offset) {
  return strikes(MMAP) ? MAP_FAILED : NEXT(mmap)(at, size, protection, flags, file, offset);
}

int statvfs(const char *path, struct statvfs *about) { return strikes(STATVFS) ? -1 : NEXT(statvfs)(path, about); }

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*work)(void *), void *argument) {
  return strikes(THREAD) ? errno : NEXT(pthread_create)(thread, attributes, work, argument);
}
