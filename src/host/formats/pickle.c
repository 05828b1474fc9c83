/* The values of a pickle, all of which live as long as it does. */
#include "formats/pickle.h"

#include <stdlib.h>
#include <string.h>

#include "formats/pickling.h"

#define MOST_VALUES ((size_t)1 << 24) /* a thousand times what a large network has */
#define SHARE       ((size_t)128)     /* bytes of memory for each of the pickle, at most, */
#define LARGEST     ((size_t)1 << 30) /* and in all */

/* What a pickle makes of itself, many times over by sharing, must not be the end of the machine. */
static bool is_allowed(struct limn_pickling *p, size_t size) {
  size_t most = p->size < LARGEST / SHARE ? p->size * SHARE : LARGEST;
  if (size > most + LIMN_PICKLE_CHUNK - p->taken) {
    p->too_large = true;
    return false;
  }
  p->taken += size;
  return true;
}

void *limn_pickling_memory(struct limn_pickling *p, size_t size) {
  struct limn_pickle_chunk *chunk = p->pickle->chunks;
  size = (size + 15) & ~(size_t)15;
  if (!is_allowed(p, size))
    return NULL;
  if (!chunk || chunk->capacity - chunk->used < size) {
    size_t capacity = size > LIMN_PICKLE_CHUNK ? size : LIMN_PICKLE_CHUNK;
    chunk = malloc(sizeof *chunk + capacity);
    if (!chunk)
      return NULL;
    *chunk = (struct limn_pickle_chunk){.next = p->pickle->chunks, .capacity = capacity};
    p->pickle->chunks = chunk;
  }
  void *memory = chunk->bytes + chunk->used;
  chunk->used += size;
  return memset(memory, 0, size);
}

limn_pickled *limn_pickling_value(struct limn_pickling *p, limn_pickled_kind kind) {
  if (++p->value_count > MOST_VALUES)
    p->too_large = true;
  limn_pickled *value = p->too_large ? NULL : limn_pickling_memory(p, sizeof *value);
  if (value)
    value->kind = kind;
  return value;
}

limn_pickled **limn_pickling_items(struct limn_pickling *p, limn_pickled *value, size_t more) {
  size_t wanted = value->length + more;
  if (wanted > value->capacity || !value->items) {
    size_t capacity = 2 * wanted;
    limn_pickled **items = limn_pickling_memory(p, capacity * sizeof(limn_pickled *));
    if (!items)
      return NULL;
    if (value->items)
      memcpy(items, value->items, value->length * sizeof(limn_pickled *));
    value->items = items;
    value->capacity = capacity;
  }
  value->length = wanted;
  return value->items + wanted - more;
}

void limn_pickle_destroy(limn_pickle *pickle) {
  if (!pickle)
    return;
  while (pickle->chunks) {
    struct limn_pickle_chunk *next = pickle->chunks->next;
    free(pickle->chunks);
    pickle->chunks = next;
  }
  free(pickle);
}

const limn_pickled *limn_pickle_root(const limn_pickle *pickle) { return pickle->root; }
