#include <math.h>

#include "kernel_tests.h"

struct norm_case {
  int64_t rows;
  int32_t channels;
  limn_type type;
  float slope, centre; /* centre: what the values lie around */
  int32_t groups;      /* of so many rows each */
};

static limn_batchnorm_shape shape_of(int64_t rows, int32_t channels, int32_t groups) {
  return (limn_batchnorm_shape){rows, channels, groups};
}

static size_t count_of(limn_batchnorm_shape s) { return (size_t)s.groups * (size_t)s.rows * (size_t)s.channels; }

/* Where the mean of element i lies in statistics; its variance lies behind all means of the group. */
static size_t mean_of(limn_batchnorm_shape s, size_t i) {
  size_t channels = (size_t)s.channels;
  return i / ((size_t)s.rows * channels) * 2 * channels + i % channels;
}

/* (groups, 2, C): mean and biased variance of each channel of each group */
static double *moments_of(const float *x, limn_batchnorm_shape s) {
  size_t channels = (size_t)s.channels;
  double *want = kt_host((size_t)s.groups * 2 * channels * sizeof *want), rows = (double)s.rows;
  for (size_t i = 0; i < count_of(s); ++i)
    want[mean_of(s, i)] += (double)x[i] / rows;
  for (size_t i = 0; i < count_of(s); ++i) {
    double d = (double)x[i] - want[mean_of(s, i)];
    want[mean_of(s, i) + channels] += d * d / rows;
  }
  return want;
}

static void run_forward(const void *context) {
  const struct norm_case *s = context;
  limn_batchnorm_shape shape = shape_of(s->rows, s->channels, s->groups);
  size_t channels = (size_t)s->channels, count = count_of(shape), all = 2 * (size_t)shape.groups * channels;
  float *x = kt_numbers(count, s->type, s->centre - 2, s->centre + 1);
  for (size_t i = 0; i < count; ++i) { /* groups differ */
    size_t group = mean_of(shape, i) / (2 * channels);
    x[i] = kt_rounded(x[i] + 3 * (float)group, s->type);
  }
  float *gamma = kt_numbers(channels, LIMN_F32, 0.5f, 2), *beta = kt_numbers(channels, LIMN_F32, -1, 1);
  double *moments = moments_of(x, shape), *want = kt_host(count * sizeof *want);
  for (size_t i = 0; i < count; ++i) {
    size_t c = i % channels, m = mean_of(shape, i);
    double u = (double)gamma[c] * ((double)x[i] - moments[m]) / sqrt(moments[m + channels] + 1e-5) + (double)beta[c];
    want[i] = u > 0 ? u : (double)s->slope * u;
  }
  float *statistics = kt_device(all * sizeof(float)), *alone = kt_device(all * sizeof(float));
  float *scratch = kt_device(limn_batchnorm_scratch(shape));
  const limn_batchnorm_forward_args args = {.x = kt_upload_as(x, count, s->type),
                                            .y = kt_device(count * kt_size(s->type)),
                                            .type = s->type,
                                            .shape = shape,
                                            .gamma = kt_upload_as(gamma, channels, LIMN_F32),
                                            .beta = kt_upload_as(beta, channels, LIMN_F32),
                                            .eps = 1e-5f,
                                            .slope = s->slope,
                                            .statistics = statistics,
                                            .scratch = scratch};
  KT_OK(limn_batchnorm_forward(&args, kt_stream()));
  KT_OK(limn_batchnorm_statistics(args.x, s->type, shape, alone, scratch, kt_stream()));
  float *got = kt_download_as(statistics, all, LIMN_F32);
  for (size_t at = 0; at < all; at += 2 * channels) {
    kt_close("mean", got + at, moments + at, channels, 1e-6, 1e-6);
    kt_close("variance", got + at + channels, moments + at + channels, channels, 1e-5, 1e-12);
  }
  kt_equal("statistics alone", kt_download_as(alone, all, LIMN_F32), got, all);
  /* A mean has float's distance from its true value; one row divides what is left of it by sqrt(eps). */
  double absolute = 1e-5 + (fabs((double)s->centre) + 1 + 3 * s->groups) * 6e-8 * (s->rows < 8 ? 2e3 : 4);
  kt_close("y", kt_download_as(args.y, count, s->type), want, count, 2 * kt_epsilon(s->type), absolute);
}

/* The first channel's NaN stays there; ReLU does not hide it, and makes 0 of the second channel's minus infinity. */
static void run_forward_nan(const void *context) {
  const int32_t *channels = context;
  size_t width = (size_t)*channels, count = 9 * width;
  float *x = kt_numbers(count, LIMN_F32, -1, 1), *ones = kt_numbers(width, LIMN_F32, 1, 1);
  float *beta = kt_numbers(width, LIMN_F32, 1, 1);
  x[4 * width] = NAN;
  beta[1] = -INFINITY;
  float *y = kt_device(count * sizeof *y);
  const limn_batchnorm_forward_args args = {.x = kt_upload_as(x, count, LIMN_F32),
                                            .y = y,
                                            .type = LIMN_F32,
                                            .shape = shape_of(9, *channels, 1),
                                            .gamma = kt_upload_as(ones, width, LIMN_F32),
                                            .beta = kt_upload_as(beta, width, LIMN_F32),
                                            .statistics = kt_device(2 * width * sizeof(float)),
                                            .scratch = kt_device(limn_batchnorm_scratch(shape_of(9, *channels, 1)))};
  KT_OK(limn_batchnorm_forward(&args, kt_stream()));
  float *got = kt_download_as(y, count, LIMN_F32);
  for (size_t i = 0; i < count; ++i)
    if (isnan(got[i]) != (i % width == 0) || (i % width == 1 && got[i] != 0))
      kt_fail("y[%zu] is %g", i, (double)got[i]);
}

struct backward_case {
  int64_t rows;
  int32_t channels;
  limn_type x, dy, y, dx;
  bool activated, in_place;
  int wanted; /* bits dx, dgamma, dbeta */
  float slope;
  int32_t groups;
};

/* dx, then dgamma, then dbeta */
static double *gradients_of(const struct backward_case *s, const float *x, const float *dy, const float *y,
                            const float *statistics, const float *gamma) {
  limn_batchnorm_shape shape = shape_of(s->rows, s->channels, s->groups);
  size_t channels = (size_t)s->channels, count = count_of(shape);
  double *want = kt_host((count + 2 * channels) * sizeof *want), *dgamma = want + count, *dbeta = dgamma + channels;
  double *sums = kt_host((size_t)shape.groups * 2 * channels * sizeof *sums); /* of a group: g, then g xhat */
  for (int pass = 0; pass < 2; ++pass)
    for (size_t i = 0; i < count; ++i) {
      size_t c = i % channels, m = mean_of(shape, i);
      double inverse = 1 / sqrt((double)statistics[m + channels] + 1e-5);
      double xhat = ((double)x[i] - (double)statistics[m]) * inverse;
      double g = (double)dy[i];
      if (s->activated && !(y[i] > 0))
        g = s->slope == 0 ? 0 : (double)s->slope * g;
      if (pass == 0) {
        dbeta[c] += g;
        dgamma[c] += g * xhat;
        sums[m] += g;
        sums[m + channels] += g * xhat;
      } else {
        want[i] = (double)gamma[c] * inverse * (g - (sums[m] + xhat * sums[m + channels]) / (double)s->rows);
      }
    }
  return want;
}

static void run_backward(const void *context) {
  const struct backward_case *s = context;
  limn_batchnorm_shape shape = shape_of(s->rows, s->channels, s->groups);
  size_t channels = (size_t)s->channels, count = count_of(shape), all = 2 * (size_t)shape.groups * channels;
  float *x = kt_numbers(count, s->x, -2, 4), *dy = kt_numbers(count, s->dy, -1, 1.5f);
  if (s->activated && s->slope == 0) /* one that ReLU leaves out, whatever it is */
    dy[count - 1] = INFINITY;
  float *y = kt_numbers(count, s->y, -1, 1), *gamma = kt_numbers(channels, LIMN_F32, 0.5f, 2);
  if (isinf(dy[count - 1]))
    y[count - 1] = 0;
  double *moments = moments_of(x, shape);
  float *statistics = kt_host(all * sizeof *statistics);
  for (size_t i = 0; i < all; ++i)
    statistics[i] = (float)moments[i];
  double *want = gradients_of(s, x, dy, y, statistics, gamma);
  void *device_dy = kt_upload_as(dy, count, s->dy);
  const limn_batchnorm_backward_args args = {.x = kt_upload_as(x, count, s->x),
                                             .dy = device_dy,
                                             .y = s->activated ? kt_upload_as(y, count, s->y) : NULL,
                                             .dx = !(s->wanted & 1) ? NULL
                                                   : s->in_place    ? device_dy
                                                                    : kt_device(count * kt_size(s->dx)),
                                             .x_type = s->x,
                                             .dy_type = s->dy,
                                             .y_type = s->y,
                                             .dx_type = s->dx,
                                             .shape = shape,
                                             .statistics = kt_upload_as(statistics, all, LIMN_F32),
                                             .gamma = s->wanted & 1 ? kt_upload_as(gamma, channels, LIMN_F32) : NULL,
                                             .dgamma = s->wanted & 2 ? kt_device(channels * sizeof(float)) : NULL,
                                             .dbeta = s->wanted & 4 ? kt_device(channels * sizeof(float)) : NULL,
                                             .eps = 1e-5f,
                                             .slope = s->slope,
                                             .scratch = kt_device(limn_batchnorm_scratch(shape))};
  KT_OK(limn_batchnorm_backward(&args, kt_stream()));
  double absolute = 1e-5 * sqrt((double)shape.groups * (double)s->rows) + 1e-6;
  if (args.dx)
    kt_close("dx", kt_download_as(args.dx, count, s->dx), want, count, 2 * kt_epsilon(s->dx),
             s->rows < 8 ? 1e-3 : 1e-5);
  if (args.dgamma)
    kt_close("dgamma", kt_download_as(args.dgamma, channels, LIMN_F32), want + count, channels, 1e-5, absolute);
  if (args.dbeta)
    kt_close("dbeta", kt_download_as(args.dbeta, channels, LIMN_F32), want + count + channels, channels, 1e-5,
             absolute);
}

static void check_backward(void) {
  static const struct backward_case cases[] = {
      {500, 64, LIMN_F32, LIMN_F32, LIMN_F32, LIMN_F32, true, false, 7, 0.2f, 1},
      {500, 64, LIMN_BF16, LIMN_BF16, LIMN_BF16, LIMN_BF16, true, true, 7, 0, 1},
      {333, 100, LIMN_F16, LIMN_F16, LIMN_F16, LIMN_F16, true, false, 7, 0.2f, 1},
      {77, 3, LIMN_F32, LIMN_F32, LIMN_F32, LIMN_F32, true, true, 7, 0.2f, 1},
      {4097, 1, LIMN_F32, LIMN_F32, LIMN_F32, LIMN_F32, false, false, 7, 1, 1},
      {64, 512, LIMN_F32, LIMN_F32, LIMN_F32, LIMN_F32, false, false, 7, 1, 1},
      {64, 512, LIMN_BF16, LIMN_F32, LIMN_BF16, LIMN_F32, true, true, 7, 0.2f, 1},
      {130, 5, LIMN_F32, LIMN_F16, LIMN_BF16, LIMN_BF16, true, false, 7, 0.2f, 1},
      {130, 8, LIMN_F16, LIMN_F32, LIMN_F16, LIMN_F16, false, false, 7, 0.2f, 1},
      {40000, 4, LIMN_F32, LIMN_F32, LIMN_F32, LIMN_F32, true, false, 7, 0.2f, 1},
      {9, 1030, LIMN_F32, LIMN_F32, LIMN_F32, LIMN_F32, true, false, 7, 0, 1},
      {2, 20, LIMN_F32, LIMN_F32, LIMN_F32, LIMN_F32, true, false, 7, 0, 1},
      {1, 3, LIMN_F32, LIMN_F32, LIMN_F32, LIMN_F32, true, false, 7, 0, 1},
      {200, 12, LIMN_F32, LIMN_F32, LIMN_F32, LIMN_F32, true, false, 1, 0, 1},
      {200, 12, LIMN_F32, LIMN_F32, LIMN_F32, LIMN_F32, true, false, 2, 0, 1},
      {200, 12, LIMN_F32, LIMN_F32, LIMN_F32, LIMN_F32, true, false, 4, 0, 1},
      {20000, 12, LIMN_F32, LIMN_F32, LIMN_F32, LIMN_F32, true, false, 6, 0, 1},
      {70, 12, LIMN_BF16, LIMN_BF16, LIMN_BF16, LIMN_BF16, true, true, 7, 0.2f, 2},
      {33, 5, LIMN_F32, LIMN_F16, LIMN_BF16, LIMN_BF16, true, false, 7, 0.2f, 3},
      {50, 1, LIMN_F32, LIMN_F32, LIMN_F32, LIMN_F32, false, true, 7, 1, 2},
      {18000, 12, LIMN_BF16, LIMN_BF16, LIMN_BF16, LIMN_BF16, true, true, 7, 0.2f, 2},
      {16500, 3, LIMN_F32, LIMN_F32, LIMN_F32, LIMN_F32, true, false, 7, 0, 3},
      {17000, 4, LIMN_BF16, LIMN_F32, LIMN_BF16, LIMN_F32, true, true, 3, 0.2f, 2},
      {17000, 4, LIMN_F32, LIMN_F32, LIMN_F32, LIMN_F32, true, false, 6, 0.2f, 3},
      {17000, 4, LIMN_F32, LIMN_F32, LIMN_F32, LIMN_F32, true, false, 1, 0.2f, 2},
      {60, 20, LIMN_F32, LIMN_F32, LIMN_F32, LIMN_F32, true, false, 6, 0.2f, 2},
      {2050, 1020, LIMN_BF16, LIMN_BF16, LIMN_BF16, LIMN_BF16, true, true, 7, 0.2f, 1},
  };
  for (size_t k = 0; k < KT_COUNT(cases); ++k)
    kt_case(run_backward, &cases[k], "batchnorm backward %d: %d of %d x %d", (int)k, cases[k].groups,
            (int)cases[k].rows, cases[k].channels);
}

/* A DCGAN's: blocks for a third of the multiprocessors of a large card, or a launch that is over at once. */
static void run_grids(const void *context) {
  (void)context;
  static const limn_batchnorm_shape shapes[] = {{2048, 512, 1}, {8192, 256, 1}, {32768, 128, 1}, {131072, 64, 1},
                                                {2048, 512, 2}, {8192, 256, 2}, {32768, 128, 2}, {12544, 64, 1},
                                                {3136, 128, 1}, {12544, 64, 2}, {4096, 1024, 1}, {16384, 1020, 1}};
  for (size_t i = 0; i < KT_COUNT(shapes); ++i) {
    const limn_batchnorm_shape s = shapes[i];
    const limn_batchnorm_grid forward = limn_batchnorm_forward_grid(s), backward = limn_batchnorm_backward_grid(s);
    if (!(forward.blocks >= 48 || (forward.launches == 1 && s.rows <= 2048)))
      kt_fail("%d x %d: %d blocks forward", (int)s.rows, s.channels, (int)forward.blocks);
    if (!(backward.blocks >= 48 || (backward.launches == 1 && s.rows <= 2048 && s.groups == 1)))
      kt_fail("%d x %d: %d blocks backward", (int)s.rows, s.channels, (int)backward.blocks);
  }
}

void check_batchnorm(void) {
  kt_case(run_grids, NULL, "batchnorm's blocks");
  static const int64_t rows[] = {1, 2, 7, 150, 2049};
  static const int32_t channels[] = {1, 3, 4, 5, 64, 100, 512};
  static const limn_type types[] = {LIMN_F32, LIMN_BF16, LIMN_F16};
  static const float slopes[] = {1, 0, 0.2f};
  static const struct norm_case large[] = {
      {524288, 1, LIMN_F32, 1, 0, 1},   {60000, 3, LIMN_BF16, 0, 0, 1},   {20001, 8, LIMN_F32, 0.2f, 0, 1},
      {2000, 6, LIMN_F32, 1, 10000, 1}, {9000, 64, LIMN_F32, 0, -300, 1}, {3000, 1, LIMN_F32, 1, 1e6f, 1},
      {12, 3000, LIMN_F32, 1, 0, 1},    {5000, 64, LIMN_F16, 0.2f, 3, 1}, {2050, 1020, LIMN_BF16, 0, 0, 1},
  };
  static const struct norm_case grouped[] = {
      {70, 12, LIMN_BF16, 0.2f, 0, 2}, {33, 5, LIMN_F32, 0, 0, 3},        {1, 4, LIMN_F32, 1, 0, 3},
      {50, 1, LIMN_F16, 1, 0, 2},      {18000, 12, LIMN_BF16, 0, 0, 2},   {16500, 3, LIMN_F32, 0.2f, 5, 3},
      {9000, 256, LIMN_BF16, 1, 0, 2}, {17000, 1, LIMN_F32, 1, 10000, 2},
  };
  for (size_t r = 0; r < KT_COUNT(rows); ++r)
    for (size_t c = 0; c < KT_COUNT(channels); ++c) {
      struct norm_case s = {rows[r], channels[c], types[(r + c) % 3], slopes[c % 3], 0, 1};
      if (s.rows * s.channels < 500000)
        kt_case(run_forward, &s, "batchnorm forward %d x %d %s", (int)s.rows, s.channels, kt_name(s.type));
    }
  for (size_t k = 0; k < KT_COUNT(large); ++k)
    kt_case(run_forward, &large[k], "batchnorm forward large %d: %d x %d", (int)k, (int)large[k].rows,
            large[k].channels);
  for (size_t k = 0; k < KT_COUNT(grouped); ++k)
    kt_case(run_forward, &grouped[k], "batchnorm forward in groups %d: %d of %d x %d", (int)k, grouped[k].groups,
            (int)grouped[k].rows, grouped[k].channels);
  kt_case(run_forward_nan, &(int32_t){3}, "batchnorm NaN in 1 of 3");
  kt_case(run_forward_nan, &(int32_t){8}, "batchnorm NaN in 1 of 8");
  check_backward();
}
