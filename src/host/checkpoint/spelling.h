/* The two ways in which PyTorch names what spectral normalisation keeps of a layer: those of the hook
 * torch.nn.utils.spectral_norm, which are ours, and those of torch.nn.utils.parametrizations.spectral_norm. */
#ifndef LIMN_CHECKPOINT_SPELLING_H
#define LIMN_CHECKPOINT_SPELLING_H

#include <stddef.h>

/* "block1.c1.weight_u" as "block1.c1.parametrizations.weight.0._u", and the other way round. Into buffer, returned; a
 * name that is none of the one kind is returned as it is. */
const char *limn_spelling_parametrized(const char *name, char *buffer, size_t size);
const char *limn_spelling_hooked(const char *name, char *buffer, size_t size);

#endif
