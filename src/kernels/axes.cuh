/* Sums over any axes: which elements of the domain make one element of the result. */
#ifndef LIMN_KERNELS_AXES_CUH
#define LIMN_KERNELS_AXES_CUH

#include "kernels/kernels.h"

struct any_axes {
  int64_t kept, summed;               /* elements of the result; elements that make one */
  int64_t extent[2][4], stride[2][4]; /* n, h, w, c of the kept and of the summed axes; 1 where the other has it */
};

/* False unless every extent of `to` is 1 or the domain's. */
static inline bool find_axes(any_axes *out, limn_extents domain, limn_extents to) {
  const int32_t from[4] = {domain.n, domain.h, domain.w, domain.c}, kept[4] = {to.n, to.h, to.w, to.c};
  int64_t stride = 1;
  *out = {};
  out->kept = out->summed = 1;
  for (int axis = 3; axis >= 0; --axis) {
    if (kept[axis] != 1 && kept[axis] != from[axis])
      return false;
    out->extent[0][axis] = kept[axis];
    out->extent[1][axis] = kept[axis] == 1 ? from[axis] : 1;
    out->kept *= kept[axis];
    out->summed *= out->extent[1][axis];
    out->stride[0][axis] = out->stride[1][axis] = stride;
    stride *= from[axis];
  }
  return true;
}

__device__ static inline int64_t element_of(const any_axes &a, int which, int64_t index) {
  int64_t at = 0;
  for (int axis = 3; axis >= 0; --axis) {
    at += index % a.extent[which][axis] * a.stride[which][axis];
    index /= a.extent[which][axis];
  }
  return at;
}

#endif
