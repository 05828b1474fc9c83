/* An order of the pictures in which all classes come equally often (the setting class_balanced).
 *
 * Draw g of a run, from 0, is of class g mod k of the k classes that have pictures, and of that class the picture
 * g div k of its permutations, one after the other: each class shows all of its pictures before it repeats one. An
 * epoch of n draws comes in the order of the plain shuffle. docs/randomness.md gives the formula. */
#ifndef LIMN_DATA_CLASS_ORDER_H
#define LIMN_DATA_CLASS_ORDER_H

#include <stdint.h>

#include "limn/status.h"

typedef struct limn_class_order limn_class_order;

/* labels: (count), of each picture 0 to class_count - 1; what is below 0 has none and is never drawn. LIMN_USAGE when
 * none has a label. */
limn_status limn_class_order_create(limn_class_order **out, const int32_t *labels, uint32_t count, int class_count);
void limn_class_order_destroy(limn_class_order *order);

/* pictures: (count), the numbers in `labels` of those that make this epoch, a pure function of (seed, epoch). Allocates
 * nothing. */
void limn_class_order_fill(limn_class_order *order, uint64_t seed, uint64_t epoch, uint32_t *pictures);

#endif
