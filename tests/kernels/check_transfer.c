#include <math.h>
#include <string.h>

#include "kernel_tests.h"

static const limn_type types[] = {LIMN_F32, LIMN_BF16, LIMN_F16};

struct transfer_case {
  limn_extents extents;
  limn_type half;
  bool with_half;
};

static size_t logical_index(limn_extents e, size_t at) {
  size_t c = at % (size_t)e.c, pixels = (size_t)e.h * (size_t)e.w, pixel = at / (size_t)e.c % pixels;
  return (at / (size_t)e.c / pixels * (size_t)e.c + c) * pixels + pixel;
}

static limn_master make_master(size_t count, bool with_half, limn_type half) {
  return (limn_master){kt_device(count * 4), with_half ? kt_device(count * 2) : NULL, half};
}

static void compare_master(const limn_master *m, const float *want, size_t count) {
  float *got = kt_download_as(m->data, count, LIMN_F32), *rounded = kt_host(count * sizeof *rounded);
  kt_equal("master", got, want, count);
  for (size_t i = 0; i < count && m->half; ++i)
    rounded[i] = kt_rounded(got[i], m->half_type);
  if (m->half)
    kt_equal("half", kt_download_as(m->half, count, m->half_type), rounded, count);
}

static void run_floats(const void *context) {
  const struct transfer_case *s = context;
  size_t count = kt_elements(s->extents);
  float *x = kt_numbers(count, LIMN_F32, -1, 1), *want = kt_host(count * sizeof *want);
  for (size_t i = 0; i < count; ++i)
    want[i] = x[logical_index(s->extents, i)];
  limn_master out = make_master(count, s->with_half, s->half);
  KT_OK(limn_from_nchw(kt_upload(x, count * sizeof *x), out, s->extents, kt_stream()));
  compare_master(&out, want, count);
  float *back = kt_device(count * sizeof *back);
  KT_OK(limn_to_nchw(out.data, back, s->extents, kt_stream()));
  kt_equal("back", kt_download_as(back, count, LIMN_F32), x, count);
}

struct cast_case {
  limn_type from, to;
  size_t count;
};

static void run_cast(const void *context) {
  const struct cast_case *s = context;
  static const float specials[] = {NAN, INFINITY, -INFINITY, 0, 65504, -70000, 1e-7f, 3e-5f, 0x1.01p0f, 0x1.03p0f};
  float *x = kt_numbers(s->count, LIMN_F32, -3, 3), *want = kt_host(s->count * sizeof *want);
  for (size_t i = 0; i < s->count; ++i) {
    x[i] = kt_rounded(i < KT_COUNT(specials) ? specials[i] : x[i], s->from);
    want[i] = kt_rounded(x[i], s->to);
  }
  void *device = kt_upload_as(x, s->count, s->from), *out = kt_device(s->count * kt_size(s->to));
  KT_OK(limn_cast(device, s->from, out, s->to, (int64_t)s->count, kt_stream()));
  kt_equal("cast", kt_download_as(out, s->count, s->to), want, s->count);
  limn_master master = make_master(s->count, s->to != LIMN_F32, s->to);
  KT_OK(limn_copy(device, s->from, master, (int64_t)s->count, kt_stream()));
  compare_master(&master, x, s->count);
}

static void run_small(const void *context) {
  const int *count = context;
  float values[LIMN_SMALL + 1], want[LIMN_SMALL + 1];
  limn_master out = make_master(LIMN_SMALL + 1, true, LIMN_BF16);
  for (int i = 0; i <= LIMN_SMALL; ++i) {
    values[i] = 0.3f * (float)i;
    want[i] = i < *count ? values[i] : NAN;
  }
  KT_OK(limn_set_small(out, values, *count, kt_stream()));
  for (int i = 0; i < LIMN_SMALL; ++i)
    values[i] = -1; /* the launch has its own copy */
  compare_master(&out, want, LIMN_SMALL + 1);
  kt_refused(limn_set_small(out, values, LIMN_SMALL + 1, kt_stream()), "more values than travel with a launch");
  const limn_run_words want_run = {0x123456789abcdef0, 0xfedcba9876543210};
  limn_run_words *run = kt_device(sizeof *run), got;
  KT_OK(limn_set_run_words(run, want_run, kt_stream()));
  kt_download(&got, run, sizeof got);
  if (got.step != want_run.step || got.slots != want_run.slots)
    kt_fail("the step is %llx, the slots are %llx", (unsigned long long)got.step, (unsigned long long)got.slots);
}

void check_transfer(void) {
  static const limn_extents extents[] = {{2, 5, 7, 3},     {1, 1, 1, 1},  {3, 4, 4, 1},    {4, 1, 1, 100},
                                         {2, 4, 4, 64},    {1, 9, 5, 33}, {3, 33, 31, 40}, {2, 8, 8, 8},
                                         {100, 40, 10, 9}, {5, 1, 1, 3},  {64, 70, 70, 3}};
  static const size_t counts[] = {1, 3, 64, 1003};
  for (size_t k = 0; k < KT_COUNT(extents); ++k) {
    struct transfer_case s = {extents[k], types[1 + k % 2], k % 3 != 0};
    kt_case(run_floats, &s, "transfer of floats %d", (int)k);
  }
  for (size_t i = 0; i < 9; ++i)
    for (size_t k = 0; k < KT_COUNT(counts); ++k) {
      struct cast_case s = {types[i / 3], types[i % 3], counts[k]};
      kt_case(run_cast, &s, "transfer of %d from %s to %s", (int)counts[k], kt_name(s.from), kt_name(s.to));
    }
  struct cast_case large = {LIMN_F32, LIMN_BF16, 1200005};
  kt_case(run_cast, &large, "transfer of many from fp32 to bf16");
  kt_case(run_small, &(int){LIMN_SMALL}, "transfer of small values");
  kt_case(run_small, &(int){1}, "transfer of one value");
}
