/* The names of the models. What a model is says models/registry.c, what it is trained with the table of settings. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "config/settings.h"

static const struct {
  const char *name, *help;
} models[LIMN_MODEL_COUNT] = {
    [LIMN_MODEL_DCGAN] = {"dcgan", "generative adversarial networks of convolutions (Radford et al. 2015)"},
    [LIMN_MODEL_SNGAN] = {"sngan", "residual generator, discriminator with spectral norm (Miyato et al. 2018)"},
    [LIMN_MODEL_R3GAN] = {"r3gan", "grouped residual networks without normalisation (Huang et al. 2024)"},
    [LIMN_MODEL_PROJECTED] = {"projected", "discriminators that look through a pretrained network (Sauer et al. 2021)"},
    [LIMN_MODEL_VAE] = {"vae", "variational autoencoder (Kingma & Welling 2014)"},
    [LIMN_MODEL_AUTOENCODER] = {"autoencoder",
                                "plain, denoising or regularised autoencoder (limn sample --prior gmm draws from it)"},
};

const char *limn_model_name(int index) { return index >= 0 && index < LIMN_MODEL_COUNT ? models[index].name : NULL; }

const char *limn_model_help(int index) { return index >= 0 && index < LIMN_MODEL_COUNT ? models[index].help : NULL; }

int limn_model_index(const char *name) {
  for (int i = 0; i < LIMN_MODEL_COUNT; ++i)
    if (strcmp(models[i].name, name) == 0)
      return i;
  return -1;
}

const char *limn_model_names(unsigned which, const char *separator, const char *last, char *buffer, size_t size) {
  size_t used = 0;
  if (size)
    buffer[0] = '\0';
  which &= (1u << LIMN_MODEL_COUNT) - 1;
  for (int i = 0; i < LIMN_MODEL_COUNT && used < size; ++i)
    if (which >> i & 1) {
      const char *before = used == 0 ? "" : which >> (i + 1) ? separator : last;
      used += (size_t)snprintf(buffer + used, size - used, "%s%s", before, models[i].name);
    }
  return buffer;
}

limn_status limn_model_look_up(const char *name, int *index) {
  const char *names[LIMN_MODEL_COUNT], *nearest;
  char all[LIMN_MODEL_NAMES_SIZE];
  *index = limn_model_index(name);
  if (*index >= 0)
    return LIMN_OK;
  for (int i = 0; i < LIMN_MODEL_COUNT; ++i)
    names[i] = models[i].name;
  nearest = limn_nearest(name, names, LIMN_MODEL_COUNT);
  return limn_fail(LIMN_USAGE, "there is no model \"%.64s\" among %s%s%s%s", name,
                   limn_model_names(~0u, ", ", " and ", all, sizeof all), nearest ? "; did you mean " : "",
                   nearest ? nearest : "", nearest ? "?" : "");
}

const char *limn_setting_default(const limn_setting *setting, int model) {
  for (size_t i = 0; i < sizeof setting->defaults / sizeof *setting->defaults && setting->defaults[i].value; ++i)
    if (setting->defaults[i].models >> model & 1)
      return setting->defaults[i].value;
  return "";
}
