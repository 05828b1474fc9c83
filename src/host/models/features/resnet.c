/* ResNets (He et al. 2016, arXiv 1512.03385), with torchvision's names; their bottlenecks have the stride in the 3x3
 * convolution. */
#include <stdio.h>

#include "models/features/networks.h"

#define EPS  1e-5f
#define NAME 64

/* The convolution LAYER.BLOCK.convN with its bnN, with as much padding as keeps the side. */
static limn_value convolve(limn_frozen *f, limn_value x, const char *block, int number, int channels, int kernel,
                           int stride) {
  char name[NAME], norm[NAME];
  snprintf(name, sizeof name, "%sconv%d", block, number);
  snprintf(norm, sizeof norm, "%sbn%d", block, number);
  return limn_frozen_convolve(f, x,
                              &(limn_frozen_conv){.name = name,
                                                  .norm = norm,
                                                  .channels = channels,
                                                  .kernel_h = kernel,
                                                  .kernel_w = kernel,
                                                  .stride = stride,
                                                  .pad_h = kernel / 2,
                                                  .pad_w = kernel / 2,
                                                  .eps = EPS});
}

/* What the block's result is added to: x itself where it has that shape. */
static limn_value shortcut(limn_frozen *f, limn_value x, const char *block, int channels, int stride) {
  char name[NAME], norm[NAME];
  if (stride == 1 && limn_graph_shape(f->graph, x).c == channels)
    return x;
  snprintf(name, sizeof name, "%sdownsample.0", block);
  snprintf(norm, sizeof norm, "%sdownsample.1", block);
  return limn_frozen_convolve(f, x,
                              &(limn_frozen_conv){.name = name,
                                                  .norm = norm,
                                                  .channels = channels,
                                                  .kernel_h = 1,
                                                  .kernel_w = 1,
                                                  .stride = stride,
                                                  .eps = EPS});
}

static limn_value basic_block(limn_frozen *f, limn_value x, const char *block, int width, int stride) {
  limn_value y = limn_frozen_relu(f, convolve(f, x, block, 1, width, 3, stride));
  y = convolve(f, y, block, 2, width, 3, 1);
  return limn_frozen_relu(f, limn_graph_add(f->graph, y, shortcut(f, x, block, width, stride)));
}

static limn_value bottleneck(limn_frozen *f, limn_value x, const char *block, int width, int stride) {
  limn_value y = limn_frozen_relu(f, convolve(f, x, block, 1, width, 1, 1));
  y = limn_frozen_relu(f, convolve(f, y, block, 2, width, 3, stride));
  y = convolve(f, y, block, 3, 4 * width, 1, 1);
  return limn_frozen_relu(f, limn_graph_add(f->graph, y, shortcut(f, x, block, 4 * width, stride)));
}

void limn_build_resnet(limn_frozen *f, limn_value x, int variant) {
  static const int shallow[] = {2, 2, 2, 2}, deep[] = {3, 4, 6, 3};
  const int *blocks = variant == 18 ? shallow : deep;
  x = limn_frozen_relu(f, convolve(f, x, "", 1, 64, 7, 2));
  x = limn_frozen_max_pool(f, x, 3, 2, 1);
  for (int layer = 0; layer < 4; ++layer) {
    char tap[16];
    for (int i = 0; i < blocks[layer]; ++i) {
      char block[32];
      const int width = 64 << layer, stride = layer > 0 && i == 0 ? 2 : 1;
      snprintf(block, sizeof block, "layer%d.%d.", layer + 1, i);
      x = variant == 50 ? bottleneck(f, x, block, width, stride) : basic_block(f, x, block, width, stride);
    }
    snprintf(tap, sizeof tap, "layer%d", layer + 1);
    if (limn_frozen_tap(f, tap, x))
      return;
  }
  x = limn_frozen_mean(f, x);
  if (limn_frozen_tap(f, "pool", x))
    return;
  limn_frozen_tap(f, "logits", limn_frozen_dense(f, x, "fc", NULL, 1000, true));
}
