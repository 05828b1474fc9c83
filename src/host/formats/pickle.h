/* Python pickles, as far as they are data: numbers, texts, lists, dictionaries, and what PyTorch makes of tensors.
 * Nothing is executed: where a pickle asks for a function or a class, its name is looked up in a short list of those
 * whose result is known, and everything else is refused by name. */
#ifndef LIMN_FORMATS_PICKLE_H
#define LIMN_FORMATS_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limn/safetensors.h"

typedef struct limn_pickle limn_pickle;
typedef struct limn_pickled limn_pickled;

typedef enum limn_pickled_kind {
  LIMN_PICKLED_NONE,
  LIMN_PICKLED_INTEGER, /* and what is true or false */
  LIMN_PICKLED_NUMBER,
  LIMN_PICKLED_TEXT,
  LIMN_PICKLED_LIST,    /* and tuples and sets */
  LIMN_PICKLED_DICT,    /* and objects that are no more than their attributes: keys and values in turn */
  LIMN_PICKLED_NAME,    /* of a class or function */
  LIMN_PICKLED_STORAGE, /* numbers that stand elsewhere in the file */
  LIMN_PICKLED_TENSOR,
} limn_pickled_kind;

/* Numbers somewhere in the file. */
typedef struct limn_pickled_storage {
  const char *key, *dtype; /* "0"; "F32" */
  int64_t elements;
} limn_pickled_storage;

/* Element (i, j, ...) is number offset + i stride[0] + j stride[1] + ... of the storage; none is below 0. */
typedef struct limn_pickled_tensor {
  int dims;
  int64_t offset, shape[LIMN_MAX_DIMS], stride[LIMN_MAX_DIMS];
} limn_pickled_tensor;

/* Borrowed from the pickle. Values may be shared, and a list may hold itself. */
struct limn_pickled {
  limn_pickled_kind kind;
  union {
    int64_t integer;
    double number;
    const char *text;                    /* of TEXT and NAME, terminated; "torch.FloatStorage" */
    limn_pickled **items;                /* of LIST and DICT */
    const limn_pickled_storage *storage; /* of STORAGE and TENSOR */
  };
  union {
    struct {
      size_t length, capacity; /* of the text; of a list; twice the pairs of a dictionary */
    };
    const limn_pickled_tensor *tensor;
  };
};

/* Reads one pickle; *used: its bytes, since others may follow. LIMN_DATA says what is wrong or refused, to stand behind
 * "FILE: ". *out is yours (limn_pickle_destroy); texts are copies. */
limn_status limn_pickle_read(limn_pickle **out, const uint8_t *bytes, size_t size, size_t *used);
void limn_pickle_destroy(limn_pickle *pickle);
const limn_pickled *limn_pickle_root(const limn_pickle *pickle);

#endif
