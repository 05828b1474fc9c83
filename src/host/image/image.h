/* 8-bit pictures in host memory: picture files, resizing, grids. */
#ifndef LIMN_IMAGE_IMAGE_H
#define LIMN_IMAGE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limn/status.h"

/* Interleaved 8-bit samples, row by row from the top: (height, width, channels). channels: 1 grey, 2 grey + alpha, 3
 * RGB, 4 RGBA. */
typedef struct limn_image {
  int height, width, channels;
  uint8_t *pixels; /* owned; NULL when empty */
  bool shallow;    /* of a file of 16 bits that uses 12 at most and does not say so: nearly black */
} limn_image;

void limn_image_release(limn_image *image); /* frees the pixels and empties the struct; safe on an empty one */
limn_status limn_image_init(limn_image *image, int height, int width, int channels); /* zero-filled */

/* How a file keeps what is read as 8-bit channels. */
typedef enum limn_storage {
  LIMN_STORED_PLAIN, /* as channels of up to 8 bits */
  LIMN_STORED_16_BIT,
  LIMN_STORED_12_IN_16, /* known once it is read: limn_image.shallow */
  LIMN_STORED_PALETTE,
  LIMN_STORED_CMYK
} limn_storage;

/* Libraries that are loaded when a picture needs them. */
typedef enum limn_picture_library {
  LIMN_PICTURE_NO_LIBRARY,
  LIMN_PICTURE_LIBTIFF,
  LIMN_PICTURE_OPENJPEG,
  LIMN_PICTURE_LIBHEIF,
  LIMN_PICTURE_LIBRARY_COUNT
} limn_picture_library;

/* The size of a picture and its channels, as in limn_image, and what its file is. */
typedef struct limn_picture_shape {
  int32_t height, width, channels;
  limn_storage storage;
  bool turned;        /* stored another way up, as EXIF says */
  const char *format; /* "PNG"; static; NULL: no file of its own */
  /* What a failed probe says of the file: */
  bool no_picture;             /* it is of no kind that is read */
  limn_picture_library lacked; /* the library that it takes, which is not here */
} limn_picture_shape;

/* "RGB", "grey 16-bit", "palette + alpha", "CMYK"; static. */
const char *limn_picture_mode(const limn_picture_shape *shape);

/* A picture file in memory. */
typedef struct limn_image_input {
  const uint8_t *bytes; /* borrowed */
  size_t size;
  const char *name;   /* for messages; borrowed */
  int64_t max_pixels; /* more are refused before decoding */
  const char *file;   /* its file's name, where `name` does not end like it; borrowed, or NULL */
} limn_image_input;

/* Any picture of a kind that docs/data.md names, told by its first bytes (TGA: by its name), as 8-bit with 1 to 4
 * channels, the way up that it says it was taken. Gamma and colour profiles are ignored, as training pipelines do.
 * LIMN_DATA, naming the file, when it is broken, cut off, too large or of another kind, or takes a library that is not
 * here; LIMN_FAILED when memory runs out. */
limn_status limn_image_read(limn_image *out, const limn_image_input *input);
/* What limn_image_read would give, without decoding: it may yet fail on the pixels. Of *out, after a failure
 * no_picture and lacked count. */
limn_status limn_image_probe(limn_picture_shape *out, const limn_image_input *input);
/* The same of a file on disk. */
limn_status limn_image_read_file(limn_image *out, const char *path, int64_t max_pixels);
limn_status limn_image_probe_file(limn_picture_shape *out, const char *path, int64_t max_pixels);
/* No picture file of up to max_pixels pixels has a right to more bytes than this. */
size_t limn_image_file_limit(int64_t max_pixels);
/* Whether a file's name ends like one of a picture that can be read. */
bool limn_image_has_known_name(const char *name);
/* Whether a file is a picture of a kind that is read, by its first LIMN_PICTURE_START bytes, or all where it has fewer.
 */
#define LIMN_PICTURE_START 512
bool limn_image_is_picture(const limn_image_input *input);

/* Whether the library can be loaded now. */
bool limn_picture_library_is_here(limn_picture_library library);

/* Writes a grey or RGB picture as what the path's ending says, in any letter case: .png, .jpg and .jpeg (quality 95,
 * 4:4:4), .webp (lossless). A pipe or device of another name gets PNG. Durable: temporary file, fsync, rename, fsync of
 * the folder. LIMN_USAGE for another ending, channels or sides that the kind does not have. */
limn_status limn_image_write(const limn_image *image, const char *path);
/* Fails where limn_image_write would for the path's sake, before anything is done. */
limn_status limn_image_check_target(const char *path);

/* Between the picture's own order and planes, (channels, height, width) of its size; chw: the caller's. */
void limn_image_to_planes(const limn_image *image, uint8_t *chw);
void limn_image_from_planes(limn_image *image, const uint8_t *chw);

/* The grey of a colour: ITU-R BT.601's luma, rounded. */
uint8_t limn_image_luma(const uint8_t rgb[3]);
/* Composites alpha over background (RGB), then converts to 1 (luma) or 3 channels, in place. */
limn_status limn_image_convert(limn_image *image, int channels, const uint8_t background[3]);
typedef enum limn_fit {
  LIMN_FIT_CROP,   /* the middle, as large as the new ratio of the sides permits */
  LIMN_FIT_PAD,    /* all of it, with background at two sides */
  LIMN_FIT_STRETCH /* all of it, in another ratio */
} limn_fit;
/* Antialiased resize, in place. background: RGB, of LIMN_FIT_PAD alone. */
limn_status limn_image_resize(limn_image *image, int height, int width, limn_fit fit, const uint8_t background[3]);

/* count pictures, dense (count, channels, height, width) floats in [low, high], as a grid of `columns` (0: near square)
 * with a gap of 2 pixels of white. */
limn_status limn_image_grid(limn_image *out, const float *nchw, int count, int channels, int height, int width,
                            float low, float high, int columns);

#endif
