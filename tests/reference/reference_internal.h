/* What the files of the reference device share. */
#ifndef LIMN_REFERENCE_INTERNAL_H
#define LIMN_REFERENCE_INTERNAL_H

#include "graph/graph.h"

/* A borrowed dense NCHW array; data is NULL for an optional input that is not there. */
typedef struct reference_array {
  limn_shape shape;
  double *data;
} reference_array;

static inline int64_t reference_at(limn_shape s, int n, int c, int h, int w) {
  return (((int64_t)n * s.c + c) * s.h + h) * s.w + w;
}

/* Fills `out` with the value of an op that makes one. seed and step are for the random ones. */
void reference_compute(const limn_node *node, const reference_array *inputs, uint64_t seed, uint64_t step,
                       reference_array out);

/* reference_spatial.c: pooling, resampling, windows. */
void reference_max_pool(const limn_node *node, const reference_array *inputs, reference_array out);
void reference_avg_pool(const limn_node *node, reference_array in, reference_array out);
void reference_resample(const limn_node *node, reference_array in, reference_array out);
void reference_window(const limn_node *node, reference_array in, uint64_t seed, uint64_t step, reference_array out);

/* Carries out an op that writes leaves. */
void reference_update(const limn_node *node, const reference_array *inputs, const reference_array *targets,
                      uint64_t step);

/* Mean and biased variance of channel c over (N, H, W). */
void reference_statistics(reference_array x, int c, double *mean, double *variance);

/* Pictures first ... first + count - 1 of x, as they lie. */
reference_array reference_rows(reference_array x, int first, int count);

#endif
