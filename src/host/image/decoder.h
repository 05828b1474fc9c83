/* The contract between read.c and the decoders of picture files: one file a kind, with such a table. */
#ifndef LIMN_IMAGE_DECODER_H
#define LIMN_IMAGE_DECODER_H

#include "base/error.h"
#include "image/image.h"

typedef struct limn_image_decoder {
  const char *kind;    /* "PNG" */
  const char *endings; /* ".tif .tiff", in lower case */
  /* Whether a file is one of these, by its beginning: all of it is here, or its first bytes. */
  bool (*owns)(const limn_image_input *input);
  /* *out is zeroed before. With the file's first bytes alone it either says the same as with all or fails. */
  limn_status (*probe)(limn_picture_shape *out, const limn_image_input *input);
  limn_status (*read)(limn_image *out, const limn_image_input *input); /* *out is empty before, and after a failure */
} limn_image_decoder;

extern const limn_image_decoder limn_png_decoder, limn_jpeg_decoder, limn_webp_decoder, limn_gif_decoder,
    limn_bmp_decoder, limn_tiff_decoder, limn_pnm_decoder, limn_tga_decoder, limn_jp2_decoder, limn_avif_decoder,
    limn_heic_decoder;

/* Whether a file begins like the pattern, in which a '.' stands for any byte. A file that is cut off within it still
 * does: its decoder then says what is wrong. */
static inline bool limn_image_begins(const limn_image_input *input, const char *pattern, size_t size) {
  for (size_t i = 0; i < size && i < input->size; ++i)
    if (pattern[i] != '.' && (uint8_t)pattern[i] != input->bytes[i])
      return false;
  return true;
}

/* Whether a name ends like those of the decoder's files. */
bool limn_image_ends_like(const char *name, const limn_image_decoder *decoder);

/* What every decoder asks before it allocates. */
limn_status limn_image_check_size(const limn_image_input *input, int64_t height, int64_t width);

static inline limn_status limn_image_fail_broken(const limn_image_input *input, const char *kind, const char *why) {
  return limn_fail(LIMN_DATA, "%s: broken %s file (%s); replace or remove it", input->name, kind, why);
}

static inline limn_status limn_image_fail_short(const limn_image_input *input, const char *kind) {
  return limn_image_fail_broken(input, kind, "it ends too early");
}

static inline limn_status limn_image_fail_memory(const limn_image_input *input) {
  return limn_fail(LIMN_FAILED, "%s: out of memory while reading", input->name);
}

static inline uint16_t limn_little_16(const uint8_t *bytes) { return (uint16_t)(bytes[0] | bytes[1] << 8); }

static inline uint32_t limn_little_32(const uint8_t *bytes) {
  return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* A sample of 0 to `most` as a byte, rounded. */
static inline uint8_t limn_image_to_byte(uint32_t sample, uint32_t most) {
  return (uint8_t)((sample * 255 + most / 2) / most);
}

/* Fills the picture from samples of more than 8 bits, (height, width, channels), of which the file says that they go up
 * to `most`, 65535 where it says nothing. What it says is believed where no sample is greater. */
void limn_image_fill_deep(limn_image *out, const uint16_t *samples, uint32_t most);

/* Divides colours by the alpha that they were multiplied by. */
void limn_image_divide_by_alpha(limn_image *image);

/* The orientation, 1 to 8, that EXIF data (from its TIFF header on) say; 1 where they say none. */
int limn_exif_orientation(const uint8_t *tiff, size_t size);
/* Turns and mirrors a picture that was stored with that orientation. */
limn_status limn_image_turn_upright(limn_image *image, int orientation);
/* Whether turning upright swaps height and width. */
bool limn_exif_swaps_sides(int orientation);

#endif
