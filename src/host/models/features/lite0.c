/* EfficientNet-Lite0 (Tan & Le 2019, arXiv 1905.11946, in the variant for small devices: ReLU6, no squeeze and
 * excitation), with the names of the package efficientnet_lite_pytorch. */
#include <stdio.h>

#include "models/features/networks.h"

#define EPS  1e-3f
#define NAME 64

static limn_value relu6(limn_frozen *f, limn_value x) { return limn_graph_unary(f->graph, LIMN_PW_CLAMP, x, 0, 6); }

/* Blocks of one stage are alike, but that the first takes the stride. */
static const struct stage {
  int blocks, kernel, stride, expansion, channels;
} stages[] = {
    {1, 3, 1, 1, 16},  {2, 3, 2, 6, 24},  {2, 5, 2, 6, 40},  {3, 3, 2, 6, 80},
    {3, 5, 1, 6, 112}, {4, 5, 2, 6, 192}, {1, 3, 1, 6, 320},
};

/* The convolution _blocks.INDEX.WHAT and its normalisation. */
static limn_value convolve(limn_frozen *f, limn_value x, int index, const char *what, const char *norm,
                           limn_frozen_conv conv) {
  char name[NAME], norm_name[NAME];
  snprintf(name, sizeof name, "_blocks.%d.%s", index, what);
  snprintf(norm_name, sizeof norm_name, "_blocks.%d.%s", index, norm);
  conv.name = name;
  conv.norm = norm_name;
  conv.same = true;
  conv.eps = EPS;
  return limn_frozen_convolve(f, x, &conv);
}

/* Wide inside, narrow at its ends (Sandler et al. 2018, arXiv 1801.04381). */
static limn_value inverted_bottleneck(limn_frozen *f, limn_value x, int index, const struct stage *stage, int stride) {
  const int from = limn_graph_shape(f->graph, x).c, wide = from * stage->expansion;
  limn_value y = x;
  if (stage->expansion > 1)
    y = relu6(f, convolve(f, y, index, "_expand_conv", "_bn0",
                          (limn_frozen_conv){.channels = wide, .kernel_h = 1, .kernel_w = 1}));
  y = relu6(f, convolve(f, y, index, "_depthwise_conv", "_bn1",
                        (limn_frozen_conv){.channels = wide,
                                           .kernel_h = stage->kernel,
                                           .kernel_w = stage->kernel,
                                           .stride = stride,
                                           .groups = wide}));
  y = convolve(f, y, index, "_project_conv", "_bn2",
               (limn_frozen_conv){.channels = stage->channels, .kernel_h = 1, .kernel_w = 1});
  return stride == 1 && from == stage->channels ? limn_graph_add(f->graph, y, x) : y;
}

void limn_build_lite0(limn_frozen *f, limn_value x, int variant) {
  (void)variant;
  int index = 0;
  x = limn_frozen_convolve(f, x,
                           &(limn_frozen_conv){.name = "_conv_stem",
                                               .norm = "_bn0",
                                               .channels = 32,
                                               .kernel_h = 3,
                                               .kernel_w = 3,
                                               .stride = 2,
                                               .same = true,
                                               .eps = EPS});
  x = relu6(f, x);
  for (size_t s = 0; s < sizeof stages / sizeof *stages; ++s)
    for (int i = 0; i < stages[s].blocks; ++i, ++index) {
      char tap[16];
      x = inverted_bottleneck(f, x, index, &stages[s], i == 0 ? stages[s].stride : 1);
      snprintf(tap, sizeof tap, "block%d", index);
      if (limn_frozen_tap(f, tap, x))
        return;
    }
  x = limn_frozen_convolve(
      f, x,
      &(limn_frozen_conv){
          .name = "_conv_head", .norm = "_bn1", .channels = 1280, .kernel_h = 1, .kernel_w = 1, .eps = EPS});
  x = relu6(f, x);
  if (limn_frozen_tap(f, "head", x))
    return;
  x = limn_frozen_mean(f, x);
  if (limn_frozen_tap(f, "pool", x))
    return;
  limn_frozen_tap(f, "logits", limn_frozen_dense(f, x, "_fc", NULL, 1000, true));
}
