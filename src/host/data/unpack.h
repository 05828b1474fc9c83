/* Zip and tar archives, read once from front to back. */
#ifndef LIMN_DATA_UNPACK_H
#define LIMN_DATA_UNPACK_H

#include <locale.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/compressed.h"

typedef struct limn_unpacker {
  struct archive *archive;
  const char *path;        /* borrowed */
  locale_t utf8, before;   /* of this thread, until it is closed */
  limn_compressed *stream; /* the bytes of a tar that is compressed; else NULL */
  limn_status stream_status;
  size_t zeros;   /* that the stream ends in so far */
  size_t members; /* headers read so far */
  bool stuck;     /* in a damaged member: what follows is only to be had by opening the archive again */
} limn_unpacker;

/* A regular file in an archive. Its texts are borrowed until the next one. */
typedef struct limn_member {
  const char *name;    /* UTF-8, or the bytes as they stand where that is not known; NULL: no more files */
  const char *link_to; /* the name of the member that holds its bytes; NULL: they are here */
} limn_member;

/* A zip file, or a tar file, plain or compressed by gzip, bzip2, xz or zstd. Opened, read and closed by one thread.
 * LIMN_DATA, naming the file, when it is broken, also from the functions below. */
limn_status limn_unpack_open(limn_unpacker *unpacker, const char *path);
/* Behind the last file all that is compressed has been read and its sums were right. */
limn_status limn_unpack_next(limn_unpacker *unpacker, limn_member *out);
/* Up to `size` bytes of the member, fewer only at its end. */
limn_status limn_unpack_read(limn_unpacker *unpacker, void *bytes, size_t size, size_t *got);
/* After limn_unpack_read has failed: why, where that concerns this member alone, because each has a sum of its own, as
 * in a zip; limn_unpack_next goes on then. NULL: the archive is lost. */
const char *limn_unpack_member_fault(const limn_unpacker *unpacker);
void limn_unpack_close(limn_unpacker *unpacker); /* safe on a zeroed struct */

#endif
