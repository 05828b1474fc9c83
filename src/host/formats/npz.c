/* Reading .npz files. They may come from anywhere: nothing is taken from a header before it is held against what the
 * file has bytes for, so that no small file asks for much memory. */
#include "formats/npz.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/error.h"
#include "base/text.h"
#include "base/zip.h"

#define STORED       0
#define DEFLATED     8
#define MOST_NUMBERS ((uint64_t)1 << 27) /* a covariance of 11,585 features */
#define MOST_RATIO   1032                /* of a deflated file's sizes */
#define ENDING       ".npy"
#define PART         4096 /* bytes that are read at once */
#define TITLE_SIZE   512

/* Numbers are handed out as this machine has them. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers of type < are this machine's own");

/* A file, mapped. */
typedef struct archive {
  const char *path;
  void *map; /* MAP_FAILED: none */
  size_t size;
  limn_zip zip;
} archive;

/* An array's file in it, being unpacked. */
typedef struct member {
  const archive *in;
  const char *name;       /* the array's */
  char title[TITLE_SIZE]; /* for messages: "mu in stats.npz" */
  limn_zip_entry entry;
  uint64_t taken, given; /* bytes of it, packed and not */
  uLong sum;
  z_stream stream; /* of one that is deflated */
} member;

static limn_status map_file(archive *a) {
  struct stat info;
  limn_status status = LIMN_OK;
  const int descriptor = open(a->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not hang us */
  if (descriptor < 0)
    return limn_fail(LIMN_DATA, "%s: cannot open: %s", a->path, strerror(errno));
  if (fstat(descriptor, &info) != 0)
    status = limn_fail(LIMN_DATA, "%s: cannot read: %s", a->path, strerror(errno));
  else if (!S_ISREG(info.st_mode) || info.st_size == 0)
    status = limn_fail(LIMN_DATA, "%s: not a file with something in it; name a .npz file", a->path);
  if (status == LIMN_OK) {
    a->size = (size_t)info.st_size;
    a->map = mmap(NULL, a->size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (a->map == MAP_FAILED)
      status = limn_fail(LIMN_FAILED, "%s: cannot map %zu bytes: %s", a->path, a->size, strerror(errno));
  }
  close(descriptor);
  return status;
}

static void close_archive(archive *a) {
  if (a->map != MAP_FAILED)
    munmap(a->map, a->size);
}

/* Closed by close_archive also when it fails. */
static limn_status open_archive(archive *a, const char *path) {
  *a = (archive){.path = path, .map = MAP_FAILED};
  LIMN_TRY(map_file(a));
  return limn_zip_find(&a->zip, a->map, a->size)
             ? LIMN_OK
             : limn_fail(LIMN_DATA, "%s: no NumPy archive (.npz), or cut short: it does not end as a zip file does",
                         path);
}

static bool is_array(const limn_zip_entry *e, const char *name) {
  const size_t length = strlen(name), ending = strlen(ENDING);
  return e->name_length == length + ending && memcmp(e->name, name, length) == 0 &&
         memcmp(e->name + length, ENDING, ending) == 0;
}

/* "no array \"mu\" in it, but x, y": what is there is what the user needs to know. */
static limn_status fail_not_there(const archive *a, const char *name) {
  char names[256] = "", shown[64], raw[32];
  limn_zip_entry e;
  size_t used = 0;
  for (size_t at = 0; limn_zip_next(&a->zip, &at, &e) && used + sizeof shown + 4 < sizeof names;) {
    snprintf(raw, sizeof raw, "%.*s", e.name_length < sizeof raw ? (int)e.name_length : (int)sizeof raw - 1, e.name);
    used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : ", but ",
                             limn_text_printable(raw, shown, sizeof shown));
  }
  return limn_fail(LIMN_DATA, "%s: no array \"%s\" in it%s", a->path, name, names);
}

static limn_status damaged(const member *m, const char *what) {
  return limn_fail(LIMN_DATA, "%s is damaged: %s; fetch or save the file again", m->title, what);
}

static limn_status check_entry(const member *m) {
  const limn_zip_entry *e = &m->entry;
  if (!e->data)
    return damaged(m, "it is not wholly there");
  if (e->local_name_length != e->name_length || memcmp(e->local_name, e->name, e->name_length) != 0)
    return damaged(m, "it has two names");
  if (e->method != STORED && e->method != DEFLATED)
    return limn_fail(LIMN_DATA, "%s is packed by method %d; numpy.savez and savez_compressed write what is read",
                     m->title, e->method);
  if (e->method == STORED ? e->size != e->packed_size : e->size / MOST_RATIO > e->packed_size)
    return damaged(m, "its sizes cannot be");
  return LIMN_OK;
}

/* Ended by end_member, if it succeeds. */
static limn_status begin_member(member *m, const archive *in, const char *name) {
  limn_zip_entry e;
  int found = 0;
  *m = (member){.in = in, .name = name, .sum = crc32(0, NULL, 0)};
  snprintf(m->title, sizeof m->title, "%.64s in %.400s", name, in->path);
  for (size_t at = 0; limn_zip_next(&in->zip, &at, &e);)
    if (is_array(&e, name) && ++found)
      m->entry = e;
  if (found == 0)
    return fail_not_there(in, name);
  if (found > 1)
    return damaged(m, "it is there twice");
  LIMN_TRY(check_entry(m));
  return m->entry.method == STORED || inflateInit2(&m->stream, -MAX_WBITS) == Z_OK ? LIMN_OK
                                                                                   : limn_fail_memory(in->path);
}

static void end_member(member *m) {
  if (m->entry.method == DEFLATED)
    inflateEnd(&m->stream);
}

/* Up to PART bytes; *got: how many there were before the end. */
static limn_status inflate_part(member *m, uint8_t *bytes, size_t size, size_t *got) {
  int result = Z_OK;
  m->stream.next_out = bytes;
  m->stream.avail_out = (uInt)size;
  while (result != Z_STREAM_END && m->stream.avail_out > 0) {
    const uint64_t left = m->entry.packed_size - m->taken;
    const uInt offered = left < PART ? (uInt)left : PART;
    m->stream.next_in = (Bytef *)(uintptr_t)(m->entry.data + m->taken);
    m->stream.avail_in = offered;
    result = inflate(&m->stream, Z_NO_FLUSH);
    m->taken += offered - m->stream.avail_in;
    if (result == Z_MEM_ERROR)
      return limn_fail_memory(m->in->path);
    if (result != Z_OK && result != Z_STREAM_END)
      return damaged(m, "it cannot be unpacked");
  }
  *got = size - m->stream.avail_out;
  return LIMN_OK;
}

/* A limn_npy_read. */
static limn_status read_member(void *context, void *bytes, size_t size) {
  member *m = context;
  uint8_t *at = bytes;
  if (size > m->entry.size - m->given)
    return damaged(m, "bytes are missing at its end");
  for (size_t part, got; size > 0; at += part, size -= part) {
    got = part = size < PART ? size : PART;
    if (m->entry.method == DEFLATED)
      LIMN_TRY(inflate_part(m, at, part, &got));
    else
      memcpy(at, m->entry.data + m->given, part);
    if (got < part)
      return damaged(m, "bytes are missing at its end");
    m->sum = crc32(m->sum, at, (uInt)part);
    m->given += part;
  }
  return LIMN_OK;
}

/* Behind the last number. */
static limn_status expect_end(member *m) {
  uint8_t more;
  size_t got = 0;
  if (m->entry.method == DEFLATED)
    LIMN_TRY(inflate_part(m, &more, 1, &got));
  if (got > 0 || (m->entry.method == DEFLATED && m->taken < m->entry.packed_size))
    return damaged(m, "it has more bytes than it says");
  return m->sum == m->entry.sum ? LIMN_OK : damaged(m, "its sum (CRC-32) is wrong");
}

/* How many numbers of `size` bytes; LIMN_DATA unless the file's bytes are just those. */
static limn_status count_numbers(const member *m, const limn_npy_header *header, size_t size, uint64_t *count) {
  char text[LIMN_NPY_SHAPE_SIZE];
  *count = 1;
  for (int i = 0; i < header->dims; ++i)
    if (__builtin_mul_overflow(*count, header->shape[i], count) || *count > MOST_NUMBERS)
      return limn_fail(LIMN_DATA, "%s of shape %s is over the limit of %llu numbers", m->title,
                       limn_npy_shape_text(header, text), (unsigned long long)MOST_NUMBERS);
  return m->entry.size == header->length + *count * size ? LIMN_OK : damaged(m, "its size is not that of its shape");
}

/* shape: as the caller of limn_npz_read_doubles has it. */
static limn_status take_shape(const member *m, const limn_npy_header *header, int dims, uint64_t *shape) {
  char text[LIMN_NPY_SHAPE_SIZE], wanted_text[LIMN_NPY_SHAPE_SIZE];
  limn_npy_header wanted = {.dims = dims};
  bool fits = header->dims == dims, open = false;
  for (int i = 0; i < dims; ++i) {
    wanted.shape[i] = shape[i];
    open = open || shape[i] == 0;
    fits = fits && (shape[i] == 0 || shape[i] == header->shape[i]);
  }
  if (!fits)
    return limn_fail(LIMN_DATA, "%s: its shape is %s, where %s is wanted%s", m->title,
                     limn_npy_shape_text(header, text), limn_npy_shape_text(&wanted, wanted_text),
                     open ? " (0: any extent)" : "");
  for (int i = 0; i < dims; ++i)
    shape[i] = header->shape[i];
  return LIMN_OK;
}

static double number_from(const uint8_t *bytes, size_t size, bool swapped) {
  uint8_t own[8];
  float single;
  double value;
  for (size_t i = 0; i < size; ++i)
    own[i] = bytes[swapped ? size - 1 - i : i];
  if (size == sizeof single) {
    memcpy(&single, own, sizeof single);
    return (double)single;
  }
  memcpy(&value, own, sizeof value);
  return value;
}

/* Where in C's order the next number of a file in Fortran's belongs: the first index runs fastest there. */
static size_t next_place(const limn_npy_header *header, uint64_t index[LIMN_NPY_MOST_DIMS]) {
  size_t place = 0;
  for (int i = 0; i < header->dims && ++index[i] == header->shape[i]; ++i)
    index[i] = 0;
  for (int i = 0; i < header->dims; ++i)
    place = place * (size_t)header->shape[i] + (size_t)index[i];
  return place;
}

static limn_status read_numbers(member *m, const limn_npy_header *header, size_t size, uint64_t count, double *out) {
  const bool swapped = header->descr[0] == '>';
  uint64_t index[LIMN_NPY_MOST_DIMS] = {0};
  uint8_t bytes[PART];
  size_t place = 0;
  for (uint64_t done = 0, part; done < count; done += part) {
    part = count - done < PART / size ? count - done : PART / size;
    LIMN_TRY(read_member(m, bytes, (size_t)part * size));
    for (uint64_t i = 0; i < part; ++i) {
      out[place] = number_from(bytes + i * size, size, swapped);
      place = header->column_major ? next_place(header, index) : place + 1;
    }
  }
  return expect_end(m);
}

static limn_status read_array(member *m, int dims, uint64_t *shape, double **out) {
  limn_npy_header header;
  uint64_t count;
  char shown[64];
  LIMN_TRY(limn_npy_read_header(&header, read_member, m, m->title));
  const char *type = header.descr;
  const size_t size = strcmp(type, "<f8") == 0 || strcmp(type, ">f8") == 0   ? 8
                      : strcmp(type, "<f4") == 0 || strcmp(type, ">f4") == 0 ? 4
                                                                             : 0;
  if (size == 0)
    return limn_fail(LIMN_DATA, "%s has numbers of type %s; save it as float64 or float32", m->title,
                     limn_text_printable(type, shown, sizeof shown));
  LIMN_TRY(take_shape(m, &header, dims, shape));
  LIMN_TRY(count_numbers(m, &header, size, &count));
  double *numbers = malloc((size_t)(count ? count : 1) * sizeof *numbers);
  if (!numbers)
    return limn_fail_memory(m->in->path);
  limn_status status = read_numbers(m, &header, size, count, numbers);
  if (status == LIMN_OK)
    *out = numbers;
  else
    free(numbers);
  return status;
}

limn_status limn_npz_read_doubles(const char *path, const char *name, int dims, uint64_t *shape, double **out) {
  archive a;
  member m;
  *out = NULL;
  limn_status status = open_archive(&a, path);
  if (status == LIMN_OK && (status = begin_member(&m, &a, name)) == LIMN_OK) {
    status = read_array(&m, dims, shape, out);
    end_member(&m);
  }
  close_archive(&a);
  return status;
}

static limn_status read_letters(member *m, char *text, size_t size) {
  limn_npy_header header;
  char shown[64];
  int64_t length;
  LIMN_TRY(limn_npy_read_header(&header, read_member, m, m->title));
  if (header.dims != 0 || strncmp(header.descr, "|S", 2) != 0 || !limn_text_to_int64(header.descr + 2, &length))
    return limn_fail(LIMN_DATA, "%s of type %s is no text (type S, without extents)", m->title,
                     limn_text_printable(header.descr, shown, sizeof shown));
  if (length < 0 || (uint64_t)length >= size || m->entry.size != header.length + (uint64_t)length)
    return damaged(m, "its text is too long, or not all there");
  LIMN_TRY(read_member(m, text, (size_t)length));
  text[length] = '\0';
  return expect_end(m);
}

limn_status limn_npz_read_text(const char *path, const char *name, char *text, size_t size) {
  archive a;
  member m;
  limn_status status = open_archive(&a, path);
  if (status == LIMN_OK && (status = begin_member(&m, &a, name)) == LIMN_OK) {
    status = read_letters(&m, text, size);
    end_member(&m);
  }
  close_archive(&a);
  return status;
}

limn_status limn_npz_has(const char *path, const char *name, bool *out) {
  archive a;
  limn_zip_entry e;
  *out = false;
  limn_status status = open_archive(&a, path);
  for (size_t at = 0; status == LIMN_OK && limn_zip_next(&a.zip, &at, &e);)
    *out = *out || is_array(&e, name);
  close_archive(&a);
  return status;
}
