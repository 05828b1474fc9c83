#include <math.h>

#include "base/philox.h"
#include "kernel_tests.h"

struct random_case {
  limn_extents extents;
  limn_type type;
  bool normal;
  uint64_t seed, step;
  uint32_t stream;
};

static void run_random(const void *context) {
  const struct random_case *s = context;
  limn_extents e = s->extents;
  size_t count = kt_elements(e), at = 0;
  float *logical = kt_host((count + 3) * sizeof *logical), *want = kt_host(count * sizeof *want);
  double *near = kt_host(count * sizeof *near);
  (s->normal ? limn_philox_normal : limn_philox_uniform)(s->seed, s->stream, s->step, 0, logical, count);
  for (int n = 0; n < e.n; ++n)
    for (int h = 0; h < e.h; ++h)
      for (int w = 0; w < e.w; ++w)
        for (int c = 0; c < e.c; ++c, ++at) {
          size_t i = (((size_t)n * (size_t)e.c + (size_t)c) * (size_t)e.h + (size_t)h) * (size_t)e.w + (size_t)w;
          want[at] = kt_rounded(logical[i], s->type);
          near[at] = (double)want[at];
        }
  uint64_t *step = kt_upload(&s->step, sizeof s->step);
  bool half = s->type != LIMN_F32;
  float *master = kt_device(count * sizeof *master);
  void *out = half ? kt_device(count * kt_size(s->type)) : master;
  const limn_master to = {master, half ? out : NULL, s->type};
  KT_OK((s->normal ? limn_random_normal : limn_random_uniform)(to, e, s->seed, s->stream, step, kt_stream()));
  float *got = kt_download_as(out, count, s->type);
  /* The logarithm, sine and cosine of another library may differ in a last bit. */
  if (s->normal)
    kt_close("normal", got, near, count, s->type == LIMN_F32 ? 1.2e-7 : 2 * kt_epsilon(s->type), 0);
  else
    kt_equal("uniform", got, want, count);
}

void check_random(void) {
  static const limn_extents extents[] = {{5, 1, 1, 100}, {2, 5, 7, 3}, {1, 1, 1, 1}, {3, 4, 5, 1}, {2, 3, 3, 64}};
  static const limn_type types[] = {LIMN_F32, LIMN_BF16, LIMN_F16};
  for (size_t e = 0; e < KT_COUNT(extents); ++e)
    for (size_t t = 0; t < KT_COUNT(types); ++t)
      for (int normal = 0; normal < 2; ++normal) {
        struct random_case s = {extents[e], types[t], normal, 0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3};
        kt_case(run_random, &s, "random %s %s %d", normal ? "normal" : "uniform", kt_name(types[t]), (int)e);
      }
  struct random_case large = {{1, 1050, 1030, 1}, LIMN_F32, false, 1, 0, 0};
  kt_case(run_random, &large, "random uniform large");
}
