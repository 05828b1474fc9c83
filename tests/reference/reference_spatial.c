/* Pooling, resampling, windows. */
#include <math.h>

#include "base/philox.h"
#include "reference_internal.h"

static void clear(reference_array out) {
  for (int64_t i = 0; i < limn_shape_count(out.shape); ++i)
    out.data[i] = 0;
}

/* What is inside the picture of the window that makes (h, w) of the result. */
typedef struct extent {
  int top, bottom, left, right; /* the last two of each axis excluded */
} extent;

static extent extent_of(const limn_pool_attrs *a, limn_shape x, int h, int w) {
  const int top = h * a->stride_h - a->pad_h, left = w * a->stride_w - a->pad_w;
  return (extent){top < 0 ? 0 : top, top + a->window_h > x.h ? x.h : top + a->window_h, left < 0 ? 0 : left,
                  left + a->window_w > x.w ? x.w : left + a->window_w};
}

/* The element of x that is the largest of a window. */
static int64_t place_of_maximum(reference_array x, int n, int c, extent e) {
  int64_t best = reference_at(x.shape, n, c, e.top, e.left);
  for (int h = e.top; h < e.bottom; ++h)
    for (int w = e.left; w < e.right; ++w) {
      int64_t at = reference_at(x.shape, n, c, h, w);
      if (x.data[at] > x.data[best] || isnan(x.data[at]))
        best = at;
    }
  return best;
}

void reference_max_pool(const limn_node *node, const reference_array *in, reference_array out) {
  const limn_shape x = in[0].shape, y = node->op == LIMN_OP_MAX_POOL_DX ? in[1].shape : out.shape;
  if (node->op == LIMN_OP_MAX_POOL_DX)
    clear(out);
  for (int n = 0; n < y.n; ++n)
    for (int c = 0; c < y.c; ++c)
      for (int h = 0; h < y.h; ++h)
        for (int w = 0; w < y.w; ++w) {
          int64_t at = reference_at(y, n, c, h, w),
                  best = place_of_maximum(in[0], n, c, extent_of(&node->pool, x, h, w));
          if (node->op == LIMN_OP_MAX_POOL_DX)
            out.data[best] += in[1].data[at];
          else
            out.data[at] = in[node->op == LIMN_OP_MAX_POOL ? 0 : 1].data[best];
        }
}

void reference_avg_pool(const limn_node *node, reference_array in, reference_array out) {
  const bool adjoint = node->op == LIMN_OP_AVG_POOL_DX;
  const limn_shape x = adjoint ? out.shape : in.shape, y = adjoint ? in.shape : out.shape;
  clear(out);
  for (int n = 0; n < y.n; ++n)
    for (int c = 0; c < y.c; ++c)
      for (int oh = 0; oh < y.h; ++oh)
        for (int ow = 0; ow < y.w; ++ow) {
          extent e = extent_of(&node->pool, x, oh, ow);
          int64_t at = reference_at(y, n, c, oh, ow);
          double count = node->pool.counted ? (double)node->pool.window_h * node->pool.window_w
                                            : (double)(e.bottom - e.top) * (e.right - e.left);
          for (int h = e.top; h < e.bottom; ++h)
            for (int w = e.left; w < e.right; ++w) {
              int64_t from = reference_at(x, n, c, h, w);
              if (adjoint)
                out.data[from] += in.data[at] / count;
              else
                out.data[at] += in.data[from] / count;
            }
        }
}

/* Where pixel i of a side of `out` pixels lies on one of `in`. */
static double source_of(limn_resampling how, int i, int in, int out) {
  switch (how) {
  case LIMN_NEAREST:
    return floor((double)i * in / out);
  case LIMN_BILINEAR:
    return fmax((i + 0.5) * in / out - 0.5, 0);
  case LIMN_BILINEAR_CORNERS:
    return (double)i * in / out;
  }
  return NAN;
}

void reference_resample(const limn_node *node, reference_array in, reference_array out) {
  const bool adjoint = node->op == LIMN_OP_RESAMPLE_DX;
  const limn_shape x = adjoint ? out.shape : in.shape, y = adjoint ? in.shape : out.shape;
  clear(out);
  for (int n = 0; n < y.n; ++n)
    for (int c = 0; c < y.c; ++c)
      for (int h = 0; h < y.h; ++h)
        for (int w = 0; w < y.w; ++w) {
          double row = source_of(node->resampling, h, x.h, y.h), column = source_of(node->resampling, w, x.w, y.w);
          int64_t at = reference_at(y, n, c, h, w);
          for (int corner = 0; corner < 4; ++corner) { /* the pixels around; none lies behind the last */
            int down = corner / 2, right = corner % 2, top = (int)row, left = (int)column;
            double weight = (down ? row - top : 1 - (row - top)) * (right ? column - left : 1 - (column - left));
            int64_t from =
                reference_at(x, n, c, top + down < x.h ? top + down : top, left + right < x.w ? left + right : left);
            if (adjoint)
              out.data[from] += weight * in.data[at];
            else
              out.data[at] += weight * in.data[from];
          }
        }
}

/* Uniform in low ... low + count - 1. */
static int drawn(uint32_t word, int low, int count) { return low + (int)floor(word / 4294967296.0 * count); }

/* Mirrored, moved, cut out, one after the other (docs/randomness.md): pixel (h, w) of the result is pixel (top + h,
 * left + w) of the mirrored picture. */
void reference_window(const limn_node *node, reference_array in, uint64_t seed, uint64_t step, reference_array out) {
  const limn_shape s = in.shape;
  const limn_window *a = &node->window;
  const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
  clear(out);
  for (int n = 0; n < s.n; ++n) {
    uint32_t bits[8];
    for (uint32_t half = 0; half < 2; ++half) {
      const uint32_t counter[4] = {2 * (uint32_t)n + half, node->stream, (uint32_t)step, (uint32_t)(step >> 32)};
      limn_philox(counter, key, bits + 4 * half);
    }
    bool mirrored = a->flip && bits[0] >= 0x80000000;
    int top = a->moved ? drawn(bits[1], -a->reach_h, 2 * a->reach_h + 1) : 0,
        left = a->moved ? drawn(bits[2], -a->reach_w, 2 * a->reach_w + 1) : 0,
        first_row = drawn(bits[4], -(a->cut_h / 2), s.h + (a->cut_h % 2 == 0)),
        first_column = drawn(bits[5], -(a->cut_w / 2), s.w + (a->cut_w % 2 == 0));
    for (int c = 0; c < s.c; ++c)
      for (int h = 0; h < s.h; ++h)
        for (int w = 0; w < s.w; ++w) {
          bool cut = h >= first_row && h < first_row + a->cut_h && w >= first_column && w < first_column + a->cut_w;
          if (cut || top + h < 0 || top + h >= s.h || left + w < 0 || left + w >= s.w)
            continue;
          int64_t at = reference_at(s, n, c, h, w),
                  from = reference_at(s, n, c, top + h, mirrored ? s.w - 1 - (left + w) : left + w);
          if (node->op == LIMN_OP_WINDOW)
            out.data[at] = in.data[from];
          else
            out.data[from] = in.data[at];
        }
  }
}
