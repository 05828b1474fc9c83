/* The contract between read.c and the decoders of picture files: one file a kind, with such a table. */
#ifndef LIMN_IMAGE_DECODER_H
#define LIMN_IMAGE_DECODER_H

#include "base/error.h"
#include "image/image.h"

typedef struct limn_image_decoder {
  const char *kind; /* "PNG" */
  /* How the files begin; a '.' of the pattern stands for any byte. */
  const char *magic;
  size_t magic_size;
  limn_status (*probe)(limn_picture_shape *out, const limn_image_input *input);
  limn_status (*read)(limn_image *out, const limn_image_input *input); /* *out is empty before, and after a failure */
} limn_image_decoder;

extern const limn_image_decoder limn_png_decoder, limn_jpeg_decoder, limn_webp_decoder;

/* What every decoder asks before it allocates. */
limn_status limn_image_check_size(const limn_image_input *input, int64_t height, int64_t width);

static inline limn_status limn_image_fail_broken(const limn_image_input *input, const char *kind, const char *why) {
  return limn_fail(LIMN_DATA, "%s: broken %s file (%s); replace or remove it", input->name, kind, why);
}

static inline limn_status limn_image_fail_memory(const limn_image_input *input) {
  return limn_fail(LIMN_FAILED, "%s: out of memory while reading", input->name);
}

/* The orientation, 1 to 8, that EXIF data (from its TIFF header on) say; 1 where they say none. */
int limn_exif_orientation(const uint8_t *tiff, size_t size);
/* Turns and mirrors a picture that was stored with that orientation. */
limn_status limn_image_turn_upright(limn_image *image, int orientation);
/* Whether turning upright swaps height and width. */
bool limn_exif_swaps_sides(int orientation);

#endif
