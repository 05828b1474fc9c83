/* Pictures that are there more than once. */
#ifndef LIMN_DATA_DUPLICATES_H
#define LIMN_DATA_DUPLICATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/image.h"

#define LIMN_SKETCH_SIDE 16

/* What is remembered of a picture's looks. */
typedef struct limn_sketch {
  uint64_t hash;                                     /* of size, channels and pixels */
  uint64_t gradient;                                 /* bit 8 y + x: cell (y, x) of 8 x 9 is darker than its right
                                                        neighbour ("dHash") */
  uint8_t grey[LIMN_SKETCH_SIDE * LIMN_SKETCH_SIDE]; /* means of the cells */
} limn_sketch;

void limn_sketch_make(limn_sketch *sketch, const limn_image *image);

/* A group: order[first .. first + count). */
typedef struct limn_same {
  uint32_t first, count;
  bool exact;
} limn_same;

typedef struct limn_same_pictures {
  uint32_t *order; /* pictures; those of a group stand together, the first one is what the others look like */
  uint32_t order_count;
  limn_same *groups; /* exact ones first */
  uint32_t group_count;
  uint32_t exact_copies, near_copies; /* pictures that groups have besides their first */
} limn_same_pictures;

/* Groups of at least two pictures: those of the same pixels; and, of what is left when only the first of these counts,
 * those that are nearly like their first (re-encoded, scaled). Pictures without `use` are left out. Time O(n log n):
 * among very many alike only neighbours in order are compared. Release *out. */
limn_status limn_find_same(limn_same_pictures *out, const limn_sketch *sketches, const bool *use, uint32_t n);
void limn_same_pictures_release(limn_same_pictures *same);

#endif
