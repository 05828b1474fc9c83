/* Launchers for the test of the virtual GPU: some right, the others each with one mistake. */
#ifndef SAMPLE_KERNELS_H
#define SAMPLE_KERNELS_H

#include <cuda_runtime_api.h>

/* *out += the sum of x (n), by warps and an atomic add. */
cudaError_t sample_sum(float *out, const float *x, int n, cudaStream_t stream);
/* partial (blocks of 256): the sum of each block's x, by a tree in dynamic shared memory. */
cudaError_t sample_tree(float *partial, const float *x, int n, cudaStream_t stream);
/* y (columns, rows) = the transpose of x (rows, columns), through a tile in shared memory. */
cudaError_t sample_transpose(float *y, const float *x, int rows, int columns, cudaStream_t stream);
/* out (32): shuffles, a ballot and integer functions of one warp; flags: the lanes for which out is right. */
cudaError_t sample_warp(float *out, unsigned *flags, cudaStream_t stream);
/* y = a x in bf16 and in fp16. */
cudaError_t sample_scale_bf16(void *y, const void *x, float a, int n, cudaStream_t stream);
cudaError_t sample_scale_f16(void *y, const void *x, float a, int n, cudaStream_t stream);
/* y[i] = i + bias.values[0]; the structure makes the arguments as long as they may be. */
typedef struct sample_long {
  float values[1020];
} sample_long;
cudaError_t sample_fill(float *y, int n, const sample_long *bias, cudaStream_t stream);

/* ---- mistakes ---- */

cudaError_t mistake_overrun(float *y, int n, cudaStream_t stream);                                    /* writes y[n] */
cudaError_t mistake_no_barrier(float *y, const float *x, int rows, int columns, cudaStream_t stream); /* transpose */
cudaError_t mistake_early_exit(float *y, int n, cudaStream_t stream); /* threads leave before a barrier */
cudaError_t mistake_two_barriers(float *y, cudaStream_t stream);      /* threads wait at different ones */
cudaError_t mistake_lane_left(float *y, cudaStream_t stream);         /* a shuffle with lanes that have left */
cudaError_t mistake_shared_overrun(float *y, cudaStream_t stream);    /* writes behind dynamic shared memory */
cudaError_t mistake_shared_unset(float *y, cudaStream_t stream);      /* reads shared memory that nobody set */
cudaError_t mistake_blocks_race(float *y, cudaStream_t stream);       /* all blocks write y[0] */

#endif
