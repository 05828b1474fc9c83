/* What the discriminator of a trained GAN makes of pictures on its way to a logit (Radford, Metz & Chintala 2015,
 * section 5): each activation, max-pooled to 4x4, one behind the other. */
#ifndef LIMN_INFER_DISCRIMINATOR_H
#define LIMN_INFER_DISCRIMINATOR_H

#include <stdint.h>

#include "limn/status.h"

typedef struct limn_discriminator limn_discriminator;

typedef struct limn_discriminator_options {
  const char *device; /* NULL: "auto" */
  int threads;        /* 0: as many as the process may use */
} limn_discriminator_options;

#define LIMN_POOLED_SIDE 4

typedef struct limn_discriminator_info {
  int channels, height, width; /* of a picture */
  int layers;                  /* activations */
  int features;                /* numbers a picture, of all of them */
  int batch;                   /* pictures a pass */
  uint64_t step;               /* of the checkpoint */
} limn_discriminator_info;

/* path: a run folder (its latest checkpoint) or a checkpoint of one. LIMN_DATA when there is no such file or it is
 * broken; LIMN_USAGE for models without a discriminator, and for exports, which hold one network; LIMN_DEVICE when the
 * device cannot be used. *out is yours. One thread at a time may use it. */
limn_status limn_discriminator_open(limn_discriminator **out, const char *path,
                                    const limn_discriminator_options *options);
void limn_discriminator_close(limn_discriminator *discriminator);
void limn_discriminator_get_info(const limn_discriminator *discriminator, limn_discriminator_info *out);

/* pictures: bytes (count, C, H, W); features: (count, info.features), layer by layer from the picture on, each (C, 4,
 * 4) at most. BatchNorm has its running statistics, so that a picture's features depend on that picture alone. Windows
 * of a side s are s - 3 floor(s / 4) pixels long and floor(s / 4) apart: where 4 divides s they part it, else they
 * overlap; a side of at most 4 stays as it is. */
limn_status limn_discriminator_run(limn_discriminator *discriminator, const uint8_t *pictures, int count,
                                   float *features);

#endif
