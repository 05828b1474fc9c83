/* The Inception network of FID and IS (Szegedy et al. 2016, arXiv 1512.00567): TensorFlow's classify_image_graph_def of
 * 2015-12-05, with the names of its conversions: pytorch-fid's, and in the second place those of NVIDIA's TorchScript.
 * Unlike torchvision's inception_v3 its averages leave the padding out, and the last block has a maximum in the place
 * of one. */
#include <stdio.h>

#include "models/features/networks.h"

#define EPS  1e-3f
#define NAME 96

/* A block: its name in both namings. */
struct block {
  limn_frozen *f;
  const char *name, *other;
};

static limn_value convolve(const struct block *b, limn_value x, const char *name, const char *other,
                           limn_frozen_conv conv) {
  char full[NAME], norm[NAME], full_other[NAME];
  snprintf(full, sizeof full, "%s%s.conv", b->name, name);
  snprintf(norm, sizeof norm, "%s%s.bn", b->name, name);
  snprintf(full_other, sizeof full_other, "layers.%s%s", b->other, other);
  conv.name = full;
  conv.norm = norm;
  conv.other = full_other;
  conv.eps = EPS;
  return limn_frozen_relu(b->f, limn_frozen_convolve(b->f, x, &conv));
}

/* kh x kw; padding keeps the sides. */
static limn_value same(const struct block *b, limn_value x, const char *name, const char *other, int channels, int kh,
                       int kw) {
  return convolve(
      b, x, name, other,
      (limn_frozen_conv){.channels = channels, .kernel_h = kh, .kernel_w = kw, .pad_h = kh / 2, .pad_w = kw / 2});
}

/* 3x3 without padding. */
static limn_value valid(const struct block *b, limn_value x, const char *name, const char *other, int channels,
                        int stride) {
  return convolve(b, x, name, other,
                  (limn_frozen_conv){.channels = channels, .kernel_h = 3, .kernel_w = 3, .stride = stride});
}

static limn_value average(limn_frozen *f, limn_value x) {
  return limn_graph_avg_pool(
      f->graph, x,
      (limn_pool_attrs){.window_h = 3, .window_w = 3, .stride_h = 1, .stride_w = 1, .pad_h = 1, .pad_w = 1});
}

static limn_value join(limn_frozen *f, const limn_value *values, int count) {
  return limn_graph_concat(f->graph, values, count);
}

static limn_value block_a(const struct block *b, limn_value x, int pooled) {
  limn_value five = same(b, x, "branch5x5_1", "tower.conv", 48, 1, 1);
  limn_value three = same(b, x, "branch3x3dbl_1", "tower_1.conv", 64, 1, 1);
  three = same(b, three, "branch3x3dbl_2", "tower_1.conv_1", 96, 3, 3);
  const limn_value branches[] = {
      same(b, x, "branch1x1", "conv", 64, 1, 1),
      same(b, five, "branch5x5_2", "tower.conv_1", 64, 5, 5),
      same(b, three, "branch3x3dbl_3", "tower_1.conv_2", 96, 3, 3),
      same(b, average(b->f, x), "branch_pool", "tower_2.conv", pooled, 1, 1),
  };
  return join(b->f, branches, 4);
}

static limn_value block_b(const struct block *b, limn_value x) {
  limn_value three = same(b, x, "branch3x3dbl_1", "tower.conv", 64, 1, 1);
  three = same(b, three, "branch3x3dbl_2", "tower.conv_1", 96, 3, 3);
  const limn_value branches[] = {
      valid(b, x, "branch3x3", "conv", 384, 2),
      valid(b, three, "branch3x3dbl_3", "tower.conv_2", 96, 2),
      limn_frozen_max_pool(b->f, x, 3, 2, 0),
  };
  return join(b->f, branches, 3);
}

static limn_value block_c(const struct block *b, limn_value x, int width) {
  limn_value seven = same(b, x, "branch7x7_1", "tower.conv", width, 1, 1);
  seven = same(b, seven, "branch7x7_2", "tower.conv_1", width, 1, 7);
  limn_value twice = same(b, x, "branch7x7dbl_1", "tower_1.conv", width, 1, 1);
  twice = same(b, twice, "branch7x7dbl_2", "tower_1.conv_1", width, 7, 1);
  twice = same(b, twice, "branch7x7dbl_3", "tower_1.conv_2", width, 1, 7);
  twice = same(b, twice, "branch7x7dbl_4", "tower_1.conv_3", width, 7, 1);
  const limn_value branches[] = {
      same(b, x, "branch1x1", "conv", 192, 1, 1),
      same(b, seven, "branch7x7_3", "tower.conv_2", 192, 7, 1),
      same(b, twice, "branch7x7dbl_5", "tower_1.conv_4", 192, 1, 7),
      same(b, average(b->f, x), "branch_pool", "tower_2.conv", 192, 1, 1),
  };
  return join(b->f, branches, 4);
}

static limn_value block_d(const struct block *b, limn_value x) {
  limn_value three = same(b, x, "branch3x3_1", "tower.conv", 192, 1, 1);
  limn_value seven = same(b, x, "branch7x7x3_1", "tower_1.conv", 192, 1, 1);
  seven = same(b, seven, "branch7x7x3_2", "tower_1.conv_1", 192, 1, 7);
  seven = same(b, seven, "branch7x7x3_3", "tower_1.conv_2", 192, 7, 1);
  const limn_value branches[] = {
      valid(b, three, "branch3x3_2", "tower.conv_1", 320, 2),
      valid(b, seven, "branch7x7x3_4", "tower_1.conv_3", 192, 2),
      limn_frozen_max_pool(b->f, x, 3, 2, 0),
  };
  return join(b->f, branches, 3);
}

static limn_value block_e(const struct block *b, limn_value x, bool maximum) {
  limn_value three = same(b, x, "branch3x3_1", "tower_conv", 384, 1, 1);
  limn_value twice = same(b, x, "branch3x3dbl_1", "tower_1_conv", 448, 1, 1);
  twice = same(b, twice, "branch3x3dbl_2", "tower_1_conv_1", 384, 3, 3);
  const limn_value halves[] = {
      same(b, three, "branch3x3_2a", "tower_mixed_conv", 384, 1, 3),
      same(b, three, "branch3x3_2b", "tower_mixed_conv_1", 384, 3, 1),
      same(b, twice, "branch3x3dbl_3a", "tower_1_mixed_conv", 384, 1, 3),
      same(b, twice, "branch3x3dbl_3b", "tower_1_mixed_conv_1", 384, 3, 1),
  };
  limn_value pool = maximum ? limn_frozen_max_pool(b->f, x, 3, 1, 1) : average(b->f, x);
  const limn_value branches[] = {
      same(b, x, "branch1x1", "conv", 320, 1, 1),
      join(b->f, halves, 4),
      same(b, pool, "branch_pool", "tower_2_conv", 192, 1, 1),
  };
  return join(b->f, branches, 3);
}

/* To 192 channels at an eighth of the side; *ended: a tap was the last. */
static limn_value build_stem(limn_frozen *f, limn_value x, bool *ended) {
  const struct block stem = {f, "", ""};
  x = valid(&stem, x, "Conv2d_1a_3x3", "conv", 32, 2);
  x = valid(&stem, x, "Conv2d_2a_3x3", "conv_1", 32, 1);
  x = same(&stem, x, "Conv2d_2b_3x3", "conv_2", 64, 3, 3);
  x = limn_frozen_max_pool(f, x, 3, 2, 0);
  *ended = limn_frozen_tap(f, "64", x);
  if (*ended)
    return x;
  x = same(&stem, x, "Conv2d_3b_1x1", "conv_3", 80, 1, 1);
  x = valid(&stem, x, "Conv2d_4a_3x3", "conv_4", 192, 1);
  x = limn_frozen_max_pool(f, x, 3, 2, 0);
  *ended = limn_frozen_tap(f, "192", x);
  return x;
}

void limn_build_inception(limn_frozen *f, limn_value x, int variant) {
  (void)variant;
  bool ended;
  x = build_stem(f, x, &ended);
  if (ended)
    return;
  x = block_a(&(struct block){f, "Mixed_5b.", "mixed."}, x, 32);
  x = block_a(&(struct block){f, "Mixed_5c.", "mixed_1."}, x, 64);
  x = block_a(&(struct block){f, "Mixed_5d.", "mixed_2."}, x, 64);
  x = block_b(&(struct block){f, "Mixed_6a.", "mixed_3."}, x);
  x = block_c(&(struct block){f, "Mixed_6b.", "mixed_4."}, x, 128);
  x = block_c(&(struct block){f, "Mixed_6c.", "mixed_5."}, x, 160);
  x = block_c(&(struct block){f, "Mixed_6d.", "mixed_6."}, x, 160);
  x = block_c(&(struct block){f, "Mixed_6e.", "mixed_7."}, x, 192);
  if (limn_frozen_tap(f, "768", x))
    return;
  x = block_d(&(struct block){f, "Mixed_7a.", "mixed_8."}, x);
  x = block_e(&(struct block){f, "Mixed_7b.", "mixed_9."}, x, false);
  x = block_e(&(struct block){f, "Mixed_7c.", "mixed_10."}, x, true);
  x = limn_frozen_mean(f, x);
  if (limn_frozen_tap(f, "2048", x) ||
      limn_frozen_tap(f, "logits", limn_frozen_dense(f, x, "fc", "output", 1008, true)))
    return;
  limn_frozen_tap(f, "logits_unbiased", limn_frozen_dense(f, x, "fc", "output", 1008, false));
}
