#include "devices/cpu/simd/bf16.h"

#include "devices/cpu/simd/simd.h"

#if defined __AVX512F__ && defined __x86_64__
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "devices/cpu/simd/vector.h"

/* Beyond what this file is compiled for; `usable` says whether the CPU has it. */
#define AMX __attribute__((target("amx-tile,amx-bf16")))

enum { BLOCK = 16, SIDE = LIMN_BF16_SIDE, TILE = LIMN_BF16_TILE };

static const float zeros[BLOCK];

static const void *pixel(const void *plane, const limn_bf16_grid *g, int u, int v) {
  int row = g->top + g->step * u, column = g->left + g->step * v;
  bool there = (unsigned)row < (unsigned)g->height && (unsigned)column < (unsigned)g->width;
  size_t each = g->rounded ? sizeof(limn_bf16) : sizeof(float);
  return there ? (const char *)plane + (size_t)((row * g->width + column) * BLOCK) * each : (const void *)zeros;
}

BF16 static inline __m512i round_two(vector low, vector high) { return (__m512i)_mm512_cvtne2ps_pbh(high, low); }

/* Two pixels' blocks one behind the other. */
BF16 static inline __m512i two_pixels(const void *low, const void *high, bool rounded) {
  if (!rounded)
    return round_two(vector_load(low), vector_load(high));
  return _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_loadu_si256(low)), _mm256_loadu_si256(high), 1);
}

/* (low[0], high[0], low[1], high[1], ...) */
BF16 static inline __m512i interleaved(__m512i low_high) {
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21,
                                         5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16(order, low_high);
}

BF16 static void rows(const void *first, const void *second, const limn_bf16_grid *g, limn_bf16 *out) {
  for (int u = 0; u < g->rows; ++u)
    for (int v = 0; v < g->columns; ++v, out += SIDE)
      _mm512_storeu_si512(out, two_pixels(pixel(first, g, u, v), pixel(second, g, u, v), g->rounded));
}

/* The next position, row by row. */
static inline void advance(const limn_bf16_grid *g, int *u, int *v) {
  if (++*v == g->columns) {
    *v = 0;
    ++*u;
  }
}

BF16 static void lines(const void *plane, const limn_bf16_grid *g, limn_bf16 *out, size_t stride) {
  int count = g->rows * g->columns, u = 0, v = 0;
  for (int position = 0; position < count; position += BLOCK, out += BLOCK) {
    float pixels[BLOCK * BLOCK], channels[BLOCK * BLOCK];
    for (int i = 0; i < BLOCK; ++i, advance(g, &u, &v))
      vector_store(pixels + i * BLOCK,
                   g->rounded ? bf16_load(pixel(plane, g, u, v)) : vector_load(pixel(plane, g, u, v)));
    vector_transpose(pixels, BLOCK, channels, BLOCK);
    for (size_t c = 0; c < BLOCK; ++c)
      bf16_store(out + c * stride, vector_load(channels + c * BLOCK));
  }
}

BF16 static void pairs(const void *plane, const limn_bf16_grid *g, limn_bf16 *out) {
  int count = g->rows * g->columns, u = 0, v = 0;
  for (int position = 0; position < count; position += 2, out += 2 * BLOCK) {
    const void *even = pixel(plane, g, u, v);
    advance(g, &u, &v);
    const void *odd = position + 1 < count ? pixel(plane, g, u, v) : zeros;
    advance(g, &u, &v);
    _mm512_storeu_si512(out, interleaved(two_pixels(even, odd, g->rounded)));
  }
}

BF16 static void tile(const float *upper, const float *lower, bool transposed, limn_bf16 *out) {
  float turned[BLOCK * BLOCK];
  for (int half = 0; half < 2; ++half, out += TILE / 2) {
    const float *from = half ? lower : upper;
    if (transposed) {
      vector_transpose(from, BLOCK, turned, BLOCK);
      from = turned;
    }
    for (int row = 0; row < BLOCK; row += 2)
      _mm512_storeu_si512(out + row * BLOCK,
                          interleaved(two_pixels(from + row * BLOCK, from + (row + 1) * BLOCK, false)));
  }
}

static void store(const float *c, int count, size_t position, const limn_bf16_grid *g, float *first, float *second,
                  size_t picture, const float *bias, float slope) {
  const size_t all = (size_t)g->rows * (size_t)g->columns;
  size_t n = position / all;
  int u = (int)(position % all) / g->columns, v = (int)(position % all) % g->columns;
  vector low = bias ? vector_load(bias) : vector_of(0), high = bias ? vector_load(bias + BLOCK) : vector_of(0);
  for (int i = 0; i < count; ++i, c += SIDE) {
    int row = g->top + g->step * u, column = g->left + g->step * v;
    if ((unsigned)row < (unsigned)g->height && (unsigned)column < (unsigned)g->width) {
      size_t at = n * picture + (size_t)(row * g->width + column) * BLOCK;
      vector_store(first + at, vector_leaky(vector_load(c) + low, vector_of(slope)));
      vector_store(second + at, vector_leaky(vector_load(c + BLOCK) + high, vector_of(slope)));
    }
    advance(g, &u, &v);
    if (u == g->rows) {
      u = 0;
      ++n;
    }
  }
}

#define REQUEST_PERMISSION 0x1023 /* arch_prctl: ARCH_REQ_XCOMP_PERM */
#define TILE_DATA          18     /* XFEATURE_XTILEDATA: 8 KB of registers that a process has to ask for */

static bool has_amx(void) {
  unsigned a, b, c, d;
  bool rounds = __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 5 & 1); /* AVX512_BF16 */
  return rounds && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d >> 22 & 1) && (d >> 24 & 1) &&
         syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}

/* Palette 1: eight tiles of 16 rows of 64 bytes. */
static const struct {
  uint8_t palette, start_row, reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
} tiles = {.palette = 1,
           .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
           .rows = {BLOCK, BLOCK, BLOCK, BLOCK, BLOCK, BLOCK, BLOCK, BLOCK}};

AMX static void begin(void) { _tile_loadconfig(&tiles); }
AMX static void end(void) { _tile_release(); }

/* Tiles 0 to 3: c; 4, 5: a's two halves; 6, 7: b's. Distances in bytes. */
AMX static void product(const limn_bf16_product *p) {
  const size_t row = p->stride * sizeof *p->a, line = TILE / BLOCK * sizeof *p->b, c_row = p->c_stride * sizeof *p->c;
  const limn_bf16 *b = p->b;
  if (p->add) {
    _tile_loadd(0, p->c, c_row);
    _tile_loadd(1, p->c + p->right, c_row);
    _tile_loadd(2, p->c + p->down, c_row);
    _tile_loadd(3, p->c + p->down + p->right, c_row);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  for (size_t s = 0; s < (size_t)p->segments; ++s)
    for (int t = 0; t < p->offset_count; ++t, b += TILE) {
      const limn_bf16 *a = p->a + s * p->segment + p->offsets[t];
      _tile_loadd(6, b, line);
      _tile_loadd(4, a, row);
      _tile_loadd(7, b + p->b_right, line);
      _tile_dpbf16ps(0, 4, 6);
      _tile_loadd(5, a + BLOCK * p->stride, row);
      _tile_dpbf16ps(1, 4, 7);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
  _tile_stored(0, p->c, c_row);
  _tile_stored(1, p->c + p->right, c_row);
  _tile_stored(2, p->c + p->down, c_row);
  _tile_stored(3, p->c + p->down + p->right, c_row);
}

const limn_bf16_loops LIMN_SIMD(bf16) = {.usable = has_amx,
                                         .begin = begin,
                                         .end = end,
                                         .product = product,
                                         .rows = rows,
                                         .lines = lines,
                                         .pairs = pairs,
                                         .tile = tile,
                                         .store = store};
#else
const limn_bf16_loops LIMN_SIMD(bf16) = {.usable = NULL};
#endif
