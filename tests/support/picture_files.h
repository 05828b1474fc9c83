/* JPEG and WebP files for tests, made in memory by the libraries' own writers. */
#ifndef LIMN_TESTS_SUPPORT_PICTURE_FILES_H
#define LIMN_TESTS_SUPPORT_PICTURE_FILES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <webp/encode.h>

typedef struct test_bytes {
  uint8_t *bytes; /* free() */
  size_t size;
} test_bytes;

typedef struct test_jpeg {
  int height, width;
  J_COLOR_SPACE pixels, file; /* of what is given, of what is written */
  bool progressive, arithmetic;
  int orientation; /* 0: no EXIF */
  bool big_endian; /* the EXIF data */
  int before_exif; /* bytes of a comment ahead of it, up to 65533 a piece */
} test_jpeg;

static inline void test_number(uint8_t *out, uint32_t value, int size, bool big_endian) {
  for (int i = 0; i < size; ++i)
    out[i] = (uint8_t)(value >> (8 * (big_endian ? size - 1 - i : i)));
}

/* TIFF data with two entries: an ImageWidth, and the orientation. */
#define TEST_TIFF_SIZE 38
static inline void test_tiff(uint8_t out[TEST_TIFF_SIZE], int orientation, bool big_endian) {
  memset(out, 0, TEST_TIFF_SIZE);
  memcpy(out, big_endian ? "MM" : "II", 2);
  test_number(out + 2, 42, 2, big_endian);
  test_number(out + 4, 8, 4, big_endian);
  test_number(out + 8, 2, 2, big_endian);
  const uint32_t entries[2][2] = {{0x0100, 77}, {0x0112, (uint32_t)orientation}};
  for (int i = 0; i < 2; ++i) {
    uint8_t *entry = out + 10 + 12 * i;
    test_number(entry, entries[i][0], 2, big_endian);
    test_number(entry + 2, 3, 2, big_endian); /* SHORT */
    test_number(entry + 4, 1, 4, big_endian);
    test_number(entry + 8, entries[i][1], 2, big_endian);
  }
}

/* rows: (height, width, components of kind->pixels). */
static inline test_bytes test_make_jpeg(const test_jpeg *kind, const uint8_t *rows) {
  struct jpeg_compress_struct jpeg;
  struct jpeg_error_mgr errors;
  unsigned char *bytes = NULL;
  unsigned long size = 0;
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  jpeg_mem_dest(&jpeg, &bytes, &size);
  jpeg.image_height = (JDIMENSION)kind->height;
  jpeg.image_width = (JDIMENSION)kind->width;
  jpeg.in_color_space = kind->pixels;
  jpeg.input_components = kind->pixels == JCS_GRAYSCALE ? 1 : kind->pixels == JCS_CMYK ? 4 : 3;
  jpeg_set_defaults(&jpeg);
  jpeg_set_colorspace(&jpeg, kind->file);
  jpeg_set_quality(&jpeg, 100, TRUE);
  jpeg.arith_code = kind->arithmetic;
  for (int i = 0; i < jpeg.num_components; ++i) /* colours at full resolution */
    jpeg.comp_info[i].h_samp_factor = jpeg.comp_info[i].v_samp_factor = 1;
  if (kind->progressive)
    jpeg_simple_progression(&jpeg);
  jpeg_start_compress(&jpeg, TRUE);
  static const uint8_t filler[65533];
  for (int left = kind->before_exif; left > 0; left -= (int)sizeof filler)
    jpeg_write_marker(&jpeg, JPEG_COM, filler, left < (int)sizeof filler ? (unsigned)left : (unsigned)sizeof filler);
  uint8_t exif[6 + TEST_TIFF_SIZE] = "Exif";
  test_tiff(exif + 6, kind->orientation, kind->big_endian);
  if (kind->orientation)
    jpeg_write_marker(&jpeg, JPEG_APP0 + 1, exif, sizeof exif);
  for (int y = 0; y < kind->height; ++y) {
    JSAMPROW row = (JSAMPROW)(uintptr_t)(rows + (size_t)y * (size_t)kind->width * (size_t)jpeg.input_components);
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  return (test_bytes){bytes, size};
}

/* rows: (height, width, 4) when alpha, else (height, width, 3). */
static inline test_bytes test_make_webp(const uint8_t *rows, int height, int width, bool alpha, bool lossless) {
  uint8_t *bytes = NULL;
  int stride = width * (alpha ? 4 : 3);
  size_t size = lossless && alpha ? WebPEncodeLosslessRGBA(rows, width, height, stride, &bytes)
                : lossless        ? WebPEncodeLosslessRGB(rows, width, height, stride, &bytes)
                : alpha           ? WebPEncodeRGBA(rows, width, height, stride, 90, &bytes)
                                  : WebPEncodeRGB(rows, width, height, stride, 90, &bytes);
  test_bytes made = {malloc(size), size}; /* what libwebp hands out is for WebPFree */
  if (size == 0 || !made.bytes)
    abort();
  memcpy(made.bytes, bytes, size);
  WebPFree(bytes);
  return made;
}

/* The same file in the extended format, with EXIF data (orientation 0: without) and perhaps the mark of an animation.
 */
static inline test_bytes test_extend_webp(test_bytes simple, int height, int width, int orientation, bool animated) {
  test_bytes made = {malloc(simple.size + 18 + 8 + TEST_TIFF_SIZE), 0};
  if (!made.bytes)
    abort();
  uint8_t *at = made.bytes;
  memcpy(at, "RIFF....WEBPVP8X", 16);
  test_number(at + 16, 10, 4, false);
  memset(at + 20, 0, 10);
  at[20] = (uint8_t)((orientation ? 0x08 : 0) | (animated ? 0x02 : 0));
  test_number(at + 24, (uint32_t)width - 1, 3, false);
  test_number(at + 27, (uint32_t)height - 1, 3, false);
  at += 30;
  memcpy(at, simple.bytes + 12, simple.size - 12);
  at += simple.size - 12;
  if (orientation) {
    memcpy(at, "EXIF", 4);
    test_number(at + 4, TEST_TIFF_SIZE, 4, false);
    test_tiff(at + 8, orientation, true);
    at += 8 + TEST_TIFF_SIZE;
  }
  made.size = (size_t)(at - made.bytes);
  test_number(made.bytes + 4, (uint32_t)made.size - 8, 4, false);
  return made;
}

#endif
