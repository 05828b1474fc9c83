/* Radford, Metz & Chintala 2015, in the form of PyTorch's DCGAN example: 4x4 convolutions, no bias before a batchnorm,
 * widths that halve towards the picture. */
#ifndef LIMN_MODELS_DCGAN_H
#define LIMN_MODELS_DCGAN_H

#include "models/model.h"

/* Pictures in [-1, 1], of codes. */
limn_value limn_dcgan_generator(limn_scope *scope, const limn_model *model, limn_value z);
/* A logit a picture. */
limn_value limn_dcgan_discriminator(limn_scope *scope, const limn_model *model, limn_value x);

limn_value limn_dcgan_pixels(limn_graph *graph, const limn_model *model, limn_value output);
const char *limn_dcgan_describe_output(const limn_config *config, const char *network);

#endif
