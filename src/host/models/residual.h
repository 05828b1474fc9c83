/* Residual blocks as in mimicry (Lee & Town 2020), which has them from the SNGAN of Miyato et al. 2018: two 3x3
 * convolutions c1, c2 beside a shortcut c_sc of 1x1, which is there where channels or sides change. All with biases;
 * weights begin as Glorot & Bengio's (2010) uniform ones, with gain sqrt(2) of c1 and c2, 1 of c_sc. */
#ifndef LIMN_MODELS_RESIDUAL_H
#define LIMN_MODELS_RESIDUAL_H

#include "models/layers.h"

typedef struct limn_residual {
  int channels;  /* of the result */
  int hidden;    /* between the two convolutions; 0: as many as `channels` */
  bool resample; /* to twice the sides, or half of them */
  bool spectral; /* normalised weights */
  bool first;    /* reads pictures: no activation in front of c1 */
} limn_residual;

/* The half-width of Glorot's uniform distribution. */
float limn_xavier(double gain, int inputs, int outputs, int taps);

/* Of generators: b1, ReLU, x2, c1, b2, ReLU, c2; b1 and b2 normalise over the batch, x2 is bilinear. */
limn_value limn_residual_up(limn_scope *scope, const char *name, limn_value x, const limn_residual *block);
/* Of discriminators: ReLU, c1, ReLU, c2, means of 2x2. */
limn_value limn_residual_down(limn_scope *scope, const char *name, limn_value x, const limn_residual *block);

#endif
