/* Pictures of every format that is read: tests/fixtures/pictures, made by other programs (make_pictures.py). */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/error.h"
#include "image/image.h"
#include "support/pictures.h"

#define LIMIT 100000000

TestSuite(formats, .init = test_folder_create, .fini = test_folder_remove, .timeout = 120);

static const char *fixture(const char *name) {
  static char path[512];
  snprintf(path, sizeof path, "%s/tests/fixtures/pictures/%s", LIMN_SOURCE_DIR, name);
  return path;
}

/* What the script paints, as RGBA. */
typedef void (*painter)(int y, int x, uint8_t rgba[4]);

static void set(uint8_t rgba[4], int red, int green, int blue, int alpha) {
  memcpy(rgba, (const uint8_t[]){(uint8_t)red, (uint8_t)green, (uint8_t)blue, (uint8_t)alpha}, 4);
}
static void color(int y, int x, uint8_t rgba[4]) { set(rgba, 40 * x, 60 * y, 255 - 40 * x, 255); }
static void turned(int y, int x, uint8_t rgba[4]) { color(4 - x, y, rgba); } /* a quarter to the right */
static void clear(int y, int x, uint8_t rgba[4]) { set(rgba, 40 * x, 60 * y, 255 - 40 * x, 255 - 50 * y); }
static void grey(int y, int x, uint8_t rgba[4]) { set(rgba, 40 * x + y, 40 * x + y, 40 * x + y, 255); }
static void dark(int y, int x, uint8_t rgba[4]) {
  const int value = (int)((16 * (40 * x + y) + 15) / 257.0 + 0.5);
  set(rgba, value, value, value, 255);
}
static void black(int y, int x, uint8_t rgba[4]) {
  const int value = (x + y) % 2 ? 255 : 0;
  set(rgba, value, value, value, 255);
}
static void few(int y, int x, uint8_t rgba[4]) {
  const int n = (x + y) % 3;
  set(rgba, n == 0 ? 200 : 0, n == 1 ? 150 : 0, n == 2 ? 100 : 0, 255);
}
static void few_clear(int y, int x, uint8_t rgba[4]) {
  few(y, x, rgba);
  rgba[3] = (x + y) % 3 == 1 ? 0 : 255;
}
static void part(int y, int x, uint8_t rgba[4]) {
  set(rgba, 0, 0, 0, 0);
  if (y >= 2 && y < 7 && x >= 1 && x < 8)
    few(y - 2, x - 1, rgba);
}
static void noise(int y, int x, uint8_t rgba[4]) {
  const int n = (x * x * 7 + y * y * 13 + x * y) % 251;
  set(rgba, n, 255 - n, n / 2, 255);
}
static void squares(int y, int x, uint8_t rgba[4]) {
  static const uint8_t colors[6][3] = {{255, 0, 0}, {0, 255, 0},     {0, 0, 255},
                                       {0, 0, 0},   {255, 255, 255}, {200, 120, 40}};
  const uint8_t *c = colors[y / 32 * 3 + x / 32];
  set(rgba, c[0], c[1], c[2], 255);
}
static void squares_turned(int y, int x, uint8_t rgba[4]) { squares(x, 95 - y, rgba); } /* a quarter to the left */
static void squares_clear(int y, int x, uint8_t rgba[4]) {
  squares(y, x, rgba);
  rgba[3] = x < 32 ? 255 : 100;
}

typedef struct sample {
  const char *name, *format, *mode;
  int height, width, tolerance;
  painter paint;
} sample;

static const sample samples[] = {
    {"said.png", "PNG", "grey 16-bit", 5, 7, 1, grey},
    {"said_rgb.png", "PNG", "RGB 16-bit", 5, 7, 1, color},
    {"said_wrongly.png", "PNG", "grey 16-bit", 5, 7, 0, grey},
    {"rgb24.bmp", "BMP", "RGB", 5, 7, 0, color},
    {"topdown.bmp", "BMP", "RGB", 5, 7, 0, color},
    {"core.bmp", "BMP", "RGB", 5, 7, 0, color},
    {"rgb555.bmp", "BMP", "RGB", 5, 7, 8, color},
    {"rgb565.bmp", "BMP", "RGB", 5, 7, 8, color},
    {"rgba32.bmp", "BMP", "RGBA", 5, 7, 0, clear},
    {"grey8.bmp", "BMP", "grey", 5, 7, 0, grey},
    {"palette8.bmp", "BMP", "palette", 5, 7, 0, few},
    {"black1.bmp", "BMP", "grey", 5, 7, 0, black},
    {"rle8.bmp", "BMP", "palette", 5, 7, 0, few},
    {"rle4.bmp", "BMP", "palette", 5, 7, 0, few},
    {"text.pbm", "PNM", "grey", 5, 7, 0, black},
    {"text.pgm", "PNM", "grey 16-bit", 5, 7, 0, grey},
    {"text.ppm", "PNM", "RGB", 5, 7, 0, color},
    {"bits.pbm", "PNM", "grey", 5, 7, 0, black},
    {"bytes.pgm", "PNM", "grey", 5, 7, 0, grey},
    {"deep.pgm", "PNM", "grey 16-bit", 5, 7, 0, grey},
    {"bytes.ppm", "PNM", "RGB", 5, 7, 0, color},
    {"rgba.pam", "PNM", "RGBA", 5, 7, 0, clear},
    {"rgb24.tga", "TGA", "RGB", 5, 7, 0, color},
    {"runs.tga", "TGA", "RGB", 5, 7, 0, color},
    {"rgba32.tga", "TGA", "RGBA", 5, 7, 0, clear},
    {"grey8.tga", "TGA", "grey", 5, 7, 0, grey},
    {"palette8.tga", "TGA", "palette", 5, 7, 0, few},
    {"rgb555.tga", "TGA", "RGB", 5, 7, 8, color},
    {"palette.gif", "GIF", "palette", 5, 7, 0, few},
    {"interlaced.gif", "GIF", "palette", 47, 61, 0, noise},
    {"clear.gif", "GIF", "palette + alpha", 5, 7, 0, few_clear},
    {"two.gif", "GIF", "palette", 5, 7, 0, few},
    {"part.gif", "GIF", "palette + alpha", 8, 9, 0, part},
    {"noise.gif", "GIF", "palette", 47, 61, 0, noise},
    {"rgb_lzw.tif", "TIFF", "RGB", 5, 7, 0, color},
    {"rgb_plain.tif", "TIFF", "RGB", 5, 7, 0, color},
    {"tiled.tif", "TIFF", "RGB", 5, 7, 0, color},
    {"big_endian.tif", "TIFF", "RGB", 5, 7, 0, color},
    {"planes.tif", "TIFF", "RGB", 5, 7, 0, color},
    {"cmyk.tif", "TIFF", "CMYK", 5, 7, 0, color},
    {"rgba.tif", "TIFF", "RGBA", 5, 7, 0, clear},
    {"multiplied.tif", "TIFF", "RGBA", 5, 7, 3, clear},
    {"tiled_rgba.tif", "TIFF", "RGBA", 5, 7, 3, clear},
    {"turned.tif", "TIFF", "RGB", 7, 5, 0, turned},
    {"grey8.tif", "TIFF", "grey", 5, 7, 0, grey},
    {"white_is_0.tif", "TIFF", "grey", 5, 7, 0, grey},
    {"palette8.tif", "TIFF", "palette", 5, 7, 0, few},
    {"black1.tif", "TIFF", "grey", 5, 7, 0, black},
    {"grey16.tif", "TIFF", "grey 16-bit", 5, 7, 0, grey},
    {"twelve_in_16.tif", "TIFF", "grey 16-bit", 5, 7, 0, dark},
    {"twelve_said.tif", "TIFF", "grey 16-bit", 5, 7, 1, grey},
    {"rgb.jp2", "JPEG 2000", "RGB", 5, 7, 0, color},
    {"rgb.j2k", "JPEG 2000", "RGB", 5, 7, 0, color},
    {"grey.jp2", "JPEG 2000", "grey", 5, 7, 0, grey},
    {"rgba.jp2", "JPEG 2000", "RGBA", 5, 7, 0, clear},
    {"squares.heic", "HEIC", "RGB", 64, 96, 4, squares},
    {"turned.heic", "HEIC", "RGB", 96, 64, 4, squares_turned},
    {"squares.avif", "AVIF", "RGB", 64, 96, 4, squares},
    {"clear.avif", "AVIF", "RGBA", 64, 96, 4, squares_clear},
};
#define SAMPLES (sizeof samples / sizeof *samples)

static void expect_painted(const sample *s, const limn_image *image) {
  cr_assert(image->height == s->height && image->width == s->width, "%s: %d x %d", s->name, image->height,
            image->width);
  const int channels = image->channels;
  for (int y = 0; y < s->height; ++y)
    for (int x = 0; x < s->width; ++x) {
      uint8_t rgba[4];
      s->paint(y, x, rgba);
      const uint8_t *pixel = image->pixels + ((size_t)y * (size_t)s->width + (size_t)x) * (size_t)channels;
      if (s->height >= 64 && (y % 32 < 4 || y % 32 > 27 || x % 32 < 4 || x % 32 > 27))
        continue; /* a lossy picture bleeds over its edges */
      for (int c = 0; c < channels; ++c) {
        const int wanted = rgba[channels % 2 == 0 && c == channels - 1 ? 3 : c];
        cr_assert(abs(pixel[c] - wanted) <= s->tolerance, "%s: (%d, %d) channel %d: %d, not %d", s->name, y, x, c,
                  pixel[c], wanted);
      }
    }
}

Test(formats, are_read_as_other_programs_wrote_them) {
  for (size_t i = 0; i < SAMPLES; ++i) {
    limn_image image;
    limn_picture_shape shape;
    const char *path = fixture(samples[i].name);
    cr_assert_eq(limn_image_probe_file(&shape, path, LIMIT), LIMN_OK, "%s", limn_error_message());
    cr_assert_eq(limn_image_read_file(&image, path, LIMIT), LIMN_OK, "%s", limn_error_message());
    cr_assert_str_eq(shape.format, samples[i].format);
    cr_assert_str_eq(limn_picture_mode(&shape), samples[i].mode, "%s: %s", path, limn_picture_mode(&shape));
    cr_assert(shape.height == image.height && shape.width == image.width && shape.channels == image.channels);
    cr_assert_eq(shape.turned, strcmp(samples[i].name, "turned.tif") == 0);
    cr_assert_eq(image.shallow, strcmp(samples[i].name, "twelve_in_16.tif") == 0, "%s", samples[i].name);
    expect_painted(&samples[i], &image);
    limn_image_release(&image);
  }
}

/* A file cut off anywhere is an error or whole: what is lost then is no pixel (a trailer). */
Test(formats, cut_off_is_never_half_a_picture) {
  for (size_t i = 0; i < SAMPLES; ++i) {
    uint8_t bytes[8192];
    const size_t size = test_read(fixture(samples[i].name), bytes, sizeof bytes);
    /* The last number of a text is whole wherever it ends. */
    const size_t most = strncmp(samples[i].name, "text.p", 6) == 0 ? size - 4 : size;
    for (size_t cut = 1; cut<most; cut += size> 1000 ? 37 : size > 400 ? 5 : 1) {
      uint8_t *part = malloc(cut); /* no room behind it */
      memcpy(part, bytes, cut);
      const limn_image_input input = {.bytes = part, .size = cut, .name = samples[i].name, .max_pixels = LIMIT};
      limn_image image;
      if (limn_image_read(&image, &input) == LIMN_OK)
        expect_painted(&samples[i], &image);
      else
        cr_assert(image.pixels == NULL && !strchr(limn_error_message(), '\n'));
      limn_image_release(&image);
      free(part);
    }
  }
}

Test(formats, too_many_pixels_are_refused_before_decoding) {
  for (size_t i = 0; i < SAMPLES; ++i) {
    limn_image image;
    limn_picture_shape shape;
    const int64_t pixels = samples[i].height * samples[i].width;
    cr_assert_eq(limn_image_read_file(&image, fixture(samples[i].name), pixels - 1), LIMN_DATA, "%s", samples[i].name);
    cr_assert(strstr(limn_error_message(), "over the limit of"), "%s", limn_error_message());
    cr_assert_eq(limn_image_probe_file(&shape, fixture(samples[i].name), pixels - 1), LIMN_DATA);
    cr_assert_eq(limn_image_read_file(&image, fixture(samples[i].name), pixels), LIMN_OK, "%s", limn_error_message());
    limn_image_release(&image);
  }
}

Test(formats, what_is_not_read_is_told_by_its_first_bytes) {
  static const struct {
    const char *bytes;
    size_t size;
  } others[] = {{"hello, world", 12},
                {"P5 is a size of paper", 21},
                {"BM: a band", 10},
                {"%PDF-1.7", 8},
                {"<svg xmlns=", 11},
                {"8BPS\0\1\0\0\0\0", 10},
                {"\xff\x0a", 2},
                {"\0\0\0\x1c"
                 "ftypisom\0\0\0\0mp42",
                 20}};
  for (size_t i = 0; i < sizeof others / sizeof *others; ++i) {
    const limn_image_input input = {
        .bytes = (const uint8_t *)others[i].bytes, .size = others[i].size, .name = "x.tga", .max_pixels = LIMIT};
    limn_picture_shape shape;
    cr_assert(!limn_image_is_picture(&input), "%s", others[i].bytes);
    cr_assert_eq(limn_image_probe(&shape, &input), LIMN_DATA);
    cr_assert(shape.no_picture && strstr(limn_error_message(), "no picture of a kind that Limn reads"), "%s",
              limn_error_message());
  }
  cr_assert(limn_image_has_known_name("a/b.TIFF") && limn_image_has_known_name("x.j2k") &&
            limn_image_has_known_name("c.jpe"));
  cr_assert(!limn_image_has_known_name("png") && !limn_image_has_known_name("x.p") &&
            !limn_image_has_known_name("x.") && !limn_image_has_known_name("x.tifff") &&
            !limn_image_has_known_name("x.gif~"));
}
