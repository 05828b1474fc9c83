#include "devices/cpu/simd/unit_winograd.h"

#include "devices/cpu/simd/simd.h"

#if defined __AVX2__
#include "devices/cpu/simd/product.h"

enum {
  LANES = VECTOR_LANES,
  COLUMNS = LIMN_WINOGRAD_BLOCKS * LANES,
  SIDE = LIMN_UNIT_POINTS,
  OUTPUTS = LIMN_UNIT_OUTPUTS
};

static const float zeros[LANES] __attribute__((aligned(64)));

INLINE int points_of(int pairs) { return pairs ? 2 * pairs + 2 : 1; }
INLINE int outputs_of(int pairs, int taps) { return points_of(pairs) - taps + 1; }

/* One axis of each transform, in the names of Lavin & Gray, section 4.1: input B^T d, output A^T m, weights G g.
 * `pairs`, `taps` and `outputs` are known where they are compiled. */

/* Of x^0 d[0] + x^2 d[2] + ...: the last has the factor 1. */
INLINE vector even_sum(int count, const float *by, const vector *d) {
  vector sum = d[2 * count];
  UNROLL for (int i = 0; i < count; ++i) sum = vector_fma(vector_of(by[i]), d[2 * i], sum);
  return sum;
}

INLINE void transform_input(int pairs, const limn_unit_axis *a, const vector *d, vector *t) {
  if (pairs == 0) {
    t[0] = d[0];
    return;
  }
  t[0] = even_sum(pairs, a->all, d);
  t[2 * pairs + 1] = even_sum(pairs, a->all, d + 1);
  UNROLL for (int j = 0; j < pairs; ++j) {
    vector even = even_sum(pairs - 1, a->others[j], d + 2),
           odd = vector_of(a->at[j]) * even_sum(pairs - 1, a->others[j], d + 1);
    t[1 + 2 * j] = even + odd;
    t[2 + 2 * j] = even - odd;
  }
}

INLINE void transform_output(int pairs, int outputs, const limn_unit_axis *a, const vector *m, vector *y) {
  if (pairs == 0) {
    y[0] = m[0];
    return;
  }
  vector sum[LIMN_UNIT_PAIRS], difference[LIMN_UNIT_PAIRS];
  UNROLL for (int j = 0; j < pairs; ++j) {
    sum[j] = m[1 + 2 * j] + m[2 + 2 * j];
    difference[j] = m[1 + 2 * j] - m[2 + 2 * j];
  }
  y[0] = m[0] + sum[0];
  UNROLL for (int j = 1; j < pairs; ++j) y[0] = y[0] + sum[j];
  UNROLL for (int i = 1; i < outputs; ++i) {
    const vector *part = i % 2 ? difference : sum;
    y[i] = vector_of(a->power[0][i]) * part[0];
    UNROLL for (int j = 1; j < pairs; ++j) y[i] = vector_fma(vector_of(a->power[j][i]), part[j], y[i]);
  }
  y[outputs - 1] = y[outputs - 1] + m[2 * pairs + 1];
}

INLINE void transform_weights(int points, int taps, const limn_unit_axis *a, const vector *w, vector *u) {
  UNROLL for (int p = 0; p < points; ++p) {
    u[p] = vector_of(a->weight[p][0]) * w[0];
    UNROLL for (int i = 1; i < taps; ++i) u[p] = vector_fma(vector_of(a->weight[p][i]), w[i], u[p]);
  }
}

static float *plane(const limn_winograd_picture *p, int block) {
  return p->data + (size_t)block * (size_t)p->h * (size_t)p->w * LANES;
}

/* One block of channels. `inside`: no pixel of the tile lies outside of the picture. Columns first, then rows. */
INLINE void input_block(int y_pairs, int x_pairs, const limn_unit_axes *axes, const float *x, int h, int w, int top,
                        int left, bool inside, float *out, size_t point) {
  const int rows = points_of(y_pairs), columns = points_of(x_pairs);
  vector t[SIDE][SIDE];
  UNROLL for (int j = 0; j < columns; ++j) {
    vector d[SIDE], u[SIDE];
    UNROLL for (int i = 0; i < rows; ++i) {
      const bool there = inside || ((unsigned)(top + i) < (unsigned)h && (unsigned)(left + j) < (unsigned)w);
      d[i] = vector_load(there ? x + ((ptrdiff_t)(top + i) * w + left + j) * LANES : zeros);
    }
    transform_input(y_pairs, &axes->y, d, u);
    UNROLL for (int i = 0; i < rows; ++i) t[i][j] = u[i];
  }
  UNROLL for (int i = 0; i < rows; ++i) {
    vector u[SIDE];
    transform_input(x_pairs, &axes->x, t[i], u);
    UNROLL for (int j = 0; j < columns; ++j) vector_store(out + (size_t)(i * columns + j) * point, u[j]);
  }
}

INLINE void input(int y_pairs, int x_pairs, const limn_unit_axes *axes, const limn_winograd_picture *x, int top,
                  int left, float *out, size_t point) {
  const bool inside = top >= 0 && left >= 0 && top + points_of(y_pairs) <= x->h && left + points_of(x_pairs) <= x->w;
  for (int block = 0; block < x->blocks; ++block, out += LANES)
    if (inside)
      input_block(y_pairs, x_pairs, axes, plane(x, block), x->h, x->w, top, left, true, out, point);
    else
      input_block(y_pairs, x_pairs, axes, plane(x, block), x->h, x->w, top, left, false, out, point);
}

INLINE void output_block(int y_pairs, int y_taps, int x_pairs, int x_taps, const limn_unit_axes *axes, const float *m,
                         size_t point, const limn_winograd_picture *y, int top, int left, int block, vector shift,
                         vector slope) {
  const int rows = points_of(y_pairs), columns = points_of(x_pairs), y_outputs = outputs_of(y_pairs, y_taps),
            x_outputs = outputs_of(x_pairs, x_taps);
  float *out = plane(y, block) + ((size_t)top * (size_t)y->w + (size_t)left) * LANES;
  vector t[OUTPUTS][SIDE];
  UNROLL for (int j = 0; j < columns; ++j) {
    vector d[SIDE], u[OUTPUTS];
    UNROLL for (int i = 0; i < rows; ++i) d[i] = vector_load(m + (size_t)(i * columns + j) * point);
    transform_output(y_pairs, y_outputs, &axes->y, d, u);
    UNROLL for (int i = 0; i < y_outputs; ++i) t[i][j] = u[i];
  }
  UNROLL for (int i = 0; i < y_outputs; ++i) {
    vector u[OUTPUTS];
    if (top + i >= y->h)
      break;
    transform_output(x_pairs, x_outputs, &axes->x, t[i], u);
    UNROLL for (int j = 0; j < x_outputs; ++j) {
      if (left + j < y->w)
        vector_store(out + ((size_t)i * (size_t)y->w + (size_t)j) * LANES, vector_leaky(u[j] + shift, slope));
    }
  }
}

INLINE void output(int y_pairs, int y_taps, int x_pairs, int x_taps, const limn_unit_axes *axes, const float *m,
                   size_t point, const limn_winograd_picture *y, limn_winograd_tile at, int block, const float *bias,
                   float slope) {
  for (int b = 0; b < LIMN_WINOGRAD_BLOCKS; ++b, m += LANES)
    output_block(y_pairs, y_taps, x_pairs, x_taps, axes, m, point, y, at.y, at.x, block + b,
                 bias ? vector_load(bias + (block + b) * LANES) : vector_of(0), vector_of(slope));
}

INLINE void weight_row(int y_pairs, int y_taps, int x_pairs, int x_taps, const limn_unit_axes *axes, const float *w,
                       float *out, size_t point) {
  const int rows = points_of(y_pairs), columns = points_of(x_pairs);
  vector t[SIDE][LIMN_UNIT_TAPS];
  UNROLL for (int j = 0; j < x_taps; ++j) {
    vector d[LIMN_UNIT_TAPS], u[SIDE];
    UNROLL for (int i = 0; i < y_taps; ++i) d[i] = vector_load(w + (ptrdiff_t)(i * x_taps + j) * LANES * LANES);
    transform_weights(rows, y_taps, &axes->y, d, u);
    UNROLL for (int i = 0; i < rows; ++i) t[i][j] = u[i];
  }
  UNROLL for (int i = 0; i < rows; ++i) {
    vector u[SIDE];
    transform_weights(columns, x_taps, &axes->x, t[i], u);
    UNROLL for (int j = 0; j < columns; ++j) vector_store(out + (size_t)(i * columns + j) * point, u[j]);
  }
}

INLINE void weights(int y_pairs, int y_taps, int x_pairs, int x_taps, const limn_unit_axes *axes, const float *w,
                    int inner, int block, int k, int count, float *panel, size_t point) {
  const size_t each = (size_t)(y_taps * x_taps) * LANES * LANES;
  for (int row = k; row < k + count; ++row, panel += COLUMNS)
    for (int b = 0; b < LIMN_WINOGRAD_BLOCKS; ++b)
      weight_row(y_pairs, y_taps, x_pairs, x_taps, axes,
                 w + ((size_t)(block + b) * (size_t)inner + (size_t)(row / LANES)) * each +
                     (size_t)(row % LANES) * LANES,
                 panel + b * LANES, point);
}

static void product(int rows, int depth, const float *a, size_t stride, const float *b, float *c, bool add) {
  multiply(rows, depth, &(factors){.a = a, .a_row = stride, .a_depth = 1, .b = b, .b_depth = COLUMNS}, c, COLUMNS, add);
}

/* The loops of kernels of y_taps x x_taps, with so many pairs of points. */
#define KERNEL(name_, y_pairs_, y_taps_, x_pairs_, x_taps_)                                                            \
  static void input_##name_(const limn_unit_axes *axes, const limn_winograd_picture *x, limn_winograd_tile at,         \
                            float *out, size_t point) {                                                                \
    input(y_pairs_, x_pairs_, axes, x, at.y, at.x, out, point);                                                        \
  }                                                                                                                    \
  static void output_##name_(const limn_unit_axes *axes, const float *m, size_t point, const limn_winograd_picture *y, \
                             limn_winograd_tile at, int block, const float *bias, float slope) {                       \
    output(y_pairs_, y_taps_, x_pairs_, x_taps_, axes, m, point, y, at, block, bias, slope);                           \
  }                                                                                                                    \
  static void weights_##name_(const limn_unit_axes *axes, const float *w, int inner, int block, int k, int count,      \
                              float *panel, size_t point) {                                                            \
    weights(y_pairs_, y_taps_, x_pairs_, x_taps_, axes, w, inner, block, k, count, panel, point);                      \
  }
#define LOOPS(name_)                                                                                                   \
  { input_##name_, output_##name_, weights_##name_ }

KERNEL(3x3, 2, 3, 2, 3)
KERNEL(5x5, 3, 5, 3, 5)
KERNEL(1x3, 0, 1, 2, 3)
KERNEL(3x1, 2, 3, 0, 1)
KERNEL(1x7, 0, 1, 5, 7)
KERNEL(7x1, 5, 7, 0, 1)

const limn_unit_winograd LIMN_SIMD(unit_winograd) = {
    .lanes = LANES,
    .product_rows = PRODUCT_ROWS,
    .kernels = {[LIMN_UNIT_3X3] = LOOPS(3x3),
                [LIMN_UNIT_5X5] = LOOPS(5x5),
                [LIMN_UNIT_1X3] = LOOPS(1x3),
                [LIMN_UNIT_3X1] = LOOPS(3x1),
                [LIMN_UNIT_1X7] = LOOPS(1x7),
                [LIMN_UNIT_7X1] = LOOPS(7x1)},
    .product = product,
};
#else
const limn_unit_winograd LIMN_SIMD(unit_winograd) = {0};
#endif
