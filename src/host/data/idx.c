/* IDX files (MNIST's format): big-endian magic 00 00 08 D with D dimensions, D 32-bit sizes, unsigned bytes. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/error.h"
#include "data/source.h"

#define IMAGES_MAGIC      0x00000803u
#define LABELS_MAGIC      0x00000801u
#define IMAGES_HEADER     16
#define LABELS_HEADER     8
#define DEFLATE_MAX_RATIO 1032 /* no deflate stream grows by more */
#define LABEL_COUNT       256

typedef struct idx_source {
  limn_data_source base;
  char *path;
  int height, width;
  uint8_t *pixels; /* (count, height, width); NULL: read from `descriptor`, or forgotten */
  int descriptor;  /* -1 when the pixels are in memory */
  uint8_t *labels; /* (count), NULL: none */
  char class_names[LABEL_COUNT][4];
} idx_source;

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

static limn_status check_images_header(const idx_file *file, const uint8_t *header, uint64_t *bytes) {
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
  if (h > LIMN_MAX_PICTURE_PIXELS / w)
    return limn_fail(LIMN_DATA, "%s: its header says pictures of %llu x %llu pixels, over the limit of %d in all",
                     file->path, (unsigned long long)h, (unsigned long long)w, LIMN_MAX_PICTURE_PIXELS);
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

static limn_status read_images(idx_source *source, size_t memory_limit) {
  idx_file file;
  uint8_t header[IMAGES_HEADER];
  uint64_t bytes = 0;
  limn_status status;
  LIMN_TRY_OR_CLEANUP(status, file_open(&file, source->path));
  LIMN_TRY_OR_CLEANUP(status, file_read(&file, header, sizeof header));
  LIMN_TRY_OR_CLEANUP(status, check_images_header(&file, header, &bytes));
  source->base.count = big_endian(header + 4);
  source->height = (int)big_endian(header + 8);
  source->width = (int)big_endian(header + 12);
  if (bytes <= memory_limit) {
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
    source->descriptor = open(source->path, O_RDONLY | O_CLOEXEC);
    if (source->descriptor < 0)
      status = limn_fail(LIMN_DATA, "%s: cannot open: %s", source->path, strerror(errno));
  }
cleanup:
  if (file.stream)
    gzclose(file.stream);
  return status;
}

static limn_status read_labels(idx_source *source, const char *path) {
  idx_file file;
  uint8_t header[LABELS_HEADER];
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
  source->labels = malloc(source->base.count);
  if (!source->labels) {
    status = limn_fail_memory(path);
    goto cleanup;
  }
  LIMN_TRY_OR_CLEANUP(status, file_read(&file, source->labels, source->base.count));
  LIMN_TRY_OR_CLEANUP(status, file_expect_end(&file));
  for (uint32_t i = 0; i < source->base.count; ++i)
    if (source->labels[i] >= source->base.class_count)
      source->base.class_count = source->labels[i] + 1;
cleanup:
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
static limn_status find_labels(idx_source *source) {
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

static void idx_destroy(limn_data_source *base) {
  idx_source *source = (idx_source *)base;
  if (source->descriptor >= 0)
    close(source->descriptor);
  free(source->pixels);
  free(source->labels);
  free(source->path);
  free(source);
}

static limn_status idx_probe(limn_data_source *base, uint32_t index, limn_picture_shape *out) {
  const idx_source *source = (const idx_source *)base;
  (void)index;
  *out = (limn_picture_shape){source->height, source->width, 1};
  return LIMN_OK;
}

static limn_status idx_read(limn_data_source *base, uint32_t index, limn_image *out) {
  const idx_source *source = (const idx_source *)base;
  LIMN_TRY(limn_image_init(out, source->height, source->width, 1));
  size_t bytes = (size_t)source->height * (size_t)source->width;
  if (source->pixels) {
    memcpy(out->pixels, source->pixels + (size_t)index * bytes, bytes);
    return LIMN_OK;
  }
  for (size_t done = 0; done < bytes;) {
    off_t offset = (off_t)((uint64_t)index * bytes + IMAGES_HEADER + done);
    ssize_t got = pread(source->descriptor, out->pixels + done, bytes - done, offset);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0) {
      limn_image_release(out);
      return limn_fail(LIMN_DATA, "%s: cannot read picture %u: %s", source->path, index,
                       got < 0 ? strerror(errno) : "the file became shorter");
    }
    done += (size_t)got;
  }
  return LIMN_OK;
}

static int idx_label(const limn_data_source *base, uint32_t index) {
  const idx_source *source = (const idx_source *)base;
  return source->labels ? source->labels[index] : -1;
}

static const char *idx_class_name(const limn_data_source *base, int label) {
  return ((const idx_source *)base)->class_names[label];
}

static const char *idx_name(const limn_data_source *base, uint32_t index, char *buffer, size_t size) {
  snprintf(buffer, size, "picture %u of %s", index, ((const idx_source *)base)->path);
  return buffer;
}

static uint64_t idx_identify(const limn_data_source *base, uint32_t index, uint64_t hash) {
  const idx_source *source = (const idx_source *)base;
  return source->labels ? limn_hash_bytes(hash, &source->labels[index], 1) : hash;
}

static const uint8_t *idx_dense(const limn_data_source *base) { return ((const idx_source *)base)->pixels; }

static void idx_forget(limn_data_source *base) {
  idx_source *source = (idx_source *)base;
  free(source->pixels);
  source->pixels = NULL;
}

static const limn_source_ops idx_ops = {
    .kind = "idx",
    .destroy = idx_destroy,
    .probe = idx_probe,
    .read = idx_read,
    .label = idx_label,
    .class_name = idx_class_name,
    .name = idx_name,
    .identify = idx_identify,
    .dense = idx_dense,
    .forget = idx_forget,
};

limn_status limn_idx_open(limn_data_source **out, const char *path, size_t memory_limit) {
  *out = NULL;
  idx_source *source = calloc(1, sizeof *source);
  if (!source)
    return limn_fail_memory("a data set");
  limn_status status;
  source->base.ops = &idx_ops;
  source->base.cheap = true;
  source->descriptor = -1;
  for (int i = 0; i < LABEL_COUNT; ++i)
    snprintf(source->class_names[i], sizeof source->class_names[i], "%u", (uint8_t)i);
  source->path = strdup(path);
  if (!source->path) {
    status = limn_fail_memory("a file name");
    goto cleanup;
  }
  LIMN_TRY_OR_CLEANUP(status, read_images(source, memory_limit));
  LIMN_TRY_OR_CLEANUP(status, find_labels(source));
  *out = &source->base;
  return LIMN_OK;
cleanup:
  idx_destroy(&source->base);
  return status;
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
