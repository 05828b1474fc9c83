#include "data/source.h"

#define MULTIPLIER 0x9E3779B97F4A7C15u /* 2^64 / golden ratio, odd */

static uint64_t mix(uint64_t hash, uint64_t word) {
  hash = (hash ^ word) * MULTIPLIER;
  return hash ^ (hash >> 29);
}

/* Little-endian by construction, so that the number does not depend on the machine. */
static uint64_t load(const uint8_t *bytes, size_t size) {
  uint64_t word = 0;
  for (size_t i = 0; i < size; ++i)
    word |= (uint64_t)bytes[i] << (8 * i);
  return word;
}

uint64_t limn_hash_bytes(uint64_t hash, const void *bytes, size_t size) {
  const uint8_t *at = bytes;
  hash = mix(hash, size);
  size_t words = size / 8;
  for (size_t i = 0; i < words; ++i, at += 8)
    hash = mix(hash, load(at, 8));
  return size % 8 ? mix(hash, load(at, size % 8)) : hash;
}

/* The time of change too: copying and unpacking can set the time of writing to anything. */
uint64_t limn_hash_times(uint64_t hash, const struct stat *info) {
  hash = mix(mix(hash, (uint64_t)info->st_mtim.tv_sec), (uint64_t)info->st_mtim.tv_nsec);
  return mix(mix(hash, (uint64_t)info->st_ctim.tv_sec), (uint64_t)info->st_ctim.tv_nsec);
}
