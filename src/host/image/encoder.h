/* The contract between write.c and the encoders of picture files: one file a kind, with such a table. */
#ifndef LIMN_IMAGE_ENCODER_H
#define LIMN_IMAGE_ENCODER_H

#include <stdio.h>

#include "image/image.h"

typedef struct limn_image_encoder {
  const char *kind;           /* "PNG" */
  const char *const *endings; /* of files' names, in lower case; NULL behind the last */
  int largest_side;           /* in pixels */
  /* Grey or RGB, within largest_side. The same picture gives the same bytes. path: for messages. */
  limn_status (*write)(FILE *stream, const limn_image *image, const char *path);
} limn_image_encoder;

extern const limn_image_encoder limn_png_encoder, limn_jpeg_encoder, limn_webp_encoder;

#endif
