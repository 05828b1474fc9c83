/* VGG (Simonyan & Zisserman 2015, arXiv 1409.1556), with torchvision's names: layers are numbered in one sequence, in
 * which activations and pools count too. */
#include <stdio.h>

#include "graph/node.h"
#include "models/features/networks.h"

#define EPS    1e-5f
#define NAME   64
#define STAGES 5
#define SIDE   7 /* of the maps that the dense layers read */

/* Convolutions of each stage, behind which the sides are halved. */
static const struct {
  int variant, convolutions[STAGES];
} kinds[] = {{11, {1, 1, 2, 2, 2}}, {13, {2, 2, 2, 2, 2}}, {16, {2, 2, 3, 3, 3}}, {19, {2, 2, 4, 4, 4}}};

/* features.PLACE, with features.PLACE + 1 as its normalisation. */
static limn_value convolve(limn_frozen *f, limn_value x, int place, int channels, bool normalised) {
  char name[NAME], norm[NAME];
  snprintf(name, sizeof name, "features.%d", place);
  snprintf(norm, sizeof norm, "features.%d", place + 1);
  return limn_frozen_convolve(f, x,
                              &(limn_frozen_conv){.name = name,
                                                  .norm = normalised ? norm : NULL,
                                                  .channels = channels,
                                                  .kernel_h = 3,
                                                  .kernel_w = 3,
                                                  .pad_h = 1,
                                                  .pad_w = 1,
                                                  .biased = true,
                                                  .eps = EPS});
}

/* What torchvision's adaptive pool makes: 7x7. At 224x224 that is the map itself. */
static limn_value adapt(limn_frozen *f, limn_value x) {
  const limn_shape s = limn_graph_shape(f->graph, x);
  if (s.h == SIDE && s.w == SIDE)
    return x;
  if (s.h == 1 && s.w == 1)
    return limn_graph_resample(f->graph, x, LIMN_NEAREST, SIDE, SIDE);
  if (s.h % SIDE != 0 || s.w % SIDE != 0)
    return limn_graph_refuse(f->graph, LIMN_USAGE,
                             "the dense layers want maps of 7x7, and these are %dx%d: pictures of 224x224, or a tap "
                             "before them",
                             s.h, s.w);
  return limn_graph_avg_pool(
      f->graph, x,
      (limn_pool_attrs){
          .window_h = s.h / SIDE, .window_w = s.w / SIDE, .stride_h = s.h / SIDE, .stride_w = s.w / SIDE});
}

void limn_build_vgg(limn_frozen *f, limn_value x, int variant) {
  static const int widths[STAGES] = {64, 128, 256, 512, 512};
  const bool normalised = variant >= LIMN_VGG_NORM;
  size_t kind = 0;
  int place = 0;
  while (kinds[kind].variant != variant % LIMN_VGG_NORM)
    ++kind;
  for (int stage = 0; stage < STAGES; ++stage, ++place) {
    for (int i = 0; i < kinds[kind].convolutions[stage]; ++i) {
      char tap[32];
      x = limn_frozen_relu(f, convolve(f, x, place, widths[stage], normalised));
      place += normalised ? 3 : 2;
      snprintf(tap, sizeof tap, "conv%d_%d", stage + 1, i + 1);
      if (limn_frozen_tap(f, tap, x))
        return;
    }
    x = limn_frozen_max_pool(f, x, 2, 2, 0);
  }
  x = limn_frozen_relu(f, limn_frozen_dense(f, adapt(f, x), "classifier.0", NULL, 4096, true));
  if (limn_frozen_tap(f, "fc1", x))
    return;
  x = limn_frozen_relu(f, limn_frozen_dense(f, x, "classifier.3", NULL, 4096, true));
  if (limn_frozen_tap(f, "fc2", x))
    return;
  limn_frozen_tap(f, "logits", limn_frozen_dense(f, x, "classifier.6", NULL, 1000, true));
}
