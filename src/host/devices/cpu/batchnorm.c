/* Batch normalisation, in two passes over memory forward and two backward. Sums over planes are kept apart and added in
 * a fixed order in double precision, so that the result does not depend on the number of threads. */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "devices/cpu/cpu.h"

/* The planes of a tensor: (n, c / block), each `pixels` groups of `block` channels. */
struct planes {
  limn_shape shape;
  int block, pixels, per_image;
  int groups, group; /* parts of the batch with statistics of their own; pictures of each */
  float eps, slope, momentum;
  bool rounded, rounded_y; /* what is written, and the y that backward reads, is in bf16 */
};

static struct planes *planes_create(const limn_task *task, limn_shape shape, int block) {
  struct planes *s = malloc(sizeof *s);
  if (s)
    *s = (struct planes){.shape = shape,
                         .block = block,
                         .pixels = shape.h * shape.w,
                         .per_image = shape.c / block,
                         .groups = task->node.groups,
                         .group = shape.n / task->node.groups,
                         .eps = task->node.alpha,
                         .momentum = task->node.alpha,
                         .slope = task->activation == LIMN_PW_COUNT ? 1
                                  : task->activation == LIMN_PW_RELU || task->activation == LIMN_PW_RELU_GRAD
                                      ? 0
                                      : task->slope};
  return s;
}

/* The first channel of a plane in an array of (groups, stride) numbers. */
static size_t channel_of(const struct planes *s, int plane, int stride) {
  return (size_t)(plane / s->per_image / s->group) * (size_t)stride + (size_t)(plane % s->per_image * s->block);
}

/* statistics (2 groups, C): of each group mean, biased variance. Operands: statistics, x, partial sums (2, N, C). */
static void run_statistics(const limn_kernel *k, const struct limn_call *call) {
  const struct planes *s = k->state;
  const float *x = cpu_at(k, 1);
  int c_count = s->shape.c, n_count = s->shape.n;
  float *means = cpu_at(k, 2), *squares = means + (size_t)n_count * c_count;
  size_t plane = (size_t)s->pixels * s->block;
#pragma omp parallel for num_threads(call->threads) schedule(static)
  for (int i = 0; i < n_count * s->per_image; ++i)
    call->simd->moments(x + i * plane, s->pixels, s->block, means + (size_t)i * s->block,
                        squares + (size_t)i * s->block);
    /* All planes have the same size, so the merge of Chan, Golub & LeVeque (1983) is this short. */
#pragma omp parallel for num_threads(call->threads) schedule(static)
  for (int i = 0; i < s->groups * c_count; ++i) {
    int c = i % c_count, first = i / c_count * s->group;
    float *statistics = cpu_at(k, 0) + (size_t)(i / c_count) * 2 * (size_t)c_count;
    double mean = 0, m2 = 0;
    for (int n = first; n < first + s->group; ++n)
      mean += (double)means[(size_t)n * c_count + c];
    mean /= s->group;
    for (int n = first; n < first + s->group; ++n) {
      double d = (double)means[(size_t)n * c_count + c] - mean;
      m2 += (double)squares[(size_t)n * c_count + c] + s->pixels * d * d;
    }
    statistics[c] = (float)mean;
    statistics[c_count + c] = (float)(m2 / ((double)s->group * s->pixels));
  }
}

/* Operands: y, x, statistics, gamma, beta, coefficients (groups, 2, C). */
static void run_normalize(const limn_kernel *k, const struct limn_call *call) {
  const struct planes *s = k->state;
  int c_count = s->shape.c;
  const float *x = cpu_at(k, 1), *gamma = cpu_at(k, 3), *beta = cpu_at(k, 4);
  float *coefficients = cpu_at(k, 5);
  size_t plane = (size_t)s->pixels * s->block;
  for (int group = 0; group < s->groups; ++group) {
    size_t at = (size_t)group * 2 * (size_t)c_count;
    const float *mean = cpu_at(k, 2) + at, *variance = mean + c_count;
    float *scale = coefficients + at, *shift = scale + c_count;
    for (int c = 0; c < c_count; ++c) {
      scale[c] = gamma[c] / sqrtf(variance[c] + s->eps);
      shift[c] = beta[c] - mean[c] * scale[c];
    }
  }
#pragma omp parallel for num_threads(call->threads) schedule(static)
  for (int i = 0; i < s->shape.n * s->per_image; ++i) {
    const float *scale = coefficients + channel_of(s, i, 2 * c_count);
    if (s->rounded)
      call->simd->bf16_batchnorm->normalize((limn_bf16 *)k->p[0] + i * plane, x + i * plane, s->pixels, scale,
                                            scale + c_count, s->slope);
    else
      call->simd->normalize(cpu_at(k, 0) + i * plane, x + i * plane, s->pixels, s->block, scale, scale + c_count,
                            s->slope);
  }
}

static limn_status add_statistics(limn_builder *b, const limn_task *task, limn_value value, int statistics) {
  limn_shape shape = limn_builder_shape(b, value);
  cpu_layout layout = limn_cpu_activation_layout(cpu_device_of(b)->simd->block, shape);
  struct planes *s = planes_create(task, shape, cpu_block(b, layout));
  if (!s)
    return limn_fail_memory("a batchnorm");
  const int buffers[] = {statistics, limn_builder_input(b, value, layout),
                         limn_builder_scratch(b, 2 * sizeof(float) * (size_t)shape.n * (size_t)shape.c)};
  cpu_add(b, "batchnorm statistics", run_statistics, s, 3, buffers);
  return limn_builder_status(b);
}

static limn_status add_forward(limn_builder *b, const limn_task *task) {
  limn_value x = task->inputs[0];
  limn_shape shape = limn_builder_shape(b, x);
  cpu_layout layout = limn_cpu_activation_layout(cpu_device_of(b)->simd->block, shape);
  int statistics = limn_builder_output(b, task->outputs[1], CPU_PLAIN);
  LIMN_TRY(add_statistics(b, task, x, statistics));
  struct planes *s = planes_create(task, shape, cpu_block(b, layout));
  if (!s)
    return limn_fail_memory("a batchnorm");
  s->rounded = limn_cpu_bf16_rounds(b, task->outputs[0]);
  const int buffers[] = {limn_builder_output(b, task->outputs[0], s->rounded ? CPU_BLOCKED_BF16 : layout),
                         limn_builder_input(b, x, layout),
                         statistics,
                         limn_builder_input(b, task->inputs[1], CPU_PLAIN),
                         limn_builder_input(b, task->inputs[2], CPU_PLAIN),
                         limn_builder_scratch(b, 2 * sizeof(float) * (size_t)s->groups * (size_t)shape.c)};
  cpu_add(b, "batchnorm", run_normalize, s, 6, buffers);
  return limn_builder_status(b);
}

/* Operands of the backward kernel. */
enum { DX, DGAMMA, DBETA, X, STATISTICS, GAMMA, G, Y, SUMS, COEFFICIENTS };

/* From the sums of each picture to dgamma and dbeta, which are sums over all groups, and to the coefficients of dx,
 * which are a group's own. */
static void finish_channel(const limn_kernel *k, int c) {
  const struct planes *s = k->state;
  size_t c_count = (size_t)s->shape.c;
  const float *sum_dy = cpu_at(k, SUMS), *sum_dyx = sum_dy + (size_t)s->shape.n * c_count;
  double dgamma = 0, dbeta = 0, count = (double)s->group * s->pixels;
  for (int group = 0; group < s->groups; ++group) {
    const float *mean = cpu_at(k, STATISTICS) + (size_t)group * 2 * c_count, *variance = mean + c_count;
    double total_dy = 0, total_dyx = 0, inverse = 1 / sqrt((double)variance[c] + (double)s->eps);
    for (int n = group * s->group; n < (group + 1) * s->group; ++n) {
      total_dy += (double)sum_dy[(size_t)n * c_count + c];
      total_dyx += (double)sum_dyx[(size_t)n * c_count + c];
    }
    dgamma += total_dyx * inverse;
    dbeta += total_dy;
    if (cpu_at(k, DX)) {
      float *a = cpu_at(k, COEFFICIENTS) + (size_t)group * 3 * c_count + c;
      double scale = (double)cpu_at(k, GAMMA)[c] * inverse, slope = -scale * inverse * inverse * total_dyx / count;
      a[0] = (float)scale;
      a[c_count] = (float)slope;
      a[2 * c_count] = (float)(-scale * total_dy / count - slope * (double)mean[c]);
    }
  }
  if (cpu_at(k, DGAMMA))
    cpu_at(k, DGAMMA)[c] = (float)dgamma;
  if (cpu_at(k, DBETA))
    cpu_at(k, DBETA)[c] = (float)dbeta;
}

static void sum_plane(const struct planes *s, const limn_kernel *k, const limn_simd *simd, int i) {
  const size_t at = (size_t)i * (size_t)s->pixels * (size_t)s->block;
  float *dy = cpu_at(k, SUMS) + (size_t)i * (size_t)s->block, *dyx = dy + (size_t)s->shape.n * (size_t)s->shape.c;
  const float *x = cpu_at(k, X) + at, *g = cpu_at(k, G) + at,
              *mean = cpu_at(k, STATISTICS) + channel_of(s, i, 2 * s->shape.c);
  for (int j = 0; j < s->block; ++j)
    dy[j] = dyx[j] = 0;
  if (s->rounded_y)
    simd->bf16_batchnorm->gradient_sums(x, g, (const limn_bf16 *)k->p[Y] + at, s->pixels, mean, s->slope, dy, dyx);
  else
    simd->gradient_sums(x, g, cpu_at(k, Y) ? cpu_at(k, Y) + at : NULL, s->pixels, s->block, mean, s->slope, dy, dyx);
}

static void make_plane(const struct planes *s, const limn_kernel *k, const limn_simd *simd, int i) {
  const size_t at = (size_t)i * (size_t)s->pixels * (size_t)s->block;
  const float *a = cpu_at(k, COEFFICIENTS) + channel_of(s, i, 3 * s->shape.c), *b = a + s->shape.c, *c = b + s->shape.c,
              *x = cpu_at(k, X) + at, *g = cpu_at(k, G) + at,
              *y = cpu_at(k, Y) && !s->rounded_y ? cpu_at(k, Y) + at : NULL;
  if (s->rounded || s->rounded_y)
    simd->bf16_batchnorm->gradient_input(
        s->rounded ? NULL : cpu_at(k, DX) + at, s->rounded ? (limn_bf16 *)k->p[DX] + at : NULL, x, g, y,
        s->rounded_y ? (const limn_bf16 *)k->p[Y] + at : NULL, s->pixels, a, b, c, s->slope);
  else
    simd->gradient_input(cpu_at(k, DX) + at, x, g, y, s->pixels, s->block, a, b, c, s->slope);
}

/* dx = gamma / sigma (g - mean(g) - xhat mean(g xhat)), written as a g + b x + c for each channel. Operands: dx,
 * dgamma, dbeta (each may be absent), x, statistics, gamma, g, y, partial sums (2, N, C), coefficients (groups, 3, C).
 */
static void run_backward(const limn_kernel *k, const struct limn_call *call) {
  const struct planes *s = k->state;
  const int planes = s->shape.n * s->per_image;
#pragma omp parallel for num_threads(call->threads) schedule(static)
  for (int i = 0; i < planes; ++i)
    sum_plane(s, k, call->simd, i);
#pragma omp parallel for num_threads(call->threads) schedule(static)
  for (int c = 0; c < s->shape.c; ++c)
    finish_channel(k, c);
  if (!cpu_at(k, DX))
    return;
#pragma omp parallel for num_threads(call->threads) schedule(static)
  for (int i = 0; i < planes; ++i)
    make_plane(s, k, call->simd, i);
}

static limn_status add_backward(limn_builder *b, const limn_task *task) {
  limn_value x = task->inputs[0];
  limn_shape shape = limn_builder_shape(b, x);
  cpu_layout layout = limn_cpu_activation_layout(cpu_device_of(b)->simd->block, shape);
  struct planes *s = planes_create(task, shape, cpu_block(b, layout));
  if (!s)
    return limn_fail_memory("a batchnorm");
  const int dx = task->outputs[0], y = task->inputs[4];
  s->rounded = limn_cpu_bf16_rounds(b, dx);
  s->rounded_y = y != LIMN_NONE && limn_builder_format(b, y) == CPU_BLOCKED_BF16;
  const int buffers[] = {limn_builder_output(b, dx, s->rounded ? CPU_BLOCKED_BF16 : layout),
                         limn_builder_output(b, task->outputs[1], CPU_PLAIN),
                         limn_builder_output(b, task->outputs[2], CPU_PLAIN),
                         limn_builder_input(b, x, layout),
                         limn_builder_input(b, task->inputs[1], CPU_PLAIN),
                         limn_builder_input(b, task->inputs[2], CPU_PLAIN),
                         limn_builder_input(b, task->inputs[3], layout),
                         limn_builder_input(b, y, s->rounded_y ? CPU_BLOCKED_BF16 : layout),
                         limn_builder_scratch(b, 2 * sizeof(float) * (size_t)shape.n * (size_t)shape.c),
                         limn_builder_scratch(b, 3 * sizeof(float) * (size_t)s->groups * (size_t)shape.c)};
  limn_kernel *kernel = cpu_add(b, "batchnorm backward", run_backward, s, 10, buffers);
  if (kernel)
    kernel->in_place = 1u << 6;
  return limn_builder_status(b);
}

static bool are_finite(const float *values, int count) {
  for (int i = 0; i < count; ++i)
    if (!isfinite(values[i]))
      return false;
  return true;
}

/* Operands: running mean, running variance, statistics, gate. */
static void run_update_running(const limn_kernel *k, const struct limn_call *call) {
  (void)call;
  const struct planes *s = k->state;
  int c_count = s->shape.c;
  double count = (double)s->group * s->pixels;
  float unbias = (float)(count / (count - 1)), momentum = s->momentum;
  if (cpu_at(k, 3) && *cpu_at(k, 3) != 0)
    return;
  for (int group = 0; group < s->groups; ++group) {
    const float *mean = cpu_at(k, 2) + (size_t)group * 2 * (size_t)c_count, *variance = mean + c_count;
    if (!are_finite(mean, 2 * c_count))
      continue;
    for (int c = 0; c < c_count; ++c) {
      cpu_at(k, 0)[c] = (1 - momentum) * cpu_at(k, 0)[c] + momentum * mean[c];
      cpu_at(k, 1)[c] = (1 - momentum) * cpu_at(k, 1)[c] + momentum * unbias * variance[c];
    }
  }
}

static limn_status add_update_running(limn_builder *b, const limn_task *task) {
  struct planes *s = planes_create(task, task->node.shape, 1);
  if (!s)
    return limn_fail_memory("a batchnorm");
  const int buffers[] = {limn_builder_target(b, task->node.targets[0]), limn_builder_target(b, task->node.targets[1]),
                         limn_builder_input(b, task->inputs[0], CPU_PLAIN),
                         task->input_count > 1 ? limn_builder_input(b, task->inputs[1], CPU_PLAIN) : -1};
  cpu_add(b, "running statistics", run_update_running, s, 4, buffers);
  return limn_builder_status(b);
}

limn_status limn_cpu_build_batchnorm(limn_builder *b, const limn_task *task) {
  switch (task->kind) {
  case LIMN_TASK_STATISTICS:
    return add_statistics(b, task, task->inputs[0], limn_builder_output(b, task->outputs[0], CPU_PLAIN));
  case LIMN_TASK_BATCHNORM:
    return add_forward(b, task);
  case LIMN_TASK_BATCHNORM_BACKWARD:
    return add_backward(b, task);
  case LIMN_TASK_UPDATE_RUNNING:
    return add_update_running(b, task);
  default:
    return limn_fail(LIMN_FAILED, "program: task kind %d is none of batchnorm's", (int)task->kind);
  }
}
