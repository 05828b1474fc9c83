/* Pictures that are there more than once: which are found, and which are not. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/duplicates.h"

TestSuite(duplicates, .timeout = 60);

/* A smooth picture of its own for each seed. */
static void draw(limn_image *image, int side, unsigned seed) {
  cr_assert_eq(limn_image_init(image, side, side, 1), LIMN_OK);
  srand(seed + 1);
  double waves[4][3];
  for (int k = 0; k < 4; ++k)
    for (int j = 0; j < 3; ++j)
      waves[k][j] = rand() % 1000 / 1000.0 * 6;
  for (int y = 0; y < side; ++y)
    for (int x = 0; x < side; ++x) {
      double value = 0;
      for (int k = 0; k < 4; ++k)
        value += sin((waves[k][0] * (x + 0.5) + waves[k][1] * (y + 0.5)) * 3 / side + waves[k][2]);
      image->pixels[y * side + x] = (uint8_t)(127 + 30 * value);
    }
}

static void sketch(limn_sketch *out, int side, unsigned seed, int noise) {
  limn_image image;
  draw(&image, side, seed);
  for (int i = 0; noise && i < side * side; ++i)
    image.pixels[i] = (uint8_t)(image.pixels[i] + (i * 7 + i / 5) % (2 * noise + 1) - noise);
  limn_sketch_make(out, &image);
  limn_image_release(&image);
}

Test(duplicates, exact_and_near_ones_are_found_and_nothing_else) {
  enum { OTHERS = 400, N = OTHERS + 6 };
  static limn_sketch sketches[N];
  static bool use[N];
  for (int i = 0; i < N; ++i)
    use[i] = true;
  for (int i = 0; i < OTHERS; ++i)
    sketch(&sketches[i], 48, (unsigned)i, 0);
  sketch(&sketches[OTHERS], 48, 30, 0);     /* exactly 30 */
  sketch(&sketches[OTHERS + 1], 48, 30, 0); /* once more */
  sketch(&sketches[OTHERS + 2], 96, 7, 0);  /* 7, twice as large */
  sketch(&sketches[OTHERS + 3], 48, 50, 2); /* 50 with some noise, */
  sketch(&sketches[OTHERS + 4], 48, 50, 0); /* and exactly */
  sketch(&sketches[OTHERS + 5], 48, 60, 0); /* 60, but left out */
  use[OTHERS + 5] = false;
  limn_same_pictures same;
  cr_assert_eq(limn_find_same(&same, sketches, use, N), LIMN_OK);
  cr_assert(same.group_count == 4 && same.exact_copies == 3 && same.near_copies == 2, "%u groups, %u exact, %u near",
            same.group_count, same.exact_copies, same.near_copies);
  const uint32_t expected[4][3] = {{30, OTHERS, OTHERS + 1}, {50, OTHERS + 4}, {7, OTHERS + 2}, {50, OTHERS + 3}};
  for (int g = 0; g < 4; ++g) {
    cr_assert(same.groups[g].count == (g == 0 ? 3 : 2) && same.groups[g].exact == (g < 2), "group %d", g);
    for (uint32_t i = 0; i < same.groups[g].count; ++i)
      cr_assert_eq(same.order[same.groups[g].first + i], expected[g][i]);
  }
  limn_same_pictures_release(&same);
}

/* The limits themselves, with sketches made up. */
Test(duplicates, near_has_limits) {
  limn_sketch sketches[2] = {{.hash = 1}, {.hash = 2}};
  const bool use[4] = {true, true, true, true};
  limn_same_pictures same;
  for (int byte = 0; byte < 8; ++byte)
    for (int bits = 7; bits <= 8; ++bits) { /* seven differ, and agreement is in one byte alone; or eight do */
      sketches[1].gradient = 0x0101010101010101u & ~((uint64_t)(bits == 7) << 8 * byte);
      cr_assert_eq(limn_find_same(&same, sketches, use, 2), LIMN_OK);
      cr_assert_eq(same.near_copies, bits == 7, "byte %d, %d bits", byte, bits);
      limn_same_pictures_release(&same);
    }
  sketches[1].gradient = 0xff00;
  cr_assert_eq(limn_find_same(&same, sketches, use, 2), LIMN_OK);
  cr_assert_eq(same.near_copies, 0);
  limn_same_pictures_release(&same);
  /* A chain: each is near to the one before, and to no other. */
  limn_sketch chain[4] = {{.hash = 1}, {.hash = 2}, {.hash = 3}, {.hash = 4}};
  for (int i = 0; i < 4; ++i)
    memset(chain[i].grey, 100 + 3 * i, sizeof chain[i].grey);
  cr_assert_eq(limn_find_same(&same, chain, use, 4), LIMN_OK);
  cr_assert(same.group_count == 2 && same.groups[0].count == 2 && same.groups[1].count == 2);
  cr_assert(same.order[1] == 1 && same.order[2] == 2);
  limn_same_pictures_release(&same);
}

Test(duplicates, a_large_set_of_pictures_alike_takes_no_square_of_time) {
  enum { N = 60000 };
  limn_sketch *sketches = calloc(N, sizeof *sketches);
  bool *use = malloc(N);
  cr_assert(sketches && use);
  for (uint32_t i = 0; i < N; ++i) { /* no gradient anywhere, and all different */
    sketches[i].hash = i;
    memset(sketches[i].grey, (int)(i % 250), sizeof sketches[i].grey);
    use[i] = true;
  }
  limn_same_pictures same;
  cr_assert_eq(limn_find_same(&same, sketches, use, N), LIMN_OK);
  cr_assert_eq(same.exact_copies, 0);
  cr_assert_gt(same.near_copies, 0);
  limn_same_pictures_release(&same);
  cr_assert_eq(limn_find_same(&same, sketches, use, 0), LIMN_OK);
  cr_assert_eq(same.group_count, 0);
  limn_same_pictures_release(&same);
  free(sketches);
  free(use);
}
