/* Resizing by stb_image_resize: an antialiased cubic (Mitchell where it shrinks, Catmull-Rom where it grows). */
#include "image/image.h"

#include <stdlib.h>

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

limn_status limn_image_resize(limn_image *image, int height, int width) {
  if (image->height == height && image->width == width)
    return LIMN_OK;
  limn_image resized;
  LIMN_TRY(limn_image_init(&resized, height, width, image->channels));
  int crop_height = cropped(image->height, image->width, height, width);
  int crop_width = cropped(image->width, image->height, width, height);
  size_t channels = (size_t)image->channels, stride = (size_t)image->width * channels;
  const uint8_t *from = image->pixels + (size_t)((image->height - crop_height) / 2) * stride +
                        (size_t)((image->width - crop_width) / 2) * channels;
  int alpha = image->channels % 2 == 0 ? image->channels - 1 : STBIR_ALPHA_CHANNEL_NONE;
  /* On the stored values, not on linear light: so do the pipelines that published results come from. */
  int done = stbir_resize_uint8_generic(from, crop_width, crop_height, (int)stride, resized.pixels, width, height,
                                        width * image->channels, image->channels, alpha, 0, STBIR_EDGE_CLAMP,
                                        STBIR_FILTER_DEFAULT, STBIR_COLORSPACE_LINEAR, NULL);
  if (!done) {
    limn_image_release(&resized);
    return limn_fail(LIMN_FAILED, "out of memory for resizing a picture from %d x %d to %d x %d pixels", image->height,
                     image->width, height, width);
  }
  limn_image_release(image);
  *image = resized;
  return LIMN_OK;
}
