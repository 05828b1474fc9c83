/* Shared memory: each block gets fresh places, full of NaN, with red zones between them for AddressSanitizer. Made of
 * mapped pages and without malloc, which under ThreadSanitizer no fiber may call. */
#include <sys/mman.h>

#include "fibers.h"
#include "virtual_gpu.h"

namespace virtual_gpu {
namespace {

constexpr size_t RED_ZONE = 128, MAX_PLACES = 32;
constexpr unsigned char SLACK = 0xa5;

/* Under ThreadSanitizer the blocks of a grid are not ordered, so none may get the addresses of another. */
#ifdef LIMN_VIRTUAL_GPU_TSAN
constexpr size_t ARENA = 256 << 20;
#else
constexpr size_t ARENA = MAX_SHARED_BYTES + (MAX_PLACES + 1) * 2 * RED_ZONE;
#endif

struct place {
  const void *key;
  char *start;
  size_t bytes;
};

char *arena;
size_t top, used, dynamic_bytes;
place places[MAX_PLACES];
size_t place_count;

/* Through volatile: a memset would be a write that ThreadSanitizer sees and takes for the kernel's. */
void fill(char *start, size_t bytes, unsigned char value) {
  size_t i = 0;
  for (; i + 8 <= bytes; i += 8)
    *reinterpret_cast<volatile uint64_t *>(start + i) = value * 0x0101010101010101ull;
  for (; i < bytes; ++i)
    *reinterpret_cast<volatile unsigned char *>(start + i) = value;
}

size_t span_of(size_t bytes) { return (bytes + RED_ZONE - 1) / RED_ZONE * RED_ZONE + RED_ZONE; }

char *take(size_t bytes) {
  size_t span = span_of(bytes);
  if (used + bytes > MAX_SHARED_BYTES)
    die("kernel %s: asks for over %zu bytes of shared memory", running_kernel(), MAX_SHARED_BYTES);
  if (top + span > ARENA)
    die("kernel %s: the blocks of one launch need over %zu bytes of shared memory together", running_kernel(), ARENA);
  char *start = arena + top;
  top += span;
  used += bytes;
  __asan_unpoison_memory_region(start, span);
  fill(start, span, SLACK);
  fill(start, bytes, 0xff); /* NaN in every type */
  __asan_poison_memory_region(start + bytes, span - bytes);
  return start;
}

} // namespace

void begin_shared_grid(size_t bytes) {
  if (!arena) {
    void *p = mmap(nullptr, ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
      die("no memory for shared memory");
    arena = static_cast<char *>(p);
  }
  dynamic_bytes = bytes;
  top = RED_ZONE;
}

void begin_shared_block() {
  place_count = used = 0;
#ifndef LIMN_VIRTUAL_GPU_TSAN
  top = RED_ZONE;
#endif
  __asan_poison_memory_region(arena, ARENA);
}

void end_shared_block() {
#ifndef VIRTUAL_GPU_ASAN /* which sees the access itself */
  for (size_t i = 0; i < place_count; ++i)
    for (const char *p = places[i].start + places[i].bytes, *end = places[i].start + span_of(places[i].bytes); p < end;
         ++p)
      if (static_cast<unsigned char>(*p) != SLACK)
        die("kernel %s: wrote behind %zu bytes of shared memory", running_kernel(), places[i].bytes);
#endif
}

void *shared(const void *key, size_t bytes) {
  for (size_t i = 0; i < place_count; ++i)
    if (places[i].key == key)
      return places[i].start;
  if (place_count == MAX_PLACES)
    die("kernel %s: has over %zu arrays in shared memory", running_kernel(), MAX_PLACES);
  places[place_count] = {key, take(bytes), bytes};
  return places[place_count++].start;
}

void *dynamic_shared() {
  if (!dynamic_bytes)
    die("kernel %s: uses dynamic shared memory and was launched with none", running_kernel());
  return shared(&dynamic_bytes, dynamic_bytes);
}

} // namespace virtual_gpu
