/* Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): the only source of randomness.
 *
 * key = (seed low, seed high); counter = (element / 4, stream, step low, step high). A number is thereby a pure
 * function of (seed, stream, step, element), on every device. docs/randomness.md defines the conversions. */
#ifndef LIMN_BASE_PHILOX_H
#define LIMN_BASE_PHILOX_H

#include <stddef.h>
#include <stdint.h>

/* Streams: one use of random numbers each. Steps count from 0. */
typedef enum limn_stream {
  LIMN_STREAM_LATENT = 0,             /* z of the training steps */
  LIMN_STREAM_EPSILON = 1,            /* epsilon of the reparameterization */
  LIMN_STREAM_SAMPLE = 2,             /* z of `limn sample` and of the samples of a run; step 0 */
  LIMN_STREAM_SHUFFLE = 3,            /* order of the data; step = epoch */
  LIMN_STREAM_NOISE = 4,              /* corruption of a denoising autoencoder's input */
  LIMN_STREAM_DEQUANTIZE = 5,         /* u of (byte + u) / 256 */
  LIMN_STREAM_BINARIZE = 6,           /* u of (x > u) */
  LIMN_STREAM_SPLIT = 7,              /* which images are held out */
  LIMN_STREAM_LATENT_EXTRA = 8,       /* z of the discriminator's further steps */
  LIMN_STREAM_VALIDATION = 9,         /* epsilon of the validation; step = batch */
  LIMN_STREAM_VALIDATION_PIXELS = 11, /* DEQUANTIZE or BINARIZE of the validation; step = batch */
  LIMN_STREAM_VALIDATION_NOISE = 12,  /* NOISE of the validation; step = batch */
  LIMN_STREAM_DRAWING_PIXELS = 13,    /* DEQUANTIZE or BINARIZE of drawn reconstructions; step 0 */
  LIMN_STREAM_DRAWING = 10,           /* noise on the inputs of drawn reconstructions; step 0 */
  LIMN_STREAM_AUGMENT = 14,           /* windows and mirroring of the training pictures */
  LIMN_STREAM_AUGMENT_EXTRA = 15,     /* the same in the discriminator's further steps */
  LIMN_STREAM_STATISTICS = 16,        /* z that an averaged generator's statistics are taken from; step = batch */
  LIMN_STREAM_STACK = 17,             /* which pictures Stacked MNIST's are made of; step 0 */
  LIMN_STREAM_CHOICE = 18,            /* which pictures of a data set are judged; step 0 */
  LIMN_STREAM_CLASS = 19,             /* order of a class's pictures; step = round * classes + class */
  LIMN_STREAM_IMPORTANCE = 24,        /* epsilon of importance samples; step = number of the picture */
  LIMN_STREAM_SUBSET = 32,            /* pictures of a kernel distance's subsets; step = 2 subset + set */
  LIMN_STREAM_SCORE = 33,             /* order of the pictures in an Inception score's splits; step 0 */
  LIMN_STREAM_BOOTSTRAP = 34,         /* pictures of a resample; step = resample */
  LIMN_STREAM_FOLD = 35,              /* which pictures a cross-validation holds out; step 0 */
  LIMN_STREAM_MIXTURE_START = 36,     /* pictures whose codes a fit of a mixture begins with; step 0 */
  LIMN_STREAM_MIXTURE_COMPONENT = 37, /* which component a code is drawn from; step 0 */
  LIMN_STREAM_MIXTURE_CODE = 38,      /* epsilon of codes drawn from a mixture; step 0 */
  LIMN_STREAM_PRIOR = 39,             /* draws of the prior that codes are held against (mmd); step = training step */
  LIMN_STREAM_VALIDATION_PRIOR = 40,  /* the same in the validation; step = batch */
  LIMN_STREAM_VIEW = 128,      /* + 8 look + what: what a discriminator sees (train/view.h); step = training step */
  LIMN_STREAM_INITIAL = 0x100, /* + index of the parameter: initial weights; step 0 */
} limn_stream;

void limn_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* out[i] is element `first + i`. */
void limn_philox_uniform(uint64_t seed, uint32_t stream, uint64_t step, uint64_t first, float *out, size_t count);
void limn_philox_normal(uint64_t seed, uint32_t stream, uint64_t step, uint64_t first, float *out, size_t count);

/* order[0..count) becomes a permutation of 0..count-1 (Fisher-Yates). */
void limn_philox_permutation(uint64_t seed, uint32_t stream, uint64_t step, uint32_t *order, uint32_t count);

#endif
