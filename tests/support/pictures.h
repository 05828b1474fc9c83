/* Small picture files of every kind for tests, in a temporary folder that goes away with the test. */
#ifndef LIMN_TESTS_SUPPORT_PICTURES_H
#define LIMN_TESTS_SUPPORT_PICTURES_H

#include <ftw.h>
#include <png.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define TEST_PATH_SIZE 512

/* A test runs in a process of its own, so one folder serves. */
static char test_folder[64];

static inline void test_folder_create(void) {
  snprintf(test_folder, sizeof test_folder, "/tmp/limn-test-XXXXXX");
  if (!mkdtemp(test_folder))
    abort();
}

static inline int test_remove_one(const char *path, const struct stat *info, int kind, struct FTW *place) {
  (void)info;
  (void)kind;
  (void)place;
  return remove(path);
}

static inline void test_folder_remove(void) { nftw(test_folder, test_remove_one, 16, FTW_DEPTH | FTW_PHYS); }

/* test_folder/NAME in one of a few buffers used in turn. */
static inline const char *test_path(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline const char *test_path(const char *format, ...) {
  static char buffers[8][TEST_PATH_SIZE];
  static int turn;
  char *buffer = buffers[turn++ % 8];
  int length = snprintf(buffer, TEST_PATH_SIZE, "%s/", test_folder);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(buffer + length, TEST_PATH_SIZE - (size_t)length, format, arguments);
  va_end(arguments);
  return buffer;
}

static inline void test_write(const char *path, const void *bytes, size_t size) {
  FILE *file = fopen(path, "wb");
  if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0)
    abort();
}

static inline size_t test_read(const char *path, uint8_t *bytes, size_t capacity) {
  FILE *file = fopen(path, "rb");
  if (!file)
    abort();
  size_t size = fread(bytes, 1, capacity, file);
  fclose(file);
  return size;
}

typedef struct test_png {
  int width, height, depth, color; /* color: PNG_COLOR_TYPE_* */
  bool interlaced, transparent;    /* transparent: a tRNS chunk that makes grey or RGB 0, or palette entry 0, clear */
  png_color palette[4];
} test_png;

/* rows: packed as the file stores them, 16-bit big-endian. */
static inline void test_write_png(const char *path, const test_png *kind, const uint8_t *rows, size_t stride) {
  FILE *file = fopen(path, "wb");
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  if (!file || !info)
    abort();
  png_init_io(png, file);
  png_set_IHDR(png, info, (png_uint_32)kind->width, (png_uint_32)kind->height, kind->depth, kind->color,
               kind->interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  if (kind->color == PNG_COLOR_TYPE_PALETTE)
    png_set_PLTE(png, info, kind->palette, 4);
  const png_byte clear[1] = {0};
  const png_color_16 black = {0};
  if (kind->transparent)
    png_set_tRNS(png, info, clear, 1, &black);
  png_write_info(png, info);
  int passes = png_set_interlace_handling(png);
  for (int pass = 0; pass < passes; ++pass)
    for (int y = 0; y < kind->height; ++y)
      png_write_row(png, rows + (size_t)y * stride);
  png_write_end(png, NULL);
  png_destroy_write_struct(&png, &info);
  fclose(file);
}

/* A picture of one colour: channels 1 to 4. */
static inline void test_write_plain(const char *path, int height, int width, int channels, const uint8_t *value) {
  static const int colors[] = {0, PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                               PNG_COLOR_TYPE_RGBA};
  size_t stride = (size_t)width * (size_t)channels;
  uint8_t *rows = malloc(stride * (size_t)height);
  if (!rows)
    abort();
  for (size_t i = 0; i < stride * (size_t)height; ++i)
    rows[i] = value[i % (size_t)channels];
  test_png kind = {.width = width, .height = height, .depth = 8, .color = colors[channels]};
  test_write_png(path, &kind, rows, stride);
  free(rows);
}

static inline void test_big_endian(uint8_t *out, uint32_t value) {
  for (int i = 0; i < 4; ++i)
    out[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* An IDX file: the header's numbers, then bytes. compressed: as .gz. */
static inline void test_write_idx(const char *path, bool compressed, const uint32_t *header, size_t header_count,
                                  const uint8_t *bytes, size_t size) {
  uint8_t *all = malloc(4 * header_count + size);
  if (!all)
    abort();
  for (size_t i = 0; i < header_count; ++i)
    test_big_endian(all + 4 * i, header[i]);
  memcpy(all + 4 * header_count, bytes, size);
  if (compressed) {
    gzFile file = gzopen(path, "wb");
    gzwrite(file, all, (unsigned)(4 * header_count + size));
    gzclose(file);
  } else {
    test_write(path, all, 4 * header_count + size);
  }
  free(all);
}

#endif
