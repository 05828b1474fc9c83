/* Input: what is done with it; a picture file. What is read becomes the rows of a tensor, of every fit.
 * Covers: src/host/image/bmp.c src/host/image/exif.c src/host/image/gif.c src/host/image/jpeg.c
 * Covers: src/host/image/png.c src/host/image/pnm.c src/host/image/tga.c
 * Covers: src/host/image/read.c src/host/image/resize.c src/host/image/webp.c */
#include <string.h>
#include <zlib.h>

#include "fuzz/sources.h"

#define MAX_PIXELS   4096  /* of a picture that is decoded; to say its size costs nothing */
#define LONG_COMMENT 80004 /* two comments of a JPEG file: more than is first read of one to learn its size */

static uint32_t big_endian(const uint8_t *bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Makes the sums of a PNG file's chunks right, which no mutation does. */
static void mend_sums(uint8_t *bytes, size_t size) {
  for (size_t at = 8; size >= 12 && at <= size - 12;) {
    size_t length = big_endian(bytes + at);
    if (length > size - 12 - at)
      return;
    uint32_t sum = (uint32_t)crc32(0, bytes + at + 4, (uInt)length + 4);
    for (int i = 0; i < 4; ++i)
      bytes[at + 8 + length + (size_t)i] = (uint8_t)(sum >> (24 - 8 * i));
    at += 12 + length;
  }
}

/* A copy of the picture, as a data set makes pictures alike. */
static limn_image make_alike(const limn_image *picture, int channels, limn_fit fit, int height, int width) {
  static const uint8_t background[3] = {10, 200, 90};
  limn_image made;
  FUZZ_CHECK(limn_image_init(&made, picture->height, picture->width, picture->channels) == LIMN_OK);
  memcpy(made.pixels, picture->pixels, (size_t)made.height * (size_t)made.width * (size_t)made.channels);
  FUZZ_CHECK(limn_image_resize(&made, height, width, fit, background) == LIMN_OK);
  FUZZ_CHECK(limn_image_convert(&made, channels, background) == LIMN_OK);
  fuzz_check_picture(&made, &(limn_picture_shape){.height = height, .width = width, .channels = channels});
  return made;
}

/* A PNG file that we write holds what we read. */
static void check_written(const limn_image *image) {
  const char *path = fuzz_file("y.png", NULL, 0);
  limn_image again;
  FUZZ_CHECK(limn_image_write(image, path) == LIMN_OK);
  FUZZ_CHECK(limn_image_read_file(&again, path, MAX_PIXELS) == LIMN_OK);
  fuzz_check_picture(
      &again, &(limn_picture_shape){.height = image->height, .width = image->width, .channels = image->channels});
  size_t size = (size_t)image->height * (size_t)image->width * (size_t)image->channels;
  FUZZ_CHECK(memcmp(again.pixels, image->pixels, size) == 0);
  limn_image_release(&again);
}

static void use(const limn_image *picture, unsigned how) {
  static const int sizes[4][2] = {{8, 8}, {3, 7}, {9, 2}, {1, 1}};
  if (picture->channels % 2 == 0) /* alpha is for reading alone */
    FUZZ_CHECK(limn_image_write(picture, fuzz_file("y.png", NULL, 0)) == LIMN_USAGE);
  for (limn_fit fit = LIMN_FIT_CROP; fit <= LIMN_FIT_STRETCH; ++fit)
    for (int channels = 1; channels <= 3; channels += 2) {
      limn_image made = make_alike(picture, channels, fit, sizes[how & 3][0], sizes[how & 3][1]);
      if ((how & 4) && fit == LIMN_FIT_CROP)
        check_written(&made);
      limn_image_release(&made);
    }
}

/* A file of `in`, which may be changed, with no room behind it, so that the sanitizers see who reads on. */
static fuzz_input make_file(fuzz_input in, unsigned how) {
  const size_t comment = (how & 32) && in.size >= 2 ? LONG_COMMENT : 0;
  uint8_t *bytes = malloc(in.size + comment ? in.size + comment : 1);
  FUZZ_CHECK(bytes);
  if (in.size > 0)
    memcpy(bytes, in.data, in.size);
  if (how & 8)
    mend_sums(bytes, in.size);
  if (comment > 0) {
    memmove(bytes + 2 + comment, bytes + 2, in.size - 2);
    for (size_t at = 2; at < 2 + comment; at += LONG_COMMENT / 2)
      memcpy(memset(bytes + at, ' ', LONG_COMMENT / 2), "\xff\xfe\x9c\x40", 4);
  }
  return (fuzz_input){bytes, in.size + comment};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_input in = {data, size};
  unsigned how = fuzz_byte(&in);
  char name[8] = "";
  memcpy(name, in.data, in.size < sizeof name - 1 ? in.size : sizeof name - 1);
  limn_image_has_known_name(name);
  const char *tga = how & 64 ? "x.tga" : NULL; /* which nothing but its name tells */
  fuzz_input file = make_file(in, how);
  const limn_image_input input = {file.data, file.size, "x", MAX_PIXELS, tga};
  const limn_image_input any_size = {file.data, file.size, "x", LIMN_MAX_PICTURE_PIXELS, tga};
  limn_image picture;
  limn_picture_shape shape;
  limn_status probed, status;
  if (how & 16) {
    const char *path = fuzz_file(tga ? tga : "x", file.data, file.size);
    probed = limn_image_probe_file(&shape, path, LIMN_MAX_PICTURE_PIXELS);
    fuzz_check_message(probed);
    status = limn_image_read_file(&picture, path, MAX_PIXELS);
  } else {
    probed = limn_image_probe(&shape, &any_size);
    fuzz_check_message(probed);
    status = limn_image_read(&picture, &input);
  }
  fuzz_check_message(status);
  FUZZ_CHECK((status == LIMN_OK) == (picture.pixels != NULL));
  if (status == LIMN_OK) {
    FUZZ_CHECK(probed == LIMN_OK);
    fuzz_check_picture(&picture, &shape);
    use(&picture, how);
  }
  limn_image_release(&picture);
  free((void *)(uintptr_t)file.data);
  return 0;
}
