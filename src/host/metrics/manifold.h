/* Where two sets of features overlap, each taken for the union of balls around its rows, which reach to the k-th
 * neighbour in the set. */
#ifndef LIMN_METRICS_MANIFOLD_H
#define LIMN_METRICS_MANIFOLD_H

#include "metrics/feature_set.h"
#include "metrics/linear_algebra.h"

typedef struct limn_manifold {
  double precision; /* the share of generated pictures in a real one's ball: do they look real? */
  double recall;    /* the share of real pictures in a generated one's ball: is everything drawn? */
  double density;   /* in how many real balls a generated picture lies on average, over k */
  double coverage;  /* the share of real pictures with a generated one in their ball */
} limn_manifold;

/* How far the balls of a set reach: squares of the distances to the k-th neighbours, (count). */
typedef struct limn_balls {
  int k;
  double *squares; /* NULL: not found */
} limn_balls;
/* *out is yours to release. */
limn_status limn_balls_find(limn_balls *out, const limn_linear_algebra *algebra, const limn_feature_set *set, int k);
void limn_balls_release(limn_balls *balls); /* also of one that is all zeros */

/* Naeem et al. 2020 (prdc, k = 5): a ball is open, so that of a picture that is there k + 1 times is empty. */
limn_status limn_prdc(limn_manifold *out, const limn_linear_algebra *algebra, const limn_feature_set *real,
                      const limn_feature_set *generated, int k);
/* The same for who holds others against the same set again and again, and keeps its balls. */
limn_status limn_prdc_again(limn_manifold *out, const limn_linear_algebra *algebra, const limn_feature_set *real,
                            const limn_balls *balls, const limn_feature_set *generated);

/* Kynkäänniemi et al. 2019 (improved precision and recall, k = 3): the same with closed balls. */
limn_status limn_precision_recall(limn_manifold *out, const limn_linear_algebra *algebra, const limn_feature_set *real,
                                  const limn_feature_set *generated, int k);

/* Both: oneself is no neighbour; every ball is decided as doubles have the distances (metrics/distances.h). Memory
 * beyond the sets: 30 MB at 2048 features, and 12 k bytes a picture. LIMN_DATA with k pictures or fewer in a set. */

#endif
