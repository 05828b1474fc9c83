/* Batch normalisation of one plane (block 16) between fp32 and bf16: the loops of simd.h with the same names where what
 * they write, or the y whose sign they ask for, is in bf16. Only where limn_bf16_loops are usable. */
#ifndef LIMN_DEVICES_CPU_SIMD_BF16_BATCHNORM_H
#define LIMN_DEVICES_CPU_SIMD_BF16_BATCHNORM_H

#include "devices/cpu/simd/bf16.h"

typedef struct limn_bf16_batchnorm {
  void (*normalize)(limn_bf16 *y, const float *x, int pixels, const float *scale, const float *shift, float slope);
  void (*gradient_sums)(const float *x, const float *g, const limn_bf16 *y, int pixels, const float *mean, float slope,
                        float *sum_dy, float *sum_dyx);
  /* To dx or to rounded, the other one being NULL; so of y and rounded_y, or both. */
  void (*gradient_input)(float *dx, limn_bf16 *rounded, const float *x, const float *g, const float *y,
                         const limn_bf16 *rounded_y, int pixels, const float *a, const float *b, const float *c,
                         float slope);
} limn_bf16_batchnorm;

#endif
