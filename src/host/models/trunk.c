#include "models/trunk.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/error.h"

#define SMALLEST_HALVED 8
#define LARGEST_BASE    10
#define MOST_TIMES      16

static limn_trunk halve(int height, int width) {
  limn_trunk trunk = {.base_height = height, .base_width = width};
  while (trunk.base_height % 2 == 0 && trunk.base_width % 2 == 0 && trunk.base_height >= SMALLEST_HALVED &&
         trunk.base_width >= SMALLEST_HALVED) {
    trunk.base_height /= 2;
    trunk.base_width /= 2;
    ++trunk.levels;
  }
  return trunk;
}

static bool serves(int height, int width) {
  const limn_trunk trunk = halve(height, width);
  return trunk.levels > 0 && trunk.base_height <= LARGEST_BASE && trunk.base_width <= LARGEST_BASE;
}

/* The size nearest to (height, width) that serves, searched in growing rings. */
static void nearest_size(int *height, int *width) {
  for (int distance = 1; distance < 1024; ++distance)
    for (int dh = -distance; dh <= distance; ++dh)
      for (int sign = 1; sign >= -1; sign -= 2) {
        int dw = sign * (distance - abs(dh)), h = *height + dh, w = *width + dw;
        if (h >= SMALLEST_HALVED && w >= SMALLEST_HALVED && serves(h, w) && (*height != *width || h == w)) {
          *height = h;
          *width = w;
          return;
        }
      }
}

limn_status limn_trunk_find(limn_trunk *trunk, int height, int width) {
  if (!serves(height, width)) {
    int near_height = height, near_width = width;
    nearest_size(&near_height, &near_width);
    return limn_fail(LIMN_USAGE,
                     "pictures of %dx%d cannot be halved down to a base of at most %d a side; the nearest size that "
                     "can is --size %dx%d",
                     height, width, LARGEST_BASE, near_height, near_width);
  }
  *trunk = halve(height, width);
  return LIMN_OK;
}

int limn_trunk_channels(int filters, int level) {
  int times = 1 << level;
  return filters * (times < MOST_TIMES ? times : MOST_TIMES);
}

limn_conv_layer limn_trunk_step(int channels, bool bias, float deviation) {
  return (limn_conv_layer){
      .channels = channels, .kernel_h = 4, .kernel_w = 4, .stride = 2, .pad = 1, .bias = bias, .deviation = deviation};
}

limn_conv_layer limn_trunk_whole(const limn_trunk *trunk, int channels, bool bias, float deviation) {
  return (limn_conv_layer){.channels = channels,
                           .kernel_h = trunk->base_height,
                           .kernel_w = trunk->base_width,
                           .stride = 1,
                           .bias = bias,
                           .deviation = deviation};
}
