#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

#define TEMPORARY_PREFIX    ".limn-"
#define TEMPORARY_SUFFIX    ".tmp"
#define TEMPORARY_NAME_SIZE 48
#define TEMPORARY_TRIES     1000

/* Length of the folder part of a path, with its slash; 0 for a bare name. */
static size_t folder_length(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? (size_t)(slash - path) + 1 : 0;
}

/* The descriptor that a path names: "/dev/stdout", "/dev/fd/3". -1: none. */
static int named_descriptor(const char *path) {
  static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/"};
  if (strcmp(path, "/dev/stdout") == 0)
    return STDOUT_FILENO;
  if (strcmp(path, "/dev/stderr") == 0)
    return STDERR_FILENO;
  for (size_t i = 0; i < sizeof folders / sizeof *folders; ++i) {
    size_t length = strlen(folders[i]), digits = 0;
    if (strncmp(path, folders[i], length) == 0)
      digits = strspn(path + length, "0123456789");
    if (digits > 0 && digits < 7 && !path[length + digits])
      return atoi(path + length);
  }
  return -1;
}

bool limn_file_is_stream(const char *path) {
  struct stat info;
  return named_descriptor(path) >= 0 || (stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode));
}

/* Nothing can be renamed over a pipe or a device, and nothing needs to be. */
static limn_status open_stream(limn_durable_file *file, const char *path) {
  int known = named_descriptor(path);
  int descriptor = known >= 0 ? fcntl(known, F_DUPFD_CLOEXEC, 0) : open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
  file->stream = descriptor < 0 ? NULL : fdopen(descriptor, "wb");
  if (file->stream && (file->path = strdup(path)))
    return LIMN_OK;
  int reason = errno;
  if (descriptor >= 0 && !file->stream)
    close(descriptor);
  limn_durable_discard(file);
  return limn_fail(LIMN_FAILED, "%s: cannot write: %s", path, strerror(reason));
}

/* The path that a write must replace: behind a link, the file that it points to, so that the link survives. A device or
 * a folder is refused: renaming over one would replace it. */
static limn_status resolve_target(const char *path, char **out) {
  struct stat info;
  *out = NULL;
  if (!path[0])
    return limn_fail(LIMN_FAILED, "cannot write a file without a name; name one");
  bool is_link = lstat(path, &info) == 0 && S_ISLNK(info.st_mode);
  char *target = is_link ? realpath(path, NULL) : strdup(path);
  if (!target)
    return is_link ? limn_fail(LIMN_FAILED, "%s: a link that leads nowhere (%s); remove it", path, strerror(errno))
                   : limn_fail_memory("a file name");
  if (stat(target, &info) == 0 && !S_ISREG(info.st_mode)) {
    free(target);
    return limn_fail(LIMN_FAILED, "%s: %s, cannot be replaced; name a file", path,
                     S_ISDIR(info.st_mode) ? "a folder" : "not a regular file");
  }
  *out = target;
  return LIMN_OK;
}

/* A new file, locked as long as it is being written: what bears such a name and no lock is the rest of a process that
 * was killed. -1 with errno when it cannot be made; EEXIST when the name is taken. */
static int create_temporary(const char *path) {
  int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor < 0)
    return -1;
  struct stat info;
  flock(descriptor, LOCK_EX); /* some file systems have no locks: is_left_behind */
  if (fstat(descriptor, &info) != 0 || info.st_nlink > 0)
    return descriptor;
  close(descriptor); /* cleaned away before it was locked */
  errno = EEXIST;
  return -1;
}

static limn_status fail_to_write(const char *path, int reason) {
  return limn_fail(LIMN_FAILED, "%s: cannot write: %s%s", path, strerror(reason),
                   reason == ENOENT ? "; make its folder first" : "");
}

limn_status limn_durable_open(limn_durable_file *file, const char *path) {
  memset(file, 0, sizeof *file);
  LIMN_TRY(resolve_target(path, &file->path));
  size_t folder = folder_length(file->path);
  file->temporary = malloc(folder + TEMPORARY_NAME_SIZE);
  if (!file->temporary) {
    limn_durable_discard(file);
    return limn_fail_memory("a file name");
  }
  memcpy(file->temporary, file->path, folder);
  int descriptor = -1;
  /* A name of our own rather than mkstemp's: the file must get the usual permissions, and reading the umask is not safe
   * with other threads about. */
  for (int i = 0; i < TEMPORARY_TRIES && descriptor < 0; ++i) {
    snprintf(file->temporary + folder, TEMPORARY_NAME_SIZE, TEMPORARY_PREFIX "%ld-%d" TEMPORARY_SUFFIX, (long)getpid(),
             i);
    descriptor = create_temporary(file->temporary);
    if (descriptor < 0 && errno != EEXIST)
      break;
  }
  int reason = errno;
  if (descriptor >= 0) {
    file->stream = fdopen(descriptor, "wb");
    if (file->stream)
      return LIMN_OK;
    reason = errno;
    close(descriptor);
    unlink(file->temporary);
  }
  /* The temporary file is not ours to remove. */
  free(file->temporary);
  file->temporary = NULL;
  limn_durable_discard(file);
  return fail_to_write(path, reason);
}

limn_status limn_output_open(limn_durable_file *file, const char *path) {
  memset(file, 0, sizeof *file);
  return limn_file_is_stream(path) ? open_stream(file, path) : limn_durable_open(file, path);
}

limn_status limn_output_check(const char *path) {
  char *target = NULL;
  if (limn_file_is_stream(path))
    return LIMN_OK;
  LIMN_TRY(resolve_target(path, &target));
  size_t length = folder_length(target);
  target[length] = '\0';
  /* With its slash: what is a file in a folder's place is refused. */
  int reason = access(length ? target : ".", W_OK | X_OK) == 0 ? 0 : errno;
  free(target);
  return reason ? fail_to_write(path, reason) : LIMN_OK;
}

limn_status limn_sync_folder_of(const char *path) {
  char folder[PATH_MAX] = ".";
  size_t length = folder_length(path);
  if (length >= sizeof folder)
    return limn_fail(LIMN_FAILED, "%s: the path is too long", path);
  if (length > 0) {
    memcpy(folder, path, length);
    folder[length] = '\0';
  }
  int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  /* A folder that may be written but not read cannot be synced; nor can some file systems' folders. */
  if (descriptor < 0)
    return errno == EACCES ? LIMN_OK : limn_fail(LIMN_FAILED, "%s: cannot sync: %s", folder, strerror(errno));
  int failed = fsync(descriptor) != 0 && errno != EINVAL && errno != ENOTSUP;
  int reason = errno;
  close(descriptor);
  return failed ? limn_fail(LIMN_FAILED, "%s: cannot sync: %s", folder, strerror(reason)) : LIMN_OK;
}

limn_status limn_durable_commit(limn_durable_file *file) {
  limn_status status = LIMN_OK;
  if (!file->stream)
    return limn_fail(LIMN_FAILED, "no file is being written");
  errno = 0;
  bool replaces = file->temporary != NULL;
  int failed = ferror(file->stream) || fflush(file->stream) != 0 || (replaces && fsync(fileno(file->stream)) != 0);
  int reason = errno;
  if (fclose(file->stream) != 0 && !failed) {
    failed = 1;
    reason = errno;
  }
  file->stream = NULL;
  if (!failed && replaces && rename(file->temporary, file->path) != 0) {
    failed = 1;
    reason = errno;
  }
  if (failed) {
    status = limn_fail(LIMN_FAILED, "%s: cannot write: %s", file->path, reason ? strerror(reason) : "a write failed");
  } else if (replaces) {
    free(file->temporary);
    file->temporary = NULL;
    status = limn_sync_folder_of(file->path);
  }
  limn_durable_discard(file);
  return status;
}

void limn_durable_discard(limn_durable_file *file) {
  if (!file)
    return;
  if (file->stream)
    fclose(file->stream);
  if (file->temporary)
    unlink(file->temporary);
  free(file->temporary);
  free(file->path);
  memset(file, 0, sizeof *file);
}

bool limn_durable_is_temporary(const char *name) {
  static const char digits[] = "0123456789";
  if (strncmp(name, TEMPORARY_PREFIX, strlen(TEMPORARY_PREFIX)) != 0)
    return false;
  name += strlen(TEMPORARY_PREFIX);
  size_t pid = strspn(name, digits), number = name[pid] == '-' ? strspn(name + pid + 1, digits) : 0;
  return pid > 0 && number > 0 && strcmp(name + pid + 1 + number, TEMPORARY_SUFFIX) == 0;
}

/* Whether nobody writes that file any more. Where the file system has no locks, its writer's number has to tell. */
static bool is_left_behind(int descriptor, const char *name) {
  char process[64];
  if (flock(descriptor, LOCK_EX | LOCK_NB) == 0)
    return true;
  if (errno == EWOULDBLOCK || access("/proc/self", F_OK) != 0)
    return false;
  snprintf(process, sizeof process, "/proc/%ld", strtol(name + strlen(TEMPORARY_PREFIX), NULL, 10));
  return access(process, F_OK) != 0;
}

void limn_durable_clean(const char *folder) {
  DIR *entries = opendir(folder);
  if (!entries)
    return;
  for (struct dirent *entry; (entry = readdir(entries));) {
    if (!limn_durable_is_temporary(entry->d_name))
      continue;
    int descriptor = openat(dirfd(entries), entry->d_name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor < 0)
      continue;
    if (is_left_behind(descriptor, entry->d_name))
      unlinkat(dirfd(entries), entry->d_name, 0);
    close(descriptor);
  }
  closedir(entries);
}

/* Reads to the end of the stream, growing the buffer, so that pipes work too. */
static limn_status read_stream(FILE *stream, const char *path, size_t limit, char **out, size_t *size) {
  size_t capacity = 1 << 16, used = 0;
  struct stat info;
  if (fstat(fileno(stream), &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0) {
    if ((uint64_t)info.st_size > limit)
      return limn_fail(LIMN_DATA, "%s: %lld bytes, over the limit of %zu for such a file", path,
                       (long long)info.st_size, limit);
    capacity = (size_t)info.st_size + 2; /* one for the NUL, one for seeing the end without growing */
  }
  char *buffer = malloc(capacity);
  if (!buffer)
    return limn_fail_memory(path);
  for (;;) {
    size_t got = fread(buffer + used, 1, capacity - 1 - used, stream);
    used += got;
    if (got == 0)
      break;
    if (used > limit) {
      free(buffer);
      return limn_fail(LIMN_DATA, "%s: over the limit of %zu bytes for such a file", path, limit);
    }
    if (used + 1 < capacity)
      continue;
    char *larger = capacity > SIZE_MAX / 2 ? NULL : realloc(buffer, capacity * 2);
    if (!larger) {
      free(buffer);
      return limn_fail_memory(path);
    }
    buffer = larger;
    capacity *= 2;
  }
  if (ferror(stream)) {
    free(buffer);
    return limn_fail(LIMN_DATA, "%s: cannot read: %s", path, strerror(errno));
  }
  buffer[used] = '\0';
  *out = buffer;
  *size = used;
  return LIMN_OK;
}

limn_status limn_read_file(const char *path, size_t limit, char **out, size_t *size) {
  *out = NULL;
  *size = 0;
  FILE *stream = fopen(path, "rbe");
  if (!stream)
    return limn_fail(LIMN_DATA, "%s: cannot open: %s", path, strerror(errno));
  limn_status status = read_stream(stream, path, limit, out, size);
  fclose(stream);
  return status;
}

bool limn_read_name(const char *path, char *name, size_t size) {
  struct stat info;
  int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not hang us */
  if (descriptor < 0)
    return false;
  bool good = fstat(descriptor, &info) == 0 && S_ISREG(info.st_mode) && info.st_size < (off_t)size;
  ssize_t length = good ? read(descriptor, name, size - 1) : 0;
  close(descriptor);
  if (length < 2 || name[length - 1] != '\n')
    return false;
  name[length - 1] = '\0';
  return strlen(name) == (size_t)length - 1 && !strpbrk(name, "/\n");
}

limn_status limn_read_at(int descriptor, void *bytes, size_t size, uint64_t offset, const char *name) {
  for (size_t done = 0; done < size;) {
    ssize_t got = pread(descriptor, (char *)bytes + done, size - done, (off_t)(offset + done));
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return limn_fail(LIMN_DATA, "%s: cannot read: %s", name, got < 0 ? strerror(errno) : "the file became shorter");
    done += (size_t)got;
  }
  return LIMN_OK;
}
