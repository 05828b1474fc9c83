/* 8-bit pictures in host memory, PNG files, resizing, grids. */
#ifndef LIMN_IMAGE_IMAGE_H
#define LIMN_IMAGE_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "limn/status.h"

/* Interleaved 8-bit samples, row by row from the top: (height, width, channels). channels: 1 grey, 2 grey + alpha, 3
 * RGB, 4 RGBA. */
typedef struct limn_image {
  int height, width, channels;
  uint8_t *pixels; /* owned; NULL when empty */
} limn_image;

void limn_image_release(limn_image *image); /* frees the pixels and empties the struct; safe on an empty one */
limn_status limn_image_init(limn_image *image, int height, int width, int channels); /* zero-filled */

/* Any PNG (grey, palette, 16-bit, RGB, RGBA, tRNS) as 8-bit with 1 to 4 channels. Refuses more than max_pixels before
 * decoding. LIMN_DATA, with the path in the message, when the file is broken. */
limn_status limn_image_read_png(limn_image *out, const char *path, int64_t max_pixels);
/* The size and channel count (after expansion) alone. */
limn_status limn_image_probe_png(const char *path, int *height, int *width, int *channels);
/* Durable: temporary file, fsync, rename, fsync of the folder. channels 1 or 3. */
limn_status limn_image_write_png(const limn_image *image, const char *path);

/* Composites alpha over background (RGB), then converts to 1 (Rec. 601 luma) or 3 channels, in place. */
limn_status limn_image_convert(limn_image *image, int channels, const uint8_t background[3]);
/* Antialiased resize; keeps the aspect ratio by cropping the middle to the new ratio first. */
limn_status limn_image_resize(limn_image *image, int height, int width);

/* count pictures, dense (count, channels, height, width) floats in [low, high], as a grid of `columns` (0: near square)
 * with a gap of 2 pixels of white. */
limn_status limn_image_grid(limn_image *out, const float *nchw, int count, int channels, int height, int width,
                            float low, float high, int columns);

#endif
