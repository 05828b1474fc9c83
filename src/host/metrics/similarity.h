/* How alike two pictures are. Pictures are planes of floats, (channels, height, width), in [0, 1]. */
#ifndef LIMN_METRICS_SIMILARITY_H
#define LIMN_METRICS_SIMILARITY_H

#include <stdbool.h>
#include <stddef.h>

#include "limn/status.h"

#define LIMN_SSIM_WINDOW 11

/* Peak signal-to-noise ratio, -10 log10 of the mean squared difference, in dB; infinite where there is none. */
double limn_psnr(const float *a, const float *b, size_t count);

/* Whether pictures of that size have room for the window of limn_ssim. */
static inline bool limn_ssim_fits(int height, int width) {
  return height >= LIMN_SSIM_WINDOW && width >= LIMN_SSIM_WINDOW;
}
/* Structural similarity (Wang et al. 2004, equation 13): windows of 11 x 11 weighted by a Gaussian of sigma 1.5, those
 * that lie wholly in the picture; K1 = 0.01, K2 = 0.03; covariances divided by the sum of the weights. Mean over the
 * windows, then over the channels: scikit-image's structural_similarity with gaussian_weights=True,
 * use_sample_covariance=False, data_range=1. LIMN_USAGE where the window does not fit. */
limn_status limn_ssim(const float *a, const float *b, int channels, int height, int width, double *out);

#endif
