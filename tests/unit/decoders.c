/* JPEG and WebP files, orientation, and what every decoder does with files that are broken. */
#include <criterion/criterion.h>
#include <fcntl.h>

#include "base/error.h"
#include "image/image.h"
#include "support/picture_files.h"
#include "support/pictures.h"

TestSuite(decoders, .init = test_folder_create, .fini = test_folder_remove, .timeout = 120);

#define LIMIT 100000000

static limn_status decode(limn_image *out, test_bytes file, int64_t limit) {
  return limn_image_read(
      out, &(limn_image_input){.bytes = file.bytes, .size = file.size, .name = "the file", .max_pixels = limit});
}

static limn_status probe(limn_picture_shape *out, test_bytes file) {
  return limn_image_probe(
      out, &(limn_image_input){.bytes = file.bytes, .size = file.size, .name = "the file", .max_pixels = LIMIT});
}

/* Decodes it, having seen that the probe says the same size. */
static limn_image decoded(test_bytes file) {
  limn_image image;
  limn_picture_shape shape;
  cr_assert_eq(decode(&image, file, LIMIT), LIMN_OK, "%s", limn_error_message());
  cr_assert_eq(probe(&shape, file), LIMN_OK, "%s", limn_error_message());
  cr_assert(shape.height == image.height && shape.width == image.width && shape.channels == image.channels,
            "%d x %d x %d, probed %d x %d x %d", image.height, image.width, image.channels, shape.height, shape.width,
            shape.channels);
  return image;
}

static void expect_pixel(const limn_image *image, int y, int x, int channels, const uint8_t *expected, int tolerance) {
  cr_assert_eq(image->channels, channels, "%d channels", image->channels);
  const uint8_t *pixel = image->pixels + ((size_t)y * (size_t)image->width + (size_t)x) * (size_t)image->channels;
  for (int c = 0; c < channels; ++c)
    cr_assert(abs(pixel[c] - expected[c]) <= tolerance, "(%d, %d) channel %d: %d, not %d", y, x, c, pixel[c],
              expected[c]);
}

/* 16 x 24 pixels in six squares of 8 x 8, whose colours JPEG keeps. */
#define HEIGHT 16
#define WIDTH  24
static const uint8_t squares[6][3] = {{255, 0, 0}, {0, 255, 0},     {0, 0, 255},
                                      {0, 0, 0},   {255, 255, 255}, {200, 120, 40}};

static void paint(uint8_t *rows, int channels) {
  for (int i = 0; i < HEIGHT * WIDTH; ++i) {
    const uint8_t *color = squares[i / WIDTH / 8 * 3 + i % WIDTH / 8];
    for (int c = 0; c < channels; ++c)
      rows[i * channels + c] = c < 3 ? color[c] : 255;
  }
}

static void expect_squares(const limn_image *image, int tolerance) {
  cr_assert(image->height == HEIGHT && image->width == WIDTH && image->channels == 3);
  for (int i = 0; i < 6; ++i)
    expect_pixel(image, i / 3 * 8 + 4, i % 3 * 8 + 4, 3, squares[i], tolerance);
}

Test(decoders, jpeg_in_every_coding) {
  uint8_t rows[HEIGHT * WIDTH * 3];
  paint(rows, 3);
  static const J_COLOR_SPACE spaces[] = {JCS_YCbCr, JCS_RGB};
  for (int i = 0; i < 8; ++i) {
    test_jpeg kind = {.height = HEIGHT,
                      .width = WIDTH,
                      .pixels = JCS_RGB,
                      .file = spaces[i % 2],
                      .progressive = i / 2 % 2,
                      .arithmetic = i / 4};
    test_bytes file = test_make_jpeg(&kind, rows);
    limn_image image = decoded(file);
    expect_squares(&image, 3);
    limn_image_release(&image);
    free(file.bytes);
  }
}

Test(decoders, jpeg_grey) {
  uint8_t rows[64];
  memset(rows, 90, sizeof rows);
  test_jpeg kind = {.height = 8, .width = 8, .pixels = JCS_GRAYSCALE, .file = JCS_GRAYSCALE};
  test_bytes file = test_make_jpeg(&kind, rows);
  limn_image image = decoded(file);
  expect_pixel(&image, 3, 3, 1, (const uint8_t[]){90}, 1);
  limn_image_release(&image);
  free(file.bytes);
}

/* As printing programs write it: 255 is no ink. */
Test(decoders, jpeg_cmyk_is_inverted_ink) {
  static const uint8_t inks[4][4] = {{255, 255, 255, 255}, {0, 255, 255, 255}, {255, 255, 255, 0}, {200, 100, 50, 128}};
  static const uint8_t colors[4][3] = {{255, 255, 255}, {0, 255, 255}, {0, 0, 0}, {100, 50, 25}};
  for (int n = 0; n < 8; ++n) {
    uint8_t rows[64 * 4];
    for (int i = 0; i < 64; ++i)
      memcpy(rows + 4 * i, inks[n / 2], 4);
    test_jpeg kind = {.height = 8, .width = 8, .pixels = JCS_CMYK, .file = n % 2 ? JCS_YCCK : JCS_CMYK};
    test_bytes file = test_make_jpeg(&kind, rows);
    limn_image image = decoded(file);
    expect_pixel(&image, 7, 7, 3, colors[n / 2], 2);
    limn_image_release(&image);
    free(file.bytes);
  }
}

/* Where the stored corner squares 0 (red), 2 (blue), 3 (black) and 5 (brown) are to be seen. */
static void expect_upright(const limn_image *image, int orientation, int tolerance) {
  static const int corners[9][4] = {/* top left, top right, bottom left, bottom right */
                                    {0},          {0, 2, 3, 5}, {2, 0, 5, 3}, {5, 3, 2, 0}, {3, 5, 0, 2},
                                    {0, 3, 2, 5}, {3, 0, 5, 2}, {5, 2, 3, 0}, {2, 5, 0, 3}};
  cr_assert_eq(image->height, orientation >= 5 ? WIDTH : HEIGHT, "orientation %d", orientation);
  cr_assert_eq(image->width, orientation >= 5 ? HEIGHT : WIDTH);
  for (int i = 0; i < 4; ++i)
    expect_pixel(image, i / 2 ? image->height - 4 : 4, i % 2 ? image->width - 4 : 4, 3,
                 squares[corners[orientation][i]], tolerance);
}

Test(decoders, jpeg_stands_upright) {
  uint8_t rows[HEIGHT * WIDTH * 3];
  paint(rows, 3);
  for (int orientation = 1; orientation <= 8; ++orientation)
    for (int big_endian = 0; big_endian < 2; ++big_endian) {
      test_jpeg kind = {.height = HEIGHT,
                        .width = WIDTH,
                        .pixels = JCS_RGB,
                        .file = JCS_YCbCr,
                        .orientation = orientation,
                        .big_endian = big_endian};
      test_bytes file = test_make_jpeg(&kind, rows);
      limn_image image = decoded(file);
      expect_upright(&image, orientation, 3);
      limn_image_release(&image);
      free(file.bytes);
    }
}

Test(decoders, exif_that_makes_no_sense_is_left_alone) {
  uint8_t rows[HEIGHT * WIDTH * 3];
  paint(rows, 3);
  test_jpeg kind = {
      .height = HEIGHT, .width = WIDTH, .pixels = JCS_RGB, .file = JCS_YCbCr, .orientation = 6, .big_endian = true};
  test_bytes file = test_make_jpeg(&kind, rows);
  uint8_t *tiff = NULL;
  for (size_t i = 0; !tiff; ++i)
    if (memcmp(file.bytes + i, "Exif", 4) == 0)
      tiff = file.bytes + i + 6;
  const struct {
    int at;
    uint8_t value;
  } changes[] = {{0, 'X'},           {3, 43}, {4, 0xff}, {7, 0xff}, {9, 1}, {23, 0x13},
                 {25, 4 /* LONG */}, {31, 0}, {31, 9},   {30, 1}};
  for (size_t i = 0; i < sizeof changes / sizeof *changes; ++i) {
    uint8_t before = tiff[changes[i].at];
    tiff[changes[i].at] = changes[i].value;
    limn_image image = decoded(file);
    expect_upright(&image, 1, 3);
    limn_image_release(&image);
    tiff[changes[i].at] = before;
  }
  limn_image image = decoded(file);
  expect_upright(&image, 6, 3);
  limn_image_release(&image);
  free(file.bytes);
}

Test(decoders, a_probe_reads_on_past_long_comments) {
  uint8_t rows[HEIGHT * WIDTH * 3];
  paint(rows, 3);
  test_jpeg kind = {
      .height = HEIGHT, .width = WIDTH, .pixels = JCS_RGB, .file = JCS_YCbCr, .orientation = 6, .before_exif = 300000};
  test_bytes file = test_make_jpeg(&kind, rows);
  test_write(test_path("a.png"), file.bytes, file.size); /* the name says nothing */
  limn_picture_shape shape;
  cr_assert_eq(limn_image_probe_file(&shape, test_path("a.png"), LIMIT), LIMN_OK, "%s", limn_error_message());
  cr_assert(shape.height == WIDTH && shape.width == HEIGHT && shape.channels == 3);
  limn_image image;
  cr_assert_eq(limn_image_read_file(&image, test_path("a.png"), LIMIT), LIMN_OK, "%s", limn_error_message());
  expect_upright(&image, 6, 3);
  limn_image_release(&image);
  free(file.bytes);
}

Test(decoders, webp_lossless_keeps_every_pixel) {
  for (int channels = 3; channels <= 4; ++channels) {
    uint8_t rows[HEIGHT * WIDTH * 4];
    for (size_t i = 0; i < sizeof rows; ++i)
      rows[i] = (uint8_t)(i * i * 7 >> 2 | 1); /* no alpha of 0, whose colour may change */
    test_bytes file = test_make_webp(rows, HEIGHT, WIDTH, channels == 4, true);
    limn_image image = decoded(file);
    cr_assert_eq(image.channels, channels);
    cr_assert_arr_eq(image.pixels, rows, (size_t)(HEIGHT * WIDTH * channels));
    limn_image_release(&image);
    free(file.bytes);
  }
}

Test(decoders, webp_lossy_with_and_without_alpha) {
  for (int channels = 3; channels <= 4; ++channels) {
    uint8_t rows[HEIGHT * WIDTH * 4];
    for (int i = 0; i < HEIGHT * WIDTH; ++i)
      memcpy(rows + channels * i, (const uint8_t[]){200, 120, 40, 77}, (size_t)channels);
    test_bytes file = test_make_webp(rows, HEIGHT, WIDTH, channels == 4, false);
    limn_image image = decoded(file);
    expect_pixel(&image, 5, 5, channels, (const uint8_t[]){200, 120, 40, 77}, 4);
    limn_image_release(&image);
    free(file.bytes);
  }
}

Test(decoders, webp_stands_upright) {
  uint8_t rows[HEIGHT * WIDTH * 3];
  paint(rows, 3);
  test_bytes simple = test_make_webp(rows, HEIGHT, WIDTH, false, true);
  for (int orientation = 0; orientation <= 8; ++orientation) {
    test_bytes file = test_extend_webp(simple, HEIGHT, WIDTH, orientation, false);
    limn_image image = decoded(file);
    expect_upright(&image, orientation ? orientation : 1, 0);
    limn_image_release(&image);
    free(file.bytes);
  }
  test_bytes animated = test_extend_webp(simple, HEIGHT, WIDTH, 0, true);
  limn_picture_shape shape;
  cr_assert_eq(probe(&shape, animated), LIMN_DATA);
  cr_assert_not_null(strstr(limn_error_message(), "animated"), "%s", limn_error_message());
  free(animated.bytes);
  free(simple.bytes);
}

/* One file of each kind: every decoder, and every way through it. */
enum { PNG_FILE, JPEG_BASELINE, JPEG_PROGRESSIVE, JPEG_CMYK, WEBP_LOSSY, WEBP_ALPHA, WEBP_LOSSLESS, WEBP_EXIF, KINDS };

static test_bytes make(int kind) {
  uint8_t rows[HEIGHT * WIDTH * 4];
  for (size_t i = 0; i < sizeof rows; ++i)
    rows[i] = (uint8_t)(i * i * 31 >> 3 | 1);
  test_jpeg jpeg = {.height = HEIGHT, .width = WIDTH, .pixels = JCS_RGB, .file = JCS_YCbCr, .orientation = 5};
  switch (kind) {
  case PNG_FILE: {
    test_png png = {.width = WIDTH, .height = HEIGHT, .depth = 8, .color = PNG_COLOR_TYPE_RGBA, .interlaced = true};
    test_bytes file = {malloc(8192), 0};
    test_write_png(test_path("made"), &png, rows, WIDTH * 4);
    file.size = test_read(test_path("made"), file.bytes, 8192);
    return file;
  }
  case JPEG_PROGRESSIVE:
    jpeg.progressive = true;
    break;
  case JPEG_CMYK:
    jpeg.pixels = jpeg.file = JCS_CMYK;
    break;
  case WEBP_LOSSY:
  case WEBP_ALPHA:
  case WEBP_LOSSLESS:
    return test_make_webp(rows, HEIGHT, WIDTH, kind == WEBP_ALPHA, kind == WEBP_LOSSLESS);
  case WEBP_EXIF: {
    test_bytes simple = test_make_webp(rows, HEIGHT, WIDTH, false, false);
    test_bytes file = test_extend_webp(simple, HEIGHT, WIDTH, 3, false);
    free(simple.bytes);
    return file;
  }
  default:
    break;
  }
  return test_make_jpeg(&jpeg, rows);
}

/* Exactly so many bytes on the heap, so that a sanitizer sees a step too far. */
static test_bytes cut(test_bytes file, size_t size) {
  test_bytes part = {malloc(size ? size : 1), size};
  memcpy(part.bytes, file.bytes, size);
  return part;
}

/* One line with the name in it, and nothing left behind. */
static void expect_refused(limn_status status, const limn_image *image, size_t at) {
  cr_assert_eq(status, LIMN_DATA, "cut at %zu: %d", at, status);
  cr_assert_null(image->pixels);
  cr_assert_eq(strncmp(limn_error_message(), "the file: ", 10), 0, "%s", limn_error_message());
  cr_assert_null(strchr(limn_error_message(), '\n'));
}

Test(decoders, a_file_that_is_cut_off_anywhere_is_refused) {
  const char *log = test_path("stderr");
  fflush(stderr);
  int saved = dup(2), quiet = open(log, O_CREAT | O_TRUNC | O_WRONLY, 0600);
  dup2(quiet, 2);
  for (int kind = 0; kind < KINDS; ++kind) {
    test_bytes file = make(kind);
    limn_image image;
    cr_assert_eq(decode(&image, file, LIMIT), LIMN_OK, "kind %d: %s", kind, limn_error_message());
    limn_image_release(&image);
    for (size_t size = 0; size < file.size; ++size) {
      test_bytes part = cut(file, size);
      expect_refused(decode(&image, part, LIMIT), &image, size);
      limn_picture_shape shape;
      probe(&shape, part); /* may do with the beginning */
      free(part.bytes);
    }
    free(file.bytes);
  }
  struct stat info;
  cr_assert(fstat(quiet, &info) == 0);
  dup2(saved, 2);
  close(saved);
  close(quiet);
  cr_assert_eq(info.st_size, 0, "something was printed");
}

/* Not one may crash, hang or leak (the sanitizers' build), whatever comes of it. */
Test(decoders, random_changes_do_no_harm) {
  uint64_t random = 1;
  int refused = 0, read = 0;
  for (int kind = 0; kind < KINDS; ++kind) {
    test_bytes file = make(kind);
    for (int round = 0; round < 3000; ++round) {
      random = random * 6364136223846793005u + 1442695040888963407u;
      test_bytes changed = cut(file, round % 4 ? file.size : (size_t)(random >> 33) % file.size);
      for (int n = (int)(random >> 60) % 4; n >= 0 && changed.size > 0; --n) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        size_t at = (size_t)(random >> 20) % (round % 2 && changed.size > 128 ? 128 : changed.size);
        changed.bytes[at] = (uint8_t)(random >> 56);
      }
      limn_image image;
      limn_picture_shape shape;
      limn_status status = decode(&image, changed, 1000000);
      cr_assert(status == LIMN_OK || status == LIMN_DATA, "%d: %s", status, limn_error_message());
      cr_assert_eq(status == LIMN_OK, image.pixels != NULL);
      if (status == LIMN_OK)
        cr_assert_eq(probe(&shape, changed), LIMN_OK, "what can be read can be probed: %s", limn_error_message());
      ++*(status == LIMN_OK ? &read : &refused);
      limn_image_release(&image);
      free(changed.bytes);
    }
    free(file.bytes);
  }
  cr_assert(refused > 1000 && read > 1000, "%d refused, %d read", refused, read);
}

Test(decoders, sizes_are_checked_before_decoding) {
  for (int kind = 0; kind < KINDS; ++kind) {
    test_bytes file = make(kind);
    limn_image image;
    cr_assert_eq(decode(&image, file, HEIGHT * WIDTH), LIMN_OK);
    limn_image_release(&image);
    cr_assert_eq(decode(&image, file, HEIGHT * WIDTH - 1), LIMN_DATA);
    cr_assert_not_null(strstr(limn_error_message(), "over the limit of 383 in all"), "%s", limn_error_message());
    free(file.bytes);
  }
}

/* A JPEG of 65,500 x 65,500 pixels whose header is all there is of it. */
Test(decoders, a_bomb_is_refused_by_its_header) {
  uint8_t rows[64 * 3] = {0};
  test_jpeg kind = {.height = 8, .width = 8, .pixels = JCS_RGB, .file = JCS_YCbCr};
  test_bytes file = test_make_jpeg(&kind, rows);
  for (size_t i = 0; i + 8 < file.size; ++i)
    if (file.bytes[i] == 0xff && file.bytes[i + 1] == 0xc0)
      memcpy(file.bytes + i + 5, "\xff\xdc\xff\xdc", 4);
  limn_image image;
  cr_assert_eq(decode(&image, file, LIMIT), LIMN_DATA);
  cr_assert_not_null(strstr(limn_error_message(), "over the limit of"), "%s", limn_error_message());
  free(file.bytes);
}

Test(decoders, the_smallest_pictures) {
  const uint8_t pixel[3] = {255, 255, 255};
  test_jpeg kind = {.height = 1, .width = 1, .pixels = JCS_RGB, .file = JCS_YCbCr};
  test_bytes files[2] = {test_make_jpeg(&kind, pixel), test_make_webp(pixel, 1, 1, false, true)};
  for (int i = 0; i < 2; ++i) {
    limn_image image = decoded(files[i]);
    cr_assert(image.height == 1 && image.width == 1);
    expect_pixel(&image, 0, 0, 3, pixel, 1);
    limn_image_release(&image);
    free(files[i].bytes);
  }
}

/* Each scan of a progressive file makes the decoder go over the whole picture. */
Test(decoders, thousands_of_scans_are_refused) {
  uint8_t rows[64] = {0};
  test_jpeg kind = {.height = 8, .width = 8, .pixels = JCS_GRAYSCALE, .file = JCS_GRAYSCALE, .progressive = true};
  test_bytes file = test_make_jpeg(&kind, rows);
  size_t last = 0; /* the last scan's start */
  for (size_t i = 0; i + 1 < file.size; ++i)
    if (file.bytes[i] == 0xff && file.bytes[i + 1] == 0xda)
      last = i;
  size_t scan = file.size - 2 - last, copies = 1000;
  test_bytes bomb = {malloc(file.size + copies * scan), file.size - 2};
  memcpy(bomb.bytes, file.bytes, file.size - 2);
  for (size_t i = 0; i < copies; ++i, bomb.size += scan)
    memcpy(bomb.bytes + bomb.size, file.bytes + last, scan);
  memcpy(bomb.bytes + bomb.size, "\xff\xd9", 2);
  bomb.size += 2;
  limn_image image;
  cr_assert_eq(decode(&image, bomb, LIMIT), LIMN_DATA);
  cr_assert_not_null(strstr(limn_error_message(), "more than 500 scans"), "%s", limn_error_message());
  free(bomb.bytes);
  free(file.bytes);
}
