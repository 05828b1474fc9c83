/* A data set: pictures of one size as bytes (count, C, H, W), in memory or in a file of decoded pictures, with labels
 * where the source has them. */
#ifndef LIMN_DATA_DATASET_H
#define LIMN_DATA_DATASET_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/image.h"
#include "limn/pictures.h"

typedef struct limn_dataset limn_dataset;

typedef struct limn_dataset_options {
  /* 0: the size of the pictures, which must then be the same for all. */
  int height, width;
  int channels;             /* 0: 1 when every picture is grey, else 3 */
  int workers;              /* decoding threads, 0: chosen */
  limn_fit fit;             /* how a picture of another ratio comes to the size */
  uint8_t background[3];    /* under transparent pixels, and beside a padded picture */
  int64_t max_pixels;       /* larger pictures are refused; 0: LIMN_MAX_PICTURE_PIXELS */
  const char *labels;       /* a file with the labels of a folder's or an archive's pictures, or NULL; borrowed */
  const char *label_column; /* of that file, or NULL: the only one beside the pictures'; borrowed */
  size_t memory_limit;      /* bytes that decoded pictures may take, 0: half of the physical memory */
  bool skip_broken;         /* leave broken pictures out instead of refusing the data set */
  /* Where decoded pictures are kept between runs: a folder; "auto": the user's folder of caches, for what takes long
   * to decode; "off" or NULL: nowhere. */
  const char *cache;
  void (*notice)(void *context, const char *text); /* one line the user should see, from the calling thread; or NULL */
  void *context;
  const volatile sig_atomic_t *stop;   /* not 0: give up, with LIMN_FAILED. May be NULL */
  const limn_picture_source *pictures; /* in the place of files: `path` is not looked at. NULL: files */
} limn_dataset_options;

typedef struct limn_dataset_info {
  uint32_t count;               /* of the pictures that are used */
  uint32_t broken;              /* that are left out */
  limn_other_files other_files; /* beside them, that are no pictures */
  int channels, height, width;
  int class_count; /* 0: no labels */
  /* Of names, labels, sizes and decoded bytes, never 0: the same data gives the same number on every machine and with
   * all options but `labels` and its column. Of picture files, the bytes of up to 1,024 count, evenly spread, and the
   * sizes of all files. Of a caller's pictures, what the caller says. */
  uint64_t fingerprint;
  /* Of names, sizes and times of files: it changes when they do, also with what the fingerprint has not read. 0: not
   * known. */
  uint64_t state;
  size_t memory_bytes;    /* that the decoded pictures take in memory, */
  size_t cache_bytes;     /* or in a file; both 0: they are decoded at each read */
  const char *cache_path; /* of that file, "": there is none; the data set's */
  bool cache_found;       /* it was there already */
  const char *kind;       /* "idx", "folder", "archive", "cifar", "npy"; static */
} limn_dataset_info;

/* path: a folder or an archive of picture files, with sub-folders as classes; an IDX file (.gz or plain) or a folder of
 * them (its training split); CIFAR's binary files, likewise; a NumPy array (docs/data.md). Decodes every picture once,
 * unless a file of decoded pictures of the same data is there, so that what is broken is found now: LIMN_DATA names the
 * file at fault. What fits neither on disk nor in memory is decoded again at each read; should a picture break only
 * then, the read fails, for without that picture all later batches would be others. */
limn_status limn_dataset_open(limn_dataset **out, const char *path, const limn_dataset_options *options);
void limn_dataset_close(limn_dataset *dataset);
void limn_dataset_get_info(const limn_dataset *dataset, limn_dataset_info *out);
/* Copies picture `index` as dense (C, H, W) bytes; thread-safe. */
limn_status limn_dataset_read(limn_dataset *dataset, uint32_t index, uint8_t *chw);
int limn_dataset_label(const limn_dataset *dataset, uint32_t index); /* -1: none */
/* Borrowed; NULL when there is no such class. */
const char *limn_dataset_class_name(const limn_dataset *dataset, int label);

#endif
