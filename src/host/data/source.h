/* A source: pictures as one kind of file holds them, before the data set makes them alike. A new kind of data is one
 * file with such a table and one line in source.c. */
#ifndef LIMN_DATA_SOURCE_H
#define LIMN_DATA_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "data/file_list.h"
#include "data/other_files.h"
#include "image/image.h"
#include "limn/pictures.h"

#define LIMN_MAX_PICTURE_PIXELS 100000000 /* unless the setting max_pixels says otherwise */

typedef struct limn_source_ops limn_source_ops;

typedef struct limn_data_source {
  const limn_source_ops *ops;
  uint32_t count;
  int class_count;              /* 0: no labels */
  limn_other_files other_files; /* that are none of its pictures, as far as it has looked */
  bool cheap;                   /* decoding costs so little that the fingerprint may read every picture */
} limn_data_source;

/* Required unless said otherwise. All but destroy and forget are thread-safe. */
struct limn_source_ops {
  const char *kind; /* "idx" */
  void (*destroy)(limn_data_source *source);
  /* What read would give, without decoding; both refuse a picture of too many pixels before they decode it. */
  limn_status (*probe)(limn_data_source *source, uint32_t index, limn_picture_shape *out);
  limn_status (*read)(limn_data_source *source, uint32_t index, limn_image *out);
  int (*label)(const limn_data_source *source, uint32_t index); /* -1: none */
  const char *(*class_name)(const limn_data_source *source, int label);
  /* The picture's name for a message, into buffer, returned. */
  const char *(*name)(const limn_data_source *source, uint32_t index, char *buffer, size_t size);
  /* Optional: the picture's path below the folder or in the archive; borrowed. */
  const char *(*file)(const limn_data_source *source, uint32_t index);
  /* Continues a hash over what tells pictures apart other than size and pixels. */
  uint64_t (*identify)(const limn_data_source *source, uint32_t index, uint64_t hash);
  /* Optional: continues a hash over everything that changes when the files do (names, sizes, times), without reading
   * them. Without it decoded pictures are not kept between runs: for sources that have little to decode. */
  uint64_t (*state)(const limn_data_source *source, uint64_t hash);
  /* Optional: the list of its files, borrowed, where that takes long to make: what is kept between runs has it too, and
   * limn_source_options.recall brings it back. */
  const limn_file_list *(*files)(const limn_data_source *source);
  /* Optional: all pictures, dense (count, height, width) grey bytes, when they are in memory in that form; else NULL.
   */
  const uint8_t *(*dense)(const limn_data_source *source);
  /* Optional: no picture will be read again; drop what only reads need. */
  void (*forget)(limn_data_source *source);
};

typedef struct limn_source_options {
  size_t memory_limit;      /* bytes that a source may keep in memory */
  int64_t max_pixels;       /* of a picture */
  const char *labels;       /* a file with the labels of a folder's or an archive's pictures; NULL or "": none */
  const char *label_column; /* of that file; NULL or "": the only one beside the pictures' */
  /* Optional: whether all pictures of a source in that state are there decoded, and then its files, into the empty
   * list; the source need not make ready to read them. */
  bool (*recall)(void *context, uint64_t state, limn_file_list *files);
  void *context;
} limn_source_options;

/* Opens what `path` turns out to be. LIMN_DATA, naming the file and what to do. */
limn_status limn_source_open(limn_data_source **out, const char *path, const limn_source_options *options);

/* path: an images file, plain or .gz. More than memory_limit bytes stay on disk (plain) or are refused (.gz). */
limn_status limn_idx_open(limn_data_source **out, const char *path, const limn_source_options *options);
/* *file becomes the path of the training images in a folder (yours, free()), NULL when it holds no IDX files at all. */
limn_status limn_idx_find(const char *folder, char **file);
/* Copies *pictures; its context has to outlive the source. */
limn_status limn_callback_open(limn_data_source **out, const limn_picture_source *pictures);

/* path: a .bin file of CIFAR-10 or CIFAR-100, or a folder that limn_cifar_is_folder: its training files. */
limn_status limn_cifar_open(limn_data_source **out, const char *path, const limn_source_options *options);
bool limn_cifar_is_folder(const char *path);
bool limn_cifar_is_file(const char *path, uint64_t size);

/* path: a NumPy array of bytes (.npy), more than memory_limit of which stay on disk; or an archive of arrays (.npz). */
limn_status limn_npy_open(limn_data_source **out, const char *path, const limn_source_options *options);
limn_status limn_npz_open(limn_data_source **out, const char *path, const limn_source_options *options);

/* Picture files below a folder, or in a zip or tar archive. */
limn_status limn_folder_open(limn_data_source **out, const char *path, const limn_source_options *options);
limn_status limn_archive_open(limn_data_source **out, const char *path, const limn_source_options *options);

/* A hash over when a file was last written or otherwise changed, to be seen without reading it. */
uint64_t limn_hash_times(uint64_t hash, const struct stat *info);
/* A 64-bit hash of bytes, continued from `hash`; the same on every machine. */
uint64_t limn_hash_bytes(uint64_t hash, const void *bytes, size_t size);

#endif
