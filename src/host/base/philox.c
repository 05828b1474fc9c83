#include "base/philox.h"

#include <math.h>

#define ROUNDS 10

void limn_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
  uint32_t k0 = key[0], k1 = key[1];
  for (int round = 0; round < ROUNDS; ++round) {
    uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
    c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
    c1 = (uint32_t)p1;
    c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c3 = (uint32_t)p0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

static void block(uint64_t seed, uint32_t stream, uint64_t step, uint64_t index, uint32_t out[4]) {
  const uint32_t counter[4] = {(uint32_t)index, stream, (uint32_t)step, (uint32_t)(step >> 32)};
  const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
  limn_philox(counter, key, out);
}

static float to_uniform(uint32_t bits) { return (float)(bits >> 8) * 0x1p-24f; }

/* Box & Muller 1958. The half keeps the logarithm's argument away from 0 and 1. */
static void to_normals(uint32_t bits0, uint32_t bits1, float *first, float *second) {
  double radius = sqrt(-2.0 * log(((double)(bits0 >> 8) + 0.5) * 0x1p-24));
  double angle = 6.283185307179586 * ((double)(bits1 >> 8) * 0x1p-24);
  *first = (float)(radius * cos(angle));
  *second = (float)(radius * sin(angle));
}

void limn_philox_uniform(uint64_t seed, uint32_t stream, uint64_t step, uint64_t first, float *out, size_t count) {
  for (size_t i = 0; i < count; i += 4) {
    uint32_t bits[4];
    block(seed, stream, step, (first + i) / 4, bits);
    for (size_t j = 0; j < 4 && i + j < count; ++j)
      out[i + j] = to_uniform(bits[j]);
  }
}

void limn_philox_normal(uint64_t seed, uint32_t stream, uint64_t step, uint64_t first, float *out, size_t count) {
  for (size_t i = 0; i < count; i += 4) {
    uint32_t bits[4];
    float normals[4];
    block(seed, stream, step, (first + i) / 4, bits);
    to_normals(bits[0], bits[1], &normals[0], &normals[1]);
    to_normals(bits[2], bits[3], &normals[2], &normals[3]);
    for (size_t j = 0; j < 4 && i + j < count; ++j)
      out[i + j] = normals[j];
  }
}

void limn_philox_permutation(uint64_t seed, uint32_t stream, uint64_t step, uint32_t *order, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i)
    order[i] = i;
  for (uint32_t i = count; i > 1; --i) {
    uint32_t bits[4];
    block(seed, stream, step, i - 1, bits);
    /* 32 random bits times i, high half: the bias is below i / 2^32 and the same everywhere. */
    uint32_t j = (uint32_t)(((uint64_t)bits[0] * i) >> 32);
    uint32_t moved = order[i - 1];
    order[i - 1] = order[j];
    order[j] = moved;
  }
}
