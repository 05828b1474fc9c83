/* From the pictures of a source to rows of bytes that are all alike, and the pass over all of them that opening a data
 * set makes: every picture is decoded once before the first is used, so that a broken one is found then and not in the
 * middle of a run. */
#ifndef LIMN_DATA_DECODE_H
#define LIMN_DATA_DECODE_H

#include <pthread.h>

#include "data/cache.h"
#include "data/dataset.h"
#include "data/progress.h"
#include "data/source.h"

/* What pictures are made into: rows (C, H, W). */
typedef struct limn_decoder {
  limn_data_source *source;
  const limn_dataset_options *options;
  int channels, height, width;
} limn_decoder;

static inline size_t limn_decoder_row_bytes(const limn_decoder *decoder) {
  return (size_t)decoder->channels * (size_t)decoder->height * (size_t)decoder->width;
}

/* The row of a picture as the source has it; `image` comes back changed. Thread-safe, as is the next. */
limn_status limn_make_row(const limn_decoder *decoder, limn_image *image, uint8_t *chw);
/* Decodes a picture and makes it like all others. chw and hash (of its pixels as the source has them) may be NULL. */
limn_status limn_decode(const limn_decoder *decoder, uint32_t index, uint8_t *chw, uint64_t *hash);

typedef struct limn_pass {
  limn_decoder *decoder;
  limn_picture_record *records; /* (count) */
  const uint8_t *dense;         /* all rows as they have to be, when the source holds them so; else NULL */
  uint8_t *rows;                /* (count, C, H, W) where rows are kept in memory, else NULL */
  limn_cache_writer *writer;    /* where they are kept on disk, else NULL */
  pthread_mutex_t lock;         /* over what follows */
  uint32_t broken_count, first_broken;
  char reason[LIMN_CACHE_NOTE_SIZE]; /* why the first one is */
  uint32_t lacked;                   /* as in limn_cache_facts, with the next */
  limn_other_files other_files;
  limn_progress progress;
} limn_pass;

/* `records` has to be zeroed. Fails only for lack of memory. */
limn_status limn_pass_init(limn_pass *pass, limn_decoder *decoder, limn_picture_record *records);
void limn_pass_release(limn_pass *pass);
/* Fills in the sizes of all pictures and, from them, what the decoder makes. */
limn_status limn_pass_probe(limn_pass *pass);
/* Decodes all and fills in the hashes. LIMN_DATA for the first broken picture, or when all are and are left out. */
limn_status limn_pass_decode(limn_pass *pass);
/* One line about the pictures that are left out; "" for none. */
void limn_pass_note(const limn_pass *pass, char *buffer, size_t size);

/* Of the pictures that are not broken; see limn_dataset_info. */
uint64_t limn_fingerprint(const limn_data_source *source, const limn_picture_record *records);

#endif
