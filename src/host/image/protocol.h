/* How a picture comes to a network's size, as the tools that published numbers come from do it. limn_image_resize is
 * for training data; a number that stands beside those of others needs their resizing, which moves it by more than a
 * better generator does. */
#ifndef LIMN_IMAGE_PROTOCOL_H
#define LIMN_IMAGE_PROTOCOL_H

#include "image/image.h"

typedef enum limn_resize_protocol {
  LIMN_PROTOCOL_CLEAN_FID,      /* PIL's bicubic (a = -1/2, antialiased) in float32, clipped to 0…255, not rounded */
  LIMN_PROTOCOL_TORCH_FIDELITY, /* TensorFlow 1's bilinear: no half pixels, no antialiasing */
  LIMN_PROTOCOL_PYTORCH_FID,    /* PyTorch's bilinear: half pixels (align_corners=False), no antialiasing */
} limn_resize_protocol;
#define LIMN_PROTOCOL_COUNT 3

const char *limn_protocol_name(limn_resize_protocol protocol); /* "clean-fid"; static */
/* LIMN_USAGE for another name: lists them, with the nearest. */
limn_status limn_protocol_find(const char *name, limn_resize_protocol *out);

/* image: 1 channel, which is told three times, or 3; of any size from 1 x 1 on. chw: the caller's (3, height, width)
 * floats become scale[c] * v + shift[c] with v in 0…255, not rounded. A picture of that size is not resized.
 * Thread-safe; the same on every CPU. LIMN_USAGE when the picture has alpha, LIMN_FAILED when memory runs out. */
limn_status limn_protocol_resize(limn_resize_protocol protocol, const limn_image *image, int height, int width,
                                 const float scale[3], const float shift[3], float *chw);

#endif
