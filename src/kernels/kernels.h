/* Launchers of Limn's CUDA kernels, one .cu a concern.
 *
 * Every launcher puts its work on `stream` and returns cudaGetLastError() after it: it never waits, allocates or
 * copies, so that it may be captured into a CUDA graph. Tensors lie as NHWC, the channel fastest; weights (O, I, KH,
 * KW) lie as (O, KH, KW, I), which is the same rule. Memory is the device's, 16-byte aligned. Arithmetic is fp32
 * whatever the type in memory. Sums are taken in an order that depends on the shape alone, without atomics: the same
 * inputs give the same bytes. Structs and small tables are passed by value, so the host may reuse them at once. */
#ifndef LIMN_KERNELS_H
#define LIMN_KERNELS_H

#include <cuda_runtime_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pointwise.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum limn_type { LIMN_F32, LIMN_BF16, LIMN_F16 } limn_type;

/* A tensor's extents in the order of memory. */
typedef struct limn_extents {
  int32_t n, h, w, c;
} limn_extents;

/* A master in fp32 and, where half is not NULL, the same rounded to half_type: what is written goes to both. */
typedef struct limn_master {
  float *data;
  void *half;
  limn_type half_type;
} limn_master;

/* ---- pointwise.cu, sums.cu: a short program of scalar functions in one pass over memory ---- */

typedef struct limn_group_input {
  const void *data;
  limn_type type;
  int64_t stride[4]; /* elements, along n, h, w, c of the domain; 0 where the input is broadcast */
} limn_group_input;

typedef struct limn_group {
  limn_extents domain;
  int32_t input_count, instruction_count;
  limn_group_input inputs[LIMN_MAX_TASK_INPUTS];
  limn_instruction instructions[LIMN_MAX_INSTRUCTIONS];
} limn_group;

/* What a pass makes of an operand of the instructions. `to` is the domain: the operand itself, as `type`. Else each
 * extent of `to` is 1 or the domain's: its sums over the axes on which `to` is 1, in fp32. */
typedef struct limn_result {
  int32_t operand;
  limn_extents to;
  void *out;
  limn_type type;
} limn_result;

/* Up to LIMN_MAX_TASK_OUTPUTS results in one pass over the inputs, and a second small launch behind it where a sum was
 * taken in parts. Sums go to the same extents, or to a single number. What is not summed may lie where an input of the
 * same extents and type lies. scratch has limn_pass_scratch bytes (0: none is needed, and there is no second
 * launch); outs do not matter to that. */
cudaError_t limn_run_pass(const limn_group *group, const limn_result *results, int count, float *scratch,
                          cudaStream_t stream);
size_t limn_pass_scratch(const limn_group *group, const limn_result *results, int count);
/* Whether a kernel was compiled for that program (forms.cuh); if not, it is interpreted. Places do not matter. */
bool limn_pass_is_compiled(const limn_group *group, const limn_result *results, int count);

/* ---- small.cu: small groups one after another in one launch, each of which sees what those before have written ----
 */

#define LIMN_SMALL_DOMAIN 4096 /* elements of a group's domain that are few enough */
#define LIMN_SMALL_SUMS   4    /* and of a sum's result */

/* Makes one result: of the last instruction or, without any, of input 0. */
typedef struct limn_small_group {
  limn_group group;
  limn_extents to;
  limn_master out;
  int64_t first; /* element of `out` at which the result begins */
} limn_small_group;

/* The groups lie in device memory: a table of so many bytes, filled on the host and copied there once. */
size_t limn_small_table_bytes(int count);
cudaError_t limn_small_table_fill(void *table, const limn_small_group *groups, int count);
cudaError_t limn_small_groups(const void *table, int count, cudaStream_t stream);

/* ---- additions.cu: out = x + y for many tensors in one launch; out may be x or y where that is fp32 ---- */

typedef struct limn_addition {
  const void *x, *y;
  limn_type x_type, y_type;
  float *out;
  int64_t count;
} limn_addition;
cudaError_t limn_add(const limn_addition *tensors, int count, cudaStream_t stream);

/* ---- stack.cu: batches put together and taken apart ---- */

/* Elements first ... first + count of x. */
typedef struct limn_part {
  const void *x;
  limn_type type;
  int64_t first, count;
} limn_part;
/* out = the first part, then the second, whose count may be 0. */
cudaError_t limn_stack(const limn_part parts[2], void *out, limn_type type, cudaStream_t stream);

/* ---- channels.cu: channels put together and taken apart ---- */

#define LIMN_MAX_PARTS 4

/* Channels first ... first + count of x (pixels, channels). */
typedef struct limn_channels {
  const void *x;
  limn_type type;
  int32_t channels, first, count;
} limn_channels;
/* out (pixels, sum of counts): at each pixel, the channels of one part behind those of the other. */
cudaError_t limn_join_channels(const limn_channels *parts, int count, int64_t pixels, void *out, limn_type type,
                               cudaStream_t stream);

/* ---- max_pool.cu, separable.cu, window.cu: pixels of pictures chosen, put together and moved ---- */

/* Windows of x (extents `x`) make y (extents `y`): that of (h, w) begins at row h stride_h - pad_h, column likewise,
 * and has a pixel in x. Of equal elements the first in row-major order is the largest; a NaN is larger than all before
 * it. */
typedef struct limn_pool_windows {
  limn_extents x, y;
  int32_t window_h, window_w, stride_h, stride_w, pad_h, pad_w;
} limn_pool_windows;
typedef struct limn_max_pool_args {
  limn_pool_windows windows;
  const void *x, *v; /* v: limn_max_pool has none; limn_max_pool_dx: dy; limn_max_pool_pick: like x */
  void *out;
  limn_type x_type, v_type, out_type;
} limn_max_pool_args;
cudaError_t limn_max_pool(const limn_max_pool_args *args, cudaStream_t stream);      /* y */
cudaError_t limn_max_pool_dx(const limn_max_pool_args *args, cudaStream_t stream);   /* dx: dy where the largest lies */
cudaError_t limn_max_pool_pick(const limn_max_pool_args *args, cudaStream_t stream); /* y: v where the largest lies */

/* Element i along an axis is the sum of weights[start[i] + k] times element first[i] + k, k < start[i + 1] - start[i].
 * All in device memory (devices/taps.h). */
typedef struct limn_axis {
  const int32_t *first, *start;
  const float *weights;
} limn_axis;
/* y = such sums over the rows of such sums over the columns of x. */
typedef struct limn_separable_args {
  limn_extents x_extents, y_extents; /* n and c are the same */
  limn_axis rows, columns;
  const void *x;
  void *y;
  limn_type x_type, y_type;
} limn_separable_args;
cudaError_t limn_separable(const limn_separable_args *args, cudaStream_t stream);

/* Each picture of x mirrored, moved and with a part cut out, as docs/randomness.md says; adjoint: the way back. */
typedef struct limn_window_args {
  limn_extents extents;
  bool flip, moved, adjoint;
  int32_t reach_h, reach_w, cut_h, cut_w;
  uint64_t seed;
  uint32_t random_stream;
  const void *x;
  void *y;
  limn_type x_type, y_type;
} limn_window_args;
cudaError_t limn_window_numbers(const limn_window_args *args, const uint64_t *step, cudaStream_t stream);

/* ---- log_sum_exp.cu ---- */

/* out (rows) = log(sum exp(x)) of each row of x (rows, channels), in fp32, without overflow. */
cudaError_t limn_log_sum_exp(const void *x, limn_type type, float *out, int64_t rows, int32_t channels,
                             cudaStream_t stream);

/* ---- norms.cu: sums of squares of many tensors, in one launch and a small second one ---- */

#define LIMN_TABLE 48 /* entries that fit into one launch's arguments; launchers split longer tables themselves */

typedef struct limn_squares {
  const void *x;
  limn_type type;
  int64_t count;
  float *out; /* (1) */
} limn_squares;

cudaError_t limn_sum_squares(const limn_squares *tensors, int count, float *scratch, cudaStream_t stream);
size_t limn_sum_squares_scratch(const limn_squares *tensors, int count);

/* ---- batchnorm.cu: batch normalisation over rows of C channels, in groups with statistics of their own ---- */

/* x (groups, rows, C) */
typedef struct limn_batchnorm_shape {
  int64_t rows;
  int32_t channels, groups;
} limn_batchnorm_shape;

/* How a pass of that shape is launched: once where blocks that do all rows of their channels are enough or quick
 * enough, else twice. `blocks` are those of the launch that writes most. */
typedef struct limn_batchnorm_grid {
  int launches;
  int64_t blocks;
} limn_batchnorm_grid;
limn_batchnorm_grid limn_batchnorm_forward_grid(limn_batchnorm_shape shape); /* and that of statistics */
limn_batchnorm_grid limn_batchnorm_backward_grid(limn_batchnorm_shape shape);
/* What all need, in bytes. */
size_t limn_batchnorm_scratch(limn_batchnorm_shape shape);

/* statistics (groups, 2, C): mean, biased variance. Moments are merged as Chan, Golub & LeVeque (1983) do, so that a
 * large mean costs no digits. */
cudaError_t limn_batchnorm_statistics(const void *x, limn_type type, limn_batchnorm_shape shape, float *statistics,
                                      float *scratch, cudaStream_t stream);

/* y = activation(gamma (x - mean) / sqrt(variance + eps) + beta), activation(u) = u > 0 ? u : slope u with slope 1 for
 * none and 0 for ReLU (a NaN stays one). Writes statistics too. x and y have the same type. */
typedef struct limn_batchnorm_forward_args {
  const void *x;
  void *y;
  limn_type type;
  limn_batchnorm_shape shape;
  const float *gamma, *beta;
  float eps, slope;
  float *statistics, *scratch;
} limn_batchnorm_forward_args;
cudaError_t limn_batchnorm_forward(const limn_batchnorm_forward_args *args, cudaStream_t stream);

/* g = y ? (y > 0 ? dy : slope dy) : dy; dbeta = sum g; dgamma = sum g xhat, over all groups; dx = gamma / sigma (g -
 * mean(g) - xhat mean(g xhat)) with sigma and means of its group. dx, dgamma, dbeta may each be NULL; gamma may be NULL
 * when dx is. dx may be where dy lies. */
typedef struct limn_batchnorm_backward_args {
  const void *x, *dy, *y;
  void *dx;
  limn_type x_type, dy_type, y_type, dx_type;
  limn_batchnorm_shape shape;
  const float *statistics, *gamma;
  float *dgamma, *dbeta;
  float eps, slope;
  float *scratch;
} limn_batchnorm_backward_args;
cudaError_t limn_batchnorm_backward(const limn_batchnorm_backward_args *args, cudaStream_t stream);

/* running = (1 - momentum) running + momentum statistic, the variance times `unbias`. Entries are applied in order,
 * also where two name the same targets, and groups within an entry. An entry is left out while *gate is not 0 (gate may
 * be NULL), a group when one of its statistics is not finite. */
typedef struct limn_running {
  float *mean, *variance;  /* (C) targets */
  const float *statistics; /* (groups, 2, C) */
  const float *gate;
  int32_t channels, groups;
  float momentum, unbias;
} limn_running;
cudaError_t limn_update_running(const limn_running *entries, int count, cudaStream_t stream);

/* ---- optimizer.cu: all parameters in one launch ---- */

typedef struct limn_trained {
  limn_master w;
  float *m, *v; /* Adam's moments; SGD: m is the momentum buffer or NULL, v is NULL */
  const void *gradient;
  limn_type gradient_type;
  int64_t count;
} limn_trained;

/* hyper (4): lr, 1 - beta1^t, 1 - beta2^t, what is added to beta2. The gradient is multiplied by *scale (NULL: 1);
 * nothing is written while *gate is not 0 (NULL: never). */
typedef struct limn_optimizer_values {
  const float *hyper, *scale, *gate;
  float beta1, beta2, eps, weight_decay, momentum;
  int decoupled;
} limn_optimizer_values;

/* g' = scale g + weight_decay w (coupled); m, v, w as Adam (Kingma & Ba 2015) with PyTorch's placement of eps: w -= lr
 * (m / bias1) / (sqrt(v / bias2) + eps); decoupled: w -= lr weight_decay w first. */
cudaError_t limn_adam(const limn_trained *tensors, int count, const limn_optimizer_values *values, cudaStream_t stream);
/* m = momentum m + scale g + weight_decay w; w -= lr m (without m: the gradient itself). */
cudaError_t limn_sgd(const limn_trained *tensors, int count, const limn_optimizer_values *values, cudaStream_t stream);

/* ---- random.cu: Philox4x32-10, the same integers as base/philox.c ---- */

/* Element i of the logical order N, C, H, W gets element i of the random stream. `step` is read on the device. Box &
 * Muller's formula is computed in double, as on the CPU. */
cudaError_t limn_random_normal(limn_master out, limn_extents extents, uint64_t seed, uint32_t random_stream,
                               const uint64_t *step, cudaStream_t stream);
cudaError_t limn_random_uniform(limn_master out, limn_extents extents, uint64_t seed, uint32_t random_stream,
                                const uint64_t *step, cudaStream_t stream);

/* ---- transfer.cu: between the host's dense NCHW and NHWC, and between types ---- */

cudaError_t limn_from_nchw(const float *nchw, limn_master out, limn_extents extents, cudaStream_t stream);
cudaError_t limn_to_nchw(const float *nhwc, float *nchw, limn_extents extents, cudaStream_t stream);
cudaError_t limn_copy(const void *x, limn_type type, limn_master out, int64_t count, cudaStream_t stream);
cudaError_t limn_cast(const void *x, limn_type from, void *y, limn_type to, int64_t count, cudaStream_t stream);

/* Writes up to LIMN_SMALL values that travel with the launch, so that no host memory has to stay as it is. */
#define LIMN_SMALL 16
cudaError_t limn_set_small(limn_master out, const float *values, int count, cudaStream_t stream);
/* What the launch in front of a run tells it, in device memory. */
typedef struct limn_run_words {
  uint64_t step;
  uint64_t slots; /* bit i: which of its two slots leaf i of pictures is read from */
} limn_run_words;
cudaError_t limn_set_run_words(limn_run_words *run, limn_run_words value, cudaStream_t stream);

/* ---- pictures.cu: bytes as the host sent them, dense NCHW -> numbers, NHWC ---- */

/* y = scale byte + shift, of the window of each sample that docs/randomness.md says. y goes to `data` and to `half`, of
 * which one may be NULL. */
typedef struct limn_pictures_args {
  const uint8_t *bytes; /* the first slot, (n, c, from_h, from_w); the second lies slot_bytes further */
  int64_t slot_bytes;
  int32_t from_h, from_w;
  int32_t leaf; /* its bit of limn_run_words.slots */
  limn_extents extents;
  float scale, shift;
  bool flip, moved;
  int32_t reach_h, reach_w;
  uint64_t seed;
  uint32_t random_stream;
  limn_master out;
} limn_pictures_args;
cudaError_t limn_pictures(const limn_pictures_args *args, const limn_run_words *run, cudaStream_t stream);

/* ---- update.cu: what one thread does ---- */

/* ring (rows, columns): ring[*step mod rows][column] = *scalar */
typedef struct limn_recorded {
  const float *scalar;
  float *ring;
  int32_t rows, columns, column;
} limn_recorded;
cudaError_t limn_record(const limn_recorded *entries, int count, const uint64_t *step, cudaStream_t stream);

#ifdef __cplusplus
}
#endif
#endif
