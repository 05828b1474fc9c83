#include "devices/cpu/simd/winograd.h"

#include "devices/cpu/simd/simd.h"

#if defined __AVX2__ /* AVX-512 has it too; the baseline has no such engine */
#include "devices/cpu/simd/product.h"

enum { LANES = VECTOR_LANES, POINTS = 5, TILE = LIMN_WINOGRAD_TILE, COLUMNS = LIMN_WINOGRAD_BLOCKS * LANES };

static const float zeros[LANES] __attribute__((aligned(64)));

/* One side of each transform; in two dimensions columns first, then rows. The names are those of Lavin & Gray, section
 * 4.1: input B^T d, output A^T m, weights G g, each with its transpose. */

INLINE void transform_input(const vector d[POINTS], vector t[POINTS]) {
  vector s = d[3] - d[1], two = vector_of(2);
  t[0] = vector_fma(two, d[0] - d[2], s);
  t[1] = s - (d[1] + d[2]);
  t[2] = vector_fma(vector_of(3), d[1] - d[2], s);
  t[3] = s;
  t[4] = vector_fma(vector_of(-2), s, d[4] - d[2]);
}

INLINE void transform_input_back(const vector t[POINTS], vector d[POINTS]) {
  vector two = vector_of(2), zero = vector_of(0);
  d[0] = t[0] + t[0];
  d[1] = vector_fma(two, t[2] - t[1] + t[4], zero - t[0] - t[3]);
  d[2] = vector_fma(vector_of(-2), t[0], vector_fma(vector_of(-3), t[2], zero - t[1] - t[4]));
  d[3] = vector_fma(vector_of(-2), t[4], (t[0] + t[1]) + (t[2] + t[3]));
  d[4] = t[4];
}

INLINE void transform_output(const vector m[POINTS], vector y[TILE]) {
  vector s = m[1] + m[2], r = m[1] - m[2];
  y[0] = (m[0] + m[3]) + s;
  y[1] = vector_fma(vector_of(2), m[3], r);
  y[2] = vector_fma(vector_of(4), m[3], s);
  y[3] = vector_fma(vector_of(8), m[3], r) + m[4];
}

INLINE void transform_output_back(const vector y[TILE], vector m[POINTS]) {
  vector even = y[0] + y[2], odd = y[1] + y[3], four = vector_of(4);
  m[0] = y[0];
  m[1] = even + odd;
  m[2] = even - odd;
  m[3] = vector_fma(vector_of(2), vector_fma(four, y[3], y[1]), vector_fma(four, y[2], y[0]));
  m[4] = y[3];
}

INLINE void transform_weights(const vector w[2], vector u[POINTS]) {
  vector half = vector_of(0.5f), sixth = vector_of(1.0f / 6);
  u[0] = half * w[0];
  u[1] = vector_of(-0.5f) * (w[0] + w[1]);
  u[2] = sixth * (w[1] - w[0]);
  u[3] = sixth * vector_fma(vector_of(2), w[1], w[0]);
  u[4] = w[1];
}

INLINE void transform_weights_back(const vector u[POINTS], vector w[2]) {
  vector half = vector_of(0.5f), sixth = vector_of(1.0f / 6);
  vector p = half * u[1], q = sixth * u[2], r = sixth * u[3];
  w[0] = half * u[0] - p - q + r;
  w[1] = q - p + r + r + u[4];
}

static float *plane(const limn_winograd_picture *p, int block) {
  return p->data + (size_t)block * (size_t)p->h * (size_t)p->w * LANES;
}

static bool is_inside(int i, int size) { return (unsigned)i < (unsigned)size; }

/* One block of channels, one phase. `inside`: no pixel of the tile lies outside of the picture. */
INLINE void input_phase(const float *x, int h, int w, int top, int left, bool inside, float *out, size_t point) {
  vector t[POINTS][POINTS];
  UNROLL for (int j = 0; j < POINTS; ++j) {
    vector d[POINTS], u[POINTS];
    int column = left + 2 * j;
    UNROLL for (int i = 0; i < POINTS; ++i) {
      int row = top + 2 * i;
      bool there = inside || (is_inside(column, w) && is_inside(row, h));
      d[i] = vector_load(there ? x + ((ptrdiff_t)row * w + column) * LANES : zeros);
    }
    transform_input(d, u);
    UNROLL for (int i = 0; i < POINTS; ++i) t[i][j] = u[i];
  }
  UNROLL for (int i = 0; i < POINTS; ++i) {
    vector u[POINTS];
    transform_input(t[i], u);
    UNROLL for (int j = 0; j < POINTS; ++j) vector_store(out + (size_t)(i * POINTS + j) * point, u[j]);
  }
}

INLINE float *row_at(const limn_winograd_row *row, int k) {
  return row->data + (size_t)(k / row->span) * row->slab + k % row->span;
}

static void input(const limn_winograd_picture *x, limn_winograd_tile tile, const limn_winograd_row *row) {
  int top = 2 * TILE * tile.y - 1, left = 2 * TILE * tile.x - 1;
  bool inside = top >= 0 && left >= 0 && top + 2 * POINTS <= x->h && left + 2 * POINTS <= x->w;
  for (int block = 0, k = 0; block < x->blocks; ++block) {
    const float *at = plane(x, block);
    for (int phase = 0; phase < LIMN_WINOGRAD_PHASES; ++phase, k += LANES) {
      int down = phase >> 1, right = phase & 1;
      if (inside)
        input_phase(at, x->h, x->w, top + down, left + right, true, row_at(row, k), row->point);
      else
        input_phase(at, x->h, x->w, top + down, left + right, false, row_at(row, k), row->point);
    }
  }
}

static void gradient(const limn_winograd_picture *y, limn_winograd_tile tile, const limn_winograd_row *row) {
  int top = TILE * tile.y, left = TILE * tile.x;
  for (int block = 0; block < y->blocks; ++block) {
    const float *at = plane(y, block);
    float *out = row_at(row, block * LANES);
    vector t[POINTS][TILE];
    UNROLL for (int j = 0; j < TILE; ++j) {
      vector d[TILE], u[POINTS];
      UNROLL for (int i = 0; i < TILE; ++i) {
        bool there = top + i < y->h && left + j < y->w;
        d[i] = vector_load(there ? at + ((size_t)(top + i) * (size_t)y->w + (size_t)(left + j)) * LANES : zeros);
      }
      transform_output_back(d, u);
      UNROLL for (int i = 0; i < POINTS; ++i) t[i][j] = u[i];
    }
    UNROLL for (int i = 0; i < POINTS; ++i) {
      vector u[POINTS];
      transform_output_back(t[i], u);
      UNROLL for (int j = 0; j < POINTS; ++j) vector_store(out + (size_t)(i * POINTS + j) * row->point, u[j]);
    }
  }
}

static void output(const float *m, size_t point, const limn_winograd_picture *y, limn_winograd_tile tile, int block,
                   const float *bias, float slope) {
  int top = TILE * tile.y, left = TILE * tile.x;
  for (int b = 0; b < LIMN_WINOGRAD_BLOCKS; ++b, m += LANES) {
    float *at = plane(y, block + b);
    vector t[TILE][POINTS], shift = bias ? vector_load(bias + (block + b) * LANES) : vector_of(0);
    UNROLL for (int j = 0; j < POINTS; ++j) {
      vector d[POINTS], u[TILE];
      UNROLL for (int i = 0; i < POINTS; ++i) d[i] = vector_load(m + (size_t)(i * POINTS + j) * point);
      transform_output(d, u);
      UNROLL for (int i = 0; i < TILE; ++i) t[i][j] = u[i];
    }
    UNROLL for (int i = 0; i < TILE; ++i) {
      vector u[TILE];
      transform_output(t[i], u);
      if (top + i >= y->h)
        break;
      UNROLL for (int j = 0; j < TILE; ++j) {
        if (left + j < y->w)
          vector_store(at + ((size_t)(top + i) * (size_t)y->w + (size_t)(left + j)) * LANES,
                       vector_leaky(u[j] + shift, vector_of(slope)));
      }
    }
  }
}

static void input_gradient(const float *m, size_t point, const limn_winograd_picture *x, limn_winograd_tile tile,
                           int block, int phase) {
  int top = 2 * TILE * tile.y - 1 + (phase >> 1), left = 2 * TILE * tile.x - 1 + (phase & 1);
  for (int b = 0; b < LIMN_WINOGRAD_BLOCKS; ++b, m += LANES) {
    float *at = plane(x, block + b);
    vector t[POINTS][POINTS];
    UNROLL for (int j = 0; j < POINTS; ++j) {
      vector d[POINTS], u[POINTS];
      UNROLL for (int i = 0; i < POINTS; ++i) d[i] = vector_load(m + (size_t)(i * POINTS + j) * point);
      transform_input_back(d, u);
      UNROLL for (int i = 0; i < POINTS; ++i) t[i][j] = u[i];
    }
    UNROLL for (int i = 0; i < POINTS; ++i) {
      vector u[POINTS];
      int row = top + 2 * i;
      transform_input_back(t[i], u);
      if (!is_inside(row, x->h))
        continue;
      UNROLL for (int j = 0; j < POINTS; ++j) {
        int column = left + 2 * j;
        if (!is_inside(column, x->w))
          continue;
        float *pixel = at + ((ptrdiff_t)row * x->w + column) * LANES;
        bool written = (i == 0 && tile.y > 0) || (j == 0 && tile.x > 0);
        if (written)
          u[j] = vector_load(pixel) + u[j];
        vector_store(pixel, u[j]);
      }
    }
  }
}

/* The 2x2 taps of a phase among the 4x4. */
INLINE int tap_of(int phase, int down, int right) { return (2 * down + (phase >> 1)) * TILE + 2 * right + (phase & 1); }

INLINE void weight_row(const float *w, int phase, float *out, size_t point) {
  vector t[POINTS][2];
  UNROLL for (int right = 0; right < 2; ++right) {
    vector d[2], u[POINTS];
    UNROLL for (int down = 0; down < 2; ++down) d[down] =
        vector_load(w + (ptrdiff_t)tap_of(phase, down, right) * LANES * LANES);
    transform_weights(d, u);
    UNROLL for (int i = 0; i < POINTS; ++i) t[i][right] = u[i];
  }
  UNROLL for (int i = 0; i < POINTS; ++i) {
    vector u[POINTS];
    transform_weights(t[i], u);
    UNROLL for (int j = 0; j < POINTS; ++j) vector_store(out + (size_t)(i * POINTS + j) * point, u[j]);
  }
}

/* Where the weights of lane `lane` of inner block `inner_block` lie, for the outer block `block`. */
INLINE size_t weight_offset(int inner, int block, int inner_block, int lane) {
  return ((size_t)block * (size_t)inner + (size_t)inner_block) * LIMN_WINOGRAD_TAPS * LANES * LANES +
         (size_t)lane * LANES;
}

static void weights(const float *w, int inner, int block, int phase, int k, int count, float *panel, size_t point) {
  for (int row = k; row < k + count; ++row, panel += COLUMNS) {
    int inner_block = phase < 0 ? row / (LIMN_WINOGRAD_PHASES * LANES) : row / LANES;
    int row_phase = phase < 0 ? row / LANES % LIMN_WINOGRAD_PHASES : phase;
    for (int b = 0; b < LIMN_WINOGRAD_BLOCKS; ++b)
      weight_row(w + weight_offset(inner, block + b, inner_block, row % LANES), row_phase, panel + b * LANES, point);
  }
}

static void weight_gradient(const float *m, size_t point, float *dw, int inner, int block, int k, int count) {
  for (int row = k; row < k + count; ++row, m += COLUMNS) {
    int phase = row / LANES % LIMN_WINOGRAD_PHASES;
    for (int b = 0; b < LIMN_WINOGRAD_BLOCKS; ++b) {
      float *out = dw + weight_offset(inner, block + b, row / (LIMN_WINOGRAD_PHASES * LANES), row % LANES);
      vector t[2][POINTS];
      UNROLL for (int j = 0; j < POINTS; ++j) {
        vector d[POINTS], u[2];
        UNROLL for (int i = 0; i < POINTS; ++i) d[i] = vector_load(m + (size_t)(i * POINTS + j) * point + b * LANES);
        transform_weights_back(d, u);
        t[0][j] = u[0];
        t[1][j] = u[1];
      }
      UNROLL for (int down = 0; down < 2; ++down) {
        vector u[2];
        transform_weights_back(t[down], u);
        UNROLL for (int right = 0; right < 2; ++right)
            vector_store(out + (ptrdiff_t)tap_of(phase, down, right) * LANES * LANES, u[right]);
      }
    }
  }
}

static void transpose(const float *w, float *out) {
  for (int tap = 0; tap < LIMN_WINOGRAD_TAPS; ++tap, w += LANES * LANES, out += LANES * LANES)
    vector_transpose(w, LANES, out, LANES);
}

static void product(int rows, int depth, const float *a, size_t stride, const float *b, float *c, bool add) {
  multiply(rows, depth, &(factors){.a = a, .a_row = stride, .a_depth = 1, .b = b, .b_depth = COLUMNS}, c, COLUMNS, add);
}

static void product_transposed(int rows, int depth, const float *a, size_t stride, const float *b, float *c, bool add) {
  multiply(rows, depth, &(factors){.a = a, .a_row = 1, .a_depth = stride, .b = b, .b_depth = COLUMNS}, c, COLUMNS, add);
}

const limn_winograd LIMN_SIMD(winograd) = {
    .lanes = LANES,
    .input = input,
    .gradient = gradient,
    .output = output,
    .input_gradient = input_gradient,
    .weights = weights,
    .weight_gradient = weight_gradient,
    .transpose = transpose,
    .product = product,
    .product_transposed = product_transposed,
};
#else
const limn_winograd LIMN_SIMD(winograd) = {0};
#endif
