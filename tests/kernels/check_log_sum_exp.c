/* Logarithms of sums of exponentials. */
#include <math.h>

#include "kernel_tests.h"

struct row_case {
  limn_type type;
  int64_t rows;
  int32_t channels;
  float low, high;
};

static double log_sum_exp(const float *x, int32_t channels) {
  double most = -INFINITY, total = 0;
  for (int32_t c = 0; c < channels; ++c)
    most = fmax(most, (double)x[c]);
  most = isinf(most) ? 0 : most;
  for (int32_t c = 0; c < channels; ++c)
    total += exp((double)x[c] - most);
  return most + log(total);
}

static void run_rows(const void *context) {
  const struct row_case *s = context;
  const size_t rows = (size_t)s->rows, count = rows * (size_t)s->channels;
  float *x = kt_numbers(count, s->type, s->low, s->high), *out = kt_device(rows * sizeof *out);
  double *want = kt_host(rows * sizeof *want);
  for (size_t row = 0; row < rows; ++row)
    want[row] = log_sum_exp(x + row * (size_t)s->channels, s->channels);
  KT_OK(limn_log_sum_exp(kt_upload_as(x, count, s->type), s->type, out, s->rows, s->channels, kt_stream()));
  kt_close("log_sum_exp", kt_download_as(out, rows, LIMN_F32), want, rows, 2e-6, 1e-6);
}

/* Rows of infinities and with a NaN. */
static void run_special(const void *context) {
  (void)context;
  const float x[5][3] = {
      {-INFINITY, -INFINITY, -INFINITY}, {1, -INFINITY, 1}, {INFINITY, 1, 2}, {1, NAN, 2}, {-INFINITY, 3, -INFINITY}};
  const double want[5] = {-INFINITY, 1 + log(2), INFINITY, (double)NAN, 3};
  float *out = kt_device(sizeof want / 2);
  KT_OK(limn_log_sum_exp(kt_upload(x, sizeof x), LIMN_F32, out, 5, 3, kt_stream()));
  const float *got = kt_download_as(out, 5, LIMN_F32);
  for (int i = 0; i < 5; ++i)
    kt_close("special", &got[i], &want[i], 1, 2e-6, 1e-6);
}

static void run_refused(const void *context) {
  (void)context;
  float *x = kt_device(64), *out = kt_device(64);
  kt_refused(limn_log_sum_exp(NULL, LIMN_F32, out, 1, 4, kt_stream()), "no x");
  kt_refused(limn_log_sum_exp(x, LIMN_F32, NULL, 1, 4, kt_stream()), "no result");
  kt_refused(limn_log_sum_exp(x, LIMN_F32, out, 0, 4, kt_stream()), "no rows");
  kt_refused(limn_log_sum_exp(x, LIMN_F32, out, 1, 0, kt_stream()), "no channels");
}

void check_log_sum_exp(void) {
  static const limn_type types[] = {LIMN_F32, LIMN_BF16, LIMN_F16};
  static const int32_t channels[] = {1, 3, 4, 20, 37, 128, 1000};
  static const int64_t rows[] = {1, 9, 200};
  for (size_t t = 0; t < KT_COUNT(types); ++t)
    for (size_t c = 0; c < KT_COUNT(channels); ++c)
      for (size_t r = 0; r < KT_COUNT(rows); ++r) {
        struct row_case s = {types[t], rows[r], channels[c], r == 1 ? -200 : -3, r == 1 ? 200 : 3};
        kt_case(run_rows, &s, "log_sum_exp %s %dx%d", kt_name(types[t]), (int)rows[r], (int)channels[c]);
      }
  kt_case(run_special, NULL, "log_sum_exp special");
  kt_case(run_refused, NULL, "log_sum_exp refused");
}
