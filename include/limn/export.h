/* One network of a checkpoint, for other programs. */
#ifndef LIMN_EXPORT_H
#define LIMN_EXPORT_H

#include "limn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Writes a network's weights and running statistics as a safetensors file with the bare names of its PyTorch module
 * ("main.0.weight"), which load_state_dict(strict=True) takes.
 *
 * path: a run folder (its latest checkpoint) or a checkpoint file. network: "generator", "discriminator" or "ema" (the
 * averaged generator) of a GAN, "encoder" or "decoder" of a vae or autoencoder. file: its name ends in .safetensors;
 * it appears whole or not at all, one that is there is replaced; a pipe or device is written straight. Shapes and
 * numbers are the checkpoint's, float32; the metadata say which network it is, what it puts out ("output") and the
 * settings that rebuild it, so that limn_generator_open and the setting `init` take it. The same checkpoint gives the
 * same bytes. Where the average of an older checkpoint has no BatchNorm statistics of its own, they are taken now, on
 * the CPU. LIMN_USAGE when the checkpoint has no such network, for another ending, or when `file` is that
 * checkpoint. */
LIMN_API limn_status limn_export(const char *path, const char *network, const char *file);

/* How what spectral normalisation keeps of a layer is named: as by torch.nn.utils.spectral_norm (LAYER.weight_orig,
 * weight_u, weight_v), which limn_export does, or as by torch.nn.utils.parametrizations.spectral_norm
 * (LAYER.parametrizations.weight.original, .0._u, .0._v). */
typedef enum limn_export_names { LIMN_EXPORT_HOOKS, LIMN_EXPORT_PARAMETRIZATIONS } limn_export_names;
LIMN_API limn_status limn_export_as(const char *path, const char *network, limn_export_names names, const char *file);

#ifdef __cplusplus
}
#endif
#endif
