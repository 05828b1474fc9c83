#include "base/philox.h"
#include "kernel_tests.h"

struct pictures_case {
  limn_extents extents;
  int from_h, from_w, reach_h, reach_w;
  bool flip, moved, with_float, with_half;
  limn_type half;
  limn_run_words run;
  int leaf;
};

#define SEED   0x299f31d0a4093822u
#define STREAM 14

static int within(int at, int side) { return at < 0 ? 0 : at < side ? at : side - 1; }

/* Scale and shift are such that no rounding is in it. */
static float expected(const struct pictures_case *s, const uint8_t *bytes, int n, int h, int w, int c) {
  const uint32_t key[2] = {(uint32_t)SEED, (uint32_t)(SEED >> 32)},
                 counter[4] = {(uint32_t)n, STREAM, (uint32_t)s->run.step, (uint32_t)(s->run.step >> 32)};
  uint32_t words[4];
  limn_philox(counter, key, words);
  limn_extents e = s->extents;
  uint64_t rows = (uint64_t)(s->from_h - e.h + 2 * s->reach_h + 1),
           columns = (uint64_t)(s->from_w - e.w + 2 * s->reach_w + 1);
  int top = s->moved ? (int)(words[1] * rows >> 32) - s->reach_h : (s->from_h - e.h) / 2,
      left = s->moved ? (int)(words[2] * columns >> 32) - s->reach_w : (s->from_w - e.w) / 2;
  if (s->flip && words[0] >> 31)
    w = e.w - 1 - w;
  int row = within(top + h, s->from_h), column = within(left + w, s->from_w);
  return 0x1p-7f *
             (float)
                 bytes[(((size_t)n * (size_t)e.c + (size_t)c) * (size_t)s->from_h + (size_t)row) * (size_t)s->from_w +
                       (size_t)column] -
         1;
}

static void run_pictures(const void *context) {
  const struct pictures_case *s = context;
  limn_extents e = s->extents;
  size_t slot = (size_t)e.n * (size_t)e.c * (size_t)s->from_h * (size_t)s->from_w, apart = (slot + 63) / 64 * 64;
  size_t count = kt_elements(e), at = 0, first = s->run.slots >> s->leaf & 1 ? apart : 0;
  uint8_t *bytes = kt_host(apart + slot);
  float *want = kt_host(count * sizeof *want);
  for (size_t i = 0; i < apart + slot; ++i)
    bytes[i] = (uint8_t)kt_uniform(0, 256);
  for (int n = 0; n < e.n; ++n)
    for (int h = 0; h < e.h; ++h)
      for (int w = 0; w < e.w; ++w)
        for (int c = 0; c < e.c; ++c)
          want[at++] = expected(s, bytes + first, n, h, w, c);
  limn_pictures_args args = {.bytes = kt_upload(bytes, apart + slot),
                             .slot_bytes = (int64_t)apart,
                             .from_h = s->from_h,
                             .from_w = s->from_w,
                             .leaf = s->leaf,
                             .extents = e,
                             .scale = 0x1p-7f,
                             .shift = -1,
                             .flip = s->flip,
                             .moved = s->moved,
                             .reach_h = s->reach_h,
                             .reach_w = s->reach_w,
                             .seed = SEED,
                             .random_stream = STREAM,
                             .out = {.data = s->with_float ? kt_device(count * 4) : NULL,
                                     .half = s->with_half ? kt_device(count * 2) : NULL,
                                     .half_type = s->half}};
  KT_OK(limn_pictures(&args, kt_upload(&s->run, sizeof s->run), kt_stream()));
  if (s->with_float)
    kt_equal("numbers", kt_download_as(args.out.data, count, LIMN_F32), want, count);
  for (size_t i = 0; i < count; ++i)
    want[i] = kt_rounded(want[i], s->half);
  if (s->with_half)
    kt_equal("half", kt_download_as(args.out.half, count, s->half), want, count);
}

static void run_refused(const void *context) {
  (void)context;
  uint8_t *bytes = kt_device(64);
  limn_run_words *run = kt_device(sizeof *run);
  limn_pictures_args good = {
      .bytes = bytes, .from_h = 4, .from_w = 4, .extents = {1, 4, 4, 1}, .out.data = kt_device(64)};
  limn_pictures_args bad = good;
  bad.from_h = 3;
  kt_refused(limn_pictures(&bad, run, kt_stream()), "a window larger than the picture");
  bad = good;
  bad.out.data = NULL;
  kt_refused(limn_pictures(&bad, run, kt_stream()), "nothing to write to");
  bad = good;
  bad.leaf = 64;
  kt_refused(limn_pictures(&bad, run, kt_stream()), "a bit that there is not");
  kt_refused(limn_pictures(&good, NULL, kt_stream()), "no words of the run");
}

void check_pictures(void) {
  static const struct {
    limn_extents extents;
    int from_h, from_w, reach_h, reach_w;
  } shapes[] = {{{3, 8, 8, 3}, 8, 8, 0, 0},     {{7, 5, 4, 1}, 9, 7, 0, 0}, {{16, 7, 5, 3}, 7, 5, 2, 3},
                {{5, 4, 5, 16}, 6, 7, 1, 4},    {{1, 1, 1, 1}, 1, 1, 0, 0}, {{9, 33, 31, 3}, 40, 31, 8, 0},
                {{40, 64, 64, 3}, 72, 72, 4, 4}};
  for (size_t k = 0; k < KT_COUNT(shapes); ++k)
    for (int way = 0; way < 4; ++way) {
      bool flip = way & 1, moved = way >> 1;
      struct pictures_case s = {
          .extents = shapes[k].extents,
          .from_h = shapes[k].from_h,
          .from_w = shapes[k].from_w,
          .reach_h = moved ? shapes[k].reach_h : 0,
          .reach_w = moved ? shapes[k].reach_w : 0,
          .flip = flip,
          .moved = moved,
          .with_float = (k + (size_t)way) % 3 != 0,
          .with_half = (k + (size_t)way) % 3 != 1,
          .half = way % 2 ? LIMN_BF16 : LIMN_F16,
          .run = {way < 2 ? 3 : 0x0370734413198a2e, k % 2 ? (uint64_t)1 << (9 * k) : ~((uint64_t)1 << (9 * k))},
          .leaf = (int)(9 * k)};
      kt_case(run_pictures, &s, "pictures %d%s%s", (int)k, flip ? " flip" : "", moved ? " moved" : "");
    }
  kt_case(run_refused, NULL, "pictures refused");
}
