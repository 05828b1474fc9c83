/* Decoded pictures on disk, so that the next run of the same pictures begins at once and reads them as fast as memory.
 *
 * A file of this machine's own: a head, a record a picture, the names of the files where the source cannot have them as
 * fast, and the pixels from a page's start on, row i for picture i of the source. Its name says what it was made from;
 * a file appears whole or not at all, and is never changed. */
#ifndef LIMN_DATA_CACHE_H
#define LIMN_DATA_CACHE_H

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "limn/pictures.h"
#include "limn/status.h"

#define LIMN_CACHE_NOTE_SIZE 504

/* Hashes: of where the data lies, of everything that changes when it does, and of what is made of it. */
typedef struct limn_cache_key {
  uint64_t place, state, form;
} limn_cache_key;

enum { LIMN_RECORD_BROKEN = 1, LIMN_RECORD_NO_PICTURE = 2 };

/* What the pass over all pictures has found out about one. */
typedef struct limn_picture_record {
  int32_t height, width, channels; /* as the source has them */
  uint32_t broken;                 /* not 0: it is left out, and its row is empty */
  uint64_t hash;                   /* of its pixels as the source has them */
} limn_picture_record;

typedef struct limn_cache_facts {
  uint32_t count, broken_count;    /* pictures of the source; of these are broken */
  int32_t channels, height, width; /* of every row */
  uint32_t names_bytes;
  char note[LIMN_CACHE_NOTE_SIZE]; /* the line about broken ones; "" */
  uint32_t lacked;                 /* bits (1 << limn_picture_library): some are broken for lack of it */
  uint32_t reserved;
  limn_other_files other_files; /* that the pass has found; where names are kept, those that the source has too */
} limn_cache_facts;

typedef struct limn_cache {
  limn_cache_facts facts;
  const limn_picture_record *records; /* (count) */
  const char *names;                  /* (names_bytes), whatever the maker put there */
  const uint8_t *pixels;              /* (count, C, H, W) */
  void *map;
  size_t size;
  int descriptor; /* locked, so that nobody clears the file away */
  char path[PATH_MAX];
} limn_cache;

/* true: open; close it. false: there is none, or what is there is damaged and has to be made anew. */
bool limn_cache_open(limn_cache *cache, const char *folder, const limn_cache_key *key);
void limn_cache_close(limn_cache *cache); /* safe on a zeroed struct */

typedef struct limn_cache_writer {
  limn_durable_file file;
  limn_cache_key key;
  size_t first_row, row_bytes;
  atomic_int failure; /* errno of the first row that could not be written */
} limn_cache_writer;

/* Makes the folder, clears away what no run will use again, and begins a file for `facts`, whose note and broken_count
 * need not be known yet. LIMN_FAILED, with nothing left behind, where there is no room. */
limn_status limn_cache_begin(limn_cache_writer *writer, const char *folder, const limn_cache_key *key,
                             const limn_cache_facts *facts);
/* Row `index`, dense (C, H, W); thread-safe. A failure is told by commit. */
void limn_cache_put(limn_cache_writer *writer, uint32_t index, const uint8_t *chw);
bool limn_cache_failed(const limn_cache_writer *writer);
/* Publishes the file, or tells why not; releases the writer either way. */
limn_status limn_cache_commit(limn_cache_writer *writer, const limn_cache_facts *facts,
                              const limn_picture_record *records, const char *names);
void limn_cache_abandon(limn_cache_writer *writer); /* safe on a zeroed struct */

#endif
