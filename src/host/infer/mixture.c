#include "infer/mixture.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/philox.h"

limn_status limn_mixture_init(limn_mixture *m, int components, int width) {
  const size_t count = (size_t)components, size = (size_t)width;
  *m = (limn_mixture){.components = components, .width = width};
  m->weights = calloc(count, sizeof *m->weights);
  m->means = calloc(count * size, sizeof *m->means);
  m->factors = calloc(count * size * size, sizeof *m->factors);
  if (m->weights && m->means && m->factors)
    return LIMN_OK;
  limn_mixture_release(m);
  return limn_fail_memory("a mixture of Gaussians");
}

void limn_mixture_release(limn_mixture *m) {
  free(m->weights);
  free(m->means);
  free(m->factors);
  *m = (limn_mixture){0};
}

/* The component in whose part of [0, 1) u lies. */
static int choose(const limn_mixture *m, double u) {
  double sum = 0;
  for (int k = 0; k < m->components; ++k)
    if (u < (sum += m->weights[k]))
      return k;
  return m->components - 1; /* the weights' sum is 1 but for rounding */
}

void limn_mixture_codes(const limn_mixture *m, uint64_t seed, uint64_t first, int count, float *codes) {
  const size_t width = (size_t)m->width;
  for (int i = 0; i < count; ++i) {
    float u, *code = codes + (size_t)i * width;
    const uint64_t number = first + (uint64_t)i;
    limn_philox_uniform(seed, LIMN_STREAM_MIXTURE_COMPONENT, 0, number, &u, 1);
    limn_philox_normal(seed, LIMN_STREAM_MIXTURE_CODE, 0, number * width, code, width);
    const size_t k = (size_t)choose(m, (double)u);
    const double *mean = m->means + k * width, *factor = m->factors + k * width * width;
    /* mean + L epsilon in place: the last number reads all of epsilon, the first its own alone. */
    for (size_t row = width; row-- > 0;) {
      double sum = mean[row];
      for (size_t j = 0; j <= row; ++j)
        sum += factor[row * width + j] * (double)code[j];
      code[row] = (float)sum;
    }
  }
}
