/* The directory of a zip file whose bytes are in memory; nothing is unpacked. */
#ifndef LIMN_BASE_ZIP_H
#define LIMN_BASE_ZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct limn_zip {
  const uint8_t *bytes; /* of the file; the caller's */
  size_t size;
  size_t directory, directory_size; /* where it lies */
  size_t shift;                     /* bytes ahead of the archive, as in a file that unpacks itself */
} limn_zip;

/* A file in it. Names are not terminated. */
typedef struct limn_zip_entry {
  const char *name;
  size_t name_length;
  int method;   /* 0: stored as it is; 8: deflated */
  uint32_t sum; /* CRC-32 of the file's own bytes, unpacked */
  uint64_t packed_size, size;
  /* In front of the file's own bytes stands its name again. NULL: nothing like that is where the directory says. */
  const char *local_name;
  size_t local_name_length;
  const uint8_t *data; /* (packed_size); NULL: it is not wholly in the archive */
} limn_zip_entry;

/* Finds the directory; false: there is none. The bytes may be anything. */
bool limn_zip_find(limn_zip *zip, const void *bytes, size_t size);
/* The entry at *at, which begins at 0 and moves on; false behind the last, and where the directory is broken. */
bool limn_zip_next(const limn_zip *zip, size_t *at, limn_zip_entry *entry);

#endif
