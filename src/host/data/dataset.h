/* A data set: pictures of one size in memory, as bytes (count, C, H, W), with labels where the source has them. */
#ifndef LIMN_DATA_DATASET_H
#define LIMN_DATA_DATASET_H

#include <stddef.h>
#include <stdint.h>

#include "image/image.h"

typedef struct limn_dataset limn_dataset;

typedef struct limn_dataset_options {
  /* 0: the size of the pictures, which must then be the same for all. */
  int height, width;
  int channels;          /* 0: 1 when every picture is grey, else 3 */
  int workers;           /* decoding threads, 0: chosen */
  limn_fit fit;          /* how a picture of another ratio comes to the size */
  uint8_t background[3]; /* under transparent pixels, and beside a padded picture */
  int64_t max_pixels;    /* larger pictures are refused; 0: LIMN_MAX_PICTURE_PIXELS */
  const char *labels;    /* a CSV file with the labels of a folder's or an archive's pictures, or NULL; borrowed */
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
  const char *kind;    /* "idx", "folder", "archive", "cifar", "npy"; static */
} limn_dataset_info;

/* path: a folder or an archive of picture files, with sub-folders as classes; an IDX file (.gz or plain) or a folder of
 * them (its training split); CIFAR's binary files, likewise; a NumPy array (docs/data.md). Reads what is needed to know
 * count, size and channels; decodes on demand (see loader.h) or all at once when it fits in memory. LIMN_DATA names the
 * file at fault. */
limn_status limn_dataset_open(limn_dataset **out, const char *path, const limn_dataset_options *options);
void limn_dataset_close(limn_dataset *dataset);
void limn_dataset_get_info(const limn_dataset *dataset, limn_dataset_info *out);
/* Copies picture `index` as dense (C, H, W) bytes; thread-safe. */
limn_status limn_dataset_read(limn_dataset *dataset, uint32_t index, uint8_t *chw);
int limn_dataset_label(const limn_dataset *dataset, uint32_t index); /* -1: none */
/* Borrowed; NULL when there is no such class. */
const char *limn_dataset_class_name(const limn_dataset *dataset, int label);

#endif
