/* NumPy's archives: those that NumPy wrote (tests/fixtures/npz; make_npz.py says what is in them), those that we write,
 * and broken ones. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/error.h"
#include "formats/npz.h"
#include "support/pictures.h"

TestSuite(npz, .init = test_folder_create, .fini = test_folder_remove, .timeout = 60);

#define FIXTURES LIMN_SOURCE_DIR "/tests/fixtures/npz/"

/* The array has these extents, -1: none, and element i is i / 4 - 1. */
static void expect_array(const char *path, const char *name, int a, int b, int c) {
  const int sizes[3] = {a, b, c};
  uint64_t shape[3] = {0}, count = 1;
  double *numbers = NULL;
  int dims = 0;
  for (; dims < 3 && sizes[dims] >= 0; ++dims)
    ;
  limn_status status = limn_npz_read_doubles(path, name, dims, shape, &numbers);
  cr_assert_eq(status, LIMN_OK, "%s", limn_error_message());
  for (int i = 0; i < dims; ++i, count *= shape[i - 1])
    cr_assert_eq(shape[i], (uint64_t)sizes[i], "%s", name);
  for (uint64_t i = 0; i < count; ++i)
    cr_assert_eq(numbers[i], (double)i / 4 - 1, "%s[%d] is %g", name, (int)i, numbers[i]);
  free(numbers);
}

static void expect_failure(const char *path, const char *name, int dims, uint64_t extent, const char *part) {
  uint64_t shape[2] = {extent, extent};
  double *numbers = (double *)(uintptr_t)path;
  limn_status status = limn_npz_read_doubles(path, name, dims, shape, &numbers);
  cr_assert_eq(status, LIMN_DATA, "%s: %d, %s", path, status, limn_error_message());
  cr_assert_null(numbers);
  cr_assert(strstr(limn_error_message(), part) && !strchr(limn_error_message(), '\n'), "%s", limn_error_message());
}

Test(npz, what_numpy_wrote_is_read) {
  for (int i = 0; i < 2; ++i) {
    const char *path = i ? FIXTURES "deflated.npz" : FIXTURES "stored.npz";
    expect_array(path, "mu", 5, -1, -1);
    expect_array(path, "sigma", 5, 5, -1);
  }
  expect_array(FIXTURES "large.npz", "sigma", 60, 60, -1);
  const char *kinds = FIXTURES "kinds.npz";
  expect_array(kinds, "single", 3, 4, -1);
  expect_array(kinds, "big", 3, 4, -1);
  expect_array(kinds, "big_single", 7, -1, -1);
  expect_array(kinds, "fortran", 2, 3, 4);
  expect_array(kinds, "scalar", -1, -1, -1);
  expect_array(kinds, "empty", 0, 3, -1);
  for (int version = 1; version <= 3; ++version)
    expect_array(FIXTURES "versions.npz", (char[]){'v', (char)('0' + version), '\0'}, 3, 2, -1);
}

Test(npz, texts_are_read) {
  char text[16];
  cr_assert_eq(limn_npz_read_text(FIXTURES "kinds.npz", "text", text, sizeof text), LIMN_OK, "%s",
               limn_error_message());
  cr_assert_str_eq(text, "clean-fid");
  cr_assert_eq(limn_npz_read_text(FIXTURES "kinds.npz", "text", text, 10), LIMN_OK);
  cr_assert_eq(limn_npz_read_text(FIXTURES "kinds.npz", "text", text, 9), LIMN_DATA);
  cr_assert_eq(limn_npz_read_text(FIXTURES "kinds.npz", "object", text, sizeof text), LIMN_DATA);
  cr_assert_eq(limn_npz_read_text(FIXTURES "kinds.npz", "big", text, sizeof text), LIMN_DATA);
  cr_assert_eq(limn_npz_read_text(FIXTURES "kinds.npz", "tex", text, sizeof text), LIMN_DATA);
}

Test(npz, what_is_there_is_told) {
  bool has;
  cr_assert(limn_npz_has(FIXTURES "stored.npz", "mu", &has) == LIMN_OK && has);
  cr_assert(limn_npz_has(FIXTURES "stored.npz", "m", &has) == LIMN_OK && !has);
  cr_assert(limn_npz_has(FIXTURES "make_npz.py", "mu", &has) == LIMN_DATA && !has);
  cr_assert(limn_npz_has(test_path("nothing.npz"), "mu", &has) == LIMN_DATA && !has);
}

Test(npz, what_does_not_fit_is_refused) {
  const char *path = FIXTURES "kinds.npz", *stored = FIXTURES "stored.npz";
  expect_failure(path, "whole", 1, 0, "whole in ");
  expect_failure(path, "whole", 1, 0, "numbers of type <i8; save it as float64");
  expect_failure(stored, "mu", 2, 0, "its shape is (5), where (0, 0) is wanted (0: any extent)");
  expect_failure(stored, "mu", 1, 6, "its shape is (5), where (6) is wanted");
  expect_failure(stored, "sigma", 2, 4, "its shape is (5, 5), where (4, 4) is wanted");
  expect_failure(stored, "mean", 1, 0, "no array \"mean\" in it, but mu.npy, sigma.npy");
  expect_failure(FIXTURES "make_npz.py", "mu", 1, 0, "no NumPy archive");
  expect_failure(LIMN_SOURCE_DIR, "mu", 1, 0, "not a file");
  expect_failure(test_path("nothing.npz"), "mu", 1, 0, "cannot open");
  test_write(test_path("empty.npz"), "", 0);
  expect_failure(test_path("empty.npz"), "mu", 1, 0, "not a file with something in it");
}

/* ---- Damage ---- */

static uint8_t bytes[16384];

/* Cut short anywhere: never numbers. One bit changed anywhere: never other numbers. */
static void damage(const char *from, const char *name, int dims) {
  const char *path = test_path("damaged.npz");
  const size_t size = test_read(from, bytes, sizeof bytes);
  for (size_t length = 1; length < size; ++length) {
    test_write(path, bytes, length);
    expect_failure(path, name, dims, 0, path);
  }
  for (size_t i = 0; i < size; ++i)
    for (int bit = 0; bit < 8; bit += 3) {
      uint64_t shape[2] = {0};
      double *numbers;
      bytes[i] ^= (uint8_t)(1 << bit);
      test_write(path, bytes, size);
      bytes[i] ^= (uint8_t)(1 << bit);
      const limn_status status = limn_npz_read_doubles(path, name, dims, shape, &numbers);
      cr_assert(status == LIMN_OK || status == LIMN_DATA, "byte %zu: %s", i, limn_error_message());
      for (int k = 0; status == LIMN_OK && k < 5; ++k)
        cr_assert_eq(numbers[k], k / 4.0 - 1, "byte %zu, bit %d", i, bit);
      free(numbers);
    }
}

Test(npz, damage_is_noticed) {
  damage(FIXTURES "stored.npz", "mu", 1);
  damage(FIXTURES "deflated.npz", "sigma", 2);
}

static size_t put(size_t at, uint64_t value, int size) {
  for (int i = 0; i < size; ++i)
    bytes[at++] = (uint8_t)(value >> (8 * i));
  return at;
}

/* A zip file of the member mu.npy with these bytes, which becomes `count` entries of its directory. */
static void write_member(const uint8_t *packed, size_t packed_size, uint64_t size, uint32_t sum, int method,
                         int count) {
  size_t at = put(0, 0x04034b50, 4);
  at = put(put(put(at, 20, 2), 0, 2), (uint64_t)method, 2);
  at = put(put(put(put(at, 0, 4), sum, 4), packed_size, 4), size, 4);
  at = put(put(at, 6, 2), 0, 2);
  memcpy(bytes + at, "mu.npy", 6);
  memcpy(bytes + at + 6, packed, packed_size);
  const size_t directory = at += 6 + packed_size;
  for (int i = 0; i < count; ++i) {
    at = put(put(put(put(at, 0x02014b50, 4), 20, 4), 0, 2), (uint64_t)method, 2);
    at = put(put(put(put(at, 0, 4), sum, 4), packed_size, 4), size, 4);
    at = put(put(put(put(at, 6, 2), 0, 4), 0, 8), 0, 4);
    memcpy(bytes + at, "mu.npy", 6);
    at += 6;
  }
  const size_t end = at;
  at = put(put(put(put(at, 0x06054b50, 4), 0, 4), (uint64_t)count, 2), (uint64_t)count, 2);
  at = put(put(put(at, end - directory, 4), directory, 4), 0, 2);
  test_write(test_path("made.npz"), bytes, at);
}

/* The array of `shape` with `count` doubles 0 behind its header, and bytes that are over. */
static size_t make_array(uint8_t *to, const char *shape, size_t count) {
  const size_t length =
      (size_t)sprintf((char *)to + 10, "{'descr': '<f8', 'fortran_order': False, 'shape': %s, }\n", shape);
  memcpy(to, "\x93NUMPY\1", 8);
  to[8] = (uint8_t)length;
  to[9] = 0;
  memset(to + 10 + length, 0, count * 8);
  return 10 + length + count * 8;
}

static size_t deflated(uint8_t *to, size_t capacity, const uint8_t *from, size_t size) {
  z_stream stream = {
      .next_in = (Bytef *)(uintptr_t)from, .avail_in = (uInt)size, .next_out = to, .avail_out = (uInt)capacity};
  cr_assert_eq(deflateInit2(&stream, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
  cr_assert_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
  deflateEnd(&stream);
  return capacity - stream.avail_out;
}

Test(npz, lies_are_refused) {
  static uint8_t plain[4096], packed[4096];
  const char *path = test_path("made.npz");
  const size_t size = make_array(plain, "(3,)", 3), packed_size = deflated(packed, sizeof packed, plain, size);
  const uint32_t sum = (uint32_t)crc32(0, plain, (uInt)size);
  uint64_t shape = 3;
  double *numbers;
  write_member(plain, size, size, sum, 0, 1);
  cr_assert_eq(limn_npz_read_doubles(path, "mu", 1, &shape, &numbers), LIMN_OK, "%s", limn_error_message());
  free(numbers);
  write_member(packed, packed_size, size, sum, 8, 1);
  cr_assert_eq(limn_npz_read_doubles(path, "mu", 1, &shape, &numbers), LIMN_OK, "%s", limn_error_message());
  free(numbers);
  write_member(plain, size, size, sum, 0, 2);
  expect_failure(path, "mu", 1, 0, "it is there twice");
  write_member(plain, size, size, sum ^ 1, 0, 1);
  expect_failure(path, "mu", 1, 0, "its sum (CRC-32) is wrong");
  write_member(plain, size, size + 8, sum, 0, 1);
  expect_failure(path, "mu", 1, 0, "its sizes cannot be");
  write_member(plain, size, size, sum, 12, 1);
  expect_failure(path, "mu", 1, 0, "packed by method 12");
  write_member(packed, packed_size, 4000000000, sum, 8, 1); /* a bomb by its directory */
  expect_failure(path, "mu", 1, 0, "its sizes cannot be");
  write_member(packed, packed_size, size + 8, sum, 8, 1);
  expect_failure(path, "mu", 1, 0, "its size is not that of its shape");
  write_member(packed, packed_size - 1, size, sum, 8, 1);
  expect_failure(path, "mu", 1, 0, "it cannot be unpacked");
  write_member(packed, packed_size + 1, size, sum, 8, 1);
  expect_failure(path, "mu", 1, 0, "it has more bytes than it says");
}

Test(npz, shapes_that_lie_are_refused) {
  static uint8_t plain[4096], packed[4096];
  static const struct {
    const char *shape, *part;
  } cases[] = {
      {"(2,)", "its size is not that of its shape"},
      {"(4,)", "its size is not that of its shape"},
      {"(134217729,)", "mu in "},
      {"(134217729,)", "of shape (134217729) is over the limit of 134217728 numbers"},
      {"(99999999999999999999,)", "cannot read its NumPy header"},
      {"(1844674407370955160,)", "is over the limit"},
      {"3", "cannot read its NumPy header"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    const size_t size = make_array(plain, cases[i].shape, 3),
                 packed_size = deflated(packed, sizeof packed, plain, size);
    write_member(plain, size, size, (uint32_t)crc32(0, plain, (uInt)size), 0, 1);
    expect_failure(test_path("made.npz"), "mu", 1, 0, cases[i].part);
    write_member(packed, packed_size, size, (uint32_t)crc32(0, plain, (uInt)size), 8, 1);
    expect_failure(test_path("made.npz"), "mu", 1, 0, cases[i].part);
  }
  const size_t size = make_array(plain, "(4,)", 4), packed_size = deflated(packed, sizeof packed, plain, size - 8);
  write_member(packed, packed_size, size, (uint32_t)crc32(0, plain, (uInt)size), 8, 1);
  expect_failure(test_path("made.npz"), "mu", 1, 0, "bytes are missing at its end");
}

/* ---- Writing ---- */

static double doubles[25];
static float floats[12];
static const limn_npz_array arrays[] = {
    {"mu", "<f8", 1, {5}, doubles},       {"sigma", "<f8", 2, {5, 5}, doubles},
    {"single", "<f4", 2, {3, 4}, floats}, {"protocol", "|S9", 0, {0}, "clean-fid"},
    {"count", "<f8", 0, {0}, doubles},
};
#define COUNT 5

static void fill(void) {
  for (int i = 0; i < 25; ++i)
    doubles[i] = i / 4.0 - 1;
  for (int i = 0; i < 12; ++i)
    floats[i] = (float)i / 4 - 1;
}

static limn_status read_row(void *context, int array, uint64_t row, void *to) {
  static const size_t sizes[COUNT] = {8, 40, 16, 9, 8};
  (void)context;
  memcpy(to, (const uint8_t *)arrays[array].data + row * sizes[array], sizes[array]);
  return LIMN_OK;
}

Test(npz, what_is_written_is_read_again) {
  fill();
  for (int i = 0; i < 4; ++i) {
    const char *keep = getenv("LIMN_NPZ_KEEP"), *path = keep ? keep : test_path("written.npz");
    char text[16];
    if (i < 2)
      cr_assert_eq(limn_npz_write(path, arrays, COUNT, i), LIMN_OK, "%s", limn_error_message());
    else
      cr_assert_eq(limn_npz_write_from(path, arrays, COUNT, i == 3, read_row, NULL), LIMN_OK, "%s",
                   limn_error_message());
    expect_array(path, "mu", 5, -1, -1);
    expect_array(path, "sigma", 5, 5, -1);
    expect_array(path, "single", 3, 4, -1);
    expect_array(path, "count", -1, -1, -1);
    cr_assert(limn_npz_read_text(path, "protocol", text, sizeof text) == LIMN_OK && strcmp(text, "clean-fid") == 0);
  }
}

Test(npz, the_same_arrays_give_the_same_bytes) {
  static uint8_t first[8192], second[8192];
  fill();
  for (int deflate = 0; deflate < 2; ++deflate) {
    cr_assert_eq(limn_npz_write(test_path("a.npz"), arrays, COUNT, deflate), LIMN_OK);
    cr_assert_eq(limn_npz_write_from(test_path("b.npz"), arrays, COUNT, deflate, read_row, NULL), LIMN_OK);
    const size_t size = test_read(test_path("a.npz"), first, sizeof first);
    cr_assert_eq(test_read(test_path("b.npz"), second, sizeof second), size);
    cr_assert_arr_eq(first, second, size);
  }
}

static limn_status fail_row(void *context, int array, uint64_t row, void *to) {
  return row < 3 ? read_row(context, array, row, to) : limn_fail(LIMN_DATA, "no more rows");
}

Test(npz, what_cannot_be_written_leaves_no_file) {
  const char *path = test_path("written.npz");
  const limn_npz_array bad[] = {{"mu/x", "<f8", 1, {5}, doubles}, {"", "<f8", 1, {5}, doubles}},
                       twice[] = {{"mu", "<f8", 1, {5}, doubles}, {"mu", "<f8", 1, {5}, doubles}},
                       large = {"x", "<f8", 2, {1u << 20, 1u << 20}, doubles},
                       larger = {"x", "<f8", 2, {UINT64_MAX, UINT64_MAX}, doubles};
  cr_assert_eq(limn_npz_write(path, &bad[0], 1, false), LIMN_USAGE);
  cr_assert_eq(limn_npz_write(path, &bad[1], 1, false), LIMN_USAGE);
  cr_assert_eq(limn_npz_write(path, twice, 2, false), LIMN_USAGE);
  cr_assert(strstr(limn_error_message(), "\"mu\" of an array is taken"), "%s", limn_error_message());
  cr_assert_eq(limn_npz_write(path, &large, 1, false), LIMN_USAGE);
  cr_assert(strstr(limn_error_message(), "over the limit of 4 GB"), "%s", limn_error_message());
  cr_assert_eq(limn_npz_write(path, &larger, 1, false), LIMN_USAGE);
  cr_assert_eq(limn_npz_write_from(path, arrays, COUNT, true, fail_row, NULL), LIMN_DATA);
  cr_assert_str_eq(limn_error_message(), "no more rows");
  cr_assert_eq(limn_npz_write(test_path("none/x.npz"), arrays, COUNT, false), LIMN_FAILED);
  cr_assert_eq(access(path, F_OK), -1);
  cr_assert_eq(rmdir(test_folder), 0, "something was left behind");
  test_folder_create();
}
