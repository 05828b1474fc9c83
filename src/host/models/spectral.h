/* Spectral normalisation (Miyato et al. 2018), as PyTorch's torch.nn.utils.spectral_norm: a layer's weight divided by
 * an estimate of its largest singular value. */
#ifndef LIMN_MODELS_SPECTRAL_H
#define LIMN_MODELS_SPECTRAL_H

#include "models/layers.h"

/* The weight W / sigma of that layer, of the leaves LAYER.weight_orig (W, a parameter), LAYER.weight_u and
 * LAYER.weight_v (buffers, each of length 1). W is seen as a matrix whose rows belong to an output channel each: axis N
 * of a convolution's weight, axis C of a transposed one's.
 *
 * In training a pass takes one step of the power iteration, v = W^T u / |W^T u|, u = W v / |W v| (at least 1e-12 in
 * each denominator), which the leaves keep; nothing is kept once the scope's gate is set. sigma = u^T W v with u and v
 * constant: gradients of all orders flow through W alone. In inference u and v stay. All of it is computed in fp32. */
limn_value limn_spectral_weight(limn_scope *scope, const char *layer, limn_shape shape, limn_initial initial,
                                bool transposed, limn_form form);

#endif
