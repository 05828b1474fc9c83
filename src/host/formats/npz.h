/* NumPy's archives of arrays (.npz), as statistics of data sets come in them: zip files of .npy files, stored or
 * deflated. Floating-point numbers alone are read here; what a data set of pictures is, data/npy.c knows. */
#ifndef LIMN_FORMATS_NPZ_H
#define LIMN_FORMATS_NPZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/npy_header.h"

/* The array `name` ("mu"; the member mu.npy) of float32 or float64, in any byte order and either memory order, as
 * doubles in C's order; *out is yours (free()). shape: (dims) extents that it must have; one that is 0 may be any and
 * is set. Sums are checked. LIMN_DATA, naming the file, for an array that is not there, of other numbers or shape,
 * damaged, or of more than 2^27 numbers. */
limn_status limn_npz_read_doubles(const char *path, const char *name, int dims, uint64_t *shape, double **out);
/* A text, an array of type S without extents, of less than `size` bytes; likewise. */
limn_status limn_npz_read_text(const char *path, const char *name, char *text, size_t size);
/* Whether there is an array of that name. LIMN_DATA where the file is no archive of arrays. */
limn_status limn_npz_has(const char *path, const char *name, bool *out);

typedef struct limn_npz_array {
  const char *name;  /* without .npy; letters, digits and '_' */
  const char *descr; /* "<f8", "<f4", "|u1", "<i2", "|S12" */
  int dims;
  uint64_t shape[LIMN_NPY_MOST_DIMS];
  const void *data; /* dense, C's order */
} limn_npz_array;

/* Writes the file durably (temporary, fsync, rename, fsync of the folder); the same arrays give the same bytes.
 * deflated: each array compressed, as numpy.savez_compressed does. LIMN_USAGE for a name that cannot be or is taken,
 * and for arrays of over 4 GB in all. */
limn_status limn_npz_write(const char *path, const limn_npz_array *arrays, int count, bool deflated);
/* The same with numbers that read(context, array, row, bytes) brings when they are needed: row `row` along the first
 * extent of arrays[array], whose data is not looked at. A failing read leaves no file. */
typedef limn_status (*limn_npz_reader)(void *context, int array, uint64_t row, void *bytes);
limn_status limn_npz_write_from(const char *path, const limn_npz_array *arrays, int count, bool deflated,
                                limn_npz_reader read, void *context);

#endif
