/* How much pictures differ from each other, in pixels: no network, and a millisecond for some dozens of them. Each is
 * brought to LIMN_VARIETY_SIDE x LIMN_VARIETY_SIDE by the means of boxes, in which small shifts and noise count for
 * little. Distances are Euclidean. */
#ifndef LIMN_TRAIN_VARIETY_H
#define LIMN_TRAIN_VARIETY_H

#define LIMN_VARIETY_SIDE 8

/* Floats that describe a picture of so many channels. */
static inline int limn_variety_length(int channels) { return channels * LIMN_VARIETY_SIDE * LIMN_VARIETY_SIDE; }
/* Box means of a picture (C, H, W), at least LIMN_VARIETY_SIDE a side, into (C, side, side). */
void limn_variety_describe(const float *pixels, int channels, int height, int width, float *out);

typedef struct limn_variety {
  double nearest; /* median over the pictures of the distance to the nearest other one */
  double mean;    /* mean distance of two */
} limn_variety;

/* Of `count` descriptions, 2 at least, (count, length). nearest: room for `count` numbers, as below. */
limn_variety limn_variety_take(const float *described, int count, int length, double *nearest);

/* Median over the pictures `of` of the distance to the nearest of `others`. */
double limn_variety_away(const float *of, int count, const float *others, int other_count, int length, double *nearest);

#endif
