/* The frozen networks: functions that build one, each in a file, for the table in features.c. x is (N, 3, H, W), scaled
 * as the table says; variant: which of a family. */
#ifndef LIMN_MODELS_FEATURES_NETWORKS_H
#define LIMN_MODELS_FEATURES_NETWORKS_H

#include "models/features/frozen.h"

void limn_build_lite0(limn_frozen *frozen, limn_value x, int variant);
void limn_build_inception(limn_frozen *frozen, limn_value x, int variant);
void limn_build_resnet(limn_frozen *frozen, limn_value x, int variant); /* 18, 34, 50 */
void limn_build_vgg(limn_frozen *frozen, limn_value x, int variant);    /* 11, 13, 16, 19; + LIMN_VGG_NORM */
#define LIMN_VGG_NORM 100

#endif
