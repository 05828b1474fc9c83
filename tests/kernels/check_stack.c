/* Batches put together and taken apart. */
#include "kernel_tests.h"

#define ALL 20000 /* elements of each operand; of the result there are as many as the parts have */

struct stack_case {
  limn_type types[2], out;
  int64_t first[2], count[2];
};

static void run_stack(const void *context) {
  const struct stack_case *s = context;
  size_t count = (size_t)(s->count[0] + s->count[1]);
  limn_part parts[2];
  float *want = kt_host(count * sizeof *want), *next = want;
  for (int k = 0; k < 2; ++k) {
    float *x = kt_numbers(ALL, s->types[k], -2, 2);
    parts[k] = (limn_part){kt_upload_as(x, ALL, s->types[k]), s->types[k], s->first[k], s->count[k]};
    for (int64_t i = 0; i < s->count[k]; ++i)
      *next++ = kt_rounded(x[s->first[k] + i], s->out);
  }
  void *out = kt_device(count * kt_size(s->out));
  KT_OK(limn_stack(parts, out, s->out, kt_stream()));
  kt_equal("the stack", kt_download_as(out, count, s->out), want, count);
}

/* Rows alone have one part; the other is nothing at all. */
static void run_rows(const void *context) {
  const limn_type type = *(const limn_type *)context;
  float *x = kt_numbers(ALL, type, -2, 2);
  const limn_part parts[2] = {{kt_upload_as(x, ALL, type), type, 300, 77}, {0}};
  void *out = kt_device(77 * kt_size(type));
  KT_OK(limn_stack(parts, out, type, kt_stream()));
  kt_equal("rows", kt_download_as(out, 77, type), x + 300, 77);
}

static void run_refused(const void *context) {
  (void)context;
  float *x = kt_device(64), *out = kt_device(64);
  kt_refused(limn_stack((limn_part[2]){{x, LIMN_F32, 0, -1}, {x, LIMN_F32, 0, 4}}, out, LIMN_F32, kt_stream()),
             "fewer than no elements");
  kt_refused(limn_stack((limn_part[2]){{x, LIMN_F32, 0, 4}, {NULL, LIMN_F32, 0, 4}}, out, LIMN_F32, kt_stream()),
             "a part that is nowhere");
  kt_refused(limn_stack((limn_part[2]){{x, LIMN_F32, 0, 0}, {x, LIMN_F32, 0, 0}}, out, LIMN_F32, kt_stream()),
             "nothing to stack");
}

void check_stack(void) {
  static const limn_type types[] = {LIMN_F32, LIMN_BF16, LIMN_F16};
  static const int64_t firsts[][2] = {{0, 0}, {4, 0}, {0, 12}, {5, 0}, {0, 3}};
  static const int64_t counts[][2] = {{4, 8}, {1, 1}, {3, 4}, {4, 3}, {10000, 19000}, {9999, 19000}};
  for (size_t f = 0; f < KT_COUNT(firsts); ++f)
    for (size_t c = 0; c < KT_COUNT(counts); ++c) {
      struct stack_case s = {
          {types[f % 3], types[(f + c) % 3]}, types[c % 3], {firsts[f][0], firsts[f][1]}, {counts[c][0], counts[c][1]}};
      kt_case(run_stack, &s, "stack %d %d", (int)f, (int)c);
    }
  for (size_t t = 0; t < KT_COUNT(types); ++t)
    kt_case(run_rows, &types[t], "stack rows %s", kt_name(types[t]));
  kt_case(run_refused, NULL, "stack refused");
}
