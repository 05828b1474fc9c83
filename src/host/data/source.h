/* A source: pictures as one kind of file holds them, before the data set makes them alike. A new kind of data (zip,
 * CIFAR, npy) is one file with such a table and one line in dataset.c. */
#ifndef LIMN_DATA_SOURCE_H
#define LIMN_DATA_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/image.h"

#define LIMN_MAX_PICTURE_PIXELS 100000000

typedef struct limn_source_ops limn_source_ops;

typedef struct limn_data_source {
  const limn_source_ops *ops;
  uint32_t count;
  int class_count; /* 0: no labels */
  bool cheap;      /* decoding costs so little that the fingerprint may read every picture */
} limn_data_source;

typedef struct limn_picture_shape {
  int32_t height, width, channels;
} limn_picture_shape;

/* Required unless said otherwise. All but destroy and forget are thread-safe. */
struct limn_source_ops {
  const char *kind; /* "idx" */
  void (*destroy)(limn_data_source *source);
  /* What read would give, without decoding. */
  limn_status (*probe)(limn_data_source *source, uint32_t index, limn_picture_shape *out);
  limn_status (*read)(limn_data_source *source, uint32_t index, limn_image *out);
  int (*label)(const limn_data_source *source, uint32_t index); /* -1: none */
  const char *(*class_name)(const limn_data_source *source, int label);
  /* The picture's name for a message, into buffer, returned. */
  const char *(*name)(const limn_data_source *source, uint32_t index, char *buffer, size_t size);
  /* Continues a hash over what tells pictures apart other than size and pixels. */
  uint64_t (*identify)(const limn_data_source *source, uint32_t index, uint64_t hash);
  /* Optional: all pictures, dense (count, height, width) grey bytes, when they are in memory in that form; else NULL.
   */
  const uint8_t *(*dense)(const limn_data_source *source);
  /* Optional: no picture will be read again; drop what only reads need. */
  void (*forget)(limn_data_source *source);
};

/* path: an images file, plain or .gz. More than memory_limit bytes stay on disk (plain) or are refused (.gz). */
limn_status limn_idx_open(limn_data_source **out, const char *path, size_t memory_limit);
/* *file becomes the path of the training images in a folder (yours, free()), NULL when it holds no IDX files at all. */
limn_status limn_idx_find(const char *folder, char **file);
limn_status limn_folder_open(limn_data_source **out, const char *path);

/* A 64-bit hash of bytes, continued from `hash`; the same on every machine. */
uint64_t limn_hash_bytes(uint64_t hash, const void *bytes, size_t size);

#endif
