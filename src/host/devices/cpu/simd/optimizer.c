#include <math.h>

#include "devices/cpu/simd/simd.h"

void LIMN_SIMD(adam)(float *restrict w, float *restrict m, float *restrict v, const float *restrict gradient, size_t n,
                     const struct limn_simd_adam *p) {
  float step = p->lr / p->bias1, root = 1 / sqrtf(p->bias2), coupled = p->decoupled ? 0 : p->weight_decay;
  float keep = p->decoupled ? 1 - p->lr * p->weight_decay : 1;
  float beta1 = p->beta1, beta2 = p->beta2, eps = p->eps, scale = p->scale;
#pragma omp simd
  for (size_t i = 0; i < n; ++i) {
    float g = scale * gradient[i] + coupled * w[i];
    float first = beta1 * m[i] + (1 - beta1) * g, second = beta2 * v[i] + (1 - beta2) * g * g;
    m[i] = first;
    v[i] = second;
    w[i] = keep * w[i] - step * first / (sqrtf(second) * root + eps);
  }
}

void LIMN_SIMD(sgd)(float *restrict w, float *restrict momentum, const float *restrict gradient, size_t n,
                    const struct limn_simd_sgd *p) {
  float lr = p->lr, decay = p->weight_decay, scale = p->scale, mu = p->momentum;
  if (momentum) {
#pragma omp simd
    for (size_t i = 0; i < n; ++i) {
      momentum[i] = mu * momentum[i] + (scale * gradient[i] + decay * w[i]);
      w[i] -= lr * momentum[i];
    }
  } else {
#pragma omp simd
    for (size_t i = 0; i < n; ++i)
      w[i] -= lr * (scale * gradient[i] + decay * w[i]);
  }
}
