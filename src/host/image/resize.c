/* Resizing by stb_image_resize: an antialiased cubic (Mitchell where it shrinks, Catmull-Rom else). */
#include "image/image.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wcast-qual"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#define STB_IMAGE_RESIZE_STATIC
#define STB_IMAGE_RESIZE_IMPLEMENTATION
/* Its assertions are about rounding in its own weights (it normalises them afterwards); a library must not abort. */
#define STBIR_ASSERT(condition) ((void)sizeof(condition))
#include <stb_image_resize.h>
#pragma GCC diagnostic pop

/* The largest part of `length` that has the ratio part : other_length = size : other_size, rounded, at least 1. */
static int cropped(int length, int other_length, int size, int other_size) {
  int64_t part = ((int64_t)other_length * size + other_size / 2) / other_size;
  if (part > length)
    return length;
  return part < 1 ? 1 : (int)part;
}

/* stb's own choice, but for a side that stays as it is: there Mitchell would blur. */
static stbir_filter filter_of(int from, int to) { return to < from ? STBIR_FILTER_MITCHELL : STBIR_FILTER_CATMULLROM; }

/* A part of a picture. */
typedef struct window {
  uint8_t *pixels; /* its first, within the picture's */
  int height, width, stride;
} window;

/* The part of `image` in the middle that has the ratio of height to width. */
static window middle(const limn_image *image, int height, int width) {
  int part_height = cropped(image->height, image->width, height, width);
  int part_width = cropped(image->width, image->height, width, height);
  size_t channels = (size_t)image->channels, stride = (size_t)image->width * channels;
  size_t top = (size_t)(image->height - part_height) / 2, left = (size_t)(image->width - part_width) / 2;
  return (window){image->pixels + top * stride + left * channels, part_height, part_width, (int)stride};
}

/* Opaque, whatever the picture's alpha is. */
static void fill(limn_image *image, const uint8_t color[3]) {
  uint8_t value[4] = {color[0], color[1], color[2], 255};
  if (image->channels <= 2) {
    value[0] = limn_image_luma(color);
    value[1] = 255;
  }
  size_t channels = (size_t)image->channels, count = (size_t)image->height * (size_t)image->width;
  for (size_t i = 0; i < count; ++i)
    memcpy(image->pixels + i * channels, value, channels);
}

limn_status limn_image_resize(limn_image *image, int height, int width, limn_fit fit, const uint8_t background[3]) {
  if (image->height == height && image->width == width)
    return LIMN_OK;
  limn_image resized;
  LIMN_TRY(limn_image_init(&resized, height, width, image->channels));
  window from =
      middle(image, fit == LIMN_FIT_CROP ? height : image->height, fit == LIMN_FIT_CROP ? width : image->width);
  window to =
      middle(&resized, fit == LIMN_FIT_PAD ? image->height : height, fit == LIMN_FIT_PAD ? image->width : width);
  if (to.height < height || to.width < width)
    fill(&resized, background);
  int alpha = image->channels % 2 == 0 ? image->channels - 1 : STBIR_ALPHA_CHANNEL_NONE;
  /* On the stored values, not on linear light: so do the pipelines that published results come from. */
  int done =
      stbir_resize(from.pixels, from.width, from.height, from.stride, to.pixels, to.width, to.height, to.stride,
                   STBIR_TYPE_UINT8, image->channels, alpha, 0, STBIR_EDGE_CLAMP, STBIR_EDGE_CLAMP,
                   filter_of(from.width, to.width), filter_of(from.height, to.height), STBIR_COLORSPACE_LINEAR, NULL);
  if (!done) {
    limn_image_release(&resized);
    return limn_fail(LIMN_FAILED, "out of memory for resizing a picture from %d x %d to %d x %d pixels", image->height,
                     image->width, height, width);
  }
  limn_image_release(image);
  *image = resized;
  return LIMN_OK;
}
