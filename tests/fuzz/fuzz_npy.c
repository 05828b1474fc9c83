/* Input: what is made of it and how it is read; then a .npy file, a .npz file, or the members of a .npz file, which are
 * put into a sound zip file: no mutation would get past its sums.
 * Covers: src/host/data/npy.c src/host/formats/npy_header.c src/host/data/records.c src/host/data/unpack.c */
#include <string.h>
#include <zlib.h>

#include "fuzz/sources.h"

#define MEMBERS 3

static const char *const member_names[] = {"images.npy", "x_train.npy", "labels.npy", "y_train.npy",
                                           "arr_0.npy",  "folder/",     "a.txt",      "images.npy"};

/* A zip file under way: (capacity) bytes, and the directory that will end it. */
typedef struct zip_file {
  uint8_t *bytes, directory[MEMBERS * 64];
  size_t size, directory_size;
} zip_file;

static uint8_t *put(uint8_t *at, uint32_t value, int size) {
  for (int i = 0; i < size; ++i)
    *at++ = (uint8_t)(value >> (8 * i));
  return at;
}

/* What a local header and the directory's entry have in common: from the version that is needed to the name's length.
 */
static uint8_t *put_common(uint8_t *at, fuzz_input member, const char *name) {
  at = put(at, 20, 2);
  at = put(at, 0, 4); /* no flags; stored */
  at = put(at, 0, 4); /* no time */
  at = put(at, (uint32_t)crc32(0, member.data, (uInt)member.size), 4);
  at = put(at, (uint32_t)member.size, 4);
  at = put(at, (uint32_t)member.size, 4);
  return put(at, (uint32_t)strlen(name), 2);
}

static void add_member(zip_file *zip, fuzz_input member, const char *name) {
  uint8_t *entry = zip->directory + zip->directory_size, *at = zip->bytes + zip->size;
  entry = put(entry, 0x02014b50, 4);
  entry = put_common(put(entry, 20, 2), member, name);
  entry = put(put(put(entry, 0, 4), 0, 4), 0, 4); /* no extra field, no comment, first disk, no attributes */
  entry = put(entry, (uint32_t)zip->size, 4);
  memcpy(entry, name, strlen(name));
  zip->directory_size = (size_t)(entry - zip->directory) + strlen(name);
  at = put_common(put(at, 0x04034b50, 4), member, name);
  at = put(at, 0, 2); /* no extra field */
  memcpy(at, name, strlen(name));
  at += strlen(name);
  if (member.size > 0)
    memcpy(at, member.data, member.size);
  zip->size = (size_t)(at - zip->bytes) + member.size;
}

/* Up to MEMBERS parts, each behind a byte that names it. */
static const char *make_zip(fuzz_input in) {
  zip_file zip = {.bytes = malloc(in.size + 1024)};
  FUZZ_CHECK(zip.bytes);
  uint32_t count = 0;
  for (; count < MEMBERS && in.size > 0; ++count) {
    const char *name = member_names[fuzz_byte(&in) % 8];
    add_member(&zip, fuzz_part(&in), name);
  }
  uint8_t *at = zip.bytes + zip.size;
  memcpy(at, zip.directory, zip.directory_size);
  at = put(at + zip.directory_size, 0x06054b50, 4);
  at = put(at, 0, 4); /* one disk */
  at = put(put(at, count, 2), count, 2);
  at = put(put(at, (uint32_t)zip.directory_size, 4), (uint32_t)zip.size, 4);
  at = put(at, 0, 2); /* no comment */
  const char *path = fuzz_file("x.npz", zip.bytes, (size_t)(at - zip.bytes));
  free(zip.bytes);
  return path;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_input in = {data, size};
  unsigned how = fuzz_byte(&in);
  const limn_source_options options = {.memory_limit = how & 4 ? 16 : 1 << 20, .max_pixels = 1 << 12};
  limn_data_source *source = NULL;
  limn_status status;
  if ((how & 3) == 0)
    status = limn_npy_open(&source, fuzz_file("x.npy", in.data, in.size), &options);
  else
    status = limn_npz_open(&source, (how & 3) == 1 ? fuzz_file("x.npz", in.data, in.size) : make_zip(in), &options);
  fuzz_use_source(status, source);
  return 0;
}
