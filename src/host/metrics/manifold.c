#include "metrics/manifold.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/parallel.h"
#include "metrics/distances.h"
#include "metrics/neighbours.h"

typedef struct overlap {
  limn_distances distances; /* a: the real set, b: the generated */
  bool closed;              /* a ball has what lies on its edge */
  const double *real;       /* squares of the radii */
  double *generated;
  uint32_t *inside;     /* of each real picture: generated ones in its ball */
  bool *recalled;       /* of each real picture: whether it is in a generated one's ball */
  atomic_bool *precise; /* of each generated picture: whether it is in a real one's ball; rows at once set it */
} overlap;

/* squares: (count): of the distances to the k-th neighbours. */
static limn_status find_radii(double **squares, const limn_linear_algebra *algebra, const limn_feature_set *set,
                              int k) {
  const size_t count = set->count, each = (size_t)k;
  uint32_t *indices = malloc(count * each * sizeof *indices);
  double *found = malloc(count * each * sizeof *found);
  limn_status status = indices && found ? LIMN_OK : limn_fail_memory("the neighbours of pictures");
  if (status == LIMN_OK)
    status = limn_neighbours_within(indices, found, algebra, set, k);
  free(indices);
  if (status != LIMN_OK) {
    free(found);
    return status;
  }
  for (size_t i = 0; i < count; ++i)
    found[i] = found[(i + 1) * each - 1];
  *squares = found;
  return LIMN_OK;
}

/* A distance as far as it is known. */
typedef struct known {
  double low, high;
} known;

/* Measures the pair when the bounds leave it open. */
static bool is_inside(const overlap *o, uint32_t i, uint32_t j, known *square, double radius) {
  if (o->closed ? square->high <= radius : square->high < radius)
    return true;
  if (o->closed ? square->low > radius : square->low >= radius)
    return false;
  square->low = square->high = limn_distances_exact(&o->distances, i, j);
  return o->closed ? square->low <= radius : square->low < radius;
}

static limn_status look_along_row(void *context, uint32_t i) {
  const overlap *o = context;
  const limn_distances *d = &o->distances;
  const uint32_t row = d->a.first + i;
  for (uint32_t j = 0; j < d->b.count; ++j) {
    const uint32_t column = d->b.first + j;
    known square;
    limn_distances_bound(d, i, j, &square.low, &square.high);
    if (is_inside(o, i, j, &square, o->real[row])) {
      ++o->inside[row];
      atomic_store_explicit(&o->precise[column], true, memory_order_relaxed);
    }
    if (!o->recalled[row])
      o->recalled[row] = is_inside(o, i, j, &square, o->generated[column]);
  }
  return LIMN_OK;
}

static limn_status look(overlap *o) {
  limn_distances *d = &o->distances;
  for (uint32_t i = 0; i < d->a.set->count; i += LIMN_DISTANCE_BLOCK) {
    LIMN_TRY(limn_distances_take_a(d, i));
    for (uint32_t j = 0; j < d->b.set->count; j += LIMN_DISTANCE_BLOCK) {
      LIMN_TRY(limn_distances_take_b(d, j));
      limn_distances_multiply(d);
      LIMN_TRY(limn_parallel_for(d->a.count, d->algebra->threads, look_along_row, o));
    }
  }
  return LIMN_OK;
}

static limn_manifold count(const overlap *o, uint32_t real, uint32_t generated, int k) {
  uint64_t precise = 0, recalled = 0, covered = 0, inside = 0;
  for (uint32_t i = 0; i < real; ++i) {
    recalled += o->recalled[i];
    covered += o->inside[i] > 0;
    inside += o->inside[i];
  }
  for (uint32_t j = 0; j < generated; ++j)
    precise += o->precise[j];
  return (limn_manifold){.precision = (double)precise / generated,
                         .recall = (double)recalled / real,
                         .density = (double)inside / generated / k,
                         .coverage = (double)covered / real};
}

limn_status limn_balls_find(limn_balls *out, const limn_linear_algebra *algebra, const limn_feature_set *set, int k) {
  *out = (limn_balls){.k = k};
  LIMN_TRY(limn_feature_set_check(set, k < 1 ? 1 : (uint32_t)k + 1));
  return find_radii(&out->squares, algebra, set, k);
}

void limn_balls_release(limn_balls *balls) {
  free(balls->squares);
  *balls = (limn_balls){0};
}

static limn_status compare(limn_manifold *out, overlap *o, const limn_linear_algebra *algebra,
                           const limn_feature_set *sets[2], const limn_balls *balls, int k) {
  const limn_feature_set *real = sets[0], *generated = sets[1];
  limn_balls found = {0};
  limn_status status;
  LIMN_TRY(limn_feature_sets_check(real, generated, k < 1 ? 1 : (uint32_t)k + 1));
  if (!balls)
    LIMN_TRY_OR_CLEANUP(status, limn_balls_find(&found, algebra, real, k));
  o->real = balls ? balls->squares : found.squares;
  LIMN_TRY_OR_CLEANUP(status, find_radii(&o->generated, algebra, generated, k));
  o->inside = calloc(real->count, sizeof *o->inside);
  o->recalled = calloc(real->count, sizeof *o->recalled);
  o->precise = calloc(generated->count, sizeof *o->precise);
  if (!o->inside || !o->recalled || !o->precise)
    LIMN_TRY_OR_CLEANUP(status, limn_fail_memory("what lies in which ball"));
  LIMN_TRY_OR_CLEANUP(status, limn_distances_init(&o->distances, algebra, real, generated));
  LIMN_TRY_OR_CLEANUP(status, look(o));
  *out = count(o, real->count, generated->count, k);
cleanup:
  limn_distances_release(&o->distances);
  limn_balls_release(&found);
  free(o->generated);
  free(o->inside);
  free(o->recalled);
  free(o->precise);
  return status;
}

limn_status limn_prdc(limn_manifold *out, const limn_linear_algebra *algebra, const limn_feature_set *real,
                      const limn_feature_set *generated, int k) {
  return compare(out, &(overlap){.closed = false}, algebra, (const limn_feature_set *[]){real, generated}, NULL, k);
}

limn_status limn_prdc_again(limn_manifold *out, const limn_linear_algebra *algebra, const limn_feature_set *real,
                            const limn_balls *balls, const limn_feature_set *generated) {
  return compare(out, &(overlap){.closed = false}, algebra, (const limn_feature_set *[]){real, generated}, balls,
                 balls->k);
}

limn_status limn_precision_recall(limn_manifold *out, const limn_linear_algebra *algebra, const limn_feature_set *real,
                                  const limn_feature_set *generated, int k) {
  return compare(out, &(overlap){.closed = true}, algebra, (const limn_feature_set *[]){real, generated}, NULL, k);
}
