#include "data/class_order.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/philox.h"

/* A class that has pictures: `count` of them from members[first]. */
typedef struct class_span {
  uint32_t label, first, count;
} class_span;

struct limn_class_order {
  uint32_t count;        /* pictures, and draws of an epoch */
  uint32_t *members;     /* those with a label, class by class */
  class_span *classes;   /* (used) */
  uint32_t used;         /* classes that have pictures */
  uint32_t labels;       /* classes there are */
  uint32_t *shuffle;     /* (count), of the epoch */
  uint32_t *permutation; /* (pictures of the largest class) */
  uint32_t *draws;       /* (count), the picture of each draw of the epoch */
};

/* Divides the pictures among the classes, in their own order. */
static limn_status divide(limn_class_order *o, const int32_t *labels, uint32_t classes) {
  uint32_t largest = 0, first = 0;
  uint32_t *counts = calloc((size_t)classes + 1, sizeof *counts), *next = calloc((size_t)classes + 1, sizeof *next);
  o->classes = calloc((size_t)classes + 1, sizeof *o->classes);
  limn_status status = counts && next && o->classes ? LIMN_OK : limn_fail_memory("the classes' order");
  for (uint32_t i = 0; status == LIMN_OK && i < o->count; ++i)
    if (labels[i] >= 0 && (uint32_t)labels[i] < classes)
      ++counts[labels[i]];
  for (uint32_t c = 0; status == LIMN_OK && c < classes; ++c) {
    next[c] = first;
    if (counts[c])
      o->classes[o->used++] = (class_span){.label = c, .first = first, .count = counts[c]};
    largest = counts[c] > largest ? counts[c] : largest;
    first += counts[c];
  }
  if (status == LIMN_OK && o->used == 0)
    status = limn_fail(LIMN_USAGE, "none of the %u pictures has a label, so that no class can be drawn", o->count);
  if (status == LIMN_OK && !(o->permutation = malloc(largest * sizeof *o->permutation)))
    status = limn_fail_memory("the classes' order");
  for (uint32_t i = 0; status == LIMN_OK && i < o->count; ++i)
    if (labels[i] >= 0 && (uint32_t)labels[i] < classes)
      o->members[next[labels[i]]++] = i;
  free(counts);
  free(next);
  return status;
}

limn_status limn_class_order_create(limn_class_order **out, const int32_t *labels, uint32_t count, int class_count) {
  *out = NULL;
  limn_class_order *o = calloc(1, sizeof *o);
  if (!o)
    return limn_fail_memory("the classes' order");
  o->count = count;
  o->labels = (uint32_t)class_count;
  o->members = malloc(((size_t)count + 1) * sizeof *o->members);
  o->shuffle = malloc(((size_t)count + 1) * sizeof *o->shuffle);
  o->draws = malloc(((size_t)count + 1) * sizeof *o->draws);
  limn_status status =
      o->members && o->shuffle && o->draws ? divide(o, labels, o->labels) : limn_fail_memory("the classes' order");
  if (status != LIMN_OK) {
    limn_class_order_destroy(o);
    return status;
  }
  *out = o;
  return LIMN_OK;
}

void limn_class_order_destroy(limn_class_order *order) {
  if (!order)
    return;
  free(order->members);
  free(order->classes);
  free(order->shuffle);
  free(order->permutation);
  free(order->draws);
  free(order);
}

/* Draws first ... first + count - 1 that are class k's: each used-th of them. */
static void draw_class(limn_class_order *o, uint64_t seed, uint32_t k, uint64_t first) {
  const class_span *c = &o->classes[k];
  uint64_t walked = UINT64_MAX;                                        /* the round whose permutation is there */
  uint32_t at = (uint32_t)((k + o->used - first % o->used) % o->used); /* its first draw in the epoch */
  for (uint64_t i = at; i < o->count; i += o->used) {
    uint64_t turn = (first + i) / o->used, round = turn / c->count;
    if (round != walked)
      limn_philox_permutation(seed, LIMN_STREAM_CLASS, round * o->labels + c->label, o->permutation, c->count);
    walked = round;
    o->draws[i] = o->members[c->first + o->permutation[turn % c->count]];
  }
}

void limn_class_order_fill(limn_class_order *order, uint64_t seed, uint64_t epoch, uint32_t *pictures) {
  for (uint32_t k = 0; k < order->used; ++k)
    draw_class(order, seed, k, epoch * order->count);
  limn_philox_permutation(seed, LIMN_STREAM_SHUFFLE, epoch, order->shuffle, order->count);
  for (uint32_t i = 0; i < order->count; ++i)
    pictures[i] = order->draws[order->shuffle[i]];
}
