#include "devices/cpu/simd/spatial.h"

#include <math.h>
#include <string.h>

#include "devices/cpu/simd/simd.h"

#if defined __AVX2__
#include "devices/cpu/simd/vector.h"
#else
#define INLINE static inline __attribute__((always_inline))
#endif

#define MOST_LANES   16
#define MOST_WINDOWS 4 /* that are looked at side by side */

/* A window, cut off at the picture's sides: the pixel where it begins, and its sides. */
struct window {
  int32_t first, height, width;
};

INLINE struct window window_at(const limn_pool_plane *p, int32_t h, int32_t w) {
  const limn_pool_attrs *a = &p->attrs;
  const int32_t top = h * a->stride_h - a->pad_h, left = w * a->stride_w - a->pad_w, bottom = top + a->window_h,
                right = left + a->window_w, row = top < 0 ? 0 : top, column = left < 0 ? 0 : left;
  return (struct window){row * p->x.w + column, (bottom > p->x.h ? p->x.h : bottom) - row,
                         (right > p->x.w ? p->x.w : right) - column};
}

/* The largest of windows side by side, for each channel of a block; a NaN is larger than what came before it. */
struct found {
  float most[MOST_WINDOWS][MOST_LANES];
  float pixel[MOST_WINDOWS][MOST_LANES]; /* how many it lies behind the first, which vectors can compare as a float */
  int32_t at[MOST_WINDOWS][MOST_LANES];  /* the same in elements, from the first pixel's first on */
};

INLINE void find_one(const float *x, int32_t width, struct window s, struct found *f) {
  float best = x[s.first];
  int32_t place = 0;
  for (int32_t h = 0; h < s.height; ++h)
    for (int32_t w = 0; w < s.width; ++w) {
      const int32_t pixel = h * width + w;
      const float value = x[s.first + pixel];
      const bool larger = value > best || isnan(value);
      best = larger ? value : best;
      place = larger ? pixel : place;
    }
  f->most[0][0] = best;
  f->at[0][0] = place;
}

/* With `block` known: 1, or what fills a vector. */
#if defined __AVX2__
#define FOR_BLOCK(block, call, ...)                                                                                    \
  do {                                                                                                                 \
    if ((block) == 1)                                                                                                  \
      call(1, __VA_ARGS__);                                                                                            \
    else                                                                                                               \
      call(VECTOR_LANES, __VA_ARGS__);                                                                                 \
  } while (0)

/* The same of a block of channels, and of `count` windows side by side, `stride` apart, whose comparisons do not wait
 * for each other. */
INLINE void find_blocks(struct window s, int count, const float *x, int32_t width, int32_t stride, struct found *f) {
  vector best[MOST_WINDOWS], place[MOST_WINDOWS];
  UNROLL for (int i = 0; i < count; ++i) {
    best[i] = vector_load(x + (size_t)(s.first + i * stride) * VECTOR_LANES);
    place[i] = vector_of(0);
  }
  for (int32_t h = 0; h < s.height; ++h)
    for (int32_t w = 0; w < s.width; ++w) {
      const int32_t pixel = h * width + w;
      const vector here = vector_of((float)pixel);
      UNROLL for (int i = 0; i < count; ++i) {
        const vector value = vector_load(x + (size_t)(s.first + i * stride + pixel) * VECTOR_LANES);
        const vector_mask larger = vector_is_larger_or_nan(value, best[i]);
        best[i] = vector_select(larger, value, best[i]);
        place[i] = vector_select(larger, here, place[i]);
      }
    }
  UNROLL for (int i = 0; i < count; ++i) {
    vector_store(f->most[i], best[i]);
    vector_store(f->pixel[i], place[i]);
    vector_store_offsets(f->at[i], place[i]);
  }
}

/* The gradient in a window of its own: dy where the largest was, else 0; -0 becomes 0, as in a sum. */
INLINE void flow(struct window s, float *dx, const float *dy, int32_t width, const float *of) {
  const vector place = vector_load(of), g = vector_load(dy), none = vector_of(0);
  for (int32_t h = 0; h < s.height; ++h)
    for (int32_t w = 0; w < s.width; ++w) {
      const int32_t pixel = h * width + w;
      vector_store(dx + (size_t)(s.first + pixel) * VECTOR_LANES,
                   none + vector_select(vector_is_equal(place, vector_of((float)pixel)), g, none));
    }
}

/* Calls `call` for a window; the commonest sides are constants there, over which loops are unrolled. */
#define FOR_WINDOW(s, call, ...)                                                                                       \
  do {                                                                                                                 \
    if ((s).height == 2 && (s).width == 2)                                                                             \
      call(((struct window){(s).first, 2, 2}), __VA_ARGS__);                                                           \
    else if ((s).height == 3 && (s).width == 3)                                                                        \
      call(((struct window){(s).first, 3, 3}), __VA_ARGS__);                                                           \
    else                                                                                                               \
      call(s, __VA_ARGS__);                                                                                            \
  } while (0)
#else
#define FOR_BLOCK(block, call, ...) call(1, __VA_ARGS__)
#endif

/* The windows of pixels w ... of a row of y, of as many as the result says: several where none of them is cut off.
 * *first is where that of w begins; the others lie stride_w apart. */
INLINE int find(int block, const float *x, const limn_pool_plane *p, int32_t h, int32_t w, struct found *f,
                int32_t *first) {
  const struct window s = window_at(p, h, w);
  *first = s.first;
#if defined __AVX2__
  if (block > 1) {
    const limn_pool_attrs *a = &p->attrs;
    const bool inside = s.width == a->window_w && w + MOST_WINDOWS <= p->y.w &&
                        (w + MOST_WINDOWS - 1) * a->stride_w - a->pad_w + a->window_w <= p->x.w;
    if (inside)
      FOR_WINDOW(s, find_blocks, MOST_WINDOWS, x, p->x.w, a->stride_w, f);
    else
      FOR_WINDOW(s, find_blocks, 1, x, p->x.w, 0, f);
    return inside ? MOST_WINDOWS : 1;
  }
#endif
  (void)block;
  find_one(x, p->x.w, s, f);
  return 1;
}

INLINE void max_pool_of(int block, float *y, const float *x, const limn_pool_plane *p) {
  struct found f;
  for (int32_t h = 0; h < p->y.h; ++h)
    for (int32_t w = 0, count, first; w < p->y.w; w += count) {
      count = find(block, x, p, h, w, &f, &first);
      for (int k = 0; k < count; ++k, y += block)
        memcpy(y, f.most[k], (size_t)block * sizeof *y);
    }
}

/* Whether each pixel lies in one window and no more. */
INLINE bool tiled(const limn_pool_plane *p) {
  const limn_pool_attrs *a = &p->attrs;
  return a->window_h == a->stride_h && a->window_w == a->stride_w && a->pad_h == 0 && a->pad_w == 0 &&
         p->y.h * a->stride_h == p->x.h && p->y.w * a->stride_w == p->x.w;
}

INLINE void max_pool_dx_of(int block, float *dx, const float *x, const float *dy, const limn_pool_plane *p) {
  struct found f;
  const size_t row = (size_t)p->x.w * (size_t)block;
  const bool alone = block > 1 && tiled(p);
  for (int32_t h = 0, cleared = 0; h < p->y.h; ++h) {
    /* Rows of dx become 0 when a window first comes to them, and are still in the cache when dy flows there. */
    const int32_t bottom = h * p->attrs.stride_h - p->attrs.pad_h + p->attrs.window_h,
                  end = h + 1 == p->y.h || bottom > p->x.h ? p->x.h : bottom;
    if (end > cleared && !alone)
      memset(dx + (size_t)cleared * row, 0, (size_t)(end - cleared) * row * sizeof *dx);
    cleared = end > cleared ? end : cleared;
    for (int32_t w = 0, count, first; w < p->y.w; w += count) {
      count = find(block, x, p, h, w, &f, &first);
      for (int k = 0; k < count; ++k, dy += block, first += p->attrs.stride_w) {
#if defined __AVX2__
        if (alone) {
          const struct window s = {first, p->attrs.window_h, p->attrs.window_w};
          FOR_WINDOW(s, flow, dx, dy, p->x.w, f.pixel[k]);
          continue;
        }
#endif
        for (int i = 0; i < block; ++i)
          dx[(size_t)first * (size_t)block + (size_t)f.at[k][i]] += dy[i];
      }
    }
  }
}

INLINE void max_pool_pick_of(int block, float *y, const float *x, const float *v, const limn_pool_plane *p) {
  struct found f;
  for (int32_t h = 0; h < p->y.h; ++h)
    for (int32_t w = 0, count, first; w < p->y.w; w += count) {
      count = find(block, x, p, h, w, &f, &first);
      for (int k = 0; k < count; ++k, y += block, first += p->attrs.stride_w)
        for (int i = 0; i < block; ++i)
          y[i] = v[(size_t)first * (size_t)block + (size_t)f.at[k][i]];
    }
}

static void max_pool(float *y, const float *x, const limn_pool_plane *p) { FOR_BLOCK(p->block, max_pool_of, y, x, p); }

static void max_pool_dx(float *dx, const float *x, const float *dy, const limn_pool_plane *p) {
  FOR_BLOCK(p->block, max_pool_dx_of, dx, x, dy, p);
}

static void max_pool_pick(float *y, const float *x, const float *v, const limn_pool_plane *p) {
  FOR_BLOCK(p->block, max_pool_pick_of, y, x, v, p);
}

/* The weighted sum of `count` rows of n floats, which are neighbours in memory; up to three in one go. */
static void sum_rows(float *restrict out, const float *restrict x, size_t n, const float *weights, int32_t count) {
  const float a = weights[0], b = count > 1 ? weights[1] : 0, c = count > 2 ? weights[2] : 0;
  const float *second = x + n, *third = second + n;
  if (count == 1) {
#pragma omp simd
    for (size_t i = 0; i < n; ++i)
      out[i] = a * x[i];
  } else if (count == 2) {
#pragma omp simd
    for (size_t i = 0; i < n; ++i)
      out[i] = a * x[i] + b * second[i];
  } else {
#pragma omp simd
    for (size_t i = 0; i < n; ++i)
      out[i] = a * x[i] + b * second[i] + c * third[i];
  }
  for (int32_t k = 3; k < count; ++k) {
    const float *more = x + (size_t)k * n, weight = weights[k];
#pragma omp simd
    for (size_t i = 0; i < n; ++i)
      out[i] += weight * more[i];
  }
}

INLINE void sum_columns(int block, float *y, const float *row, const limn_taps *columns) {
  const limn_taps t = *columns; /* which no store to y may change */
  for (int32_t j = 0, begin = 0, end; j < t.to; ++j, y += block, begin = end) {
    const float *x = row + (size_t)t.first[j] * (size_t)block, *weights = t.weights + begin;
    end = t.start[j + 1];
    const int32_t count = end - begin;
#if defined __AVX2__
    if (block > 1) {
      vector sum = vector_of(0);
      if (count == 2) /* what most pixels are resampled from */
        sum = vector_fma(vector_of(weights[0]), vector_load(x), vector_of(weights[1]) * vector_load(x + VECTOR_LANES));
      for (int32_t k = 0; k < count && count != 2; ++k)
        sum = vector_fma(vector_of(weights[k]), vector_load(x + k * VECTOR_LANES), sum);
      vector_store(y, sum);
      continue;
    }
#endif
    float sum = count == 2 ? weights[0] * x[0] + weights[1] * x[1] : 0;
    for (int32_t k = 0; k < count && count != 2; ++k)
      sum += weights[k] * x[k];
    *y = sum;
  }
}

/* Whether each pixel stands twice with one weight: nearest neighbours at twice the side, and the adjoint of averages of
 * two, by which residual discriminators halve. */
static bool doubles(const limn_taps *t) {
  bool twice = t->to == 2 * t->from;
  for (int32_t j = 0; twice && j < t->to; ++j)
    twice = t->start[j] == j && t->first[j] == j / 2 && t->weights[j] == t->weights[0];
  return twice && t->start[t->to] == t->to;
}

INLINE void double_columns(int block, float *y, const float *row, int32_t from, float weight) {
  for (int32_t j = 0; j < from; ++j, row += block, y += (ptrdiff_t)2 * block)
    for (int i = 0; i < block; ++i)
      y[i] = y[block + i] = weight * row[i] + 0; /* -0 becomes 0, as in a sum */
}

static void separable(float *y, const float *x, float *row, int block, const limn_taps *rows,
                      const limn_taps *columns) {
  const size_t from = (size_t)columns->from * (size_t)block, to = (size_t)columns->to * (size_t)block;
  const bool twice = doubles(columns);
  for (int32_t i = 0; i < rows->to; ++i, y += to) {
    const float *weights = rows->weights + rows->start[i], *sum = x + (size_t)rows->first[i] * from;
    const int32_t count = rows->start[i + 1] - rows->start[i];
    if (count == 0) {
      memset(y, 0, to * sizeof *y);
      continue;
    }
    if (i > 0 && count == 1 && rows->start[i] - rows->start[i - 1] == 1 && rows->first[i] == rows->first[i - 1] &&
        *weights == weights[-1]) { /* a row that is repeated */
      memcpy(y, y - to, to * sizeof *y);
      continue;
    }
    if (count > 1 || *weights != 1) {
      sum_rows(row, sum, from, weights, count);
      sum = row;
    }
    if (twice)
      FOR_BLOCK(block, double_columns, y, sum, columns->from, *columns->weights);
    else
      FOR_BLOCK(block, sum_columns, y, sum, columns);
  }
}

const limn_spatial LIMN_SIMD(spatial) = {
    .max_pool = max_pool, .max_pool_dx = max_pool_dx, .max_pool_pick = max_pool_pick, .separable = separable};
