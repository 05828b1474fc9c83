/* A trained generator (a DCGAN's G, a VAE's or autoencoder's decoder), ready to make pictures. */
#ifndef LIMN_GENERATOR_H
#define LIMN_GENERATOR_H

#include <stddef.h>
#include <stdint.h>

#include "limn/prior.h"
#include "limn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct limn_generator limn_generator;

typedef struct limn_generator_options {
  const char *device; /* NULL: "auto" */
  int threads;        /* 0: as many as the process may use */
  int raw;            /* 1: the weights themselves, even when the run keeps an average of them */
  limn_prior prior;   /* what codes are drawn from; LIMN_PRIOR_MIXTURE: what limn_prior_fit put beside the checkpoint */
  int components;     /* of that mixture; 0: LIMN_PRIOR_COMPONENTS */
} limn_generator_options;

typedef struct limn_generator_info {
  int latent, channels, height, width;
  uint64_t step; /* of the checkpoint; 0: the file does not say */
  uint64_t seed; /* of the run; 1: the file does not say */
  char model[16];
  limn_prior prior; /* what its codes are drawn from */
  int averaged;     /* 1: the moving average of the weights is used, with BatchNorm statistics of its own */
} limn_generator_info;

/* path: a run folder (its latest checkpoint), a checkpoint file of one, an export of a generator, an average or a
 * decoder, or the state_dict of a generator of PyTorch's DCGAN example as a safetensors file (docs/formats.md). F16,
 * BF16 and F64 become float. options may be NULL. LIMN_DATA when there is no such file, it is broken or holds no
 * generator, or the mixture is not beside it; LIMN_USAGE for networks that make no pictures, for the normal prior of an
 * autoencoder whose codes follow none (all but those with the regularizer mmd), and for `raw` with an exported average;
 * LIMN_DEVICE when the device cannot be used. *out is yours; close it with limn_generator_close. One thread at a time
 * may use a generator; several generators may work at once. Where the average of an older checkpoint has no BatchNorm
 * statistics of its own, opening takes them: some twenty passes of 64 pictures. */
LIMN_API limn_status limn_generator_open(limn_generator **out, const char *path, const limn_generator_options *options);
LIMN_API void limn_generator_close(limn_generator *generator);
LIMN_API void limn_generator_get_info(const limn_generator *generator, limn_generator_info *out);

/* Latent codes number first ... first + count - 1 of a seed, of the prior, (count, latent), into z. A pure function of
 * seed and number; docs/randomness.md says how to make them elsewhere. */
LIMN_API limn_status limn_generator_latents(const limn_generator *generator, uint64_t seed, uint64_t first, int count,
                                            float *z);
/* Pictures of the codes z (count, latent) as (count, channels, height, width) in [0, 1], 0 black, rows from the top,
 * into `pixels`. Inference mode: each picture depends on its own z alone, and the same z gives the same picture on the
 * same machine. */
LIMN_API limn_status limn_generator_run(limn_generator *generator, const float *z, int count, float *pixels);

/* Spherical interpolation (Shoemake 1985) between two codes of length `latent`, t in [0, 1]; z may be one of them. */
LIMN_API void limn_latent_interpolate(const float *from, const float *to, int latent, double t, float *z);

/* Writes (count, channels, height, width) in [0, 1] as one picture: itself, or a grid of `columns` (0: near square).
 * channels: 1 or 3. The path's ending, in any letter case, says how: .png, .jpg or .jpeg (quality 95, 4:4:4), .webp
 * (lossless); the same pixels give the same bytes. LIMN_USAGE for another ending, or when the picture has more pixels a
 * side than such a file can have (JPEG 65500, WebP 16383). The file appears whole or not at all; one that is there is
 * replaced. A pipe, a device or "/dev/stdout" is written straight, as PNG unless its ending says otherwise. */
LIMN_API limn_status limn_write_pictures(const char *path, const float *pixels, int count, int channels, int height,
                                         int width, int columns);
/* Fails where limn_write_pictures would for the path's sake: its ending, its folder. For asking before the work. */
LIMN_API limn_status limn_check_picture_path(const char *path);

#ifdef __cplusplus
}
#endif
#endif
