#include "image/protocol_taps.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define BICUBIC_A      (-0.5)
#define BICUBIC_REACH  2.0 /* it is 0 from here on */
#define BILINEAR_COUNT 2

static limn_status allocate(limn_protocol_taps *taps, int to, int most) {
  *taps = (limn_protocol_taps){.to = to, .most = most};
  taps->first = malloc((size_t)to * sizeof *taps->first);
  taps->count = malloc((size_t)to * sizeof *taps->count);
  taps->weights = malloc((size_t)to * (size_t)most * sizeof *taps->weights);
  if (taps->first && taps->count && taps->weights)
    return LIMN_OK;
  limn_protocol_taps_release(taps);
  return limn_fail_memory("the weights of a resize");
}

void limn_protocol_taps_release(limn_protocol_taps *taps) {
  free(taps->first);
  free(taps->count);
  free(taps->weights);
  memset(taps, 0, sizeof *taps);
}

/* Keys' kernel (1981). */
static double bicubic(double x) {
  const double a = BICUBIC_A;
  x = fabs(x);
  if (x < 1)
    return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < BICUBIC_REACH ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/* Where the picture shrinks, the kernel grows by as much, so that it reaches all old places under a new one. Those
 * outside the picture do not count: the others' weights are made to sum to 1 again. */
static limn_status antialiased_bicubic(limn_protocol_taps *taps, int from, int to) {
  const double scale = (double)from / to, stretch = scale < 1 ? 1 : scale, reach = BICUBIC_REACH * stretch;
  const double steepness = 1 / stretch; /* PIL multiplies by it: the same bits */
  LIMN_TRY(allocate(taps, to, 2 * (int)ceil(reach) + 1));
  for (int i = 0; i < to; ++i) {
    const double centre = (i + 0.5) * scale;
    const int begin = centre - reach + 0.5 < 0 ? 0 : (int)(centre - reach + 0.5);
    const int end = centre + reach + 0.5 > from ? from : (int)(centre + reach + 0.5);
    double *weights = taps->weights + (size_t)i * (size_t)taps->most, sum = 0;
    taps->first[i] = begin;
    taps->count[i] = end - begin;
    for (int k = 0; k < end - begin; ++k)
      sum += weights[k] = bicubic((k + begin - centre + 0.5) * steepness);
    for (int k = 0; k < end - begin; ++k)
      weights[k] /= sum;
  }
  return LIMN_OK;
}

/* place: where new place i lies among the old ones. In float32 as both tools have it, whose rounding shows where
 * pictures are large. */
static void between(limn_protocol_taps *taps, int i, float place, int from) {
  const int low = (int)place < from - 1 ? (int)place : from - 1;
  const float part = low < from - 1 ? place - (float)low : 0;
  double *weights = taps->weights + (size_t)i * BILINEAR_COUNT;
  taps->first[i] = low;
  taps->count[i] = low < from - 1 ? BILINEAR_COUNT : 1;
  weights[0] = 1 - (double)part;
  weights[1] = part;
}

static limn_status bilinear(limn_protocol_taps *taps, limn_resize_protocol protocol, int from, int to) {
  LIMN_TRY(allocate(taps, to, BILINEAR_COUNT));
  const float scale = (float)((double)from / to);
  for (int i = 0; i < to; ++i) {
    float place = scale * (float)i;
    if (protocol == LIMN_PROTOCOL_PYTORCH_FID) /* rounded once, as its vectors do where a CPU has FMA */
      place = fmaxf(fmaf(scale, (float)i + 0.5F, -0.5F), 0);
    between(taps, i, place, from);
  }
  return LIMN_OK;
}

limn_status limn_protocol_taps_init(limn_protocol_taps *taps, limn_resize_protocol protocol, int from, int to) {
  return protocol == LIMN_PROTOCOL_CLEAN_FID ? antialiased_bicubic(taps, from, to) : bilinear(taps, protocol, from, to);
}
