/* What a protocol names is said here, also where it is the default: a default that changes changes no preset. What of a
 * paper Limn does not have is told in docs/reproduce.md, which has a section for each but "demo" and "paper". */
#include "config/preset_table.h"

#include "config/config.h"

#define PRESET(name_, model_, help_) .preset = {.name = name_, .model = LIMN_MODEL_##model_, .help = help_}, .settings

/* Nothing that was found after the paper. */
#define UNADORNED                                                                                                      \
  {"optimizer", "adam"}, {"weight_decay", "0"}, {"clip", "0"}, {"warmup", "0"}, {"ema", "0"}, {"augment", "none"},     \
      {"label_smoothing", "0"}, {"instance_noise", "0"}, {"minibatch_stddev", "false"}, {                              \
    "gradient_penalty", "0"                                                                                            \
  }
#define UNPENALISED                                                                                                    \
  {"r1", "0"}, { "r2", "0" }

/* Radford et al. 2015, section 4, but for sizes and rates. */
#define DCGAN_PLAIN                                                                                                    \
  UNADORNED, UNPENALISED, {"loss", "non_saturating"}, {"d_steps", "1"}, {"norm_d", "batch"},                           \
      {"spectral_norm", "false"}, {"latent", "100"}, {"beta1", "0.5"}, {"beta2", "0.999"}, {                           \
    "schedule", "constant"                                                                                             \
  }

/* Heusel et al. 2017, DCGAN_FID_batched of their repository: as above, 64 filters and 64 pictures. */
#define TTUR(size_, steps_)                                                                                            \
  DCGAN_PLAIN, {"size", size_}, {"channels", "3"}, {"steps", steps_}, {"filters", "64"}, {"batch", "64"}, {            \
    "pack", "1"                                                                                                        \
  }

/* Miyato et al. 2018, section 4 and appendix B, as mimicry (Lee & Town 2020) trains it: 100,000 steps of G. */
#define SNGAN_PLAIN                                                                                                    \
  UNADORNED, UNPENALISED, {"filters", "128"}, {"latent", "128"}, {"spectral_norm", "true"}, {"batch", "64"},           \
      {"loss", "hinge"}, {"d_steps", "5"}, {"lr", "0.0002"}, {"lr_d", "0"}, {"beta1", "0"}, {"beta2", "0.9"},          \
      {"schedule", "linear"}, {"lr_end", "0"}, {"steps", "100000"}, {                                                  \
    "pack", "1"                                                                                                        \
  }

/* Huang et al. 2024, R3GAN/Trainer.py, train.py and training/training_loop.py of their repository. */
#define R3GAN_PLAIN                                                                                                    \
  {"latent", "64"}, {"loss", "relativistic"}, {"d_steps", "1"}, {"penalty_every", "1"}, {"penalty_end", "0.1"},        \
      {"optimizer", "adam"}, {"lr", "0.0002"}, {"lr_d", "0"}, {"schedule", "cosine"}, {"lr_end", "0.25"},              \
      {"beta1", "0"}, {"beta2", "0.9"}, {"beta2_end", "0.99"}, {"weight_decay", "0"}, {"minibatch_stddev", "false"}, { \
    "gradient_penalty", "0"                                                                                            \
  }
/* Their pipe of changes, as far as Limn has it. */
#define R3GAN_AUGMENTED                                                                                                \
  {"flip", "true"}, {"augment", "ada"}, { "augment_kinds", "color,flip,translation,cutout" }

/* Burda et al. 2016, section 5: one stochastic layer of 50 units, dynamically binarised pictures of which 400 are held
 * out, 3,280 epochs of batches of 20. */
#define BURDA                                                                                                          \
  {"size", "28"}, {"channels", "1"}, {"binarize", "stochastic"}, {"likelihood", "bernoulli"}, {"beta", "1"},           \
      {"free_bits", "0"}, {"beta_warmup", "0"}, {"latent", "50"}, {"batch", "20"}, {"epochs", "3280"},                 \
      {"validation", "0.00667"}, {"optimizer", "adam"}, {"beta1", "0.9"}, {"beta2", "0.999"}, {"eps", "0.0001"},       \
      {"lr", "0.001"}, {"schedule", "cosine"}, {"lr_end", "0.1"}, {"filters", "32"}, {                                 \
    "residual_blocks", "0"                                                                                             \
  }

/* Ghosh et al. 2020, configurations/config.py of their repository, entries 16, 17 and 20. */
#define GHOSH                                                                                                          \
  {"size", "64"}, {"channels", "3"}, {"filters", "128"}, {"latent", "64"}, {"batch", "100"}, {"epochs", "70"},         \
      {"likelihood", "gaussian"}, {"binarize", "none"}, {"dequantize", "false"}, {"validation", "0.02"},               \
      {"optimizer", "adam"}, {"beta1", "0.9"}, {"beta2", "0.999"}, {"schedule", "cosine"}, {"lr_end", "0.03"}, {       \
    "residual_blocks", "0"                                                                                             \
  }

static const limn_preset_row table[] = {
    /* A few minutes on two CPU cores: pictures that show what the model can do, not the best that it can. */
    {PRESET("demo", DCGAN,
            "a few minutes on two CPU cores") = {{"steps", "16000"}, {"filters", "32"}, {"sample_every", "1000"}}},
    {PRESET("demo", SNGAN, "a few minutes on two CPU cores") =
         {{"steps", "2000"}, {"filters", "32"}, {"d_steps", "1"}, {"ema", "0.999"}, {"sample_every", "250"}}},
    {PRESET("demo", R3GAN, "a few minutes on two CPU cores") =
         {{"steps", "2000"}, {"filters", "16"}, {"batch", "32"}, {"lr", "0.0005"}, {"sample_every", "250"}}},
    {PRESET("demo", PROJECTED, "a few minutes on two CPU cores") =
         {{"steps", "2000"}, {"filters", "32"}, {"batch", "32"}, {"head_filters", "16"}, {"sample_every", "250"}}},
    {PRESET(
         "demo", VAE,
         "a few minutes on two CPU cores") = {{"steps", "5000"}, {"filters", "32"}, {"latent", "32"}, {"batch", "64"}}},
    {PRESET(
         "demo", AUTOENCODER,
         "a few minutes on two CPU cores") = {{"steps", "5000"}, {"filters", "32"}, {"latent", "32"}, {"batch", "64"}}},

    /* Section 4 and figure 1: 1024 filters at the 4x4 layer, so 128 next to a 64x64 picture. */
    {PRESET("paper", DCGAN, "Radford et al. 2015") =
         {DCGAN_PLAIN, {"size", "64"}, {"filters", "128"}, {"batch", "128"}, {"lr", "0.0002"}, {"lr_d", "0"}}},
    {PRESET("paper", SNGAN, "Miyato et al. 2018") = {SNGAN_PLAIN}},
    /* Section 5: batches of 100, one sample of epsilon an image; our networks and Adam. */
    {PRESET("paper", VAE, "Kingma & Welling 2014") = {{"likelihood", "bernoulli"},
                                                      {"beta", "1"},
                                                      {"latent", "20"},
                                                      {"batch", "100"},
                                                      {"importance_samples", "1"},
                                                      {"optimizer", "adam"},
                                                      {"beta1", "0.9"},
                                                      {"beta2", "0.999"},
                                                      {"schedule", "constant"},
                                                      {"lr", "0.001"}}},

    /* Heusel et al. 2017, table of DCGANs: the rows "orig" and "TTUR". */
    {PRESET("dcgan-celeba64", DCGAN,
            "Heusel et al. 2017, one rate for both networks") = {TTUR("64", "70000"), {"lr", "0.0005"}, {"lr_d", "0"}}},
    {PRESET("dcgan-cifar10", DCGAN, "Heusel et al. 2017, one rate for both networks") = {TTUR("32", "100000"),
                                                                                         {"lr", "0.0001"},
                                                                                         {"lr_d", "0"}}},
    {PRESET("ttur-celeba64", DCGAN,
            "Heusel et al. 2017, two rates") = {TTUR("64", "225000"), {"lr", "0.0005"}, {"lr_d", "0.00001"}}},
    {PRESET("ttur-cifar10", DCGAN,
            "Heusel et al. 2017, two rates") = {TTUR("32", "75000"), {"lr", "0.0005"}, {"lr_d", "0.0001"}}},
    /* Lin et al. 2018, stacked_MNIST_experiments/VEEGAN_experiment of their repository: D sees 64 pairs a step, 50
     * epochs of 128,000 pictures. */
    {PRESET("pacgan-stacked-mnist", DCGAN,
            "Lin et al. 2018, PacDCGAN2") = {DCGAN_PLAIN,
                                             {"size", "28"},
                                             {"channels", "3"},
                                             {"filters", "64"},
                                             {"pack", "2"},
                                             {"batch", "128"},
                                             {"lr", "0.0002"},
                                             {"lr_d", "0"},
                                             {"steps", "100000"}}},

    {PRESET("sngan-cifar10", SNGAN,
            "Miyato et al. 2018, as in mimicry") = {SNGAN_PLAIN, {"size", "32"}, {"channels", "3"}}},
    {PRESET("sngan-celeba64", SNGAN,
            "Miyato et al. 2018, as in mimicry") = {SNGAN_PLAIN, {"size", "64"}, {"channels", "3"}}},

    /* 20 million pictures of falling and rising, then on to 250 million. */
    {PRESET("r3gan-cifar10", R3GAN, "Huang et al. 2024") = {R3GAN_PLAIN,
                                                            R3GAN_AUGMENTED,
                                                            {"size", "32"},
                                                            {"channels", "3"},
                                                            {"filters", "96"},
                                                            {"batch", "512"},
                                                            {"r1", "0.05"},
                                                            {"r2", "0.05"},
                                                            {"ema_half_life", "5000000"},
                                                            {"horizon", "39063"},
                                                            {"steps", "488281"}}},
    /* The same 20 million, and on to 100 million: the length is ours. */
    {PRESET("r3gan-ffhq64", R3GAN, "Huang et al. 2024") = {R3GAN_PLAIN,
                                                           R3GAN_AUGMENTED,
                                                           {"size", "64"},
                                                           {"channels", "3"},
                                                           {"filters", "96"},
                                                           {"batch", "256"},
                                                           {"r1", "2"},
                                                           {"r2", "2"},
                                                           {"ema_half_life", "500000"},
                                                           {"horizon", "78125"},
                                                           {"steps", "390625"}}},
    /* Batch, width and length are ours: their repository has no preset for it. */
    {PRESET("r3gan-stacked-mnist", R3GAN, "Huang et al. 2024") = {R3GAN_PLAIN,
                                                                  {"augment", "none"},
                                                                  {"size", "28"},
                                                                  {"channels", "3"},
                                                                  {"filters", "64"},
                                                                  {"batch", "64"},
                                                                  {"r1", "1"},
                                                                  {"r2", "1"},
                                                                  {"ema_half_life", "500000"},
                                                                  {"steps", "100000"}}},

    {PRESET("vae-mnist", VAE, "Burda et al. 2016, the VAE of their table") = {BURDA, {"importance_samples", "1"}}},
    {PRESET("iwae-mnist", VAE, "Burda et al. 2016, 50 importance samples") = {BURDA, {"importance_samples", "50"}}},

    /* Weights are those of the repository, brought to nats a picture: it takes means over pixels or channels. */
    {PRESET("vae-celeba64", VAE, "Ghosh et al. 2020, the VAE of their table") =
         {GHOSH, {"importance_samples", "1"}, {"beta", "1"}, {"sigma", "0.368"}, {"lr", "0.0001"}}},
    {PRESET("rae-celeba64", AUTOENCODER, "Ghosh et al. 2020, RAE-L2") = {GHOSH,
                                                                         {"noise", "0"},
                                                                         {"regularizer", "l2"},
                                                                         {"regularizer_weight", "0.0384"},
                                                                         {"decoder_decay", "0.0024576"},
                                                                         {"sigma", "0.70710678"},
                                                                         {"lr", "0.001"}}},
    {PRESET("wae-celeba64", AUTOENCODER, "Ghosh et al. 2020, the WAE of their table") = {GHOSH,
                                                                                         {"noise", "0"},
                                                                                         {"regularizer", "mmd"},
                                                                                         {"regularizer_weight", "100"},
                                                                                         {"sigma", "3.1622777"},
                                                                                         {"lr", "0.001"}}},
};
#define PRESET_COUNT (sizeof table / sizeof *table)

const limn_preset_row *limn_preset_row_at(size_t index) { return index < PRESET_COUNT ? &table[index] : NULL; }
