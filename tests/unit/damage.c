/* Archives and compressed data files of which one bit is wrong: they are refused, or their pictures are the same. */
#include "support/archives.h"

#include <unistd.h>
#include <zlib.h>

#include "data/source.h"
#include "support/data.h"
#include "support/picture_files.h"
#include "support/pictures.h"

TestSuite(damage, .init = test_folder_create, .fini = test_folder_remove, .timeout = 120);

#define PICTURES 3
#define SIDE     8
#define MOST     65536

static const limn_dataset_options plain = {.workers = 1};

/* JPEGs of noise, which have no sums of their own. */
static test_bytes make_picture(int number) {
  uint8_t rows[SIDE * SIDE * 3];
  uint32_t state = (uint32_t)number * 7919 + 1;
  for (size_t i = 0; i < sizeof rows; ++i)
    rows[i] = (uint8_t)((state = state * 1664525 + 1013904223) >> 24);
  const test_jpeg kind = {.height = SIDE, .width = SIDE, .pixels = JCS_RGB, .file = JCS_YCbCr};
  return test_make_jpeg(&kind, rows);
}

static size_t make_archive(uint8_t *bytes, const char *format, const char *filter) {
  char name[16];
  test_archive made = test_archive_open(test_path("made"), format, filter);
  for (int i = 0; i < PICTURES; ++i) {
    test_bytes picture = make_picture(i);
    snprintf(name, sizeof name, "%c/%d.jpg", 'a' + i, i);
    test_archive_add(&made, name, picture.bytes, picture.size);
    free(picture.bytes);
  }
  test_archive_close(&made);
  return test_read(test_path("made"), bytes, MOST);
}

/* Of all pixels and labels; 0: refused as damaged. */
static uint64_t digest_of(const char *path, const limn_dataset_options *options, limn_dataset_info *info) {
  limn_dataset *dataset;
  limn_status status = limn_dataset_open(&dataset, path, options);
  if (status != LIMN_OK) {
    cr_assert_eq(status, LIMN_DATA, "%d: %s", status, limn_error_message());
    cr_assert_not_null(strstr(limn_error_message(), path), "%s", limn_error_message());
    return 0;
  }
  limn_dataset_get_info(dataset, info);
  uint8_t *chw = malloc((size_t)info->channels * (size_t)info->height * (size_t)info->width);
  uint64_t hash = info->count;
  for (uint32_t i = 0; i < info->count; ++i) {
    cr_assert_eq(limn_dataset_read(dataset, i, chw), LIMN_OK, "%s", limn_error_message());
    const int label = limn_dataset_label(dataset, i);
    hash = limn_hash_bytes(hash, chw, (size_t)info->channels * (size_t)info->height * (size_t)info->width);
    hash = limn_hash_bytes(hash, &label, sizeof label);
  }
  free(chw);
  limn_dataset_close(dataset);
  return hash;
}

/* Each of `tries` bits, spread over the file. */
static void flip_bits(uint8_t *bytes, size_t size, const char *path, size_t tries) {
  limn_dataset_info info;
  size_t step = (8 * size / tries) | 1, same = 0; /* odd: it comes by every bit of a byte */
  test_write(path, bytes, size);
  const uint64_t whole = digest_of(path, &plain, &info);
  cr_assert_neq(whole, 0, "%s", limn_error_message());
  for (size_t bit = 0; bit < 8 * size; bit += step) {
    bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    test_write(path, bytes, size);
    const uint64_t digest = digest_of(path, &plain, &info);
    cr_assert(digest == 0 || digest == whole, "%s: bit %zu of %zu bytes: other pictures, without a word", path, bit,
              size);
    same += digest == whole;
    bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
  }
  cr_assert_lt(same, tries / 3, "%s: %zu bits make no difference", path, same);
}

/* test_path's buffers are used in turn: a path that is to last. */
static const char *lasting(char copy[TEST_PATH_SIZE], const char *name) {
  snprintf(copy, TEST_PATH_SIZE, "%s", test_path("%s", name));
  return copy;
}

static void flip_archive(const char *name, const char *format, const char *filter) {
  static uint8_t bytes[MOST];
  char path[TEST_PATH_SIZE];
  flip_bits(bytes, make_archive(bytes, format, filter), lasting(path, name), 500);
}

Test(damage, of_a_gzip) { flip_archive("data.tar.gz", "gnutar", "gzip"); }
Test(damage, of_a_bzip2) { flip_archive("data.tar.bz2", "gnutar", "bzip2"); }
Test(damage, of_an_xz) { flip_archive("data.tar.xz", "gnutar", "xz"); }
Test(damage, of_a_zip) { flip_archive("data.zip", "zip", "none"); }

/* One that `zstd --check` has made: libarchive writes no sums. */
Test(damage, of_a_zstd) {
  static uint8_t bytes[MOST];
  char path[TEST_PATH_SIZE];
  size_t size = test_read(LIMN_SOURCE_DIR "/tests/fixtures/pictures.tar.zst", bytes, sizeof bytes);
  flip_bits(bytes, size, lasting(path, "data.tar.zst"), 500);
}

/* Files of one kind one after the other are one such file. `parts` of a tar, each compressed. */
static void write_parts(const char *path, const uint8_t *tar, size_t size, size_t parts) {
  for (size_t i = 0; i < parts; ++i) {
    gzFile stream = gzopen(path, i ? "ab" : "wb");
    const size_t first = size / parts * i, last = i + 1 < parts ? size / parts * (i + 1) : size;
    cr_assert_eq(gzwrite(stream, tar + first, (unsigned)(last - first)), (int)(last - first));
    cr_assert_eq(gzclose(stream), Z_OK);
  }
}

static void append(const char *path, const void *bytes, size_t size) {
  FILE *stream = fopen(path, "ab");
  cr_assert_eq(fwrite(bytes, 1, size, stream), size);
  fclose(stream);
}

Test(damage, of_a_gzip_in_parts) {
  static uint8_t tar[MOST], bytes[MOST];
  static const uint8_t zeros[1000];
  char path[TEST_PATH_SIZE];
  limn_dataset_info info;
  lasting(path, "data.tar.gz");
  size_t size = make_archive(tar, "gnutar", "none");
  write_parts(path, tar, size, 1);
  const uint64_t whole = digest_of(path, &plain, &info);
  append(path, "anything", 8);
  cr_assert_eq(digest_of(path, &plain, &info), whole, "gzip passes over that too: %s", limn_error_message());
  write_parts(path, tar, size, 3);
  append(path, zeros, sizeof zeros);
  cr_assert_eq(digest_of(path, &plain, &info), whole, "%s", limn_error_message());
  append(path, "x", 1);
  cr_assert_eq(digest_of(path, &plain, &info), whole);
  write_parts(path, tar, size, 3);
  flip_bits(bytes, test_read(path, bytes, sizeof bytes), path, 500);

  /* The head of a part is damaged where a member ends: what is left would be a tar without an end. */
  const size_t member = 512 + (size_t)strtoul((const char *)tar + 124, NULL, 8);
  write_parts(path, tar, (member + 511) / 512 * 512, 1);
  append(path, "\x1f\x0b and so on", 11);
  expect_error(path, &plain, LIMN_DATA, "what follows its compressed part is not compressed");
}

/* What lies behind a tar's end is no part of it, but the sums at the end are over that too. */
Test(damage, behind_the_last_member) {
  static const char *const filters[] = {"gzip", "bzip2", "xz"};
  static uint8_t tar[2000000], bytes[2100000];
  char path[TEST_PATH_SIZE];
  lasting(path, "data.tar.x");
  uint32_t state = 1;
  for (size_t at = make_archive(tar, "gnutar", "none"); at < sizeof tar; ++at)
    tar[at] = (uint8_t)((state = state * 1664525 + 1013904223) >> 24);
  for (size_t i = 0; i < sizeof filters / sizeof *filters; ++i) {
    limn_dataset_info info;
    test_archive made = test_archive_open(path, "raw", filters[i]);
    test_archive_add(&made, "data", tar, sizeof tar);
    test_archive_close(&made);
    cr_assert_neq(digest_of(path, &plain, &info), 0, "%s", limn_error_message());
    size_t size = test_read(path, bytes, sizeof bytes);
    bytes[size - 100] ^= 1;
    test_write(path, bytes, size);
    expect_error(path, &plain, LIMN_DATA, "damaged: ");
  }
}

/* In a zip each member has a sum of its own: a damaged one is a broken picture, whatever it is that does not fit. */
Test(damage, of_one_member_of_a_zip) {
  static const char *const folders[] = {"none", "kept"};
  static uint8_t bytes[MOST];
  char path[TEST_PATH_SIZE], kept[TEST_PATH_SIZE];
  lasting(path, "data.zip");
  const size_t size = make_archive(bytes, "zip", "none");
  uint8_t *picture = memmem(bytes, size, "b/1.jpg", 7);
  cr_assert_not_null(picture);
  for (size_t at = 30; at < 600; at += 57) {
    picture[at] ^= 4;
    test_write(path, bytes, size);
    expect_error(path, &plain, LIMN_DATA, "b/1.jpg in ");
    expect_error(path, &plain, LIMN_DATA, "damaged: ");
    expect_error(path, &plain, LIMN_DATA, "(--on-bad-image skip leaves such pictures out)");
    for (int round = 0; round < 3; ++round) {
      limn_dataset_options options = {.workers = 1, .skip_broken = true};
      options.cache = round ? lasting(kept, folders[1]) : NULL;
      limn_dataset_info info;
      cr_assert_neq(digest_of(path, &options, &info), 0, "%s", limn_error_message());
      cr_assert(info.count == 2 && info.broken == 1 && info.cache_found == (round == 2), "%u of %u", info.broken,
                info.count);
    }
    picture[at] ^= 4;
  }
}

/* Leaving broken pictures out and keeping decoded ones change nothing of it. */
Test(damage, of_an_archive_is_no_broken_picture) {
  static uint8_t bytes[MOST];
  char path[TEST_PATH_SIZE], kept[TEST_PATH_SIZE];
  limn_dataset_info info;
  const limn_dataset_options options = {.workers = 1, .skip_broken = true, .cache = lasting(kept, "kept")};
  lasting(path, "data.tar.gz");
  const size_t size = make_archive(bytes, "gnutar", "gzip");
  test_write(path, bytes, size);
  const uint64_t whole = digest_of(path, &options, &info);
  for (int round = 0; round < 2; ++round) {
    bytes[size - 6] ^= 1; /* its sum */
    test_write(path, bytes, size);
    if (round == 0)
      expect_error(path, &options, LIMN_DATA, "damaged: incorrect data check");
    else
      cr_assert_eq(digest_of(path, &options, &info), whole);
  }
}

Test(damage, of_data_files) {
  static uint8_t bytes[MOST];
  char path[TEST_PATH_SIZE];
  const uint32_t header[4] = {0x803, 4, 8, 8};
  uint8_t pixels[256];
  for (int i = 0; i < 256; ++i)
    pixels[i] = (uint8_t)(i * 37 % 251);
  lasting(path, "train-images-idx3-ubyte.gz");
  test_write_idx(path, true, header, 4, pixels, sizeof pixels);
  flip_bits(bytes, test_read(path, bytes, sizeof bytes), path, 500);

  char array[128 + sizeof pixels];
  lasting(path, "data.npz");
  memset(array, ' ', sizeof array);
  static const char start[] = "\x93NUMPY\1\0\x76\0{'descr': '|u1', 'fortran_order': False, 'shape': (4, 8, 8), }";
  memcpy(array, start, sizeof start - 1);
  array[127] = '\n';
  memcpy(array + 128, pixels, sizeof pixels);
  test_archive made = test_archive_open(path, "zip", "none");
  test_archive_add(&made, "images.npy", array, sizeof array);
  test_archive_close(&made);
  flip_bits(bytes, test_read(path, bytes, sizeof bytes), path, 500);
}
