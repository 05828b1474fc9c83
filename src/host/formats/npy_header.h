/* The header of a NumPy array file (numpy.lib.format, versions 1 to 3). */
#ifndef LIMN_FORMATS_NPY_HEADER_H
#define LIMN_FORMATS_NPY_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limn/status.h"

#define LIMN_NPY_MOST_DIMS 8

typedef struct limn_npy_header {
  char descr[24];    /* "|u1", "<i8" */
  bool column_major; /* fortran_order */
  int dims;
  uint64_t shape[LIMN_NPY_MOST_DIMS];
  uint64_t length; /* bytes from the file's start to the numbers */
} limn_npy_header;

/* read fills `size` bytes from where it stopped the time before, or fails. name: of the array, for messages. */
typedef limn_status (*limn_npy_read)(void *context, void *bytes, size_t size);
limn_status limn_npy_read_header(limn_npy_header *out, limn_npy_read read, void *context, const char *name);

/* "(60000, 28, 28)", "(5)", into buffer, returned. */
#define LIMN_NPY_SHAPE_SIZE 200
const char *limn_npy_shape_text(const limn_npy_header *header, char buffer[LIMN_NPY_SHAPE_SIZE]);

#endif
