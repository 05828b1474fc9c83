/* Fuzz targets: each feeds one reader with bytes that may be anything, and uses whatever it lets pass.
 *
 * A target is one file with LLVMFuzzerTestOneInput. It aborts (FUZZ_CHECK) where a reader breaks its contract; crashes,
 * leaks and undefined behaviour are found by the sanitizers, hangs and memory by libFuzzer's limits. */
#ifndef LIMN_TESTS_FUZZ_FUZZ_H
#define LIMN_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "limn/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Writes the bytes to the file `name` of this process's own folder in memory, and returns its path. Borrowed until the
 * next call with the same name; up to 8 names. The folder is gone when the process ends by itself. */
const char *fuzz_file(const char *name, const uint8_t *data, size_t size);
/* That folder. */
const char *fuzz_folder(void);
/* Removes the file of that name, if there is one. */
void fuzz_remove(const char *name);

/* A failure must have a message of one line. */
void fuzz_check_message(limn_status status);

#define FUZZ_CHECK(condition_)                                                                                         \
  do {                                                                                                                 \
    if (!(condition_)) {                                                                                               \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition_);                                         \
      abort();                                                                                                         \
    }                                                                                                                  \
  } while (0)

/* Reads every byte, so that the sanitizers see each of them. */
static inline void fuzz_touch(const void *data, size_t size) {
  const volatile uint8_t *bytes = data;
  for (size_t i = 0; i < size; ++i)
    (void)bytes[i];
}

/* An input as a row of choices and parts. What is over is zero, or nothing. */
typedef struct fuzz_input {
  const uint8_t *data;
  size_t size;
} fuzz_input;

static inline uint8_t fuzz_byte(fuzz_input *in) {
  if (in->size == 0)
    return 0;
  --in->size;
  return *in->data++;
}

/* A part with its length in two bytes in front. */
static inline fuzz_input fuzz_part(fuzz_input *in) {
  size_t low = fuzz_byte(in), size = low | (size_t)fuzz_byte(in) << 8;
  fuzz_input part = {in->data, size < in->size ? size : in->size};
  in->data += part.size;
  in->size -= part.size;
  return part;
}

#endif
