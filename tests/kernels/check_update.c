#include <math.h>

#include "kernel_tests.h"

#define ENTRIES 60

struct running_case {
  int entries, targets; /* entry k has target k mod targets */
  int32_t channels;
  bool special; /* entry 1 is gated; in the first group 2 has NaN in its mean, 3 infinity in its last variance; 4's
                   gate is open */
  int32_t groups;
};

static bool is_left_out(const struct running_case *s, int k, int group) {
  return s->special && (k == 1 || (group == 0 && (k == 2 || k == 3)));
}

static void run_running(const void *context) {
  const struct running_case *s = context;
  const float open = 0, shut = 2;
  size_t channels = (size_t)s->channels;
  limn_running entries[ENTRIES];
  float *statistics[ENTRIES], *device[ENTRIES];
  double *want[ENTRIES];
  for (int k = 0; k < ENTRIES; ++k) { /* those past the targets stay as they are */
    float *start = kt_numbers(2 * channels, LIMN_F32, 0, 1);
    device[k] = kt_upload(start, 2 * channels * sizeof *start);
    want[k] = kt_host(2 * channels * sizeof **want);
    for (size_t i = 0; i < 2 * channels; ++i)
      want[k][i] = (double)start[i];
  }
  for (int k = 0; k < s->entries; ++k) {
    size_t all = (size_t)s->groups * 2 * channels;
    statistics[k] = kt_numbers(all, LIMN_F32, 0, 3);
    if (s->special && k == 2)
      statistics[k][0] = NAN;
    if (s->special && k == 3)
      statistics[k][2 * channels - 1] = INFINITY;
    float *target = device[k % s->targets];
    entries[k] = (limn_running){.mean = target,
                                .variance = target + channels,
                                .statistics = kt_upload(statistics[k], all * sizeof(float)),
                                .channels = s->channels,
                                .groups = s->groups,
                                .momentum = 0.25f,
                                .unbias = 1.5f};
    if (s->special && (k == 1 || k == 4))
      entries[k].gate = kt_upload(k == 1 ? &shut : &open, sizeof open);
    for (size_t i = 0; i < all; ++i) {
      double *running = &want[k % s->targets][i % (2 * channels)];
      if (!is_left_out(s, k, (int)(i / (2 * channels))))
        *running = 0.75 * *running + 0.25 * (i % (2 * channels) < channels ? 1 : 1.5) * (double)statistics[k][i];
    }
  }
  KT_OK(limn_update_running(entries, s->entries, kt_stream()));
  for (int k = 0; k < ENTRIES; ++k)
    kt_close("running", kt_download_as(device[k], 2 * channels, LIMN_F32), want[k], 2 * channels, 1e-5, 1e-6);
}

static void run_record(const void *context) {
  const uint64_t *step = context;
  enum { ROWS = 7, COLUMNS = ENTRIES };
  limn_recorded entries[ENTRIES];
  float *values = kt_numbers(ENTRIES, LIMN_F32, -1, 1), *scalars = kt_upload(values, ENTRIES * sizeof *values);
  float *ring = kt_device(ROWS * COLUMNS * sizeof *ring), want[ROWS * COLUMNS];
  for (int i = 0; i < ROWS * COLUMNS; ++i)
    want[i] = NAN;
  for (int k = 0; k < ENTRIES; ++k) {
    entries[k] = (limn_recorded){scalars + k, ring, ROWS, COLUMNS, COLUMNS - 1 - k};
    want[(int)(*step % ROWS) * COLUMNS + COLUMNS - 1 - k] = values[k];
  }
  KT_OK(limn_record(entries, ENTRIES - 1, kt_upload(step, sizeof *step), kt_stream()));
  want[(int)(*step % ROWS) * COLUMNS] = NAN;
  kt_equal("ring", kt_download_as(ring, ROWS * COLUMNS, LIMN_F32), want, ROWS * COLUMNS);
}

void check_update(void) {
  static const struct running_case running[] = {
      {1, 1, 1, false, 1}, {8, 8, 64, true, 1},      {9, 3, 700, true, 1}, {6, 1, 100, true, 1},
      {5, 1, 20, true, 2}, {ENTRIES, 5, 3, true, 1}, {7, 4, 300, true, 3}, {1, 1, 1, false, 2},
  };
  static const uint64_t steps[] = {0, 6, 7, 0xfffffffffffffffe};
  for (size_t k = 0; k < KT_COUNT(running); ++k)
    kt_case(run_running, &running[k], "update of running statistics %d", (int)k);
  for (size_t k = 0; k < KT_COUNT(steps); ++k)
    kt_case(run_record, &steps[k], "update of the record %d", (int)k);
}
