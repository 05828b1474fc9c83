#include "base/philox.h"

#include <string.h>

#include "base/box_muller.h"
#include "base/for_each_cpu.h"

#define ROUNDS      10
#define MULTIPLIER0 0xD2511F53u
#define MULTIPLIER1 0xCD9E8D57u
#define WEYL0       0x9E3779B9u
#define WEYL1       0xBB67AE85u

static inline void one_round(uint32_t *c0, uint32_t *c1, uint32_t *c2, uint32_t *c3, uint32_t k0, uint32_t k1) {
  const uint64_t p0 = (uint64_t)MULTIPLIER0 * *c0, p1 = (uint64_t)MULTIPLIER1 * *c2;
  *c0 = (uint32_t)(p1 >> 32) ^ *c1 ^ k0;
  *c1 = (uint32_t)p1;
  *c2 = (uint32_t)(p0 >> 32) ^ *c3 ^ k1;
  *c3 = (uint32_t)p0;
}

void limn_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
  uint32_t k0 = key[0], k1 = key[1];
  memcpy(out, counter, 4 * sizeof *out);
  for (int round = 0; round < ROUNDS; ++round, k0 += WEYL0, k1 += WEYL1)
    one_round(&out[0], &out[1], &out[2], &out[3], k0, k1);
}

#define BLOCKS LIMN_BOX_MULLER_BLOCKS
#define WORDS  (4 * BLOCKS)

/* Of the counters from `first` on. A round at a time for all of them, which vectors can do. */
LIMN_FOR_EACH_CPU static void blocks(uint64_t seed, uint32_t stream, uint64_t step, uint32_t first, uint32_t *words) {
  uint32_t c0[BLOCKS], c1[BLOCKS], c2[BLOCKS], c3[BLOCKS], k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
  for (uint32_t i = 0; i < BLOCKS; ++i) {
    c0[i] = first + i;
    c1[i] = stream;
    c2[i] = (uint32_t)step;
    c3[i] = (uint32_t)(step >> 32);
  }
  for (int round = 0; round < ROUNDS; ++round, k0 += WEYL0, k1 += WEYL1)
    for (int i = 0; i < BLOCKS; ++i)
      one_round(&c0[i], &c1[i], &c2[i], &c3[i], k0, k1);
  for (int i = 0; i < BLOCKS; ++i) {
    words[4 * i] = c0[i];
    words[4 * i + 1] = c1[i];
    words[4 * i + 2] = c2[i];
    words[4 * i + 3] = c3[i];
  }
}

static void block(uint64_t seed, uint32_t stream, uint64_t step, uint64_t index, uint32_t out[4]) {
  const uint32_t counter[4] = {(uint32_t)index, stream, (uint32_t)step, (uint32_t)(step >> 32)};
  const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
  limn_philox(counter, key, out);
}

static float to_uniform(uint32_t bits) { return (float)(bits >> 8) * 0x1p-24f; }

static void to_uniforms(const uint32_t *words, float *numbers) {
  for (int i = 0; i < WORDS; ++i)
    numbers[i] = to_uniform(words[i]);
}

/* Where numbers begin. */
struct source {
  uint64_t seed;
  uint32_t stream;
  uint64_t step, first;
};

typedef void (*conversion)(const uint32_t *words, float *numbers);

static void fill(conversion convert, const struct source *from, float *out, size_t count) {
  uint32_t words[WORDS];
  float numbers[WORDS];
  for (size_t i = 0, some; i < count; i += some) {
    const size_t lead = (from->first + i) % 4; /* elements of the first block that are left out */
    some = count - i < WORDS - lead ? count - i : WORDS - lead;
    blocks(from->seed, from->stream, from->step, (uint32_t)((from->first + i) / 4), words);
    convert(words, numbers);
    memcpy(out + i, numbers + lead, some * sizeof *out);
  }
}

void limn_philox_uniform(uint64_t seed, uint32_t stream, uint64_t step, uint64_t first, float *out, size_t count) {
  fill(to_uniforms, &(struct source){seed, stream, step, first}, out, count);
}

void limn_philox_normal(uint64_t seed, uint32_t stream, uint64_t step, uint64_t first, float *out, size_t count) {
  fill(limn_box_muller, &(struct source){seed, stream, step, first}, out, count);
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
