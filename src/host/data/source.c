/* Which kind of data a path holds. */
#include "data/source.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/error.h"

#define START_SIZE 512 /* up to the mark in a tar file's header */
#define TAR_MARK   257

typedef limn_status (*open_function)(limn_data_source **out, const char *path, const limn_source_options *options);

static bool ends_with(const char *text, const char *end) {
  size_t length = strlen(text), end_length = strlen(end);
  return length >= end_length && strcasecmp(text + length - end_length, end) == 0;
}

/* The first bytes of a file, unpacked where it is a .gz: (START_SIZE), the rest zero. */
static limn_status read_start(const char *path, uint8_t *start, bool *gzip) {
  memset(start, 0, START_SIZE);
  errno = 0;
  gzFile stream = gzopen(path, "rbe");
  if (!stream)
    return errno ? limn_fail(LIMN_DATA, "%s: cannot open: %s", path, strerror(errno)) : limn_fail_memory(path);
  gzread(stream, start, START_SIZE); /* what fails here fails again, with a message, in whoever reads the file */
  *gzip = !gzdirect(stream);
  gzclose(stream);
  return LIMN_OK;
}

static bool begins_with(const uint8_t *start, const char *magic, size_t size) {
  return memcmp(start, magic, size) == 0;
}

static bool is_archive(const char *path, const uint8_t *start) {
  static const char *const names[] = {".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst"};
  if (begins_with(start + TAR_MARK, "ustar", 5) || begins_with(start, "PK\3\4", 4) || begins_with(start, "PK\5\6", 4) ||
      begins_with(start, "BZh", 3) ||
      begins_with(start,
                  "\xfd"
                  "7zXZ",
                  5) ||
      begins_with(start, "\x28\xb5\x2f\xfd", 4))
    return true;
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i)
    if (ends_with(path, names[i]))
      return true;
  return false;
}

static limn_status choose_for_file(open_function *out, const char *path, uint64_t size) {
  uint8_t start[START_SIZE];
  bool gzip = false;
  if (size == 0)
    return limn_fail(LIMN_DATA, "%s: an empty file; name a folder, an archive or a data file", path);
  LIMN_TRY(read_start(path, start, &gzip));
  if (limn_image_is_picture(&(limn_image_input){.bytes = start, .size = START_SIZE, .name = path}))
    return limn_fail(LIMN_DATA, "%s: a single picture; name the folder that holds the pictures", path);
  if (begins_with(start, "\x93NUMPY", 6))
    *out = limn_npy_open;
  else if (begins_with(start, "PK", 2) && ends_with(path, ".npz"))
    *out = limn_npz_open;
  else if (limn_cifar_is_file(path, size))
    *out = limn_cifar_open;
  else if (is_archive(path, start))
    *out = limn_archive_open;
  else if (begins_with(start, "\0\0", 2)) /* what is damaged too: why is for the reader to say */
    *out = limn_idx_open;
  else
    return limn_fail(
        LIMN_DATA, "%s: no archive, and no IDX, CIFAR or NumPy file; name one of these or a folder of pictures", path);
  if (gzip && *out == limn_npy_open)
    return limn_fail(LIMN_DATA, "%s: a compressed NumPy file; unpack it with gunzip -k", path);
  return LIMN_OK;
}

/* *file: what to open in place of the folder (yours, free()), or NULL. */
static limn_status choose_for_folder(open_function *out, const char *path, char **file) {
  LIMN_TRY(limn_idx_find(path, file));
  *out = *file ? limn_idx_open : limn_cifar_is_folder(path) ? limn_cifar_open : limn_folder_open;
  return LIMN_OK;
}

limn_status limn_source_open(limn_data_source **out, const char *path, const limn_source_options *options) {
  struct stat info;
  *out = NULL;
  if (!path || !path[0])
    return limn_fail(LIMN_USAGE,
                     "no data set is named; give a folder of pictures, an archive or a data file with --data");
  if (stat(path, &info) != 0)
    return limn_fail(LIMN_DATA, "%s: %s", path,
                     errno == ENOENT ? "no such file or folder; name the pictures by --data PATH" : strerror(errno));
  if (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode))
    return limn_fail(LIMN_DATA, "%s: neither a file nor a folder; name a folder of pictures, an archive or a data file",
                     path);
  open_function open_it = NULL;
  char *file = NULL;
  limn_status status = S_ISDIR(info.st_mode) ? choose_for_folder(&open_it, path, &file)
                                             : choose_for_file(&open_it, path, (uint64_t)info.st_size);
  if (status == LIMN_OK && options->labels && options->labels[0] && open_it != limn_folder_open &&
      open_it != limn_archive_open)
    status = limn_fail(LIMN_USAGE, "labels %s: %s holds no picture files that it could name; leave the setting out",
                       options->labels, path);
  if (status == LIMN_OK && options->label_column && options->label_column[0] &&
      !(options->labels && options->labels[0]))
    status = limn_fail(LIMN_USAGE, "label_column %s: no file of labels is named; give it with --labels",
                       options->label_column);
  if (status == LIMN_OK)
    status = open_it(out, file ? file : path, options);
  free(file);
  return status;
}
