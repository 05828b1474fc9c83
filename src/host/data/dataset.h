/* A data set: pictures of one size in memory, as bytes (count, C, H, W), with labels where the source has them. */
#ifndef LIMN_DATA_DATASET_H
#define LIMN_DATA_DATASET_H

#include <stddef.h>
#include <stdint.h>

#include "limn/status.h"

typedef struct limn_dataset limn_dataset;

typedef struct limn_dataset_options {
  /* 0: the size of the pictures, which must then be the same for all. */
  int height, width;
  int channels;          /* 0: 1 when every picture is grey, else 3 */
  int workers;           /* decoding threads, 0: chosen */
  uint8_t background[3]; /* under transparent pixels */
  size_t memory_limit;   /* bytes that decoded pictures may take, 0: half of the physical memory */
} limn_dataset_options;

typedef struct limn_dataset_info {
  uint32_t count;
  int channels, height, width;
  int class_count; /* 0: no labels */
  /* Of names, labels, sizes and decoded bytes, never 0: the same data gives the same number on every machine and with
   * all options. Of a folder's pictures, the bytes of up to 1,024 count, evenly spread, and the sizes of all files. */
  uint64_t fingerprint;
  size_t memory_bytes; /* that the decoded pictures take; 0: they are decoded at each read */
  const char *kind;    /* "idx", "png folder"; static */
} limn_dataset_info;

/* path: an IDX file (.gz or plain), a folder with IDX files (its training split), a folder of PNG files, with
 * sub-folders as classes. Reads what is needed to know count, size and channels; decodes on demand (see loader.h) or
 * all at once when it fits in memory. LIMN_DATA names the file at fault. */
limn_status limn_dataset_open(limn_dataset **out, const char *path, const limn_dataset_options *options);
void limn_dataset_close(limn_dataset *dataset);
void limn_dataset_get_info(const limn_dataset *dataset, limn_dataset_info *out);
/* Copies picture `index` as dense (C, H, W) bytes; thread-safe. */
limn_status limn_dataset_read(limn_dataset *dataset, uint32_t index, uint8_t *chw);
int limn_dataset_label(const limn_dataset *dataset, uint32_t index); /* -1: none */
/* Borrowed; NULL when there is no such class. */
const char *limn_dataset_class_name(const limn_dataset *dataset, int label);

#endif
