/* Files: durable writes and whole reads. */
#ifndef LIMN_BASE_FILE_H
#define LIMN_BASE_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "limn/status.h"

/* A file that appears whole or not at all: written beside `path` under a temporary name, then fsync, rename, fsync of
 * the folder. */
typedef struct limn_durable_file {
  FILE *stream;           /* write here */
  char *path, *temporary; /* temporary is NULL where it is written straight */
} limn_durable_file;
limn_status limn_durable_open(limn_durable_file *file, const char *path);
/* The same of a path that the user named for results: a pipe, a device or a descriptor ("/dev/stdout", "/dev/fd/3") is
 * written straight. Waits for a pipe's reader. */
limn_status limn_output_open(limn_durable_file *file, const char *path);
/* Fails where limn_output_open would, as far as that shows without writing: no folder, a folder, no permission. */
limn_status limn_output_check(const char *path);
/* Whether a path names what is written straight. */
bool limn_file_is_stream(const char *path);
/* Publishes the file; on failure nothing is left behind and the old file is untouched. Always releases. */
limn_status limn_durable_commit(limn_durable_file *file);
/* Gives up: removes the temporary file. Safe on a zeroed or committed struct. */
void limn_durable_discard(limn_durable_file *file);
/* Whether a file is called as the temporary ones are: ".limn-PID-N.tmp". */
bool limn_durable_is_temporary(const char *name);
/* Removes the temporary files in `folder` that nobody writes any more: their writers were killed. What cannot be
 * removed stays, without an error. */
void limn_durable_clean(const char *folder);

/* Makes what happened to the name `path` (created, renamed, removed) survive a power loss: fsync of its folder. */
limn_status limn_sync_folder_of(const char *path);

/* The whole file, with a NUL behind it; *out is yours (free()). Refuses more than `limit` bytes. LIMN_DATA with the
 * path. */
limn_status limn_read_file(const char *path, size_t limit, char **out, size_t *size);

/* The name that a file holds, alone and with a newline behind it, as where a file system has no links: of less than
 * `size` bytes, without a slash. false: it holds something else, or cannot be read. */
bool limn_read_name(const char *path, char *name, size_t size);

/* Exactly `size` bytes from `offset` on; safe to call from many threads. name: what is read, for messages. LIMN_DATA.
 */
limn_status limn_read_at(int descriptor, void *bytes, size_t size, uint64_t offset, const char *name);

#endif
