/* Pooling, sums over runs of rows and columns, windows on numbers. */
#include <math.h>

#include "base/philox.h"
#include "kernel_tests.h"

static const limn_type types[] = {LIMN_F32, LIMN_BF16, LIMN_F16};

static size_t at(limn_extents e, int n, int h, int w, int c) {
  return (((size_t)n * (size_t)e.h + (size_t)h) * (size_t)e.w + (size_t)w) * (size_t)e.c + (size_t)c;
}

/* ---- max_pool.cu ---- */

struct pool_case {
  limn_pool_windows windows;
  limn_type x, v, out;
  bool special; /* equal elements, infinities, a NaN */
};

static size_t place_of_largest(const struct pool_case *s, const float *x, int n, int h, int w, int c) {
  const limn_pool_windows *a = &s->windows;
  size_t best = SIZE_MAX;
  for (int row = h * a->stride_h - a->pad_h; row < h * a->stride_h - a->pad_h + a->window_h; ++row)
    for (int column = w * a->stride_w - a->pad_w; column < w * a->stride_w - a->pad_w + a->window_w; ++column)
      if (row >= 0 && row < a->x.h && column >= 0 && column < a->x.w) {
        size_t here = at(a->x, n, row, column, c);
        if (best == SIZE_MAX || x[here] > x[best] || isnan(x[here]))
          best = here;
      }
  return best;
}

static void run_pool(const void *context) {
  const struct pool_case *s = context;
  const limn_extents xe = s->windows.x, ye = s->windows.y;
  const size_t xs = kt_elements(xe), ys = kt_elements(ye);
  float *x = kt_numbers(xs, s->x, -2, 2), *dy = kt_numbers(ys, s->v, -2, 2), *v = kt_numbers(xs, s->v, -2, 2),
        *most = kt_host(ys * sizeof *most), *picked = kt_host(ys * sizeof *picked);
  double *dx = kt_host(xs * sizeof *dx);
  for (size_t i = 0; i < xs; ++i) {
    dx[i] = 0;
    if (s->special)
      x[i] = i % 37 == 5 ? INFINITY : i % 41 == 7 ? NAN : i % 3 ? -INFINITY : 0.5f;
  }
  for (int n = 0; n < ye.n; ++n)
    for (int h = 0; h < ye.h; ++h)
      for (int w = 0; w < ye.w; ++w)
        for (int c = 0; c < ye.c; ++c) {
          size_t best = place_of_largest(s, x, n, h, w, c), i = at(ye, n, h, w, c);
          most[i] = kt_rounded(x[best], s->out);
          picked[i] = kt_rounded(v[best], s->out);
          dx[best] += (double)dy[i];
        }
  limn_max_pool_args args = {.windows = s->windows,
                             .x = kt_upload_as(x, xs, s->x),
                             .out = kt_device(ys * kt_size(s->out)),
                             .x_type = s->x,
                             .v_type = s->v,
                             .out_type = s->out};
  KT_OK(limn_max_pool(&args, kt_stream()));
  kt_equal("the largest", kt_download_as(args.out, ys, s->out), most, ys);
  args.v = kt_upload_as(v, xs, s->v);
  args.out = kt_device(ys * kt_size(s->out));
  KT_OK(limn_max_pool_pick(&args, kt_stream()));
  kt_equal("what was picked", kt_download_as(args.out, ys, s->out), picked, ys);
  args.v = kt_upload_as(dy, ys, s->v);
  args.out = kt_device(xs * kt_size(s->out));
  KT_OK(limn_max_pool_dx(&args, kt_stream()));
  kt_close("dx", kt_download_as(args.out, xs, s->out), dx, xs, kt_epsilon(s->out), 2e-6);
}

static void run_pool_refused(const void *context) {
  (void)context;
  const limn_max_pool_args good = {.windows = {{1, 2, 2, 1}, {1, 1, 1, 1}, 2, 2, 2, 2, 0, 0},
                                   .x = kt_device(64),
                                   .v = kt_device(64),
                                   .out = kt_device(64)};
  limn_max_pool_args bad = good;
  bad.windows.pad_h = 2;
  kt_refused(limn_max_pool(&bad, kt_stream()), "a window of padding before");
  bad = good;
  bad.windows.y.w = 2;
  kt_refused(limn_max_pool(&bad, kt_stream()), "a window of padding behind");
  bad = good;
  bad.windows.y.c = 2;
  kt_refused(limn_max_pool(&bad, kt_stream()), "channels that there are not");
  bad = good;
  bad.v = NULL;
  KT_OK(limn_max_pool(&bad, kt_stream()));
  kt_refused(limn_max_pool_dx(&bad, kt_stream()), "no dy");
  kt_refused(limn_max_pool_pick(&bad, kt_stream()), "nothing to pick from");
}

static void check_pools(void) {
  static const limn_pool_windows windows[] = {
      {{1, 1, 1, 1}, {1, 1, 1, 1}, 1, 1, 1, 1, 0, 0},      {{2, 5, 7, 3}, {2, 2, 3, 3}, 2, 2, 2, 2, 0, 0},
      {{2, 7, 6, 16}, {2, 4, 3, 16}, 3, 3, 2, 2, 1, 1},    {{1, 6, 5, 8}, {1, 6, 5, 8}, 3, 3, 1, 1, 1, 1},
      {{3, 6, 7, 5}, {3, 3, 3, 5}, 3, 2, 2, 3, 0, 1},      {{1, 5, 5, 4}, {1, 2, 2, 4}, 2, 2, 3, 3, 0, 0},
      {{2, 8, 8, 12}, {2, 4, 4, 12}, 3, 3, 2, 2, 0, 0},    {{2, 57, 40, 48}, {2, 29, 20, 48}, 3, 3, 2, 2, 1, 1},
      {{3, 60, 61, 33}, {3, 60, 61, 33}, 2, 2, 1, 1, 1, 1}};
  for (size_t k = 0; k < KT_COUNT(windows); ++k)
    for (size_t t = 0; t < KT_COUNT(types); ++t) {
      struct pool_case s = {windows[k], types[t], types[(t + k) % 3], types[(t + k / 3) % 3], k % 2 == t % 2};
      kt_case(run_pool, &s, "max_pool %d %s", (int)k, kt_name(types[t]));
    }
  kt_case(run_pool_refused, NULL, "max_pool refused");
}

/* ---- separable.cu ---- */

#define MOST_TAPS 5

struct separable_case {
  limn_extents x, y;
  limn_type x_type, y_type;
};

/* A run of up to MOST_TAPS elements for each of `to`, none for some, as a dense matrix and as what the kernel reads. */
static limn_axis add_axis(int from, int to, double *matrix) {
  int32_t *first = kt_host((size_t)to * sizeof *first), *start = kt_host((size_t)(to + 1) * sizeof *start);
  float *weights = kt_host((size_t)to * MOST_TAPS * sizeof *weights);
  start[0] = 0;
  for (int i = 0; i < from * to; ++i)
    matrix[i] = 0;
  for (int i = 0; i < to; ++i) {
    const int begin = (int)kt_uniform(0, (float)from), left = from - begin, wanted = (int)kt_uniform(0, MOST_TAPS + 1),
              count = wanted < left ? wanted : left;
    first[i] = begin;
    start[i + 1] = start[i] + count;
    for (int k = 0; k < count; ++k) {
      weights[start[i] + k] = kt_uniform(-1, 1);
      matrix[i * from + begin + k] = (double)weights[start[i] + k];
    }
  }
  return (limn_axis){kt_upload(first, (size_t)to * sizeof *first), kt_upload(start, (size_t)(to + 1) * sizeof *start),
                     kt_upload(weights, (size_t)to * MOST_TAPS * sizeof *weights)};
}

static void run_separable(const void *context) {
  const struct separable_case *s = context;
  const limn_extents xe = s->x, ye = s->y;
  const size_t xs = kt_elements(xe), ys = kt_elements(ye);
  double *rows = kt_host((size_t)xe.h * (size_t)ye.h * sizeof *rows),
         *columns = kt_host((size_t)xe.w * (size_t)ye.w * sizeof *columns), *want = kt_host(ys * sizeof *want);
  float *x = kt_numbers(xs, s->x_type, -2, 2);
  limn_separable_args args = {.x_extents = xe, .y_extents = ye, .x_type = s->x_type, .y_type = s->y_type};
  args.rows = add_axis(xe.h, ye.h, rows);
  args.columns = add_axis(xe.w, ye.w, columns);
  for (size_t i = 0; i < ys; ++i)
    want[i] = 0;
  for (int n = 0; n < ye.n; ++n)
    for (int h = 0; h < ye.h; ++h)
      for (int w = 0; w < ye.w; ++w)
        for (int r = 0; r < xe.h; ++r)
          for (int k = 0; k < xe.w && rows[h * xe.h + r] != 0; ++k)
            for (int c = 0; c < ye.c && columns[w * xe.w + k] != 0; ++c)
              want[at(ye, n, h, w, c)] += rows[h * xe.h + r] * columns[w * xe.w + k] * (double)x[at(xe, n, r, k, c)];
  args.x = kt_upload_as(x, xs, s->x_type);
  args.y = kt_device(ys * kt_size(s->y_type));
  KT_OK(limn_separable(&args, kt_stream()));
  kt_close("sums", kt_download_as(args.y, ys, s->y_type), want, ys, kt_epsilon(s->y_type), 1e-5);
}

static void run_separable_refused(const void *context) {
  (void)context;
  double matrix[4];
  limn_separable_args good = {
      .x_extents = {1, 2, 2, 1}, .y_extents = {1, 2, 2, 1}, .x = kt_device(64), .y = kt_device(64)};
  good.rows = good.columns = add_axis(2, 2, matrix);
  limn_separable_args bad = good;
  bad.y_extents.n = 2;
  kt_refused(limn_separable(&bad, kt_stream()), "pictures that there are not");
  bad = good;
  bad.rows.weights = NULL;
  kt_refused(limn_separable(&bad, kt_stream()), "no weights");
  bad = good;
  bad.y = NULL;
  kt_refused(limn_separable(&bad, kt_stream()), "nothing to write to");
}

static void check_separable(void) {
  static const limn_extents shapes[][2] = {{{1, 1, 1, 1}, {1, 1, 1, 1}},      {{2, 3, 5, 3}, {2, 6, 4, 3}},
                                           {{2, 5, 7, 16}, {2, 3, 9, 16}},    {{1, 9, 8, 5}, {1, 1, 1, 5}},
                                           {{3, 1, 1, 8}, {3, 7, 6, 8}},      {{2, 23, 20, 48}, {2, 46, 50, 48}},
                                           {{3, 30, 61, 33}, {3, 60, 70, 33}}};
  for (size_t k = 0; k < KT_COUNT(shapes); ++k)
    for (size_t t = 0; t < KT_COUNT(types); ++t) {
      struct separable_case s = {shapes[k][0], shapes[k][1], types[t], types[(t + k) % 3]};
      kt_case(run_separable, &s, "separable %d %s", (int)k, kt_name(types[t]));
    }
  kt_case(run_separable_refused, NULL, "separable refused");
}

/* ---- window.cu ---- */

#define SEED   0x299f31d0a4093822u
#define STREAM 17

struct window_case {
  limn_extents extents;
  bool flip, moved;
  int reach_h, reach_w, cut_h, cut_w;
  uint64_t step;
  limn_type x_type, y_type;
};

static int drawn(uint32_t word, int low, int places) { return low + (int)((uint64_t)word * (uint64_t)places >> 32); }

/* For each element of a picture's result the element that it is made of, or SIZE_MAX. */
static void find_sources(const struct window_case *s, int n, size_t *sources) {
  const limn_extents e = s->extents;
  const uint32_t key[2] = {(uint32_t)SEED, (uint32_t)(SEED >> 32)};
  uint32_t words[8];
  for (uint32_t half = 0; half < 2; ++half) {
    const uint32_t counter[4] = {2 * (uint32_t)n + half, STREAM, (uint32_t)s->step, (uint32_t)(s->step >> 32)};
    limn_philox(counter, key, words + 4 * half);
  }
  const int top = s->moved ? drawn(words[1], -s->reach_h, 2 * s->reach_h + 1) : 0,
            left = s->moved ? drawn(words[2], -s->reach_w, 2 * s->reach_w + 1) : 0,
            cut_top = drawn(words[4], -(s->cut_h / 2), e.h + 1 - s->cut_h % 2),
            cut_left = drawn(words[5], -(s->cut_w / 2), e.w + 1 - s->cut_w % 2);
  for (int h = 0; h < e.h; ++h)
    for (int w = 0; w < e.w; ++w)
      for (int c = 0; c < e.c; ++c) {
        const int row = h + top, column = w + left;
        const bool inside = row >= 0 && row < e.h && column >= 0 && column < e.w;
        const bool cut = h >= cut_top && h < cut_top + s->cut_h && w >= cut_left && w < cut_left + s->cut_w;
        sources[at(e, 0, h, w, c)] =
            inside && !cut ? at(e, n, row, s->flip && words[0] >> 31 ? e.w - 1 - column : column, c) : SIZE_MAX;
      }
}

static void run_window(const void *context) {
  const struct window_case *s = context;
  const limn_extents e = s->extents;
  const size_t count = kt_elements(e), sample = count / (size_t)e.n;
  float *x = kt_numbers(count, s->x_type, -2, 2), *y = kt_host(count * sizeof *y), *dx = kt_host(count * sizeof *dx);
  size_t *sources = kt_host(sample * sizeof *sources);
  for (size_t i = 0; i < count; ++i)
    y[i] = dx[i] = 0;
  for (int n = 0; n < e.n; ++n) {
    find_sources(s, n, sources);
    for (size_t i = 0; i < sample; ++i)
      if (sources[i] != SIZE_MAX) {
        y[(size_t)n * sample + i] = kt_rounded(x[sources[i]], s->y_type);
        dx[sources[i]] = kt_rounded(x[(size_t)n * sample + i], s->y_type);
      }
  }
  limn_window_args args = {.extents = e,
                           .flip = s->flip,
                           .moved = s->moved,
                           .reach_h = s->reach_h,
                           .reach_w = s->reach_w,
                           .cut_h = s->cut_h,
                           .cut_w = s->cut_w,
                           .seed = SEED,
                           .random_stream = STREAM,
                           .x = kt_upload_as(x, count, s->x_type),
                           .y = kt_device(count * kt_size(s->y_type)),
                           .x_type = s->x_type,
                           .y_type = s->y_type};
  const uint64_t *step = kt_upload(&s->step, sizeof s->step);
  KT_OK(limn_window_numbers(&args, step, kt_stream()));
  kt_equal("window", kt_download_as(args.y, count, s->y_type), y, count);
  args.adjoint = true;
  args.y = kt_device(count * kt_size(s->y_type));
  KT_OK(limn_window_numbers(&args, step, kt_stream()));
  kt_equal("the way back", kt_download_as(args.y, count, s->y_type), dx, count);
}

static void run_window_refused(const void *context) {
  (void)context;
  const limn_window_args good = {.extents = {1, 4, 4, 1}, .x = kt_device(64), .y = kt_device(64)};
  limn_window_args bad = good;
  uint64_t *step = kt_device(sizeof *step);
  bad.reach_h = 4;
  kt_refused(limn_window_numbers(&bad, step, kt_stream()), "a move out of the picture");
  bad = good;
  bad.cut_w = 5;
  kt_refused(limn_window_numbers(&bad, step, kt_stream()), "a cut-out that is larger than the picture");
  kt_refused(limn_window_numbers(&good, NULL, kt_stream()), "no step");
}

static void check_windows(void) {
  static const limn_extents extents[] = {{9, 8, 8, 3}, {7, 5, 4, 1}, {5, 6, 7, 16}, {3, 40, 36, 3}, {4, 33, 31, 20}};
  for (size_t k = 0; k < KT_COUNT(extents); ++k)
    for (int way = 0; way < 8; ++way) {
      const bool moved = way >> 1 & 1, cut = way >> 2;
      struct window_case s = {.extents = extents[k],
                              .flip = way & 1,
                              .moved = moved,
                              .reach_h = moved ? 1 + (int)k % 3 : 0,
                              .reach_w = moved ? 3 - (int)k % 3 : 0,
                              .cut_h = cut ? 2 + (int)k % 3 : 0,
                              .cut_w = cut ? 4 - (int)k % 3 : 0,
                              .step = way < 4 ? 3 : 0x0370734413198a2e,
                              .x_type = types[k % 3],
                              .y_type = types[(k + (size_t)way) % 3]};
      kt_case(run_window, &s, "window %d %d", (int)k, way);
    }
  kt_case(run_window_refused, NULL, "window refused");
}

void check_spatial(void) {
  check_pools();
  check_separable();
  check_windows();
}
