/* How much pictures differ from each other. */
#include "train/variety.h"

#include <criterion/criterion.h>
#include <math.h>

#define LENGTH 64

TestSuite(variety, .timeout = 60);

Test(variety, boxes_are_means_at_any_size) {
  float pixels[2 * 9 * 20], out[2 * LENGTH]; /* boxes of 1 or 2 rows and 2 or 3 columns */
  for (int c = 0; c < 2; ++c)
    for (int h = 0; h < 9; ++h)
      for (int w = 0; w < 20; ++w)
        pixels[(c * 9 + h) * 20 + w] = (float)(c + 1) * (float)w;
  limn_variety_describe(pixels, 2, 9, 20, out);
  for (int h = 0; h < 8; ++h) {
    cr_expect_float_eq(out[h * 8], 0.5f, 1e-6, "columns 0 and 1");
    cr_expect_float_eq(out[h * 8 + 7], 18, 1e-6, "columns 17 to 19");
    cr_expect_float_eq(out[LENGTH + h * 8 + 7], 36, 1e-5, "the second channel");
  }
  float one[LENGTH], same[LENGTH];
  for (int i = 0; i < LENGTH; ++i)
    one[i] = (float)i;
  limn_variety_describe(one, 1, 8, 8, same);
  for (int i = 0; i < LENGTH; ++i)
    cr_expect_eq(same[i], one[i], "a picture of that size is its own description");
}

/* Points on a line, LENGTH wide: 0, 1, 3, 7. */
Test(variety, nearest_and_mean_distance) {
  static const float at[4] = {0, 1, 3, 7};
  float described[4 * LENGTH] = {0};
  double nearest[4];
  for (int i = 0; i < 4; ++i)
    described[i * LENGTH] = at[i];
  const limn_variety v = limn_variety_take(described, 4, LENGTH, nearest);
  cr_expect_float_eq(v.nearest, 1.5, 1e-12, "the median of 1, 1, 2, 4");
  cr_expect_float_eq(v.mean, (1 + 3 + 7 + 2 + 6 + 4) / 6.0, 1e-12);
  float others[LENGTH] = {5};
  cr_expect_float_eq(limn_variety_away(described, 4, others, 1, LENGTH, nearest), 3, 1e-12, "the median of 5, 4, 2, 2");
}

Test(variety, of_one_picture_is_none) {
  float described[5 * LENGTH];
  double nearest[5];
  for (int i = 0; i < 5 * LENGTH; ++i)
    described[i] = (float)(i % LENGTH);
  const limn_variety v = limn_variety_take(described, 5, LENGTH, nearest);
  cr_expect_eq(v.nearest, 0);
  cr_expect_eq(v.mean, 0);
}
