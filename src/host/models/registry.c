#include "models/registry.h"

#include "models/dcgan.h"
#include "models/projected.h"
#include "models/r3gan.h"
#include "models/sngan.h"
#include "models/vae.h"

#define GAN(name_)                                                                                                     \
  .networks = {{.name = "generator", .build = limn_##name_##_generator, .reads_codes = true},                          \
               {.name = "discriminator", .build = limn_##name_##_discriminator}},                                      \
  .generator = 0, .training = LIMN_TRAINED_AS_GAN, .draws = true, .averages = true

static const limn_model_row rows[] = {
    [LIMN_MODEL_DCGAN] = {GAN(dcgan), .pixels = limn_dcgan_pixels, .describe_output = limn_dcgan_describe_output},
    [LIMN_MODEL_SNGAN] = {GAN(sngan), .pixels = limn_dcgan_pixels, .describe_output = limn_dcgan_describe_output},
    [LIMN_MODEL_R3GAN] = {GAN(r3gan), .pixels = limn_r3gan_pixels, .describe_output = limn_r3gan_describe_output},
    [LIMN_MODEL_PROJECTED] = {GAN(projected), .pixels = limn_dcgan_pixels,
                              .describe_output = limn_dcgan_describe_output},
    [LIMN_MODEL_VAE] = {.networks = {{.name = "encoder", .build = limn_vae_encoder}, LIMN_VAE_DECODER},
                        .generator = 1,
                        .training = LIMN_TRAINED_AS_VAE,
                        .draws = true,
                        .pixels = limn_vae_pixels,
                        .describe_output = limn_vae_describe_output},
    [LIMN_MODEL_AUTOENCODER] = {.networks = {{.name = "encoder", .build = limn_vae_encoder}, LIMN_VAE_DECODER},
                                .generator = 1,
                                .training = LIMN_TRAINED_AS_VAE,
                                .pixels = limn_vae_pixels,
                                .describe_output = limn_vae_describe_output},
};

const limn_model_row *limn_model_row_at(int index) { return &rows[index]; }
const limn_model_row *limn_model_row_of(const limn_config *config) { return limn_model_row_at(config->model); }
