/* Input: how, and how many dimensions are wanted; then a .npz file, or its one array, which is put into a sound zip
 * file, stored or deflated, or is what deflating made: no mutation would get past the sums.
 * Covers: src/host/formats/npz.c src/host/formats/npy_header.c */
#include "formats/npz.h"

#include <string.h>
#include <zlib.h>

#include "fuzz/fuzz.h"

#define NAME   "mu.npy"
#define LENGTH 6

static uint8_t *put(uint8_t *at, uint64_t value, int size) {
  for (int i = 0; i < size; ++i)
    *at++ = (uint8_t)(value >> (8 * i));
  return at;
}

/* What a local header and the directory's entry have in common. */
static uint8_t *put_common(uint8_t *at, int method, uint32_t sum, size_t packed_size, size_t size) {
  at = put(put(put(put(at, 20, 2), 0, 2), (uint64_t)method, 2), 0, 4);
  return put(put(put(put(at, sum, 4), packed_size, 4), size, 4), LENGTH, 2);
}

static const char *make_zip(const uint8_t *packed, size_t packed_size, int method, size_t size, uint32_t sum) {
  uint8_t *bytes = malloc(packed_size + 256);
  FUZZ_CHECK(bytes);
  uint8_t *at = put(put_common(put(bytes, 0x04034b50, 4), method, sum, packed_size, size), 0, 2);
  memcpy(at, NAME, LENGTH);
  at += LENGTH;
  if (packed_size > 0)
    memcpy(at, packed, packed_size);
  at += packed_size;
  uint8_t *directory = at;
  at = put_common(put(put(at, 0x02014b50, 4), 20, 2), method, sum, packed_size, size);
  at = put(put(at, 0, 8), 0, 8); /* no extra field and so on; at the file's start */
  memcpy(at, NAME, LENGTH);
  at += LENGTH;
  uint8_t *end = at;
  at = put(put(put(put(at, 0x06054b50, 4), 0, 4), 1, 2), 1, 2);
  at = put(put(put(at, (uint64_t)(end - directory), 4), (uint64_t)(directory - bytes), 4), 0, 2);
  const char *path = fuzz_file("x.npz", bytes, (size_t)(at - bytes));
  free(bytes);
  return path;
}

static const char *make_deflated(fuzz_input in) {
  const uLong capacity = compressBound((uLong)in.size) + 64;
  uint8_t *packed = malloc(capacity);
  FUZZ_CHECK(packed);
  z_stream stream = {.next_in = (Bytef *)(uintptr_t)in.data,
                     .avail_in = (uInt)in.size,
                     .next_out = packed,
                     .avail_out = (uInt)capacity};
  FUZZ_CHECK(deflateInit2(&stream, 1, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY) == Z_OK &&
             deflate(&stream, Z_FINISH) == Z_STREAM_END);
  const size_t size = capacity - stream.avail_out;
  deflateEnd(&stream);
  const char *path = make_zip(packed, size, 8, in.size, (uint32_t)crc32(0, in.data, (uInt)in.size));
  free(packed);
  return path;
}

static const char *make_file(unsigned how, fuzz_input in) {
  switch (how) {
  case 0:
    return fuzz_file("x.npz", in.data, in.size);
  case 1:
    return make_zip(in.data, in.size, 0, in.size, (uint32_t)crc32(0, in.data, (uInt)in.size));
  case 2:
    return make_deflated(in);
  default: { /* of any size, unpacked */
    const size_t size = fuzz_byte(&in);
    return make_zip(in.data, in.size, 8, 64 * size, 0);
  }
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_input in = {data, size};
  const unsigned how = fuzz_byte(&in);
  const char *path = make_file(how % 4, in);
  uint64_t shape[LIMN_NPY_MOST_DIMS] = {how / 64};
  const int dims = (int)(how / 4 % 4);
  double *numbers = NULL;
  char text[64];
  bool has;
  limn_status status = limn_npz_read_doubles(path, "mu", dims, shape, &numbers);
  fuzz_check_message(status);
  FUZZ_CHECK((status == LIMN_OK) == (numbers != NULL));
  uint64_t count = 1;
  for (int i = 0; i < dims; ++i)
    count *= shape[i];
  if (numbers)
    fuzz_touch(numbers, (size_t)count * sizeof *numbers);
  free(numbers);
  status = limn_npz_read_text(path, "mu", text, 1 + how / 4);
  fuzz_check_message(status);
  if (status == LIMN_OK)
    FUZZ_CHECK(strlen(text) <= how / 4);
  fuzz_check_message(limn_npz_has(path, "mu", &has));
  return 0;
}
