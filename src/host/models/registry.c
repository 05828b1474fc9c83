#include "models/registry.h"

#include "models/model.h"

static const limn_model_row rows[] = {
    [LIMN_MODEL_DCGAN] = {.networks = {"generator", "discriminator"},
                          .generator = 0,
                          .training = LIMN_TRAINED_AS_GAN,
                          .draws = true,
                          .averages = true,
                          .init = limn_dcgan_init,
                          .pixels = limn_dcgan_pixels,
                          .describe_output = limn_dcgan_describe_output},
    [LIMN_MODEL_VAE] = {.networks = {"encoder", "decoder"},
                        .generator = 1,
                        .training = LIMN_TRAINED_AS_VAE,
                        .draws = true,
                        .init = limn_vae_init,
                        .pixels = limn_vae_pixels,
                        .describe_output = limn_vae_describe_output},
    [LIMN_MODEL_AUTOENCODER] = {.networks = {"encoder", "decoder"},
                                .generator = 1,
                                .training = LIMN_TRAINED_AS_VAE,
                                .init = limn_vae_init,
                                .pixels = limn_vae_pixels,
                                .describe_output = limn_vae_describe_output},
};

const limn_model_row *limn_model_row_of(const limn_config *config) { return &rows[config->model]; }
