/* Writing .npz files. An array's sizes and sum stand ahead of it: they are filled in when it has been written. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/error.h"
#include "base/file.h"
#include "formats/npz.h"

/* APPNOTE.TXT of PKWARE, 4.3. */
#define LOCAL_SIZE   30
#define LOCAL_SUM    14 /* where in it the sum and the sizes are */
#define ENTRY_SIZE   46
#define END_SIZE     22
#define VERSION      20
#define FIRST_DAY    0x21 /* 1980-01-01: a file has no time in it */
#define LONGEST_NAME 64
#define MOST_ARRAYS  64
#define MOST_BYTES   ((uint64_t)4000000000) /* with room for headers, and for what does not compress, below 2^32 */
#define PART         65536

/* numpy.lib.format. */
#define START_SIZE  10 /* magic, version, the length of what comes then */
#define ALIGNMENT   64 /* of the numbers */
#define HEADER_MOST 512

/* What the directory will say of an array. */
typedef struct written {
  uint32_t sum, packed_size, size, offset;
} written;

typedef struct writer {
  const char *path;
  limn_durable_file file;
  const limn_npz_array *arrays;
  int count;
  bool deflated;
  limn_npz_reader read; /* NULL: from memory */
  void *context;
  uint8_t *row; /* room for the largest, where they are read */
  written of[MOST_ARRAYS];
  uint64_t offset; /* bytes of the file so far */
  /* Of the array under way: */
  written *now;
  z_stream stream;
} writer;

static uint8_t *put(uint8_t *at, uint64_t value, int size) {
  for (int i = 0; i < size; ++i)
    *at++ = (uint8_t)(value >> (8 * i));
  return at;
}

static limn_status write_bytes(writer *w, const void *bytes, size_t size) {
  w->offset += size;
  return fwrite(bytes, 1, size, w->file.stream) == size
             ? LIMN_OK
             : limn_fail(LIMN_FAILED, "%s: cannot write: %s", w->path, strerror(errno));
}

/* ---- An array ---- */

static uint64_t item_size(const limn_npz_array *array) { return strtoul(array->descr + 2, NULL, 10); }

static uint64_t row_size(const limn_npz_array *array) {
  uint64_t size = item_size(array);
  for (int i = 1; i < array->dims; ++i)
    size *= array->shape[i];
  return size;
}

static uint64_t row_count(const limn_npz_array *array) { return array->dims > 0 ? array->shape[0] : 1; }

/* The sum, both sizes and the name's length, as a local header and the directory have them. */
static uint8_t *put_sizes(uint8_t *at, const written *of, const char *name) {
  at = put(put(put(at, of->sum, 4), of->packed_size, 4), of->size, 4);
  return put(at, strlen(name) + strlen(".npy"), 2);
}

/* From the version that is needed to the day. */
static uint8_t *put_kind(uint8_t *at, bool deflated) {
  return put(put(put(put(put(at, VERSION, 2), 0, 2), deflated ? Z_DEFLATED : 0, 2), 0, 2), FIRST_DAY, 2);
}

static limn_status write_local(writer *w, const limn_npz_array *array) {
  uint8_t bytes[LOCAL_SIZE + LONGEST_NAME + 8];
  w->now->offset = (uint32_t)w->offset;
  uint8_t *at = put_kind(put(bytes, 0x04034b50, 4), w->deflated);
  at = put(put_sizes(at, w->now, array->name), 0, 2); /* no extra field */
  at += snprintf((char *)at, LONGEST_NAME + 8, "%s.npy", array->name);
  return write_bytes(w, bytes, (size_t)(at - bytes));
}

static limn_status deflate_part(writer *w, const void *bytes, size_t size, int flush) {
  uint8_t packed[PART];
  w->stream.next_in = (Bytef *)(uintptr_t)bytes;
  w->stream.avail_in = (uInt)size;
  do {
    w->stream.next_out = packed;
    w->stream.avail_out = PART;
    deflate(&w->stream, flush);
    LIMN_TRY(write_bytes(w, packed, PART - w->stream.avail_out));
  } while (w->stream.avail_out == 0);
  return LIMN_OK;
}

static limn_status add(writer *w, const void *bytes, size_t size) {
  const uint8_t *at = bytes;
  for (size_t part; size > 0; at += part, size -= part) {
    part = size < ((size_t)1 << 30) ? size : (size_t)1 << 30; /* zlib's sizes are of 32 bits */
    w->now->sum = (uint32_t)crc32(w->now->sum, at, (uInt)part);
    w->now->size += (uint32_t)part;
    LIMN_TRY(w->deflated ? deflate_part(w, at, part, Z_NO_FLUSH) : write_bytes(w, at, part));
  }
  return LIMN_OK;
}

static limn_status add_numbers(writer *w, int index) {
  const limn_npz_array *array = &w->arrays[index];
  const uint64_t rows = row_count(array), size = row_size(array);
  if (!w->read)
    return add(w, array->data, (size_t)(rows * size));
  for (uint64_t row = 0; row < rows; ++row) {
    LIMN_TRY(w->read(w->context, index, row, w->row));
    LIMN_TRY(add(w, w->row, (size_t)size));
  }
  return LIMN_OK;
}

/* Of version 1, as numpy.save writes it. Its bytes. */
static size_t make_header(uint8_t bytes[HEADER_MOST], const limn_npz_array *array) {
  char shape[LIMN_NPY_SHAPE_SIZE], text[HEADER_MOST];
  limn_npy_header header = {.dims = array->dims};
  memcpy(header.shape, array->shape, sizeof header.shape);
  limn_npy_shape_text(&header, shape);
  if (array->dims == 1) /* else Python takes it for a number */
    snprintf(shape + strlen(shape) - 1, 3, ",)");
  const size_t length = (size_t)snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }",
                                         array->descr, shape);
  const size_t whole = (START_SIZE + length + 1 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  memset(bytes, ' ', whole);
  memcpy(bytes, "\x93NUMPY\1\0", START_SIZE - 2);
  put(bytes + START_SIZE - 2, whole - START_SIZE, 2);
  memcpy(bytes + START_SIZE, text, length);
  bytes[whole - 1] = '\n';
  return whole;
}

static limn_status add_file(writer *w, int index) {
  uint8_t bytes[HEADER_MOST];
  LIMN_TRY(add(w, bytes, make_header(bytes, &w->arrays[index])));
  LIMN_TRY(add_numbers(w, index));
  return w->deflated ? deflate_part(w, "", 0, Z_FINISH) : LIMN_OK;
}

/* What was not known when write_local wrote it. */
static limn_status fill_in(writer *w, const limn_npz_array *array) {
  uint8_t bytes[16];
  uint8_t *end = put_sizes(bytes, w->now, array->name);
  FILE *stream = w->file.stream;
  bool good = fseeko(stream, (off_t)w->now->offset + LOCAL_SUM, SEEK_SET) == 0 &&
              fwrite(bytes, (size_t)(end - bytes), 1, stream) == 1 && fseeko(stream, 0, SEEK_END) == 0;
  return good ? LIMN_OK : limn_fail(LIMN_FAILED, "%s: cannot write: %s", w->path, strerror(errno));
}

static limn_status write_array(writer *w, int index) {
  w->now = &w->of[index];
  LIMN_TRY(write_local(w, &w->arrays[index]));
  const uint64_t start = w->offset;
  w->stream = (z_stream){0};
  if (w->deflated &&
      deflateInit2(&w->stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY) != Z_OK)
    return limn_fail_memory(w->path);
  limn_status status = add_file(w, index);
  if (w->deflated)
    deflateEnd(&w->stream);
  w->now->packed_size = (uint32_t)(w->offset - start);
  return status == LIMN_OK ? fill_in(w, &w->arrays[index]) : status;
}

/* ---- The whole ---- */

static limn_status write_directory(writer *w) {
  const uint64_t start = w->offset;
  for (int i = 0; i < w->count; ++i) {
    uint8_t bytes[ENTRY_SIZE + LONGEST_NAME + 8];
    uint8_t *at = put_kind(put(put(bytes, 0x02014b50, 4), VERSION, 2), w->deflated);
    at = put_sizes(at, &w->of[i], w->arrays[i].name);
    at = put(put(put(at, 0, 4), 0, 4), 0, 4); /* no extra field, no comment, first disk, no attributes */
    at = put(at, w->of[i].offset, 4);
    at += snprintf((char *)at, LONGEST_NAME + 8, "%s.npy", w->arrays[i].name);
    LIMN_TRY(write_bytes(w, bytes, (size_t)(at - bytes)));
  }
  uint8_t bytes[END_SIZE];
  uint8_t *at = put(put(bytes, 0x06054b50, 4), 0, 4); /* one disk */
  at = put(put(at, (uint64_t)w->count, 2), (uint64_t)w->count, 2);
  at = put(put(put(at, w->offset - start, 4), start, 4), 0, 2); /* no comment */
  return write_bytes(w, bytes, (size_t)(at - bytes));
}

static bool is_name(const char *name) {
  const size_t length = strlen(name);
  return length > 0 && length <= LONGEST_NAME &&
         strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == length;
}

/* Also adds its bytes, and what its largest row has. */
static limn_status check_array(const writer *w, int index, uint64_t *bytes, uint64_t *largest) {
  const limn_npz_array *array = &w->arrays[index];
  bool taken = false;
  for (int i = 0; i < index; ++i)
    taken = taken || strcmp(w->arrays[i].name, array->name) == 0;
  if (taken || !is_name(array->name))
    return limn_fail(LIMN_USAGE,
                     "%s: the name \"%.80s\" of an array is taken, or is not of up to %d letters, digits and _",
                     w->path, array->name, LONGEST_NAME);
  uint64_t size = item_size(array);
  bool fits = array->dims >= 0 && array->dims <= LIMN_NPY_MOST_DIMS && size > 0;
  for (int i = 0; fits && i < array->dims; ++i)
    fits = !__builtin_mul_overflow(size, array->shape[i], &size);
  if (!fits || size > MOST_BYTES || (*bytes += size) > MOST_BYTES)
    return limn_fail(LIMN_USAGE, "%s: with array \"%s\" it would be over the limit of 4 GB: write less", w->path,
                     array->name);
  const uint64_t row = size ? row_size(array) : 0;
  *largest = row > *largest ? row : *largest;
  return LIMN_OK;
}

static limn_status write_all(writer *w) {
  uint64_t bytes = 0, largest = 1;
  if (w->count > MOST_ARRAYS)
    return limn_fail(LIMN_USAGE, "%s: %d arrays, over the limit of %d for a file", w->path, w->count, MOST_ARRAYS);
  for (int i = 0; i < w->count; ++i)
    LIMN_TRY(check_array(w, i, &bytes, &largest));
  if (w->read && !(w->row = malloc((size_t)largest)))
    return limn_fail_memory(w->path);
  LIMN_TRY(limn_durable_open(&w->file, w->path));
  for (int i = 0; i < w->count; ++i)
    LIMN_TRY(write_array(w, i));
  LIMN_TRY(write_directory(w));
  return limn_durable_commit(&w->file);
}

limn_status limn_npz_write_from(const char *path, const limn_npz_array *arrays, int count, bool deflated,
                                limn_npz_reader read, void *context) {
  writer w = {.path = path, .arrays = arrays, .count = count, .deflated = deflated, .read = read, .context = context};
  const limn_status status = write_all(&w);
  limn_durable_discard(&w.file);
  free(w.row);
  return status;
}

limn_status limn_npz_write(const char *path, const limn_npz_array *arrays, int count, bool deflated) {
  return limn_npz_write_from(path, arrays, count, deflated, NULL, NULL);
}
