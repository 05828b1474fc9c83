/* The ops that make a value, one function each. */
#include <math.h>

#include "base/philox.h"
#include "reference_internal.h"

/* Where an element of x, one of w and one of y meet in a convolution. */
typedef struct meeting {
  int64_t x, w, y;
} meeting;

typedef struct geometry {
  limn_shape x, w, y;
  limn_conv_attrs attrs;
} geometry;

typedef void (*meeting_visitor)(const double *a, const double *b, double *out, meeting at);

/* The one place that says which elements meet; each of the three convolutions sums over what its result does not have.
 */
static inline void visit_conv(geometry g, meeting_visitor visit, const double *a, const double *b, double *out) {
  const limn_conv_attrs *attrs = &g.attrs;
  const int each = g.y.c / limn_conv_groups(*attrs); /* channels of y in a group */
  for (int n = 0; n < g.y.n; ++n)
    for (int o = 0; o < g.y.c; ++o)
      for (int i = 0; i < g.w.c; ++i)
        for (int kh = 0; kh < g.w.h; ++kh)
          for (int kw = 0; kw < g.w.w; ++kw)
            for (int oh = 0; oh < g.y.h; ++oh) {
              int ih = oh * attrs->stride_h - attrs->pad_h + kh;
              if (ih < 0 || ih >= g.x.h)
                continue; /* padding is 0 */
              const meeting first = {.x = reference_at(g.x, n, o / each * g.w.c + i, ih, 0),
                                     .w = reference_at(g.w, o, i, kh, kw),
                                     .y = reference_at(g.y, n, o, oh, 0)};
              for (int ow = 0; ow < g.y.w; ++ow) {
                int iw = ow * attrs->stride_w - attrs->pad_w + kw;
                if (iw >= 0 && iw < g.x.w)
                  visit(a, b, out, (meeting){.x = first.x + iw, .w = first.w, .y = first.y + ow});
              }
            }
}

static void add_to_y(const double *x, const double *w, double *y, meeting at) { y[at.y] += x[at.x] * w[at.w]; }
static void add_to_x(const double *y, const double *w, double *x, meeting at) { x[at.x] += y[at.y] * w[at.w]; }
static void add_to_w(const double *x, const double *y, double *w, meeting at) { w[at.w] += x[at.x] * y[at.y]; }

static void start_with_bias(reference_array out, reference_array bias) {
  int64_t plane = (int64_t)out.shape.h * out.shape.w;
  for (int64_t i = 0; i < limn_shape_count(out.shape); ++i)
    out.data[i] = bias.data ? bias.data[i / plane % out.shape.c] : 0;
}

static void conv(const limn_node *node, const reference_array *in, reference_array out) {
  const double *a = in[0].data, *b = in[1].data;
  start_with_bias(out, node->op == LIMN_OP_CONV_DW ? (reference_array){0} : in[2]);
  if (node->op == LIMN_OP_CONV)
    visit_conv((geometry){in[0].shape, in[1].shape, out.shape, node->conv}, add_to_y, a, b, out.data);
  else if (node->op == LIMN_OP_CONV_DX)
    visit_conv((geometry){out.shape, in[1].shape, in[0].shape, node->conv}, add_to_x, a, b, out.data);
  else
    visit_conv((geometry){in[0].shape, out.shape, in[1].shape, node->conv}, add_to_w, a, b, out.data);
}

reference_array reference_rows(reference_array x, int first, int count) {
  limn_shape s = x.shape;
  return (reference_array){{count, s.c, s.h, s.w}, x.data + reference_at(s, first, 0, 0, 0)};
}

static void copy(reference_array x, reference_array out) {
  for (int64_t i = 0; i < limn_shape_count(out.shape); ++i)
    out.data[i] = x.data[i];
}

/* Channels first ... of `from` become channels to ... of `out`, as many as both have. */
static void copy_channels(reference_array from, int first, reference_array out, int to) {
  limn_shape s = from.shape, t = out.shape;
  for (int n = 0; n < t.n; ++n)
    for (int c = 0; first + c < s.c && to + c < t.c; ++c)
      for (int h = 0; h < t.h; ++h)
        for (int w = 0; w < t.w; ++w)
          out.data[reference_at(t, n, to + c, h, w)] = from.data[reference_at(s, n, first + c, h, w)];
}

static void concat(const limn_node *node, const reference_array *in, reference_array out) {
  for (int i = 0, channel = 0; i < node->input_count; channel += in[i++].shape.c)
    copy_channels(in[i], 0, out, channel);
}

void reference_statistics(reference_array x, int c, double *mean, double *variance) {
  limn_shape s = x.shape;
  double count = (double)s.n * s.h * s.w, sum = 0, squares = 0;
  for (int n = 0; n < s.n; ++n)
    for (int h = 0; h < s.h; ++h)
      for (int w = 0; w < s.w; ++w)
        sum += x.data[reference_at(s, n, c, h, w)];
  *mean = sum / count;
  for (int n = 0; n < s.n; ++n)
    for (int h = 0; h < s.h; ++h)
      for (int w = 0; w < s.w; ++w) {
        double centred = x.data[reference_at(s, n, c, h, w)] - *mean;
        squares += centred * centred;
      }
  *variance = squares / count;
}

/* y = gamma (x - mean) / sqrt(variance + eps) + beta (Ioffe & Szegedy 2015, Algorithm 1). */
static void batchnorm_group(const limn_node *node, const reference_array *in, reference_array x, reference_array out) {
  limn_shape s = out.shape;
  for (int c = 0; c < s.c; ++c) {
    double mean, variance;
    reference_statistics(x, c, &mean, &variance);
    double factor = in[1].data[c] / sqrt(variance + node->alpha);
    for (int n = 0; n < s.n; ++n)
      for (int h = 0; h < s.h; ++h)
        for (int w = 0; w < s.w; ++w) {
          int64_t at = reference_at(s, n, c, h, w);
          out.data[at] = factor * (x.data[at] - mean) + in[2].data[c];
        }
  }
}

static void batchnorm(const limn_node *node, const reference_array *in, reference_array out) {
  int count = out.shape.n / node->groups;
  for (int first = 0; first < out.shape.n; first += count)
    batchnorm_group(node, in, reference_rows(in[0], first, count), reference_rows(out, first, count));
}

/* With x^ = (x - mean) / sqrt(variance + eps) and averages over (N, H, W) (their section 3, gathered):
 * dx = gamma / sqrt(variance + eps) (dy - average(dy) - x^ average(dy x^)). dgamma = sum(dy x^), where gamma is NULL.
 */
static void batchnorm_group_gradient(const limn_node *node, const double *gamma, reference_array x, reference_array dy,
                                     reference_array out) {
  limn_shape s = x.shape;
  double count = (double)s.n * s.h * s.w;
  for (int c = 0; c < s.c; ++c) {
    double mean, variance, sum = 0, dot = 0;
    reference_statistics(x, c, &mean, &variance);
    double scale = 1 / sqrt(variance + node->alpha);
    for (int n = 0; n < s.n; ++n)
      for (int h = 0; h < s.h; ++h)
        for (int w = 0; w < s.w; ++w) {
          int64_t at = reference_at(s, n, c, h, w);
          sum += dy.data[at];
          dot += dy.data[at] * (x.data[at] - mean) * scale;
        }
    if (!gamma) {
      out.data[c] += dot;
      continue;
    }
    for (int n = 0; n < s.n; ++n)
      for (int h = 0; h < s.h; ++h)
        for (int w = 0; w < s.w; ++w) {
          int64_t at = reference_at(s, n, c, h, w);
          double normalised = (x.data[at] - mean) * scale;
          out.data[at] = gamma[c] * scale * (dy.data[at] - sum / count - normalised * dot / count);
        }
  }
}

static void batchnorm_gradient(const limn_node *node, const reference_array *in, reference_array out) {
  bool is_dx = node->op == LIMN_OP_BATCHNORM_BACKWARD;
  int count = in[0].shape.n / node->groups;
  if (!is_dx)
    start_with_bias(out, (reference_array){0});
  for (int first = 0; first < in[0].shape.n; first += count)
    batchnorm_group_gradient(node, is_dx ? in[1].data : NULL, reference_rows(in[0], first, count),
                             reference_rows(in[is_dx ? 2 : 1], first, count),
                             is_dx ? reference_rows(out, first, count) : out);
}

static double apply(const limn_node *node, double x, double y) {
  double a = node->alpha, b = node->beta;
  switch (node->pointwise) {
  case LIMN_PW_AFFINE:
    return a * x + b;
  case LIMN_PW_RELU:
    return x < 0 ? 0 : x;
  case LIMN_PW_LEAKY_RELU:
    return x > 0 ? x : a * x;
  case LIMN_PW_TANH:
    return tanh(x);
  case LIMN_PW_SIGMOID:
    return 1 / (1 + exp(-x));
  case LIMN_PW_SOFTPLUS:
    return fmax(x, 0) + log1p(exp(-fabs(x)));
  case LIMN_PW_EXP:
    return exp(x);
  case LIMN_PW_LOG:
    return log(x);
  case LIMN_PW_SQUARE:
    return x * x;
  case LIMN_PW_SQRT:
    return sqrt(x);
  case LIMN_PW_RSQRT:
    return 1 / sqrt(x + a);
  case LIMN_PW_RECIPROCAL:
    return 1 / x;
  case LIMN_PW_ABS:
    return fabs(x);
  case LIMN_PW_SIGN:
    return (x > 0) - (x < 0);
  case LIMN_PW_STEP:
    return x > 0;
  case LIMN_PW_CLAMP:
    return x < a ? a : x > b ? b : x;
  case LIMN_PW_ADD:
    return x + y;
  case LIMN_PW_SUB:
    return x - y;
  case LIMN_PW_MUL:
    return x * y;
  case LIMN_PW_RELU_GRAD:
    return y > 0 ? x : 0;
  case LIMN_PW_LEAKY_GRAD:
    return y > 0 ? x : a * x;
  case LIMN_PW_TANH_GRAD:
    return x * (1 - y * y);
  case LIMN_PW_SIGMOID_GRAD:
    return x * y * (1 - y);
  case LIMN_PW_CLAMP_GRAD:
    return y > a && y < b ? x : 0;
  case LIMN_PW_COUNT:
    break;
  }
  return NAN; /* a function that the reference does not know must fail every comparison */
}

/* The element of `from` that (n, c, h, w) of a larger array reads: axes of length 1 are repeated. */
static double broadcast(reference_array from, int n, int c, int h, int w) {
  limn_shape s = from.shape;
  if (!from.data)
    return 0;
  return from.data[reference_at(s, s.n == 1 ? 0 : n, s.c == 1 ? 0 : c, s.h == 1 ? 0 : h, s.w == 1 ? 0 : w)];
}

static void pointwise(const limn_node *node, const reference_array *in, reference_array out) {
  limn_shape s = out.shape;
  for (int n = 0; n < s.n; ++n)
    for (int c = 0; c < s.c; ++c)
      for (int h = 0; h < s.h; ++h)
        for (int w = 0; w < s.w; ++w)
          out.data[reference_at(s, n, c, h, w)] =
              apply(node, broadcast(in[0], n, c, h, w), broadcast(in[1], n, c, h, w));
}

static void sum(reference_array x, reference_array out) {
  limn_shape s = x.shape, t = out.shape;
  start_with_bias(out, (reference_array){0});
  for (int n = 0; n < s.n; ++n)
    for (int c = 0; c < s.c; ++c)
      for (int h = 0; h < s.h; ++h)
        for (int w = 0; w < s.w; ++w)
          out.data[reference_at(t, t.n == 1 ? 0 : n, t.c == 1 ? 0 : c, t.h == 1 ? 0 : h, t.w == 1 ? 0 : w)] +=
              x.data[reference_at(s, n, c, h, w)];
}

/* Of each pixel, m + log(sum exp(x - m)) for the largest m. */
static void log_sum_exp(reference_array x, reference_array out) {
  limn_shape s = x.shape;
  for (int n = 0; n < s.n; ++n)
    for (int h = 0; h < s.h; ++h)
      for (int w = 0; w < s.w; ++w) {
        double most = -INFINITY, total = 0;
        for (int c = 0; c < s.c; ++c)
          most = fmax(most, x.data[reference_at(s, n, c, h, w)]);
        most = isinf(most) ? 0 : most;
        for (int c = 0; c < s.c; ++c)
          total += exp(x.data[reference_at(s, n, c, h, w)] - most);
        out.data[reference_at(out.shape, n, 0, h, w)] = most + log(total);
      }
}

/* The conversions of docs/randomness.md; the upper 24 bits of a word make a number in [0, 1). */
static void random_numbers(const limn_node *node, uint64_t seed, uint64_t step, reference_array out) {
  const double two_pi = 6.283185307179586;
  const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
  for (int64_t i = 0; i < limn_shape_count(out.shape); ++i) {
    const uint32_t counter[4] = {(uint32_t)(i / 4), node->stream, (uint32_t)step, (uint32_t)(step >> 32)};
    uint32_t bits[4];
    limn_philox(counter, key, bits);
    if (node->op == LIMN_OP_UNIFORM) {
      out.data[i] = (double)(bits[i % 4] >> 8) / 16777216;
      continue;
    }
    int pair = (int)(i % 4) / 2 * 2; /* Box & Muller 1958: two words make two numbers */
    double radius = sqrt(-2 * log(((double)(bits[pair] >> 8) + 0.5) / 16777216));
    double angle = two_pi * ((double)(bits[pair + 1] >> 8) / 16777216);
    out.data[i] = radius * (i % 2 == 0 ? cos(angle) : sin(angle));
  }
}

/* Each pixel of the result looks for its own in the picture. */
static void pictures(const limn_node *node, reference_array in, uint64_t seed, uint64_t step, reference_array out) {
  const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
  limn_window window = node->window;
  int spare_h = in.shape.h - out.shape.h, spare_w = in.shape.w - out.shape.w;
  for (int n = 0; n < out.shape.n; ++n) {
    const uint32_t counter[4] = {(uint32_t)n, node->stream, (uint32_t)step, (uint32_t)(step >> 32)};
    uint32_t bits[4];
    limn_philox(counter, key, bits);
    int top = spare_h / 2, left = spare_w / 2;
    if (window.moved) {
      top = (int)floor(bits[1] / 4294967296.0 * (spare_h + 2 * window.reach_h + 1)) - window.reach_h;
      left = (int)floor(bits[2] / 4294967296.0 * (spare_w + 2 * window.reach_w + 1)) - window.reach_w;
    }
    for (int c = 0; c < out.shape.c; ++c)
      for (int h = 0; h < out.shape.h; ++h)
        for (int w = 0; w < out.shape.w; ++w) {
          bool mirrored = window.flip && bits[0] >= 0x80000000;
          int y = top + h, x = left + (mirrored ? out.shape.w - 1 - w : w);
          y = y < 0 ? 0 : y >= in.shape.h ? in.shape.h - 1 : y;
          x = x < 0 ? 0 : x >= in.shape.w ? in.shape.w - 1 : x;
          out.data[reference_at(out.shape, n, c, h, w)] =
              node->alpha * in.data[reference_at(in.shape, n, c, y, x)] + node->beta;
        }
  }
}

void reference_compute(const limn_node *node, const reference_array *in, uint64_t seed, uint64_t step,
                       reference_array out) {
  switch (node->op) {
  case LIMN_OP_CONV:
  case LIMN_OP_CONV_DX:
  case LIMN_OP_CONV_DW:
    conv(node, in, out);
    return;
  case LIMN_OP_STACK:
    copy(in[0], reference_rows(out, 0, in[0].shape.n));
    copy(in[1], reference_rows(out, in[0].shape.n, in[1].shape.n));
    return;
  case LIMN_OP_ROWS:
    copy(reference_rows(in[0], node->row, out.shape.n), out);
    return;
  case LIMN_OP_CONCAT:
    concat(node, in, out);
    return;
  case LIMN_OP_SLICE:
    copy_channels(in[0], node->channel, out, 0);
    return;
  case LIMN_OP_MAX_POOL:
  case LIMN_OP_MAX_POOL_DX:
  case LIMN_OP_MAX_POOL_PICK:
    reference_max_pool(node, in, out);
    return;
  case LIMN_OP_AVG_POOL:
  case LIMN_OP_AVG_POOL_DX:
    reference_avg_pool(node, in[0], out);
    return;
  case LIMN_OP_RESAMPLE:
  case LIMN_OP_RESAMPLE_DX:
    reference_resample(node, in[0], out);
    return;
  case LIMN_OP_WINDOW:
  case LIMN_OP_WINDOW_DX:
    reference_window(node, in[0], seed, step, out);
    return;
  case LIMN_OP_BATCHNORM:
    batchnorm(node, in, out);
    return;
  case LIMN_OP_BATCHNORM_BACKWARD:
  case LIMN_OP_BATCHNORM_DGAMMA:
    batchnorm_gradient(node, in, out);
    return;
  case LIMN_OP_POINTWISE:
    pointwise(node, in, out);
    return;
  case LIMN_OP_SUM:
    sum(in[0], out);
    return;
  case LIMN_OP_LOG_SUM_EXP:
    log_sum_exp(in[0], out);
    return;
  case LIMN_OP_PICTURES:
    pictures(node, in[0], seed, step, out);
    return;
  case LIMN_OP_NORMAL:
  case LIMN_OP_UNIFORM:
    random_numbers(node, seed, step, out);
    return;
  default:
    break;
  }
  /* FILL, and NAN for an op that the reference does not know: it must fail every comparison. */
  for (int64_t i = 0; i < limn_shape_count(out.shape); ++i)
    out.data[i] = node->op == LIMN_OP_FILL ? node->alpha : NAN;
}
