/* A pickle that is being read, as unpickle.c and pickle_calls.c share it. */
#ifndef LIMN_FORMATS_PICKLING_H
#define LIMN_FORMATS_PICKLING_H

#include "formats/pickle.h"
#include "limn/status.h"

#define LIMN_PICKLE_CHUNK 65536

struct limn_pickle_chunk {
  struct limn_pickle_chunk *next;
  size_t used, capacity;
  _Alignas(16) uint8_t bytes[];
};

struct limn_pickle {
  struct limn_pickle_chunk *chunks; /* all values and texts */
  const limn_pickled *root;
};

struct limn_pickling {
  limn_pickle *pickle;
  const uint8_t *bytes;
  size_t size, at;
  size_t value_count, taken; /* taken: bytes of the pickle's memory */
  bool too_large;            /* more was asked for than any network needs; memory was not short */
  limn_pickled **stack;
  size_t height, capacity;
  size_t *marks; /* heights of the stack */
  size_t mark_count, mark_capacity;
  limn_pickled **memo; /* NULL: nothing there */
  size_t memo_size, memo_count;
};

/* Zeroed, as long as the pickle lives; NULL when memory runs out, or what a pickle of that size may take. */
void *limn_pickling_memory(struct limn_pickling *p, size_t size);
/* NULL when memory runs out, or there are more values than any network has. */
limn_pickled *limn_pickling_value(struct limn_pickling *p, limn_pickled_kind kind);
/* Room behind the items of a list or dictionary, which grows by it; NULL when memory runs out. */
limn_pickled **limn_pickling_items(struct limn_pickling *p, limn_pickled *value, size_t more);

/* What REDUCE, NEWOBJ and BUILD make of two values, and BINPERSID of one. LIMN_DATA for what is not known. */
limn_status limn_pickling_reduce(struct limn_pickling *p, limn_pickled *function, limn_pickled *arguments,
                                 limn_pickled **out);
limn_status limn_pickling_make(struct limn_pickling *p, limn_pickled *class, limn_pickled *arguments,
                               limn_pickled **out);
limn_status limn_pickling_build(struct limn_pickling *p, limn_pickled *object, limn_pickled *state, limn_pickled **out);
limn_status limn_pickling_storage(struct limn_pickling *p, limn_pickled *id, limn_pickled **out);

#endif
