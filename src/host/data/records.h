/* A source of pictures of one size that lie one after the other as plain bytes: what IDX, CIFAR and NumPy files come
 * to. */
#ifndef LIMN_DATA_RECORDS_H
#define LIMN_DATA_RECORDS_H

#include "data/source.h"

typedef enum limn_records_kind { LIMN_RECORDS_IDX, LIMN_RECORDS_CIFAR, LIMN_RECORDS_NPY } limn_records_kind;

/* Whoever reads the file fills in all but what the functions below do. */
typedef struct limn_record_source {
  limn_data_source base;
  char *path;
  int height, width, channels;
  bool planar;     /* each picture is (C, H, W), else (H, W, C) */
  uint8_t *pixels; /* (count, picture); NULL: on disk, or forgotten; owned */
  int descriptor;  /* of the file that the pictures stay in; -1: none */
  uint64_t first;  /* where in it they begin */
  int32_t *labels; /* (count), NULL: none; owned */
  char **classes;  /* (base.class_count); owned */
  size_t class_capacity;
} limn_record_source;

/* *out is destroyed by its ops. */
limn_status limn_records_create(limn_record_source **out, limn_records_kind kind, const char *path);
/* Bytes of a picture. */
size_t limn_records_picture_bytes(const limn_record_source *source);
/* The pictures are read one by one from the file at `path`, from the byte `first` on. */
limn_status limn_records_leave_on_disk(limn_record_source *source, uint64_t first);
/* Classes named "0", "1", ... up to the largest label. LIMN_DATA when a label is negative or over 65535. */
limn_status limn_records_number_classes(limn_record_source *source);
/* classes[label] = a copy of `name`; class_count grows. For labels in order. */
limn_status limn_records_add_class(limn_record_source *source, const char *name);

#endif
