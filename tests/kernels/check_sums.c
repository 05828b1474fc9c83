#include <math.h>

#include "kernel_tests.h"

struct sum_case {
  limn_extents domain;
  int kept; /* bits n, h, w, c */
  limn_type type;
  bool two; /* (x - y)^2 with y along channels; else x itself */
};

static limn_extents keep(limn_extents d, int kept) {
  return (limn_extents){kept & 8 ? d.n : 1, kept & 4 ? d.h : 1, kept & 2 ? d.w : 1, kept & 1 ? d.c : 1};
}

static void run_sum(const void *context) {
  const struct sum_case *s = context;
  limn_extents d = s->domain, to = keep(d, s->kept);
  limn_group group = {.domain = d};
  const float *values[2];
  values[0] = kt_add_input(&group, d, s->type, -1, 2);
  if (s->two) {
    values[1] = kt_add_input(&group, (limn_extents){1, 1, 1, d.c}, LIMN_F32, -1, 1);
    kt_add_instruction(&group, LIMN_PW_SUB, 0, 1, 0, 0);
    kt_add_instruction(&group, LIMN_PW_SQUARE, LIMN_MAX_TASK_INPUTS, -1, 0, 0);
  }
  size_t count = kt_elements(to);
  double *want = kt_host(count * sizeof *want), *size = kt_host(count * sizeof *size), most = 0;
  for (int n = 0; n < d.n; ++n)
    for (int h = 0; h < d.h; ++h)
      for (int w = 0; w < d.w; ++w)
        for (int c = 0; c < d.c; ++c) {
          size_t i = (((size_t)(to.n > 1 ? n : 0) * (size_t)to.h + (size_t)(to.h > 1 ? h : 0)) * (size_t)to.w +
                      (size_t)(to.w > 1 ? w : 0)) *
                         (size_t)to.c +
                     (size_t)(to.c > 1 ? c : 0);
          double v = kt_group_value(&group, values, n, h, w, c);
          want[i] += v;
          size[i] += fabs(v);
        }
  for (size_t i = 0; i < count; ++i)
    most = fmax(most, size[i]);
  float *out = kt_device(count * sizeof *out);
  KT_OK(kt_sum(&group, to, out));
  kt_close("sum", kt_download_as(out, count, LIMN_F32), want, count, 2e-6, 1e-6 * most);
}

struct pass_case {
  limn_extents domain;
  int kept;       /* bits n, h, w, c of the sums that are not to a number */
  limn_type type; /* of the input, and of what is stored */
  bool in_place;
};

/* What operand of e = x + y, y along channels, and its square f come to at every element, and in sums. */
static double *expected(const limn_group *group, const float *const *values, int kept, bool squared, double *most) {
  limn_extents d = group->domain, to = keep(d, kept);
  double *want = kt_host(kt_elements(to) * sizeof *want);
  for (int n = 0; n < d.n; ++n)
    for (int h = 0; h < d.h; ++h)
      for (int w = 0; w < d.w; ++w)
        for (int c = 0; c < d.c; ++c) {
          size_t row = (size_t)(to.n > 1 ? n : 0) * (size_t)to.h + (size_t)(to.h > 1 ? h : 0);
          size_t i = (row * (size_t)to.w + (size_t)(to.w > 1 ? w : 0)) * (size_t)to.c + (size_t)(to.c > 1 ? c : 0);
          double f = kt_group_value(group, values, n, h, w, c);
          want[i] += squared ? f : sqrt(f); /* e is positive */
          *most += f + 1;
        }
  return want;
}

/* A pass with all that there may be: f stored, e summed to a number, e and f to the kept axes. */
static void run_pass(const void *context) {
  const struct pass_case *s = context;
  limn_extents d = s->domain, to = keep(d, s->kept), one = {1, 1, 1, 1};
  size_t count = kt_elements(d), kept = kt_elements(to);
  limn_group group = {.domain = d};
  const float *values[2];
  values[0] = kt_add_input(&group, d, s->type, 0.1f, 1);
  values[1] = kt_add_input(&group, (limn_extents){1, 1, 1, d.c}, LIMN_F32, 0.1f, 1);
  const int e = LIMN_MAX_TASK_INPUTS, f = e + 1;
  kt_add_instruction(&group, LIMN_PW_ADD, 0, 1, 0, 0);
  kt_add_instruction(&group, LIMN_PW_SQUARE, e, -1, 0, 0);
  void *stored = s->in_place ? (void *)group.inputs[0].data : kt_device(count * kt_size(s->type));
  float *number = kt_device(sizeof *number), *sums = kt_device(kept * sizeof *sums),
        *squares = kt_device(kept * sizeof *sums);
  const limn_result results[] = {
      {f, d, stored, s->type}, {e, one, number, LIMN_F32}, {e, to, sums, LIMN_F32}, {f, to, squares, LIMN_F32}};
  KT_OK(limn_run_pass(&group, results, 4, kt_scratch(&group, results, 4), kt_stream()));
  double most = 0, unused = 0;
  const double *want = expected(&group, values, 0, false, &most);
  kt_close("number", kt_download_as(number, 1, LIMN_F32), want, 1, 2e-6, 1e-6 * most);
  want = expected(&group, values, 15, true, &unused);
  kt_close("stored", kt_download_as(stored, count, s->type), want, count, kt_epsilon(s->type), 1e-6);
  want = expected(&group, values, s->kept, false, &unused);
  kt_close("sums", kt_download_as(sums, kept, LIMN_F32), want, kept, 2e-6, 1e-6 * most);
  want = expected(&group, values, s->kept, true, &unused);
  kt_close("squares", kt_download_as(squares, kept, LIMN_F32), want, kept, 2e-6, 1e-6 * most);
}

static void run_pass_refusals(const void *context) {
  limn_extents d = {2, 3, 3, 4}, channels = {1, 1, 1, 4}, samples = {2, 1, 1, 1};
  limn_group group = {.domain = d};
  (void)context;
  kt_add_input(&group, d, LIMN_F32, 0, 1);
  float *out = kt_device(64), *other = kt_device(64);
  limn_result results[2] = {{0, channels, out, LIMN_F32}, {0, samples, other, LIMN_F32}};
  float *scratch = kt_device(4096);
  kt_refused(limn_run_pass(&group, results, 2, scratch, kt_stream()), "sums to two extents");
  results[1].to = (limn_extents){1, 1, 1, 1};
  kt_refused(limn_run_pass(&group, results, 2, NULL, kt_stream()), "no scratch");
  kt_refused(limn_run_pass(&group, results, 0, scratch, kt_stream()), "no result");
  results[1].operand = LIMN_MAX_TASK_INPUTS;
  kt_refused(limn_run_pass(&group, results, 2, scratch, kt_stream()), "an operand that is not there");
  results[1].operand = 0;
  results[1].type = LIMN_BF16;
  kt_refused(limn_run_pass(&group, results, 2, scratch, kt_stream()), "a sum in bf16");
  results[1].type = LIMN_F32;
  KT_OK(limn_run_pass(&group, results, 2, scratch, kt_stream()));
  kt_download_as(out, 4, LIMN_F32);
}

static void check_passes(void) {
  static const limn_extents domains[] = {{2, 3, 5, 7},   {3, 4, 2, 8},     {5, 1, 1, 100},  {6, 2, 2, 1}, {1, 9, 9, 3},
                                         {4, 70, 70, 3}, {300, 1, 1, 516}, {2, 60, 60, 64}, {1, 3, 3, 1}};
  static const int kept[] = {0, 1, 8, 9, 4}; /* a number, channels, samples, both; neither rows nor columns */
  static const limn_type types[] = {LIMN_F32, LIMN_BF16, LIMN_F16};
  for (size_t k = 0; k < KT_COUNT(domains); ++k)
    for (size_t i = 0; i < KT_COUNT(kept); ++i) {
      limn_extents d = domains[k], to = keep(d, kept[i]);
      if (kt_elements(to) == kt_elements(d))
        continue; /* nothing is summed */
      struct pass_case s = {d, kept[i], types[(k + i) % 3], i % 2 == 1};
      kt_case(run_pass, &s, "pass with sums to %x of domain %d", (unsigned)kept[i], (int)k);
    }
  kt_case(run_pass_refusals, NULL, "pass refusals");
}

static void run_not_finite(const void *context) {
  float x[1000], nan_sum;
  (void)context;
  for (int i = 0; i < 1000; ++i)
    x[i] = i == 777 ? NAN : 1;
  limn_group group = {.domain = {1, 1, 1000, 1}, .input_count = 1};
  group.inputs[0] = (limn_group_input){.data = kt_upload(x, sizeof x), .stride = {0, 0, 1, 0}};
  float *out = kt_device(sizeof *out);
  KT_OK(kt_sum(&group, (limn_extents){1, 1, 1, 1}, out));
  kt_download(&nan_sum, out, sizeof nan_sum);
  if (!isnan(nan_sum))
    kt_fail("a NaN among what is summed gives %g", (double)nan_sum);
  kt_refused(kt_sum(&group, (limn_extents){1, 1, 10, 1}, out), "a sum to a part");
}

void check_sums(void) {
  static const limn_extents domains[] = {{1, 1, 1, 1}, {2, 3, 5, 7}, {3, 4, 2, 8},  {5, 1, 1, 100},
                                         {1, 1, 1, 5}, {6, 2, 2, 1}, {2, 9, 1, 64}, {4, 6, 6, 3}};
  static const limn_type types[] = {LIMN_F32, LIMN_BF16, LIMN_F16};
  for (size_t k = 0; k < KT_COUNT(domains); ++k)
    for (int kept = 0; kept < 16; ++kept) {
      struct sum_case s = {domains[k], kept, types[(k + (size_t)kept) % 3], kept % 2 == 0};
      kt_case(run_sum, &s, "sum to %x of domain %d", (unsigned)kept, (int)k);
    }
  /* Enough for several parts, rounds and strips. */
  static const struct sum_case large[] = {
      {{4, 100, 100, 8}, 0, LIMN_F32, true},  {{1, 1, 1, 99999}, 0, LIMN_BF16, false},
      {{3, 70, 70, 3}, 8, LIMN_F32, true},    {{1200, 30, 10, 1}, 8, LIMN_F32, false},
      {{8, 50, 50, 1}, 1, LIMN_BF16, false},  {{8, 50, 50, 3}, 1, LIMN_F32, true},
      {{5, 40, 40, 64}, 1, LIMN_BF16, false}, {{2, 30, 30, 100}, 1, LIMN_F16, true},
      {{700, 1, 1, 513}, 1, LIMN_F32, false}, {{300, 2, 2, 516}, 1, LIMN_F32, false},
      {{40, 5, 5, 12}, 7, LIMN_F32, false},   {{3, 9, 50, 40}, 4, LIMN_F32, false},
  };
  for (size_t k = 0; k < KT_COUNT(large); ++k)
    kt_case(run_sum, &large[k], "sum large %d", (int)k);
  kt_case(run_not_finite, NULL, "sum of NaN");
  check_passes();
}
