/* Channels put together and taken apart. */
#include "kernel_tests.h"

struct channels_case {
  int pixels, count;
  struct {
    int channels, first, count;
  } parts[LIMN_MAX_PARTS];
};

static const limn_type types[] = {LIMN_F32, LIMN_BF16, LIMN_F16};

/* Each part in another type; all results have been rounded to one of half size at most, which the others hold. */
static void run_channels(const void *context) {
  const struct channels_case *s = context;
  limn_channels parts[LIMN_MAX_PARTS];
  int channels = 0, first = 0;
  for (int k = 0; k < s->count; ++k)
    channels += s->parts[k].count;
  size_t count = (size_t)channels * (size_t)s->pixels;
  const limn_type type = types[(channels + s->pixels) % 3];
  float *want = kt_host(count * sizeof *want);
  for (int k = 0; k < s->count; first += s->parts[k++].count) {
    const size_t all = (size_t)s->parts[k].channels * (size_t)s->pixels;
    const limn_type of_part = types[(k + s->pixels) % 3];
    float *x = kt_numbers(all, of_part, -2, 2);
    parts[k] = (limn_channels){kt_upload_as(x, all, of_part), of_part, s->parts[k].channels, s->parts[k].first,
                               s->parts[k].count};
    for (int p = 0; p < s->pixels; ++p)
      for (int c = 0; c < s->parts[k].count; ++c)
        want[p * channels + first + c] = kt_rounded(x[p * s->parts[k].channels + s->parts[k].first + c], type);
  }
  void *out = kt_device(count * kt_size(type));
  KT_OK(limn_join_channels(parts, s->count, s->pixels, out, type, kt_stream()));
  kt_equal("channels", kt_download_as(out, count, type), want, count);
}

static void run_refused(const void *context) {
  (void)context;
  float *x = kt_device(64), *out = kt_device(64);
  const limn_channels good = {x, LIMN_F32, 4, 1, 3};
  limn_channels bad = good;
  bad.count = 4;
  kt_refused(limn_join_channels(&bad, 1, 1, out, LIMN_F32, kt_stream()), "more channels than there are");
  bad = good;
  bad.x = NULL;
  kt_refused(limn_join_channels(&bad, 1, 1, out, LIMN_F32, kt_stream()), "a part that is nowhere");
  kt_refused(limn_join_channels(&good, 0, 1, out, LIMN_F32, kt_stream()), "no parts");
  kt_refused(limn_join_channels((limn_channels[]){good, good, good, good, good}, 5, 1, out, LIMN_F32, kt_stream()),
             "more parts than fit");
}

void check_channels(void) {
  static const struct channels_case cases[] = {
      {1, 1, {{1, 0, 1}}},
      {7, 2, {{3, 0, 3}, {5, 0, 5}}},
      {36, 4, {{8, 0, 8}, {16, 0, 16}, {4, 0, 4}, {12, 0, 12}}},
      {37, 4, {{8, 0, 8}, {16, 0, 16}, {3, 0, 3}, {12, 0, 12}}},
      {25, 1, {{32, 8, 16}}},
      {26, 1, {{32, 9, 16}}},
      {26, 3, {{32, 0, 8}, {20, 4, 16}, {12, 8, 4}}},
      {3000, 2, {{64, 0, 64}, {96, 0, 96}}},
      {3001, 2, {{64, 1, 62}, {96, 0, 96}}},
      {300000, 1, {{4, 0, 4}}}, /* more than one round of a grid */
  };
  for (size_t k = 0; k < KT_COUNT(cases); ++k)
    kt_case(run_channels, &cases[k], "channels %d", (int)k);
  kt_case(run_refused, NULL, "channels refused");
}
