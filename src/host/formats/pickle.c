/* The values of a pickle, all of which live as long as it does. */
#include "formats/pickle.h"

#include <stdlib.h>
#include <string.h>

#include "formats/pickling.h"

#define MOST_VALUES ((size_t)1 << 22) /* a thousand times what a large network has */

void *limn_pickling_memory(struct limn_pickling *p, size_t size) {
  struct limn_pickle_chunk *chunk = p->pickle->chunks;
  size = (size + 15) & ~(size_t)15;
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
  limn_pickled *value = p->value_count++ < MOST_VALUES ? limn_pickling_memory(p, sizeof *value) : NULL;
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
