#include "devices/taps.h"

#include <stdlib.h>

#include "base/error.h"

/* What there is of taps before they are filled: runs alone. */
struct runs {
  int32_t *first, *start;
  float *weights;
};

static limn_status allocate(limn_taps *taps, struct runs *runs, int32_t from, int32_t to, size_t weights) {
  const size_t ends = (size_t)to + 1;
  *runs = (struct runs){0};
  *taps = (limn_taps){.from = from, .to = to};
  taps->bytes = (2 * ends) * sizeof(int32_t) + weights * sizeof(float);
  taps->memory = calloc(1, taps->bytes);
  if (!taps->memory)
    return limn_fail_memory("a program");
  taps->first = runs->first = taps->memory;
  taps->start = runs->start = runs->first + ends;
  taps->weights = runs->weights = (float *)(runs->start + ends);
  return LIMN_OK;
}

/* Element i of an average along an axis of n elements: its run, all weights equal. */
static int32_t average_run(const limn_node *node, bool rows, int32_t n, int32_t i, int32_t *first, float weights[2]) {
  const limn_pool_attrs *a = &node->pool;
  const int32_t window = rows ? a->window_h : a->window_w,
                begin = i * (rows ? a->stride_h : a->stride_w) - (rows ? a->pad_h : a->pad_w), end = begin + window;
  *first = begin < 0 ? 0 : begin;
  const int32_t count = (end > n ? n : end) - *first;
  weights[0] = weights[1] = 1 / (float)(a->counted ? window : count);
  return count;
}

/* Pixel i of `out`, taken from n. All in whole numbers: i lies at `at` / (2 out). */
static int32_t resampled_run(limn_resampling how, int32_t n, int32_t out, int32_t i, int32_t *first, float weights[2]) {
  const int64_t whole = 2 * (int64_t)out, corner = 2 * (int64_t)i * n;
  int64_t at = how == LIMN_BILINEAR ? corner + n - out : corner;
  at = at < 0 ? 0 : at;
  const float second = how == LIMN_NEAREST ? 0 : (float)((double)(at % whole) / (double)whole);
  *first = (int32_t)(at / whole);
  const bool both = second > 0 && *first + 1 < n;
  weights[0] = both ? 1 - second : 1;
  weights[1] = second;
  return both ? 2 : 1;
}

/* Element i of `to` in a picture's pooling or resampling; weights: of the first and of all others. */
static int32_t run_of(const limn_node *node, bool rows, int32_t from, int32_t to, int32_t i, int32_t *first,
                      float weights[2]) {
  return node->op == LIMN_OP_AVG_POOL || node->op == LIMN_OP_AVG_POOL_DX
             ? average_run(node, rows, from, i, first, weights)
             : resampled_run(node->resampling, from, to, i, first, weights);
}

static limn_status init_forward(limn_taps *taps, const limn_node *node, bool rows, int32_t from, int32_t to) {
  struct runs runs;
  float weights[2];
  size_t all = 0;
  for (int32_t i = 0, first; i < to; ++i)
    all += (size_t)run_of(node, rows, from, to, i, &first, weights);
  LIMN_TRY(allocate(taps, &runs, from, to, all));
  for (int32_t i = 0; i < to; ++i) {
    const int32_t count = run_of(node, rows, from, to, i, &runs.first[i], weights);
    for (int32_t k = 0; k < count; ++k)
      runs.weights[runs.start[i] + k] = weights[k > 0];
    runs.start[i + 1] = runs.start[i] + count;
  }
  return LIMN_OK;
}

/* Runs begin and end the later the further back their element lies, so that those that an element is in are a run, too.
 */
static limn_status init_adjoint(limn_taps *taps, const limn_taps *forward) {
  struct runs runs;
  const int32_t from = forward->to, to = forward->from;
  LIMN_TRY(allocate(taps, &runs, from, to, (size_t)forward->start[from]));
  for (int32_t i = 0; i < from; ++i)
    for (int32_t k = forward->start[i]; k < forward->start[i + 1]; ++k)
      ++runs.start[forward->first[i] + k - forward->start[i] + 1];
  for (int32_t j = 0; j < to; ++j)
    runs.start[j + 1] += runs.start[j];
  for (int32_t i = from - 1; i >= 0; --i) /* the first that an element is in comes last */
    for (int32_t k = forward->start[i]; k < forward->start[i + 1]; ++k)
      runs.first[forward->first[i] + k - forward->start[i]] = i;
  for (int32_t i = 0; i < from; ++i)
    for (int32_t k = forward->start[i]; k < forward->start[i + 1]; ++k) {
      const int32_t j = forward->first[i] + k - forward->start[i];
      runs.weights[runs.start[j] + i - runs.first[j]] = forward->weights[k];
    }
  return LIMN_OK;
}

limn_status limn_taps_init(limn_taps *taps, const limn_node *node, bool rows, limn_shape x) {
  const int32_t from = rows ? x.h : x.w, to = rows ? node->shape.h : node->shape.w;
  if (node->op == LIMN_OP_AVG_POOL || node->op == LIMN_OP_RESAMPLE)
    return init_forward(taps, node, rows, from, to);
  limn_taps forward = {0};
  *taps = (limn_taps){0};
  limn_status status = init_forward(&forward, node, rows, to, from);
  if (status == LIMN_OK)
    status = init_adjoint(taps, &forward);
  limn_taps_release(&forward);
  return status;
}

void limn_taps_release(limn_taps *taps) {
  free(taps->memory);
  *taps = (limn_taps){0};
}
