#include "image/image.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define GRID_GAP 2

void limn_image_release(limn_image *image) {
  if (!image)
    return;
  free(image->pixels);
  memset(image, 0, sizeof *image);
}

limn_status limn_image_init(limn_image *image, int height, int width, int channels) {
  memset(image, 0, sizeof *image);
  if (height < 1 || width < 1 || channels < 1 || channels > 4)
    return limn_fail(LIMN_USAGE,
                     "no picture has %d x %d pixels with %d channels; sides start at 1, channels are 1 to 4", height,
                     width, channels);
  if ((size_t)height > SIZE_MAX / 4 / (size_t)width)
    return limn_fail_memory("a picture");
  image->pixels = calloc((size_t)height * (size_t)width, (size_t)channels);
  if (!image->pixels)
    return limn_fail(LIMN_FAILED, "out of memory for a picture of %d x %d pixels with %d channels", height, width,
                     channels);
  image->height = height;
  image->width = width;
  image->channels = channels;
  return LIMN_OK;
}

const char *limn_picture_mode(const limn_picture_shape *shape) {
  static const char *const modes[][4] = {
      [LIMN_STORED_PLAIN] = {"grey", "grey + alpha", "RGB", "RGBA"},
      [LIMN_STORED_16_BIT] = {"grey 16-bit", "grey + alpha 16-bit", "RGB 16-bit", "RGBA 16-bit"},
      [LIMN_STORED_12_IN_16] = {"grey 12 bits in 16", "grey + alpha 12 bits in 16", "RGB 12 bits in 16",
                                "RGBA 12 bits in 16"},
      [LIMN_STORED_PALETTE] = {"", "", "palette", "palette + alpha"},
      [LIMN_STORED_CMYK] = {"", "", "CMYK", ""},
  };
  return modes[shape->storage][shape->channels - 1];
}

void limn_image_to_planes(const limn_image *image, uint8_t *chw) {
  size_t channels = (size_t)image->channels, area = (size_t)image->height * (size_t)image->width;
  if (channels == 1) {
    memcpy(chw, image->pixels, area);
    return;
  }
  for (size_t c = 0; c < channels; ++c)
    for (size_t i = 0; i < area; ++i)
      *chw++ = image->pixels[i * channels + c];
}

void limn_image_from_planes(limn_image *image, const uint8_t *chw) {
  size_t channels = (size_t)image->channels, area = (size_t)image->height * (size_t)image->width;
  for (size_t c = 0; c < channels; ++c)
    for (size_t i = 0; i < area; ++i)
      image->pixels[i * channels + c] = *chw++;
}

/* foreground over background, alpha 0 to 255, rounded to nearest. */
static uint8_t over(unsigned foreground, unsigned background, unsigned alpha) {
  return (uint8_t)((foreground * alpha + background * (255 - alpha) + 127) / 255);
}

/* The weights add up to one, so that a grey pixel keeps its value. */
uint8_t limn_image_luma(const uint8_t rgb[3]) {
  return (uint8_t)((299u * rgb[0] + 587u * rgb[1] + 114u * rgb[2] + 500u) / 1000u);
}

limn_status limn_image_convert(limn_image *image, int channels, const uint8_t background[3]) {
  if (channels != 1 && channels != 3)
    return limn_fail(LIMN_USAGE, "a picture cannot be converted to %d channels; 1 (grey) or 3 (RGB)", channels);
  if (image->channels == channels)
    return LIMN_OK;
  bool color = image->channels >= 3, transparent = image->channels % 2 == 0;
  limn_image converted;
  LIMN_TRY(limn_image_init(&converted, image->height, image->width, channels));
  size_t count = (size_t)image->height * (size_t)image->width;
  const uint8_t *from = image->pixels;
  uint8_t *to = converted.pixels;
  for (size_t i = 0; i < count; ++i, from += image->channels, to += channels) {
    uint8_t rgb[3] = {from[0], from[color ? 1 : 0], from[color ? 2 : 0]};
    if (transparent)
      for (int c = 0; c < 3; ++c)
        rgb[c] = over(rgb[c], background[c], from[image->channels - 1]);
    if (channels == 1)
      to[0] = limn_image_luma(rgb);
    else
      memcpy(to, rgb, 3);
  }
  limn_image_release(image);
  *image = converted;
  return LIMN_OK;
}

/* A value that is not a number becomes black. */
static uint8_t to_byte(float value, float low, float scale) {
  float scaled = (value - low) * scale;
  if (!(scaled > 0.0f))
    return 0;
  return scaled >= 255.0f ? 255 : (uint8_t)(scaled + 0.5f);
}

limn_status limn_image_grid(limn_image *out, const float *nchw, int count, int channels, int height, int width,
                            float low, float high, int columns) {
  memset(out, 0, sizeof *out);
  if (count < 1 || height < 1 || width < 1 || columns < 0 || (channels != 1 && channels != 3))
    return limn_fail(LIMN_USAGE, "no grid of %d pictures of %d x %d pixels with %d channels in %d columns can be made",
                     count, height, width, channels, columns);
  if (columns == 0)
    columns = (int)ceil(sqrt(count));
  if (columns > count)
    columns = count;
  int rows = (count + columns - 1) / columns;
  int64_t full_height = (int64_t)rows * (height + (int64_t)GRID_GAP) - GRID_GAP;
  int64_t full_width = (int64_t)columns * (width + (int64_t)GRID_GAP) - GRID_GAP;
  if (full_height > INT32_MAX || full_width > INT32_MAX)
    return limn_fail(LIMN_USAGE, "a grid of %d pictures of %d x %d pixels is too large; ask for fewer", count, height,
                     width);
  LIMN_TRY(limn_image_init(out, (int)full_height, (int)full_width, channels));
  size_t stride = (size_t)full_width * (size_t)channels;
  memset(out->pixels, 255, (size_t)full_height * stride);
  float scale = 255.0f / (high - low);
  for (int n = 0; n < count; ++n) {
    size_t top = (size_t)(n / columns) * (size_t)(height + GRID_GAP),
           left = (size_t)(n % columns) * (size_t)(width + GRID_GAP);
    for (int c = 0; c < channels; ++c)
      for (int y = 0; y < height; ++y) {
        uint8_t *row = out->pixels + (top + (size_t)y) * stride + left * (size_t)channels + (size_t)c;
        for (int x = 0; x < width; ++x)
          row[(size_t)x * (size_t)channels] = to_byte(*nchw++, low, scale);
      }
  }
  return LIMN_OK;
}
