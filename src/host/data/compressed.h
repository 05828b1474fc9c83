/* The bytes of a file that is compressed by gzip, bzip2, xz or zstd, read once from front to back. All sums that such a
 * file holds are checked, up to its very end. */
#ifndef LIMN_DATA_COMPRESSED_H
#define LIMN_DATA_COMPRESSED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limn/status.h"

typedef struct limn_compressed limn_compressed;

/* *out is NULL, without an error, where the file is not compressed by one of the four. Opened, read and closed by one
 * thread. path: borrowed. LIMN_DATA, naming the file, also from limn_compressed_read. */
limn_status limn_compressed_open(limn_compressed **out, const char *path);
/* The next bytes, borrowed until the next call; *size is 0 at the end, where everything has been checked. */
limn_status limn_compressed_read(limn_compressed *stream, const void **bytes, size_t *size);
/* At the end: whether something other than zeros follows what is compressed. */
bool limn_compressed_is_followed(const limn_compressed *stream);
void limn_compressed_close(limn_compressed *stream); /* NULL is fine */

#endif
