#include <math.h>

#include "kernel_tests.h"

#define TENSORS 300
#define RISE    (-0.25f) /* added to beta2 */

/* Sizes around the fours, the blocks and the tables. */
static int64_t count_of(int k) {
  static const int64_t counts[] = {5, 1, 4096, 3, 0, 4097, 64, 10003, 100, 2, 8191};
  return k < (int)KT_COUNT(counts) ? counts[k] : 1 + k % 37;
}

enum { GATE_NONE, GATE_OPEN, GATE_SHUT, GATE_NAN };

struct optimizer_case {
  bool adam, decoupled, momentum, scale;
  float weight_decay;
  int gate, tensors;
};

struct host_tensor {
  float *w, *m, *v, *g;               /* what was there */
  void *new_w, *new_m, *new_v, *half; /* what is there after the step */
};

static float *numbers_and_upload(float **host, int64_t count, limn_type type, float low, float high) {
  *host = kt_numbers((size_t)count, type, low, high);
  return kt_upload_as(*host, (size_t)count, type);
}

static void make_tensor(limn_trained *out, struct host_tensor *host, const struct optimizer_case *s, int k) {
  static const limn_type types[] = {LIMN_F32, LIMN_BF16, LIMN_F16};
  *out = (limn_trained){.count = count_of(k), .gradient_type = types[k % 3]};
  out->w.data = numbers_and_upload(&host->w, out->count, LIMN_F32, -1, 1);
  out->w.half_type = k % 4 == 0 ? LIMN_F16 : LIMN_BF16;
  out->w.half = k % 2 == 0 ? kt_device((size_t)out->count * 2) : NULL;
  out->gradient = numbers_and_upload(&host->g, out->count, out->gradient_type, -0.5f, 0.5f);
  if (s->adam || s->momentum)
    out->m = numbers_and_upload(&host->m, out->count, LIMN_F32, -0.1f, 0.1f);
  if (s->adam)
    out->v = numbers_and_upload(&host->v, out->count, LIMN_F32, 0, 0.1f);
}

/* The papers' formulas: w, m, v of element i. */
static void step_of(double *w, double *m, double *v, double g, const struct optimizer_case *s) {
  double lr = (double)1e-2f, decay = (double)s->weight_decay;
  if (!s->adam) {
    *m = (s->momentum ? (double)0.9f * *m : 0) + g + decay * *w;
    *w -= lr * *m;
    return;
  }
  if (s->decoupled)
    *w -= lr * decay * *w;
  else
    g += decay * *w;
  *m = 0.5 * *m + 0.5 * g;
  const double beta2 = (double)0.999f + (double)RISE;
  *v = beta2 * *v + (1 - beta2) * g * g;
  *w -= lr * (*m / 0.875) / (sqrt(*v / (double)0.003f) + (double)1e-8f);
}

static void start_downloads(const limn_trained *t, struct host_tensor *host) {
  size_t bytes = (size_t)t->count * sizeof(float);
  host->new_w = kt_start_download(t->w.data, bytes);
  host->new_m = t->m ? kt_start_download(t->m, bytes) : NULL;
  host->new_v = t->v ? kt_start_download(t->v, bytes) : NULL;
  host->half = t->w.half ? kt_start_download(t->w.half, bytes / 2) : NULL;
}

static void compare_tensor(const limn_trained *t, const struct host_tensor *host, const struct optimizer_case *s,
                           double scale) {
  size_t count = (size_t)t->count;
  double *w = kt_host(count * sizeof *w), *m = kt_host(count * sizeof *m), *v = kt_host(count * sizeof *v);
  bool shut = s->gate == GATE_SHUT || s->gate == GATE_NAN;
  for (size_t i = 0; i < count; ++i) {
    w[i] = (double)host->w[i];
    m[i] = host->m ? (double)host->m[i] : 0;
    v[i] = host->v ? (double)host->v[i] : 0;
    if (!shut)
      step_of(&w[i], &m[i], &v[i], scale * (double)host->g[i], s);
  }
  float *got = kt_to_floats(host->new_w, count, LIMN_F32);
  kt_close("w", got, w, count, 3e-6, 1e-6);
  if (t->m)
    kt_close("m", kt_to_floats(host->new_m, count, LIMN_F32), m, count, 1e-6, 1e-7);
  if (t->v)
    kt_close("v", kt_to_floats(host->new_v, count, LIMN_F32), v, count, 1e-4, 1e-9);
  if (!t->w.half)
    return;
  float *half = kt_to_floats(host->half, count, t->w.half_type);
  for (size_t i = 0; i < count; ++i)
    got[i] = shut ? NAN : kt_rounded(got[i], t->w.half_type); /* NaN: what lay there before */
  kt_equal("half", half, got, count);
}

static void run_optimizer(const void *context) {
  const struct optimizer_case *s = context;
  static const float gates[] = {0, 0, 1, NAN};
  const float hyper[4] = {1e-2f, 0.875f, 0.003f, RISE}, scale = 0.25f;
  limn_trained *tensors = kt_host((size_t)s->tensors * sizeof *tensors);
  struct host_tensor *host = kt_host((size_t)s->tensors * sizeof *host);
  for (int k = 0; k < s->tensors; ++k)
    make_tensor(&tensors[k], &host[k], s, k);
  const limn_optimizer_values values = {.hyper = kt_upload(hyper, sizeof hyper),
                                        .scale = s->scale ? kt_upload(&scale, sizeof scale) : NULL,
                                        .gate = s->gate ? kt_upload(&gates[s->gate], sizeof *gates) : NULL,
                                        .beta1 = 0.5f,
                                        .beta2 = 0.999f,
                                        .eps = 1e-8f,
                                        .weight_decay = s->weight_decay,
                                        .momentum = 0.9f,
                                        .decoupled = s->decoupled};
  KT_OK((s->adam ? limn_adam : limn_sgd)(tensors, s->tensors, &values, kt_stream()));
  for (int k = 0; k < s->tensors; ++k)
    start_downloads(&tensors[k], &host[k]);
  kt_wait();
  for (int k = 0; k < s->tensors; ++k)
    compare_tensor(&tensors[k], &host[k], s, s->scale ? (double)scale : 1);
}

static void run_squares(const void *context) {
  static const limn_type types[] = {LIMN_BF16, LIMN_F32, LIMN_F16};
  int tensors = *(const int *)context;
  limn_squares *entries = kt_host((size_t)tensors * sizeof *entries);
  double *want = kt_host((size_t)tensors * sizeof *want);
  float *out = kt_device((size_t)tensors * sizeof *out);
  for (int k = 0; k < tensors; ++k) {
    float *x;
    entries[k] = (limn_squares){.count = k == 50 ? 40001 : count_of(k), .type = types[k % 3], .out = out + k};
    entries[k].x = numbers_and_upload(&x, entries[k].count, entries[k].type, -1, 1);
    for (int64_t i = 0; i < entries[k].count; ++i)
      want[k] += (double)x[i] * (double)x[i];
  }
  float *scratch = kt_device(limn_sum_squares_scratch(entries, tensors));
  KT_OK(limn_sum_squares(entries, tensors, scratch, kt_stream()));
  kt_close("sum of squares", kt_download_as(out, (size_t)tensors, LIMN_F32), want, (size_t)tensors, 2e-6, 0);
}

void check_optimizer(void) {
  static const struct optimizer_case cases[] = {
      {true, false, false, false, 0, GATE_NONE, TENSORS},
      {true, true, false, true, 0.1f, GATE_OPEN, 12},
      {true, false, false, true, 0.1f, GATE_OPEN, 12},
      {true, true, false, true, 0.1f, GATE_SHUT, 5},
      {true, false, false, false, 0, GATE_NAN, 5},
      {false, false, true, true, 0.1f, GATE_NONE, TENSORS},
      {false, false, false, false, 0, GATE_OPEN, 12},
      {false, false, false, true, 0.1f, GATE_NONE, 12},
      {false, false, true, true, 0.1f, GATE_SHUT, 5},
      {true, false, false, false, 0, GATE_NONE, LIMN_TABLE},
      {true, false, false, false, 0, GATE_NONE, LIMN_TABLE + 1},
  };
  for (size_t k = 0; k < KT_COUNT(cases); ++k)
    kt_case(run_optimizer, &cases[k], "optimizer %s %d, %d tensors", cases[k].adam ? "adam" : "sgd", (int)k,
            cases[k].tensors);
  kt_case(run_squares, &(int){TENSORS}, "norms of %d tensors", TENSORS);
  kt_case(run_squares, &(int){1}, "norms of 1 tensor");
}
