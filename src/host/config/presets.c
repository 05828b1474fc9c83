/* Named groups of settings. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "config/settings.h"

#define MOST_SETTINGS 12

typedef struct preset {
  const char *name;
  int model; /* limn_model_kind */
  struct {
    const char *name, *value;
  } settings[MOST_SETTINGS]; /* ends at a NULL name, or when full */
} preset;

static const preset table[] = {
    /* A few minutes on two CPU cores: pictures that show what the model can do, not the best that it can. */
    {"demo",
     LIMN_MODEL_DCGAN,
     {{"steps", "8000"}, {"filters", "32"}, {"batch", "64"}, {"sample_every", "500"}, {"ema", "0.999"}}},
    {"demo",
     LIMN_MODEL_SNGAN,
     {{"steps", "2000"}, {"filters", "32"}, {"d_steps", "1"}, {"ema", "0.999"}, {"sample_every", "250"}}},
    {"demo",
     LIMN_MODEL_R3GAN,
     {{"steps", "2000"}, {"filters", "16"}, {"batch", "32"}, {"lr", "0.0005"}, {"sample_every", "250"}}},
    {"demo",
     LIMN_MODEL_PROJECTED,
     {{"steps", "2000"}, {"filters", "32"}, {"batch", "32"}, {"head_filters", "16"}, {"sample_every", "250"}}},
    {"demo", LIMN_MODEL_VAE, {{"steps", "5000"}, {"filters", "32"}, {"latent", "32"}, {"batch", "64"}}},
    {"demo", LIMN_MODEL_AUTOENCODER, {{"steps", "5000"}, {"filters", "32"}, {"latent", "32"}, {"batch", "64"}}},
    /* Radford et al. 2015, section 4 and figure 1: 1024 filters at the 4x4 layer, so 128 next to a 64x64 picture. */
    {"paper",
     LIMN_MODEL_DCGAN,
     {{"size", "64"},
      {"filters", "128"},
      {"latent", "100"},
      {"batch", "128"},
      {"lr", "0.0002"},
      {"beta1", "0.5"},
      {"loss", "non_saturating"}}},
    /* Miyato et al. 2018, section 4 and appendix B, as in mimicry: 100,000 steps of the generator. */
    {"paper",
     LIMN_MODEL_SNGAN,
     {{"filters", "128"},
      {"latent", "128"},
      {"batch", "64"},
      {"loss", "hinge"},
      {"d_steps", "5"},
      {"lr", "0.0002"},
      {"beta1", "0"},
      {"beta2", "0.9"},
      {"schedule", "linear"},
      {"steps", "100000"}}},
    /* Kingma & Welling 2014, section 5: batches of 100, one sample of epsilon an image; our networks and Adam. */
    {"paper",
     LIMN_MODEL_VAE,
     {{"likelihood", "bernoulli"}, {"beta", "1"}, {"latent", "20"}, {"batch", "100"}, {"lr", "0.001"}}},
};
#define PRESET_COUNT (sizeof table / sizeof *table)

static limn_status apply(limn_config *config, const preset *chosen) {
  char origin[64];
  snprintf(origin, sizeof origin, "preset %s", chosen->name);
  for (size_t i = 0; i < MOST_SETTINGS && chosen->settings[i].name; ++i) {
    size_t index = 0;
    LIMN_TRY(limn_setting_look_up(chosen->settings[i].name, &index));
    LIMN_TRY(limn_config_assign(config, index, chosen->settings[i].value, LIMN_FROM_PRESET, origin));
  }
  return LIMN_OK;
}

limn_status limn_config_preset(limn_config *config, const char *name) {
  const char *names[PRESET_COUNT];
  char list[256] = "";
  size_t count = 0;
  for (size_t i = 0; i < PRESET_COUNT; ++i) {
    if (table[i].model != config->model)
      continue;
    if (strcmp(table[i].name, name) == 0)
      return apply(config, &table[i]);
    size_t used = strlen(list);
    snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", table[i].name);
    names[count++] = table[i].name;
  }
  const char *nearest = limn_nearest(name, names, count);
  return limn_fail(LIMN_USAGE, "%s has no preset \"%.64s\" but: %s%s%s%s", limn_config_model(config), name, list,
                   nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
}
