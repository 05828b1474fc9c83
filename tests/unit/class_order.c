/* The order of pictures that shows all classes equally often: what it promises, and docs/randomness.md's formula. */
#include <criterion/criterion.h>

#include "base/error.h"
#include "base/philox.h"
#include "data/class_order.h"

#define COUNT   50
#define CLASSES 5
#define USED    3 /* 0: 40 pictures, 2: 7, 4: 1; two have no label */
#define EPOCHS  9

static int32_t labels[COUNT];
static limn_class_order *order;

static void set_up(void) {
  for (int i = 0; i < COUNT; ++i)
    labels[i] = i == 3 || i == 20 ? -1 : i == 11 ? 4 : i % 7 == 5 ? 2 : 0;
  if (limn_class_order_create(&order, labels, COUNT, CLASSES) != LIMN_OK)
    abort();
}

static void tear_down(void) { limn_class_order_destroy(order); }

TestSuite(class_order, .init = set_up, .fini = tear_down, .timeout = 60);

Test(class_order, classes_come_equally_often) {
  uint32_t pictures[COUNT];
  int drawn[CLASSES] = {0};
  for (uint64_t epoch = 0; epoch < EPOCHS; ++epoch) {
    int here[CLASSES] = {0};
    limn_class_order_fill(order, 3, epoch, pictures);
    for (int i = 0; i < COUNT; ++i) {
      cr_assert_lt(pictures[i], COUNT);
      cr_assert_geq(labels[pictures[i]], 0, "picture %u has no label", pictures[i]);
      ++here[labels[pictures[i]]];
    }
    for (int c = 0; c < CLASSES; c += 2) {
      cr_expect(here[c] == COUNT / USED || here[c] == COUNT / USED + 1, "class %d: %d in epoch %d", c, here[c],
                (int)epoch);
      drawn[c] += here[c];
    }
  }
  for (int c = 0; c < CLASSES; ++c)
    cr_expect_eq(drawn[c], c % 2 ? 0 : COUNT * EPOCHS / USED, "class %d: %d", c, drawn[c]);
}

/* Over epochs that together are whole turns of a class, none of its pictures is behind another. */
Test(class_order, a_class_shows_all_before_it_repeats) {
  uint32_t pictures[COUNT];
  int seen[COUNT] = {0};
  for (uint64_t epoch = 0; epoch < EPOCHS; ++epoch) {
    int least[CLASSES] = {1000, 1000, 1000, 1000, 1000}, most[CLASSES] = {0};
    limn_class_order_fill(order, 3, epoch, pictures);
    for (int i = 0; i < COUNT; ++i)
      ++seen[pictures[i]];
    for (int i = 0; i < COUNT; ++i)
      if (labels[i] >= 0) {
        least[labels[i]] = seen[i] < least[labels[i]] ? seen[i] : least[labels[i]];
        most[labels[i]] = seen[i] > most[labels[i]] ? seen[i] : most[labels[i]];
      }
    for (int c = 0; c < CLASSES; c += 2)
      cr_expect_leq(most[c], least[c] + 1, "class %d after epoch %d: %d to %d times", c, (int)epoch, least[c], most[c]);
  }
}

/* docs/randomness.md, picture by picture. */
Test(class_order, follows_the_formula) {
  uint32_t pictures[COUNT], shuffle[COUNT], permutation[COUNT];
  const int used[USED] = {0, 2, 4};
  for (uint64_t epoch = 0; epoch < EPOCHS; ++epoch) {
    limn_class_order_fill(order, 7, epoch, pictures);
    limn_philox_permutation(7, LIMN_STREAM_SHUFFLE, epoch, shuffle, COUNT);
    for (int i = 0; i < COUNT; ++i) {
      uint64_t g = epoch * COUNT + shuffle[i], turn = g / USED;
      uint32_t members[COUNT], n = 0;
      int class = used[g % USED];
      for (uint32_t p = 0; p < COUNT; ++p)
        if (labels[p] == class)
          members[n++] = p;
      limn_philox_permutation(7, 19, turn / n * CLASSES + (uint64_t) class, permutation, n);
      cr_assert_eq(pictures[i], members[permutation[turn % n]], "epoch %d, picture %d", (int)epoch, i);
    }
  }
}

/* What NumPy makes of the formula, with tests/fixtures/philox.py; the first of epoch 2 by seed 2^40 + 7. */
Test(class_order, is_what_numpy_makes) {
  const uint32_t expected[12] = {32, 11, 11, 33, 24, 11, 40, 10, 10, 11, 11, 43};
  uint32_t pictures[COUNT];
  limn_class_order_fill(order, (UINT64_C(1) << 40) + 7, 2, pictures);
  cr_assert_arr_eq(pictures, expected, sizeof expected);
}

Test(class_order, does_not_depend_on_what_was_filled_before) {
  uint32_t once[COUNT], again[COUNT], other[COUNT];
  limn_class_order_fill(order, 1, 5, once);
  limn_class_order_fill(order, 1, 0, other);
  limn_class_order_fill(order, 1, 5, again);
  cr_assert_arr_eq(once, again, sizeof once);
  cr_assert_arr_neq(once, other, sizeof once);
}

Test(class_order, refuses_pictures_of_no_class) {
  const int32_t none[3] = {-1, -1, -1};
  limn_class_order *refused;
  cr_assert_eq(limn_class_order_create(&refused, none, 3, 2), LIMN_USAGE);
  cr_assert_null(refused);
  cr_assert_not_null(strstr(limn_error_message(), "none of the 3 pictures has a label"), "%s", limn_error_message());
}
