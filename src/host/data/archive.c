/* Picture files in a zip or tar archive. An archive can be read only from front to back, and pictures are wanted in any
 * order and by many threads: so opening copies them, compressed as they are, into one temporary file without a name.
 * Any size of archive takes little memory that way, and what fits in memory is read from the system's cache. Where all
 * pictures are there decoded, their names are too, and nothing is copied. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "data/file_list.h"
#include "data/source.h"
#include "data/unpack.h"
#include "limn/tools.h"

#define COPY_SIZE ((size_t)1 << 18)

typedef struct archive_source {
  limn_data_source base;
  char *path;
  int64_t max_pixels;
  limn_file_list files;
  uint64_t state; /* hash of the archive's size and of when it was changed, before it was read */
  int copy;       /* the temporary file; -1: none */
} archive_source;

/* Copying under way. */
typedef struct copying {
  archive_source *source;
  limn_unpacker unpacker;
  uint8_t *buffer; /* (COPY_SIZE) */
  uint64_t end;    /* of what was copied */
} copying;

static const char *temporary_folder(void) {
  const char *folder = getenv("TMPDIR");
  return folder && folder[0] ? folder : "/var/tmp"; /* unlike /tmp never in memory */
}

static limn_status create_copy(archive_source *source) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/limn-XXXXXX", temporary_folder());
  source->copy = mkostemp(path, O_CLOEXEC);
  if (source->copy < 0)
    return limn_fail(LIMN_FAILED, "%s: no temporary file can be made in %s: %s; name another folder in TMPDIR",
                     source->path, temporary_folder(), strerror(errno));
  unlink(path); /* gone with the process, however that ends */
  return LIMN_OK;
}

static limn_status write_all(const archive_source *source, const uint8_t *bytes, size_t size) {
  while (size > 0) {
    ssize_t done = write(source->copy, bytes, size);
    if (done < 0 && errno == EINTR)
      continue;
    if (done <= 0)
      return limn_fail(LIMN_FAILED,
                       "%s: cannot copy its pictures to a temporary file in %s: %s; name another folder in TMPDIR",
                       source->path, temporary_folder(), strerror(errno));
    bytes += done;
    size -= (size_t)done;
  }
  return LIMN_OK;
}

/* The next bytes of a member. One that alone is damaged is a broken picture, of which decode tells why: *got is 0 then,
 * *damaged true, and it is in the list. */
static limn_status read_member(copying *all, const char *name, size_t most, size_t *got, bool *damaged) {
  limn_status status = limn_unpack_read(&all->unpacker, all->buffer, most, got);
  const char *fault = status == LIMN_DATA ? limn_unpack_member_fault(&all->unpacker) : NULL;
  if (!fault)
    return status;
  *got = 0;
  *damaged = true;
  return limn_file_list_add_broken(&all->source->files, strdup(name), strdup(fault));
}

/* Of a member that begins as no picture does: another file, or a picture whose first bytes are damaged, as the sum at
 * its end tells. */
static limn_status pass_over(copying *all, const char *name, size_t got) {
  bool damaged = false;
  while (got > 0 && limn_image_has_known_name(name))
    LIMN_TRY(read_member(all, name, COPY_SIZE, &got, &damaged));
  if (!damaged)
    limn_other_files_add(&all->source->base.other_files, name);
  return LIMN_OK;
}

/* Up to one byte over the limit of a picture file, so that reading it can tell. */
static limn_status copy_member(copying *all, const char *name) {
  archive_source *source = all->source;
  const size_t most = limn_image_file_limit(source->max_pixels) + 1;
  const uint64_t start = all->end;
  size_t got;
  bool damaged = false;
  LIMN_TRY(read_member(all, name, LIMN_PICTURE_START, &got, &damaged));
  if (damaged)
    return LIMN_OK;
  const limn_image_input input = {.bytes = all->buffer, .size = got, .name = name};
  if (!limn_image_is_picture(&input) && (got > 0 || !limn_image_has_known_name(name)))
    return pass_over(all, name, got);
  LIMN_TRY(write_all(source, all->buffer, got));
  all->end += got;
  while (got > 0 && all->end - start < most) {
    size_t left = most - (size_t)(all->end - start);
    LIMN_TRY(read_member(all, name, left < COPY_SIZE ? left : COPY_SIZE, &got, &damaged));
    LIMN_TRY(write_all(source, all->buffer, got));
    all->end += got;
  }
  return damaged ? LIMN_OK : limn_file_list_add(&source->files, strdup(name), start, all->end - start);
}

/* Whether a part of the path begins with a dot, as in folders: such files are not for us ("./a" is). */
static bool is_hidden(const char *name) {
  for (; name; name = strchr(name, '/')) {
    name += *name == '/';
    if (name[0] == '.' && strncmp(name, "./", 2) != 0 && strncmp(name, "../", 3) != 0)
      return true;
  }
  return false;
}

static limn_status copy_pictures(copying *all) {
  archive_source *source = all->source;
  limn_member member;
  char others[LIMN_OTHER_FILES_TEXT_SIZE];
  for (;;) {
    LIMN_TRY(limn_unpack_next(&all->unpacker, &member));
    if (!member.name)
      break;
    while (strncmp(member.name, "./", 2) == 0)
      member.name += 2;
    const char *slash = strrchr(member.name, '/');
    if (is_hidden(member.name) || limn_other_files_passes_over(slash ? slash + 1 : member.name) ||
        (member.link_to && !limn_image_has_known_name(member.name)))
      continue;
    if (member.link_to) /* a second name, or a symbolic link */
      return limn_fail(LIMN_DATA, "%s: %s is a link to %s; unpack the archive and name the folder", source->path,
                       member.name, member.link_to);
    LIMN_TRY(copy_member(all, member.name));
  }
  limn_other_files_text(&source->base.other_files, others, sizeof others);
  if (source->files.count == 0)
    return limn_fail(LIMN_DATA, "%s: no pictures in this archive%s%s; if it holds data of another kind, unpack it",
                     source->path, others[0] ? ": " : "", others);
  return LIMN_OK;
}

static limn_status remember_state(archive_source *source) {
  struct stat info;
  if (stat(source->path, &info) != 0)
    return limn_fail(LIMN_DATA, "%s: cannot open: %s", source->path, strerror(errno));
  const int64_t size = info.st_size;
  source->state = limn_hash_times(limn_hash_bytes(0, &size, sizeof size), &info);
  return LIMN_OK;
}

static limn_status copy_all(archive_source *source) {
  copying all = {.source = source, .buffer = malloc(COPY_SIZE)};
  limn_status status = LIMN_OK;
  if (!all.buffer)
    return limn_fail_memory(source->path);
  LIMN_TRY_OR_CLEANUP(status, create_copy(source));
  LIMN_TRY_OR_CLEANUP(status, limn_unpack_open(&all.unpacker, source->path));
  LIMN_TRY_OR_CLEANUP(status, copy_pictures(&all));
  status = limn_file_list_finish(&source->files, source->path);
cleanup:
  limn_unpack_close(&all.unpacker);
  free(all.buffer);
  return status;
}

static limn_status refuse_twice(const archive_source *source) {
  const limn_file_entry *items = source->files.items;
  for (size_t i = 1; i < source->files.count; ++i)
    if (strcmp(items[i - 1].path, items[i].path) == 0)
      return limn_fail(LIMN_DATA, "%s: holds %s twice; make the archive anew, or unpack it and name the folder",
                       source->path, items[i].path);
  return LIMN_OK;
}

static const char *archive_name(const limn_data_source *base, uint32_t index, char *buffer, size_t size) {
  const archive_source *source = (const archive_source *)base;
  snprintf(buffer, size, "%s in %s", source->files.items[index].path, source->path);
  return buffer;
}

/* One of the two is asked for, the picture or its shape. */
static limn_status decode(const limn_data_source *base, uint32_t index, limn_image *picture,
                          limn_picture_shape *shape) {
  const archive_source *source = (const archive_source *)base;
  const limn_file_entry *entry = &source->files.items[index];
  const size_t limit = limn_image_file_limit(source->max_pixels);
  char name[PATH_MAX];
  archive_name(base, index, name, sizeof name);
  if (entry->fault)
    return limn_fail(LIMN_DATA, "%s: damaged: %s; fetch the archive again", name, entry->fault);
  if (entry->size > limit)
    return limn_fail(LIMN_DATA, "%s: over the limit of %zu bytes for such a file", name, limit);
  uint8_t *bytes = malloc(entry->size ? entry->size : 1);
  if (!bytes)
    return limn_fail_memory(name);
  const limn_image_input input = {bytes, entry->size, name, source->max_pixels, entry->path};
  limn_status status = limn_read_at(source->copy, bytes, entry->size, entry->offset, name);
  if (status == LIMN_OK)
    status = picture ? limn_image_read(picture, &input) : limn_image_probe(shape, &input);
  free(bytes);
  return status;
}

static limn_status archive_probe(limn_data_source *base, uint32_t index, limn_picture_shape *out) {
  return decode(base, index, NULL, out);
}

static limn_status archive_read(limn_data_source *base, uint32_t index, limn_image *out) {
  memset(out, 0, sizeof *out);
  return decode(base, index, out, NULL);
}

static const char *archive_file(const limn_data_source *base, uint32_t index) {
  return ((const archive_source *)base)->files.items[index].path;
}

static int archive_label(const limn_data_source *base, uint32_t index) {
  return ((const archive_source *)base)->files.items[index].label;
}

static const char *archive_class_name(const limn_data_source *base, int label) {
  return ((const archive_source *)base)->files.classes[label];
}

static uint64_t archive_identify(const limn_data_source *base, uint32_t index, uint64_t hash) {
  return limn_file_list_identify(&((const archive_source *)base)->files, index, hash);
}

/* The archive stands for all that is in it. */
static uint64_t archive_state(const limn_data_source *base, uint64_t hash) {
  const archive_source *source = (const archive_source *)base;
  return limn_hash_bytes(hash, &source->state, sizeof source->state);
}

static const limn_file_list *archive_files(const limn_data_source *base) {
  return &((const archive_source *)base)->files;
}

static void archive_forget(limn_data_source *base) {
  archive_source *source = (archive_source *)base;
  if (source->copy >= 0)
    close(source->copy);
  source->copy = -1;
}

static void archive_destroy(limn_data_source *base) {
  archive_source *source = (archive_source *)base;
  archive_forget(base);
  limn_file_list_release(&source->files);
  free(source->path);
  free(source);
}

static const limn_source_ops archive_ops = {
    .kind = "archive",
    .destroy = archive_destroy,
    .probe = archive_probe,
    .read = archive_read,
    .label = archive_label,
    .class_name = archive_class_name,
    .name = archive_name,
    .file = archive_file,
    .identify = archive_identify,
    .state = archive_state,
    .files = archive_files,
    .forget = archive_forget,
};

limn_status limn_archive_open(limn_data_source **out, const char *path, const limn_source_options *options) {
  *out = NULL;
  archive_source *source = calloc(1, sizeof *source);
  if (!source)
    return limn_fail_memory("a data set");
  *source =
      (archive_source){.base.ops = &archive_ops, .path = strdup(path), .max_pixels = options->max_pixels, .copy = -1};
  limn_status status = source->path ? LIMN_OK : limn_fail_memory("a file name");
  if (status != LIMN_OK)
    goto cleanup;
  LIMN_TRY_OR_CLEANUP(status, remember_state(source));
  if (!options->recall || !options->recall(options->context, archive_state(&source->base, 0), &source->files)) {
    limn_file_list_release(&source->files);
    LIMN_TRY_OR_CLEANUP(status, copy_all(source));
    LIMN_TRY_OR_CLEANUP(status, refuse_twice(source));
  }
  /* Archives are mostly made of one folder, which is then no class. */
  if (options->labels && options->labels[0])
    status = limn_labels_read(&source->files, options->labels, options->label_column, path);
  else
    status = limn_file_list_classify_by_folder(&source->files, limn_file_list_common_folder(&source->files));
  if (status != LIMN_OK)
    goto cleanup;
  source->base.count = (uint32_t)source->files.count;
  source->base.class_count = source->files.class_count;
  *out = &source->base;
  return LIMN_OK;
cleanup:
  archive_destroy(&source->base);
  return status;
}
