/* NumPy arrays of pictures: .npy, and .npz with labels beside them. Bytes alone: the range of floating-point numbers
 * could be 0 to 1, -1 to 1 or 0 to 255, and a wrong guess would spoil a training run without a word. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "data/records.h"
#include "data/unpack.h"
#include "formats/npy_header.h"

#define NAME_SIZE 512

/* How pictures lie in an array. */
typedef struct layout {
  uint64_t start; /* bytes of the file ahead of them */
  uint64_t count, height, width, channels;
  bool planar;
} layout;

static bool is_channels(uint64_t n) { return n == 1 || n == 3 || n == 4; }

static bool holds_bytes(const limn_npy_header *header) {
  return strcmp(header->descr, "|u1") == 0 || strcmp(header->descr, "<u1") == 0 || strcmp(header->descr, ">u1") == 0;
}

static limn_status check_type(const limn_npy_header *header, const char *name) {
  if (!holds_bytes(header))
    return limn_fail(LIMN_DATA,
                     "%s: numbers of type %s; pictures are bytes: save them as uint8, from 0 to 255, for example "
                     "(x * 255).round().astype(\"uint8\") where x is 0 to 1",
                     name, header->descr);
  if (header->column_major)
    return limn_fail(LIMN_DATA, "%s: in Fortran's order; save numpy.ascontiguousarray of it", name);
  return LIMN_OK;
}

static limn_status find_layout(layout *out, const limn_npy_header *header, int64_t max_pixels, const char *name) {
  char text[LIMN_NPY_SHAPE_SIZE];
  const uint64_t *s = header->shape;
  LIMN_TRY(check_type(header, name));
  bool last = header->dims == 4 && is_channels(s[3]), second = header->dims == 4 && is_channels(s[1]);
  if (header->dims != 3 && last == second)
    return limn_fail(
        LIMN_DATA,
        "%s: shape %s %s; pictures are (count, height, width), (count, height, width, channels) or (count, "
        "channels, height, width) with 1, 3 or 4 channels",
        name, limn_npy_shape_text(header, text), last ? "may mean two things" : "is not that of pictures");
  *out = (layout){.start = header->length, .count = s[0], .height = s[1], .width = s[2], .channels = 1};
  /* No picture is 1, 3 or 4 pixels wide: that is one alone, (height, width, channels). */
  if (header->dims == 3 && is_channels(s[2]))
    *out = (layout){.start = header->length, .count = 1, .height = s[0], .width = s[1], .channels = s[2]};
  if (last)
    out->channels = s[3];
  if (second)
    *out = (layout){
        .start = header->length, .count = s[0], .channels = s[1], .height = s[2], .width = s[3], .planar = true};
  if (out->count == 0 || out->height == 0 || out->width == 0)
    return limn_fail(LIMN_DATA, "%s: shape %s is empty", name, limn_npy_shape_text(header, text));
  if (out->count > INT32_MAX || out->width > (uint64_t)max_pixels || out->height > (uint64_t)max_pixels / out->width)
    return limn_fail(LIMN_DATA, "%s: shape %s is over the limits of %d pictures and %lld pixels each", name,
                     limn_npy_shape_text(header, text), INT32_MAX, (long long)max_pixels);
  return LIMN_OK;
}

static limn_status read_layout(layout *out, limn_npy_read read, void *context, const char *name, int64_t max_pixels) {
  limn_npy_header header;
  LIMN_TRY(limn_npy_read_header(&header, read, context, name));
  return find_layout(out, &header, max_pixels, name);
}

/* Returns the bytes of all pictures: of at most 2^31 of 2^29 pixels of 4 bytes, no overflow. */
static uint64_t set_layout(limn_record_source *source, const layout *found) {
  source->base.count = (uint32_t)found->count;
  source->height = (int)found->height;
  source->width = (int)found->width;
  source->channels = (int)found->channels;
  source->planar = found->planar;
  return found->count * limn_records_picture_bytes(source);
}

/* ---- .npy ---- */

typedef struct file_reader {
  FILE *stream;
  const char *path;
} file_reader;

static limn_status read_file(void *context, void *bytes, size_t size) {
  const file_reader *file = context;
  size_t got = fread(bytes, 1, size, file->stream);
  if (got == size)
    return LIMN_OK;
  if (ferror(file->stream))
    return limn_fail(LIMN_DATA, "%s: cannot read: %s", file->path, strerror(errno));
  return limn_fail(LIMN_DATA, "%s: %zu bytes are missing at its end; fetch the file again", file->path, size - got);
}

/* The file has to end where the array does. */
static limn_status check_length(const file_reader *file, uint64_t expected) {
  struct stat info;
  if (fstat(fileno(file->stream), &info) != 0)
    return limn_fail(LIMN_DATA, "%s: cannot read: %s", file->path, strerror(errno));
  if ((uint64_t)info.st_size != expected)
    return limn_fail(LIMN_DATA, "%s: %lld bytes, where its header says %llu; save or fetch the file again", file->path,
                     (long long)info.st_size, (unsigned long long)expected);
  return LIMN_OK;
}

static limn_status read_npy(limn_record_source *source, file_reader *file, const limn_source_options *options) {
  layout found;
  LIMN_TRY(read_layout(&found, read_file, file, file->path, options->max_pixels));
  const uint64_t bytes = set_layout(source, &found);
  LIMN_TRY(check_length(file, found.start + bytes));
  if (bytes > options->memory_limit)
    return limn_records_leave_on_disk(source, found.start);
  source->pixels = malloc(bytes);
  return source->pixels ? read_file(file, source->pixels, bytes) : limn_fail_memory(file->path);
}

limn_status limn_npy_open(limn_data_source **out, const char *path, const limn_source_options *options) {
  *out = NULL;
  limn_record_source *source;
  LIMN_TRY(limn_records_create(&source, LIMN_RECORDS_NPY, path));
  file_reader file = {.stream = fopen(path, "rbe"), .path = path};
  limn_status status;
  if (!file.stream) {
    status = limn_fail(LIMN_DATA, "%s: cannot open: %s", path, strerror(errno));
  } else {
    status = read_npy(source, &file, options);
    fclose(file.stream);
  }
  if (status == LIMN_OK)
    *out = &source->base;
  else
    source->base.ops->destroy(&source->base);
  return status;
}

/* ---- .npz: a zip file of .npy files ---- */

/* The arrays that are looked for, the better name first. */
static const char *const picture_names[] = {"images.npy", "x_train.npy"}, *const label_names[] = {"labels.npy",
                                                                                                  "y_train.npy"};
#define NAME_COUNT 2

typedef struct npz_reader {
  limn_unpacker unpacker;
  char name[NAME_SIZE]; /* of the member, for messages */
} npz_reader;

static limn_status read_part(void *context, void *bytes, size_t size) {
  npz_reader *npz = context;
  size_t got;
  LIMN_TRY(limn_unpack_read(&npz->unpacker, bytes, size, &got));
  return got == size ? LIMN_OK
                     : limn_fail(LIMN_DATA, "%s: %zu bytes are missing at its end; save or fetch the file again",
                                 npz->name, size - got);
}

static limn_status expect_end(npz_reader *npz) {
  uint8_t byte;
  size_t got;
  LIMN_TRY(limn_unpack_read(&npz->unpacker, &byte, 1, &got));
  return got == 0
             ? LIMN_OK
             : limn_fail(LIMN_DATA, "%s: has more bytes than its header says; save or fetch the file again", npz->name);
}

/* What a pass over the members finds: which of the names are there, and the first array that looks like pictures. */
typedef struct npz_choice {
  char pictures[NAME_SIZE], labels[NAME_SIZE]; /* members; "": none */
} npz_choice;

/* Whether `name` is better than what was chosen; a name that is not listed only where nothing was. */
static bool is_better(const char *const names[NAME_COUNT], const char *name, const char *chosen) {
  for (int i = 0; i < NAME_COUNT; ++i) {
    if (strcmp(chosen, names[i]) == 0)
      return false;
    if (strcmp(name, names[i]) == 0)
      return true;
  }
  return false;
}

static bool looks_like_pictures(npz_reader *npz) {
  layout found;
  return read_layout(&found, read_part, npz, npz->name, INT32_MAX) == LIMN_OK;
}

static limn_status choose(npz_choice *out, const char *path) {
  npz_reader npz = {.unpacker = {0}};
  limn_member member;
  limn_status status;
  LIMN_TRY(limn_unpack_open(&npz.unpacker, path));
  for (;;) {
    LIMN_TRY_OR_CLEANUP(status, limn_unpack_next(&npz.unpacker, &member));
    if (!member.name)
      break;
    if (strlen(member.name) >= NAME_SIZE)
      continue;
    if (is_better(label_names, member.name, out->labels))
      snprintf(out->labels, NAME_SIZE, "%s", member.name);
    else if (is_better(picture_names, member.name, out->pictures) || (!out->pictures[0] && looks_like_pictures(&npz)))
      snprintf(out->pictures, NAME_SIZE, "%s", member.name);
  }
  if (!out->pictures[0])
    status = limn_fail(
        LIMN_DATA,
        "%s: no array \"images\" or \"x_train\", and no other of bytes with the shape of pictures; save one with "
        "numpy.savez",
        path);
cleanup:
  limn_unpack_close(&npz.unpacker);
  return status;
}

static limn_status read_pictures(limn_record_source *source, npz_reader *npz, const limn_source_options *options) {
  layout found;
  LIMN_TRY(read_layout(&found, read_part, npz, npz->name, options->max_pixels));
  const uint64_t bytes = set_layout(source, &found);
  if (bytes > options->memory_limit)
    return limn_fail(
        LIMN_DATA, "%s: its %.1f GB of pictures do not fit in memory; save them with numpy.save to read them from disk",
        npz->name, (double)bytes * 1e-9);
  source->pixels = malloc(bytes);
  if (!source->pixels)
    return limn_fail_memory(npz->name);
  LIMN_TRY(read_part(npz, source->pixels, bytes));
  return expect_end(npz);
}

/* One label from `size` little-endian bytes; what does not fit in 32 bits becomes -1, which is no label. */
static int32_t label_from(const uint8_t *bytes, size_t size, bool is_signed) {
  uint64_t value = 0;
  for (size_t i = 0; i < size; ++i)
    value |= (uint64_t)bytes[i] << (8 * i);
  bool negative = is_signed && bytes[size - 1] >> 7;
  return negative || value > INT32_MAX ? -1 : (int32_t)value;
}

static limn_status read_labels(int32_t **out, uint64_t *count, npz_reader *npz) {
  limn_npy_header header;
  char text[LIMN_NPY_SHAPE_SIZE];
  LIMN_TRY(limn_npy_read_header(&header, read_part, npz, npz->name));
  const char order = header.descr[0], type = order ? header.descr[1] : '\0';
  const size_t size = type ? (size_t)strtoul(header.descr + 2, NULL, 10) : 0;
  bool known = (order == '<' || (order == '|' && size == 1)) && (type == 'u' || type == 'i') &&
               (size == 1 || size == 2 || size == 4 || size == 8);
  if (!known)
    return limn_fail(LIMN_DATA, "%s: labels of type %s; save them as integers, for example astype(\"int64\")",
                     npz->name, header.descr);
  *count = header.shape[0];
  bool flat = header.dims == 1 || (header.dims == 2 && header.shape[1] == 1);
  if (!flat || *count > INT32_MAX)
    return limn_fail(LIMN_DATA, "%s: shape %s is not that of labels, (count)", npz->name,
                     limn_npy_shape_text(&header, text));
  *out = NULL;
  for (uint64_t i = 0; i < *count; ++i) {
    if ((i & (i - 1)) == 0) { /* room for twice as many, once they are really there */
      int32_t *larger = realloc(*out, (size_t)(i ? 2 * i : 1) * sizeof *larger);
      if (!larger)
        return limn_fail_memory(npz->name);
      *out = larger;
    }
    uint8_t bytes[8];
    LIMN_TRY(read_part(npz, bytes, size));
    (*out)[i] = label_from(bytes, size, type == 'i');
  }
  return expect_end(npz);
}

static limn_status read_chosen(limn_record_source *source, const npz_choice *chosen,
                               const limn_source_options *options) {
  npz_reader npz;
  limn_member member;
  limn_status status;
  uint64_t label_count = 0;
  LIMN_TRY(limn_unpack_open(&npz.unpacker, source->path));
  for (;;) {
    LIMN_TRY_OR_CLEANUP(status, limn_unpack_next(&npz.unpacker, &member));
    if (!member.name)
      break;
    snprintf(npz.name, sizeof npz.name, "%.200s in %.300s", member.name, source->path);
    if (!source->pixels && strcmp(member.name, chosen->pictures) == 0)
      LIMN_TRY_OR_CLEANUP(status, read_pictures(source, &npz, options));
    else if (!source->labels && strcmp(member.name, chosen->labels) == 0)
      LIMN_TRY_OR_CLEANUP(status, read_labels(&source->labels, &label_count, &npz));
  }
  if (!source->pixels)
    status = limn_fail(LIMN_DATA, "%s: changed while it was read", source->path);
  else if (chosen->labels[0] && label_count != source->base.count)
    status =
        limn_fail(LIMN_DATA, "%s: %llu labels in %s for the %u pictures in %s; save arrays that belong together",
                  source->path, (unsigned long long)label_count, chosen->labels, source->base.count, chosen->pictures);
  else if (chosen->labels[0])
    status = limn_records_number_classes(source);
cleanup:
  limn_unpack_close(&npz.unpacker);
  return status;
}

limn_status limn_npz_open(limn_data_source **out, const char *path, const limn_source_options *options) {
  *out = NULL;
  npz_choice chosen = {0};
  limn_record_source *source;
  LIMN_TRY(choose(&chosen, path));
  LIMN_TRY(limn_records_create(&source, LIMN_RECORDS_NPY, path));
  limn_status status = read_chosen(source, &chosen, options);
  if (status == LIMN_OK)
    *out = &source->base;
  else
    source->base.ops->destroy(&source->base);
  return status;
}
