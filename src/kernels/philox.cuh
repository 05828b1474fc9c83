/* Philox4x32-10 (Salmon et al. 2011): the four words of block `index`, elements 4 index ... 4 index + 3. */
#ifndef LIMN_KERNELS_PHILOX_CUH
#define LIMN_KERNELS_PHILOX_CUH

#include <limn_launch.h>
#include <stdint.h>

struct words {
  uint32_t v[4];
};

__device__ static inline words philox(uint64_t index, uint32_t stream, uint64_t step, uint64_t seed) {
  uint32_t c0 = (uint32_t)index, c1 = stream, c2 = (uint32_t)step, c3 = (uint32_t)(step >> 32);
  uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
    c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
    c1 = (uint32_t)p1;
    c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c3 = (uint32_t)p0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

#endif
