/* Where elements of NHWC tensors lie. */
#ifndef LIMN_KERNELS_PIXELS_CUH
#define LIMN_KERNELS_PIXELS_CUH

#include "kernels/grid.cuh"
#include "kernels/types.cuh"

struct position {
  int64_t n;
  int h, w, c;
};

__device__ static inline position position_of(int64_t i, const limn_extents &e) {
  position at;
  at.c = (int)(i % e.c);
  i /= e.c;
  at.w = (int)(i % e.w);
  i /= e.w;
  at.h = (int)(i % e.h);
  at.n = i / e.h;
  return at;
}

/* Of a picture's channel, from which pixel p is p times c elements away. */
__device__ static inline int64_t plane_of(const position &at, const limn_extents &e) {
  return at.n * e.h * e.w * e.c + at.c;
}

static inline int64_t elements_of(const limn_extents &e) { return (int64_t)e.n * e.h * e.w * e.c; }

static inline bool are_extents(const limn_extents &e) {
  return e.n >= 1 && e.h >= 1 && e.w >= 1 && e.c >= 1 && (int64_t)e.h * e.w <= INT32_MAX;
}

/* Whether `from` can become `to`: the same but for the sides. */
static inline bool differ_in_sides(const limn_extents &from, const limn_extents &to) {
  return are_extents(from) && are_extents(to) && from.n == to.n && from.c == to.c;
}

static inline bool is_tensor(const void *p, limn_type type) { return p && is_aligned(p) && is_type(type); }

#endif
