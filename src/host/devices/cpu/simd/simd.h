/* The CPU device's inner loops. Every file of this folder is compiled once for each instruction set (LIMN_SIMD_ISA) and
 * exports one table; the device picks a table when it starts. Loops here are single-threaded and allocate nothing.
 *
 * A "plane" is one channel block of one image: `pixels` groups of `block` neighbouring channels (block 1, 8 or 16). */
#ifndef LIMN_DEVICES_CPU_SIMD_SIMD_H
#define LIMN_DEVICES_CPU_SIMD_SIMD_H

#include <stddef.h>

#include "devices/cpu/simd/bf16.h"
#include "devices/cpu/simd/bf16_batchnorm.h"
#include "devices/cpu/simd/depthwise.h"
#include "devices/cpu/simd/few_channels.h"
#include "devices/cpu/simd/gemm.h"
#include "devices/cpu/simd/spatial.h"
#include "devices/cpu/simd/unit_winograd.h"
#include "devices/cpu/simd/winograd.h"
#include "graph/graph.h"

/* out[i] = f(x[i], y[i]); unary functions ignore y. out may be x or y, and must not overlap them otherwise. */
typedef void (*limn_simd_pointwise)(float *out, const float *x, const float *y, float a, float b, size_t n);

struct limn_simd_adam {
  float lr, bias1, bias2; /* bias = 1 - beta^t */
  float beta1, beta2, eps, weight_decay, scale;
  bool decoupled;
};

struct limn_simd_sgd {
  float lr, momentum, weight_decay, scale;
};

#define LIMN_LOG_SUM_EXP_PIXELS 128

typedef struct limn_simd {
  const char *name;
  int block; /* channels of a block in this instruction set's layout; 1: plain layouts only */
  const limn_simd_pointwise *pointwise; /* (LIMN_PW_COUNT) */
  float (*sum)(const float *x, size_t n);
  void (*fill)(float *out, float value, size_t n);

  /* mean and sum of squared deviations of each channel of a plane: exact to rounding, without cancellation. */
  void (*moments)(const float *x, int pixels, int block, float *mean, float *m2);
  /* y = act(scale x + shift), slope < 1 behind 0 (1: no activation; 0: ReLU). */
  void (*normalize)(float *y, const float *x, int pixels, int block, const float *scale, const float *shift,
                    float slope);
  /* sum_dy += sum g', sum_dyx += sum g' (x - mean), with g' = g where y > 0, else slope g (y NULL: g). */
  void (*gradient_sums)(const float *x, const float *g, const float *y, int pixels, int block, const float *mean,
                        float slope, float *sum_dy, float *sum_dyx);
  /* dx = a g' + b x + c for each channel. */
  void (*gradient_input)(float *dx, const float *x, const float *g, const float *y, int pixels, int block,
                         const float *a, const float *b, const float *c, float slope);
  /* sum[channel] += x over the pixels of a plane. */
  void (*channel_sums)(const float *x, int pixels, int block, float *sum);

  /* out[p] = log(sum over channels of exp(x[channel * stride + p])) of up to LIMN_LOG_SUM_EXP_PIXELS pixels; of one
   * alone where the stride is 1. */
  void (*log_sum_exp)(float *out, const float *x, size_t channels, size_t stride, size_t pixels);

  void (*adam)(float *w, float *m, float *v, const float *g, size_t n, const struct limn_simd_adam *p);
  void (*sgd)(float *w, float *momentum, const float *g, size_t n, const struct limn_simd_sgd *p);

  /* Multiply-adds as fast as the CPU can do them: `rounds` times x = 1 x + 1 in each of a few vectors, which begin at
   * 0, 1, 2, ... Returns the sum of what a lane of each comes to; *flops is how many operations they were. */
  float (*multiply_adds)(size_t rounds, double *flops);

  const limn_winograd *winograd; /* lanes 0: this instruction set has none */
  const limn_unit_winograd *unit_winograd;
  const limn_few_channels *few_channels;
  const limn_depthwise *depthwise;
  const limn_gemm *gemm;
  const limn_spatial *spatial;
  const limn_bf16_loops *bf16;
  const limn_bf16_batchnorm *bf16_batchnorm;
} limn_simd;

extern const limn_simd limn_simd_baseline, limn_simd_avx2, limn_simd_avx512;

/* limn_simd_NAME_ISA, so that the copies of a file do not clash. */
#define LIMN_SIMD_PASTE_(name, isa) limn_simd_##name##_##isa
#define LIMN_SIMD_PASTE(name, isa)  LIMN_SIMD_PASTE_(name, isa)
#define LIMN_SIMD(name)             LIMN_SIMD_PASTE(name, LIMN_SIMD_ISA)

/* What the other files give to the table (table.c). */
extern const limn_simd_pointwise LIMN_SIMD(pointwise)[LIMN_PW_COUNT];
float LIMN_SIMD(sum)(const float *x, size_t n);
void LIMN_SIMD(fill)(float *out, float value, size_t n);
void LIMN_SIMD(moments)(const float *x, int pixels, int block, float *mean, float *m2);
void LIMN_SIMD(normalize)(float *y, const float *x, int pixels, int block, const float *scale, const float *shift,
                          float slope);
void LIMN_SIMD(gradient_sums)(const float *x, const float *g, const float *y, int pixels, int block, const float *mean,
                              float slope, float *sum_dy, float *sum_dyx);
void LIMN_SIMD(gradient_input)(float *dx, const float *x, const float *g, const float *y, int pixels, int block,
                               const float *a, const float *b, const float *c, float slope);
void LIMN_SIMD(channel_sums)(const float *x, int pixels, int block, float *sum);
void LIMN_SIMD(log_sum_exp)(float *out, const float *x, size_t channels, size_t stride, size_t pixels);
void LIMN_SIMD(adam)(float *w, float *m, float *v, const float *g, size_t n, const struct limn_simd_adam *p);
void LIMN_SIMD(sgd)(float *w, float *momentum, const float *g, size_t n, const struct limn_simd_sgd *p);
float LIMN_SIMD(multiply_adds)(size_t rounds, double *flops);
extern const limn_winograd LIMN_SIMD(winograd);
extern const limn_unit_winograd LIMN_SIMD(unit_winograd);
extern const limn_few_channels LIMN_SIMD(few_channels);
extern const limn_depthwise LIMN_SIMD(depthwise);
extern const limn_gemm LIMN_SIMD(gemm);
extern const limn_spatial LIMN_SIMD(spatial);
extern const limn_bf16_loops LIMN_SIMD(bf16);
extern const limn_bf16_batchnorm LIMN_SIMD(bf16_batchnorm);

#endif
