/* Pictures that the caller makes, in the place of files: a source to train on. */
#ifndef LIMN_PICTURES_H
#define LIMN_PICTURES_H

#include <stddef.h>
#include <stdint.h>

#include "limn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* `count` pictures of one size. The config's size and channels, where they are set, say what becomes of them, as they
 * do with files; else they are trained on as they are. */
typedef struct limn_picture_source {
  void *context;               /* handed to read; may be NULL */
  uint32_t count;              /* at least a batch of them */
  int channels, height, width; /* 1 or 3; at least 1 a side */

  /* Picture `index`, 0 to count - 1, into `chw`: dense (channels, height, width) bytes, rows from the top, 0 black.
   *
   * Called from several threads at once, which take no signals, and so it must not change what it shares. The same
   * index has to give the same bytes, or a run does not repeat. A picture that stays in memory is not asked for again;
   * one that finds no room there is asked for in every epoch. On a failure it returns a negative limn_status and writes
   * one line without a newline into `message` (`size` bytes): limn_train ends with that status and the line in its
   * message. */
  limn_status (*read)(void *context, uint32_t index, uint8_t *chw, char *message, size_t size);

  /* A number that tells these pictures from others, so that resuming a run with others is refused. 0: no check. */
  uint64_t fingerprint;
} limn_picture_source;

/* Files beside the pictures of a folder or an archive that are no pictures of a kind that is read. */
#define LIMN_ENDING_SIZE 12
#define LIMN_ENDINGS     24 /* that are told apart */

typedef struct limn_ending_count {
  char ending[LIMN_ENDING_SIZE]; /* ".psd", in lower case; "": none */
  uint32_t count;
} limn_ending_count;

typedef struct limn_other_files {
  uint32_t count, ending_count; /* files in all, also of endings beyond LIMN_ENDINGS */
  limn_ending_count endings[LIMN_ENDINGS];
  char first[256]; /* by the bytes of the paths; "" for none */
} limn_other_files;

#ifdef __cplusplus
}
#endif
#endif
