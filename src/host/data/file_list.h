/* Picture files by name, in one order on every machine: what a folder and an archive have in common. */
#ifndef LIMN_DATA_FILE_LIST_H
#define LIMN_DATA_FILE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limn/status.h"

typedef struct limn_file_entry {
  char *path;      /* relative to the folder or the archive, with '/'; owned */
  uint64_t offset; /* an archive's own */
  uint64_t size;   /* of the file */
  uint64_t times;  /* hash of when it was changed; 0: not known */
  int label;       /* -1: none */
  char *fault;     /* why it cannot be read, where that was found before it was tried; NULL; owned */
} limn_file_entry;

typedef struct limn_file_list {
  limn_file_entry *items;
  size_t count, capacity;
  char **classes; /* (class_count), sorted; owned */
  int class_count;
  bool labelled; /* by limn_labels_read: the paths do not imply the labels */
} limn_file_list;

void limn_file_list_release(limn_file_list *list); /* safe on an empty one */
/* Takes `path`, also when it fails. */
limn_status limn_file_list_add(limn_file_list *list, char *path, uint64_t offset, uint64_t size);
/* The same of what cannot be read. `fault` is a line for the user; it is taken too. */
limn_status limn_file_list_add_broken(limn_file_list *list, char *path, char *fault);
/* Sorts by path. LIMN_DATA when there are none or too many of them; `where` is for the message. */
limn_status limn_file_list_finish(limn_file_list *list, const char *where);
/* The entry with that path; NULL: none. After limn_file_list_finish. */
limn_file_entry *limn_file_list_find(const limn_file_list *list, const char *path);

/* texts: (count), the label of each picture as text, or NULL. Its distinct values become the classes, sorted by their
 * bytes, or as numbers where `numeric` and all are whole numbers. */
limn_status limn_file_list_classify(limn_file_list *list, const char *const *texts, bool numeric);
/* The first folder of each path, after its first `skip` bytes, is its class. */
limn_status limn_file_list_classify_by_folder(limn_file_list *list, size_t skip);
/* The length of the folders at the start of every path, for example 5 for "data/". */
size_t limn_file_list_common_folder(const limn_file_list *list);

/* Labels from the text file at `path`: a row a picture, its label in `column` (NULL or "": the only other one). `where`
 * is the data set, for messages. LIMN_DATA when a picture has no row or a row no picture. docs/data.md says it all. */
limn_status limn_labels_read(limn_file_list *list, const char *path, const char *column, const char *where);

/* Continues a hash over what tells the picture apart other than its pixels. */
uint64_t limn_file_list_identify(const limn_file_list *list, uint32_t index, uint64_t hash);

/* The paths and sizes as bytes, for a file of this machine's own; *bytes is yours. And back, into an empty list: false
 * when memory runs out or the bytes are no such list. */
limn_status limn_file_list_pack(const limn_file_list *list, char **bytes, size_t *size);
bool limn_file_list_unpack(limn_file_list *list, const char *bytes, size_t size);

/* Makes room for one more item of an array. */
limn_status limn_grow(void **items, size_t count, size_t *capacity, size_t item_size);

#endif
