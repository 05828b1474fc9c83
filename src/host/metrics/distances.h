/* Distances between the rows of two sets, a block of each at a time: bounds for all pairs by one product of matrices in
 * single precision, and the distance itself in double where the bounds do not decide. What is said about distances is
 * thereby exactly what doubles say, at the price of single precision. */
#ifndef LIMN_METRICS_DISTANCES_H
#define LIMN_METRICS_DISTANCES_H

#include <stdint.h>

#include "metrics/feature_set.h"
#include "metrics/linear_algebra.h"

#define LIMN_DISTANCE_BLOCK 1024 /* rows of a set at a time: 8 MB of them at 2048 features, 4 MB of products */

typedef struct limn_distance_side {
  const limn_feature_set *set; /* borrowed */
  uint32_t first, count;       /* the rows of the block */
  float *rows;                 /* (count, width): less the centre */
  double *squares;             /* (count): of their lengths */
} limn_distance_side;

typedef struct limn_distances {
  const limn_linear_algebra *algebra; /* borrowed */
  int width;
  limn_distance_side a, b;
  double *centre;       /* (width): the mean of a. Shorter rows have closer bounds */
  float *products;      /* (a.count, b.count) */
  double slack, lowest; /* how far off a bound may be: slack times the squares, and at least lowest */
} limn_distances;

/* a, b: of the same width, checked; borrowed. */
limn_status limn_distances_init(limn_distances *distances, const limn_linear_algebra *algebra,
                                const limn_feature_set *a, const limn_feature_set *b);
void limn_distances_release(limn_distances *distances); /* also of one that is all zeros */

/* The block of a, or of b, that begins with row `first`. LIMN_FAILED once *algebra->stop is set. */
limn_status limn_distances_take_a(limn_distances *distances, uint32_t first);
limn_status limn_distances_take_b(limn_distances *distances, uint32_t first);

/* Between all rows of the two blocks. */
void limn_distances_multiply(limn_distances *distances);

/* Row i of a's block and row j of b's: the square of their distance lies between low and high; NaN where single
 * precision does not hold it. */
static inline void limn_distances_bound(const limn_distances *d, uint32_t i, uint32_t j, double *low, double *high) {
  const double sum = d->a.squares[i] + d->b.squares[j], off = d->slack * sum + d->lowest;
  const double square = sum - 2 * (double)d->products[(size_t)i * d->b.count + j];
  *low = square - off;
  *high = square + off;
}

/* The square of the distance of two rows in double precision: the same bits for (x, y) and (y, x), and 0 for rows that
 * are the same. */
double limn_square_distance(const float *x, const float *y, int width);

/* That of row i of a's block and row j of b's. */
static inline double limn_distances_exact(const limn_distances *d, uint32_t i, uint32_t j) {
  return limn_square_distance(limn_feature_row(d->a.set, d->a.first + i), limn_feature_row(d->b.set, d->b.first + j),
                              d->width);
}

#endif
