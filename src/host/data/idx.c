/* IDX files (MNIST's format): big-endian magic 00 00 08 D with D dimensions, D 32-bit sizes, unsigned bytes. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/error.h"
#include "data/records.h"

#define IMAGES_MAGIC      0x00000803u
#define LABELS_MAGIC      0x00000801u
#define IMAGES_HEADER     16
#define LABELS_HEADER     8
#define DEFLATE_MAX_RATIO 1032 /* no deflate stream grows by more */

/* An open file, plain or compressed. */
typedef struct idx_file {
  gzFile stream;
  const char *path;
  uint64_t disk_size;
  bool compressed;
} idx_file;

static uint32_t big_endian(const uint8_t *bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Exactly `size` bytes. */
static limn_status file_read(idx_file *file, uint8_t *out, size_t size) {
  while (size > 0) {
    unsigned part = size > INT_MAX ? INT_MAX : (unsigned)size;
    int got = gzread(file->stream, out, part);
    int error = Z_OK;
    const char *reason = gzerror(file->stream, &error);
    if (error == Z_MEM_ERROR)
      return limn_fail_memory(file->path);
    if (got < 0 || (error != Z_OK && error != Z_STREAM_END && error != Z_BUF_ERROR))
      return limn_fail(LIMN_DATA, "%s: cannot read: %s; fetch the file again", file->path,
                       error == Z_ERRNO ? strerror(errno) : reason);
    if (got == 0)
      return limn_fail(LIMN_DATA, "%s: %zu bytes are missing at its end; fetch the file again", file->path, size);
    out += got;
    size -= (size_t)got;
  }
  return LIMN_OK;
}

/* Nothing may follow; for a .gz file this also checks the sum at its end. */
static limn_status file_expect_end(idx_file *file) {
  uint8_t byte;
  int got = gzread(file->stream, &byte, 1);
  int error = Z_OK;
  const char *reason = gzerror(file->stream, &error);
  if (error == Z_MEM_ERROR)
    return limn_fail_memory(file->path);
  if (got < 0 || error == Z_BUF_ERROR)
    return limn_fail(LIMN_DATA, "%s: broken at its end: %s; fetch the file again", file->path, reason);
  if (got > 0)
    return limn_fail(LIMN_DATA, "%s: has more bytes than its header says; fetch the file again", file->path);
  return LIMN_OK;
}

static limn_status file_open(idx_file *file, const char *path) {
  struct stat info;
  memset(file, 0, sizeof *file);
  file->path = path;
  if (stat(path, &info) != 0)
    return limn_fail(LIMN_DATA, "%s: cannot open: %s", path, strerror(errno));
  if (!S_ISREG(info.st_mode))
    return limn_fail(LIMN_DATA, "%s: not a regular file; name an IDX file or a folder", path);
  file->disk_size = (uint64_t)info.st_size;
  errno = 0;
  file->stream = gzopen(path, "rbe");
  if (!file->stream)
    return errno ? limn_fail(LIMN_DATA, "%s: cannot open: %s", path, strerror(errno)) : limn_fail_memory(path);
  gzbuffer(file->stream, 1 << 17);
  file->compressed = !gzdirect(file->stream);
  return LIMN_OK;
}

static limn_status check_images_header(const idx_file *file, const uint8_t *header, int64_t max_pixels,
                                       uint64_t *bytes) {
  uint32_t magic = big_endian(header);
  uint64_t n = big_endian(header + 4), h = big_endian(header + 8), w = big_endian(header + 12);
  if (magic == LABELS_MAGIC)
    return limn_fail(LIMN_DATA, "%s: holds labels; name the file of the images beside it", file->path);
  if (magic != IMAGES_MAGIC)
    return limn_fail(LIMN_DATA, "%s: no IDX file of grey pictures: it begins with 0x%08x, not 0x%08x", file->path,
                     magic, IMAGES_MAGIC);
  if (n == 0 || h == 0 || w == 0)
    return limn_fail(LIMN_DATA, "%s: empty: %llu pictures of %llu x %llu pixels", file->path, (unsigned long long)n,
                     (unsigned long long)h, (unsigned long long)w);
  if (h > (uint64_t)max_pixels / w)
    return limn_fail(LIMN_DATA, "%s: its header says pictures of %llu x %llu pixels, over the limit of %lld in all",
                     file->path, (unsigned long long)h, (unsigned long long)w, (long long)max_pixels);
  *bytes = n * h * w;
  uint64_t whole = *bytes + IMAGES_HEADER;
  /* Before any memory is asked for: a torn header must not ask for 400 GB. */
  bool possible = file->compressed ? whole / DEFLATE_MAX_RATIO <= file->disk_size : whole == file->disk_size;
  if (!possible)
    return limn_fail(LIMN_DATA, "%s: %llu bytes, where %llu pictures of %llu x %llu need %llu; fetch the file again",
                     file->path, (unsigned long long)file->disk_size, (unsigned long long)n, (unsigned long long)h,
                     (unsigned long long)w, (unsigned long long)whole);
  return LIMN_OK;
}

static limn_status read_images(limn_record_source *source, const limn_source_options *options) {
  idx_file file;
  uint8_t header[IMAGES_HEADER];
  uint64_t bytes = 0;
  limn_status status;
  LIMN_TRY_OR_CLEANUP(status, file_open(&file, source->path));
  LIMN_TRY_OR_CLEANUP(status, file_read(&file, header, sizeof header));
  LIMN_TRY_OR_CLEANUP(status, check_images_header(&file, header, options->max_pixels, &bytes));
  source->base.count = big_endian(header + 4);
  source->channels = 1;
  source->height = (int)big_endian(header + 8);
  source->width = (int)big_endian(header + 12);
  if (bytes <= options->memory_limit) {
    source->pixels = malloc(bytes);
    if (!source->pixels) {
      status = limn_fail_memory(source->path);
      goto cleanup;
    }
    LIMN_TRY_OR_CLEANUP(status, file_read(&file, source->pixels, bytes));
    status = file_expect_end(&file);
  } else if (file.compressed) {
    status = limn_fail(
        LIMN_DATA, "%s: its %.1f GB of pictures do not fit in memory; unpack it with gunzip -k to read it from disk",
        source->path, (double)bytes * 1e-9);
  } else {
    status = limn_records_leave_on_disk(source, IMAGES_HEADER);
  }
cleanup:
  if (file.stream)
    gzclose(file.stream);
  return status;
}

static limn_status read_labels(limn_record_source *source, const char *path) {
  idx_file file;
  uint8_t header[LABELS_HEADER], *bytes = NULL;
  limn_status status;
  LIMN_TRY_OR_CLEANUP(status, file_open(&file, path));
  LIMN_TRY_OR_CLEANUP(status, file_read(&file, header, sizeof header));
  if (big_endian(header) != LABELS_MAGIC) {
    status = limn_fail(LIMN_DATA, "%s: no IDX file of labels: it begins with 0x%08x, not 0x%08x", path,
                       big_endian(header), LABELS_MAGIC);
    goto cleanup;
  }
  if (big_endian(header + 4) != source->base.count) {
    status = limn_fail(LIMN_DATA, "%s: %u labels for the %u pictures of %s; the files do not belong together", path,
                       big_endian(header + 4), source->base.count, source->path);
    goto cleanup;
  }
  bytes = malloc(source->base.count);
  source->labels = malloc(source->base.count * sizeof *source->labels);
  if (!bytes || !source->labels) {
    status = limn_fail_memory(path);
    goto cleanup;
  }
  LIMN_TRY_OR_CLEANUP(status, file_read(&file, bytes, source->base.count));
  LIMN_TRY_OR_CLEANUP(status, file_expect_end(&file));
  for (uint32_t i = 0; i < source->base.count; ++i)
    source->labels[i] = bytes[i];
  status = limn_records_number_classes(source);
cleanup:
  free(bytes);
  if (file.stream)
    gzclose(file.stream);
  return status;
}

/* Overwrites the last `from` in a file's name by `to` of the same length. */
static bool rename_part(char *path, const char *from, const char *to) {
  char *name = strrchr(path, '/'), *last = NULL;
  for (char *at = strstr(name ? name : path, from); at; at = strstr(at + 1, from))
    last = at;
  if (last)
    memcpy(last, to, strlen(to));
  return last != NULL;
}

static bool ends_with(const char *text, const char *end) {
  size_t length = strlen(text), end_length = strlen(end);
  return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

/* Reads the labels beside train-images-idx3-ubyte(.gz), train-labels-idx1-ubyte(.gz), where there are any. */
static limn_status find_labels(limn_record_source *source) {
  size_t size = strlen(source->path) + sizeof ".gz";
  char *path = malloc(size);
  if (!path)
    return limn_fail_memory("a file name");
  memcpy(path, source->path, strlen(source->path) + 1);
  limn_status status = LIMN_OK;
  if (rename_part(path, "images", "labels")) {
    rename_part(path, "idx3", "idx1");
    bool compressed = ends_with(path, ".gz");
    if (access(path, F_OK) != 0) {
      if (compressed)
        path[strlen(path) - 3] = '\0';
      else
        memcpy(path + strlen(path), ".gz", sizeof ".gz");
    }
    if (access(path, F_OK) == 0)
      status = read_labels(source, path);
  }
  free(path);
  return status;
}

limn_status limn_idx_open(limn_data_source **out, const char *path, const limn_source_options *options) {
  *out = NULL;
  limn_record_source *source;
  LIMN_TRY(limn_records_create(&source, LIMN_RECORDS_IDX, path));
  limn_status status = read_images(source, options);
  if (status == LIMN_OK)
    status = find_labels(source);
  if (status != LIMN_OK) {
    source->base.ops->destroy(&source->base);
    return status;
  }
  *out = &source->base;
  return LIMN_OK;
}

/* The same but for .gz. */
static bool names_same_file(const char *a, const char *b) {
  size_t length_a = strlen(a) - (ends_with(a, ".gz") ? 3 : 0), length_b = strlen(b) - (ends_with(b, ".gz") ? 3 : 0);
  return length_a == length_b && strncmp(a, b, length_a) == 0;
}

limn_status limn_idx_find(const char *folder, char **file) {
  *file = NULL;
  DIR *dir = opendir(folder);
  if (!dir)
    return limn_fail(LIMN_DATA, "%s: cannot open: %s", folder, strerror(errno));
  char train[NAME_MAX + 1] = "", other[NAME_MAX + 1] = "", second[NAME_MAX + 1] = "";
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
    const char *name = entry->d_name;
    if (name[0] == '.' || !strstr(name, "idx3") || !strstr(name, "ubyte"))
      continue;
    if (!strstr(name, "train-images")) {
      if (!other[0] || strcmp(name, other) < 0)
        snprintf(other, sizeof other, "%s", name);
    } else if (!train[0] || (names_same_file(name, train) && strlen(name) < strlen(train))) {
      snprintf(train, sizeof train, "%s", name);
    } else if (!names_same_file(name, train)) {
      snprintf(second, sizeof second, "%s", name);
    }
  }
  closedir(dir);
  if (second[0])
    return limn_fail(LIMN_DATA, "%s: more than one training split: %s and %s; name the file", folder, train, second);
  if (other[0] && !train[0])
    return limn_fail(LIMN_DATA, "%s: IDX files, but no train-images*; name the file, for example %s/%s", folder, folder,
                     other);
  if (!train[0])
    return LIMN_OK;
  const char *gap = folder[strlen(folder) - 1] == '/' ? "" : "/";
  if (asprintf(file, "%s%s%s", folder, gap, train) < 0) {
    *file = NULL;
    return limn_fail_memory("a file name");
  }
  return LIMN_OK;
}
