/* Small groups in one launch, and sums of two. */
#include <math.h>

#include "kernel_tests.h"

#define BEFORE 3 /* elements in front of z */

/* y = tanh(x); total = sum y^2 over all; z = y * total: each needs what the one before it has written. z does not begin
 * where its memory does. */
static void run_chain(const void *context) {
  const limn_type type = *(const limn_type *)context;
  const limn_extents domain = {7, 3, 5, 11}, one = {1, 1, 1, 1};
  const limn_type half_type = type == LIMN_F32 ? LIMN_BF16 : type;
  size_t count = kt_elements(domain), half_bytes = (BEFORE + count) * kt_size(half_type);
  limn_small_group groups[3] = {
      {{.domain = domain}, domain, {0}, 0}, {{.domain = domain}, one, {0}, 0}, {{.domain = domain}, domain, {0}, 0}};
  float *x = kt_add_input(&groups[0].group, domain, type, -1, 1);
  float *y = kt_device(count * sizeof *y), *total = kt_device(sizeof *total),
        *z = kt_device((BEFORE + count) * sizeof *z);
  void *half = kt_device(half_bytes);
  kt_add_instruction(&groups[0].group, LIMN_PW_TANH, 0, 0, 0, 0);
  groups[0].out = (limn_master){y, NULL, half_type};
  kt_add_input(&groups[1].group, domain, LIMN_F32, 0, 0);
  groups[1].group.inputs[0].data = y;
  kt_add_instruction(&groups[1].group, LIMN_PW_SQUARE, 0, 0, 0, 0);
  groups[1].out = (limn_master){total, NULL, half_type};
  kt_add_input(&groups[2].group, domain, LIMN_F32, 0, 0);
  kt_add_input(&groups[2].group, one, LIMN_F32, 0, 0);
  groups[2].group.inputs[0].data = y;
  groups[2].group.inputs[1].data = total;
  kt_add_instruction(&groups[2].group, LIMN_PW_MUL, 0, 1, 0, 0);
  groups[2].out = (limn_master){z, half, half_type};
  groups[2].first = BEFORE;

  double sum = 0, *want = kt_host(count * sizeof *want);
  for (size_t i = 0; i < count; ++i)
    sum += pow(tanh((double)x[i]), 2);
  for (size_t i = 0; i < count; ++i)
    want[i] = tanh((double)x[i]) * sum;
  size_t bytes = limn_small_table_bytes(3);
  void *table = kt_host(bytes);
  KT_OK(limn_small_table_fill(table, groups, 3));
  KT_OK(limn_small_groups(kt_upload(table, bytes), 3, kt_stream()));
  kt_close("total", kt_download_as(total, 1, LIMN_F32), &sum, 1, 1e-5, 0);
  const float *got = kt_download_as(z, BEFORE + count, LIMN_F32);
  const float *got_half = kt_download_as(half, BEFORE + count, half_type);
  kt_close("z", got + BEFORE, want, count, 1e-5, 1e-6);
  kt_close("z in half", got_half + BEFORE, want, count, kt_epsilon(half_type), 1e-3);
  if (!isnan(got[BEFORE - 1]) || !isnan(got_half[BEFORE - 1]))
    kt_fail("something was written in front of z");
}

/* A group that is no group is refused when the table is filled. */
static void run_refused(const void *context) {
  const limn_extents domain = {2, 2, 2, 2};
  limn_small_group group = {{.domain = domain}, {3, 1, 1, 1}, {.data = kt_device(64)}, 0};
  (void)context;
  kt_add_input(&group.group, domain, LIMN_F32, 0, 1);
  kt_refused(limn_small_table_fill(kt_host(limn_small_table_bytes(1)), &group, 1), "axes that do not fit");
  group.to = domain;
  group.out.data = NULL;
  kt_refused(limn_small_table_fill(kt_host(limn_small_table_bytes(1)), &group, 1), "nowhere to write");
}

#define TENSORS 100

struct additions_case {
  limn_type x, y;
};

static void run_additions(const void *context) {
  const struct additions_case *s = context;
  static const int64_t counts[] = {1, 3, 4, 5, 255, 4096, 4097, 10001};
  limn_addition tensors[TENSORS];
  float *x[TENSORS], *y[TENSORS];
  for (int k = 0; k < TENSORS; ++k) {
    int64_t count = counts[k % 8];
    x[k] = kt_numbers((size_t)count, s->x, -2, 2);
    y[k] = kt_numbers((size_t)count, s->y, -2, 2);
    tensors[k] = (limn_addition){.x = kt_upload_as(x[k], (size_t)count, s->x),
                                 .y = kt_upload_as(y[k], (size_t)count, s->y),
                                 .x_type = s->x,
                                 .y_type = s->y,
                                 .out = kt_device((size_t)count * sizeof(float)),
                                 .count = count};
  }
  KT_OK(limn_add(tensors, TENSORS, kt_stream()));
  for (int k = 0; k < TENSORS; ++k) {
    for (int64_t i = 0; i < tensors[k].count; ++i)
      x[k][i] += y[k][i];
    kt_equal("sum", kt_download_as(tensors[k].out, (size_t)tensors[k].count, LIMN_F32), x[k], (size_t)tensors[k].count);
  }
}

void check_small(void) {
  static const limn_type types[] = {LIMN_F32, LIMN_BF16, LIMN_F16};
  for (size_t t = 0; t < KT_COUNT(types); ++t)
    kt_case(run_chain, &types[t], "small chain %s", kt_name(types[t]));
  kt_case(run_refused, NULL, "small refused");
  for (size_t x = 0; x < KT_COUNT(types); ++x)
    for (size_t y = 0; y < KT_COUNT(types); ++y) {
      struct additions_case s = {types[x], types[y]};
      kt_case(run_additions, &s, "additions %s %s", kt_name(s.x), kt_name(s.y));
    }
}
