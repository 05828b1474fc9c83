#include "metrics/distances.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/for_each_cpu.h"
#include "base/parallel.h"

/* An inner product of n floats, summed in any order, is off by at most n u |x| |y|, u = 2^-24, and thus its double by n
 * u
 * (|x|^2 + |y|^2). Rounding x and y as they are centred moves the square of their distance by less than 5 u times that;
 * the rest of 16 is for squares in double and terms of higher order. Products of subnormal numbers are off by less than
 * FLT_MIN each. */
#define UNIT  0x1p-24
#define EXTRA 16
#define MOST  1e37 /* longer rows have products that floats do not hold: nothing is said of them */

static limn_status allocate(limn_distance_side *side, const limn_feature_set *set) {
  const uint32_t most = set->count < LIMN_DISTANCE_BLOCK ? set->count : LIMN_DISTANCE_BLOCK;
  side->set = set;
  side->rows = malloc((size_t)most * (size_t)set->width * sizeof *side->rows);
  side->squares = malloc(most * sizeof *side->squares);
  return side->rows && side->squares ? LIMN_OK : limn_fail_memory("blocks of features");
}

static void find_centre(double *centre, const limn_feature_set *set) {
  for (int k = 0; k < set->width; ++k)
    centre[k] = 0;
  for (uint32_t i = 0; i < set->count; ++i)
    for (int k = 0; k < set->width; ++k)
      centre[k] += (double)limn_feature_row(set, i)[k];
  for (int k = 0; k < set->width; ++k)
    centre[k] /= set->count;
}

limn_status limn_distances_init(limn_distances *distances, const limn_linear_algebra *algebra,
                                const limn_feature_set *a, const limn_feature_set *b) {
  *distances = (limn_distances){.algebra = algebra,
                                .width = a->width,
                                .centre = malloc((size_t)a->width * sizeof(double)),
                                .products = malloc(sizeof(float) * LIMN_DISTANCE_BLOCK * LIMN_DISTANCE_BLOCK),
                                .slack = (a->width + EXTRA) * UNIT,
                                .lowest = (a->width + EXTRA) * (double)FLT_MIN};
  limn_status status = LIMN_OK;
  if (!distances->centre || !distances->products)
    status = limn_fail_memory("blocks of distances");
  if (status == LIMN_OK)
    status = allocate(&distances->a, a);
  if (status == LIMN_OK)
    status = allocate(&distances->b, b);
  if (status == LIMN_OK)
    find_centre(distances->centre, a);
  else
    limn_distances_release(distances);
  return status;
}

void limn_distances_release(limn_distances *distances) {
  free(distances->a.rows);
  free(distances->a.squares);
  free(distances->b.rows);
  free(distances->b.squares);
  free(distances->centre);
  free(distances->products);
  *distances = (limn_distances){0};
}

typedef struct packing {
  const limn_distances *distances;
  limn_distance_side *side;
} packing;

static limn_status pack(void *context, uint32_t i) {
  const packing *work = context;
  const limn_distance_side *side = work->side;
  const int width = work->distances->width;
  const float *row = limn_feature_row(side->set, side->first + i);
  float *out = side->rows + (size_t)i * (size_t)width;
  double square = 0;
  for (int k = 0; k < width; ++k) {
    out[k] = (float)((double)row[k] - work->distances->centre[k]);
    square += (double)out[k] * (double)out[k];
  }
  side->squares[i] = square < MOST ? square : (double)NAN;
  return LIMN_OK;
}

static limn_status take(const limn_distances *distances, limn_distance_side *side, uint32_t first) {
  const uint32_t left = side->set->count - first;
  LIMN_TRY(limn_linear_algebra_go_on(distances->algebra, "distances between pictures were measured"));
  side->first = first;
  side->count = left < LIMN_DISTANCE_BLOCK ? left : LIMN_DISTANCE_BLOCK;
  return limn_parallel_for(side->count, distances->algebra->threads, pack,
                           &(packing){.distances = distances, .side = side});
}

limn_status limn_distances_take_a(limn_distances *distances, uint32_t first) {
  return take(distances, &distances->a, first);
}

limn_status limn_distances_take_b(limn_distances *distances, uint32_t first) {
  return take(distances, &distances->b, first);
}

void limn_distances_multiply(limn_distances *distances) {
  const limn_distance_side *a = &distances->a, *b = &distances->b;
  limn_inner_products(distances->algebra, distances->products,
                      &(limn_feature_set){.rows = a->rows, .count = a->count, .width = distances->width},
                      &(limn_feature_set){.rows = b->rows, .count = b->count, .width = distances->width});
}

/* Eight sums side by side, for vectors; in an order that the width alone decides. */
#define LANES 8

LIMN_FOR_EACH_CPU static double square_distance(const float *x, const float *y, int width) {
  double sums[LANES] = {0}, sum = 0;
  int k = 0;
  for (; k + LANES <= width; k += LANES)
    for (int lane = 0; lane < LANES; ++lane) {
      const double difference = (double)x[k + lane] - (double)y[k + lane];
      sums[lane] += difference * difference;
    }
  for (; k < width; ++k) {
    const double difference = (double)x[k] - (double)y[k];
    sum += difference * difference;
  }
  for (int lane = 0; lane < LANES; ++lane)
    sum += sums[lane];
  return sum;
}

double limn_square_distance(const float *x, const float *y, int width) { return square_distance(x, y, width); }
