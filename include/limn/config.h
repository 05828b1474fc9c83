/* The settings of a run, by name. */
#ifndef LIMN_CONFIG_H
#define LIMN_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "limn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct limn_config limn_config;

/* What may become of a setting when a run goes on. */
typedef enum limn_resume {
  LIMN_RESUME_FIXED,   /* what the run computes follows from it: it cannot change */
  LIMN_RESUME_INEXACT, /* it may change, and from there on the run is no longer bit-exact */
  LIMN_RESUME_FREE,    /* it may change: how long, where and what is written down */
} limn_resume;

/* The models, by the bit that they have in limn_setting.models: "dcgan", "vae", ... NULL: there is no such index. */
LIMN_API const char *limn_model_name(int index);
/* One line on it. */
LIMN_API const char *limn_model_help(int index);
/* -1: there is none of that name. */
LIMN_API int limn_model_index(const char *name);
/* The names of models (bits), `last` before the last one: "dcgan, vae and autoencoder". Into buffer, returned. */
#define LIMN_MODEL_NAMES_SIZE 160
LIMN_API const char *limn_model_names(unsigned models, const char *separator, const char *last, char *buffer,
                                      size_t size);

/* One row of the table of settings. All texts are static. */
typedef struct limn_setting {
  const char *name;  /* "lr" */
  const char *type;  /* "integer", "number", "flag", "text", "choice", "size", "duration", "path" */
  const char *range; /* human-readable: "over 0", "1 to 512", "adam|adamw|sgd" */
  const char *help;  /* one line */
  const char
      *group; /* "data", "network", "length", "loss", "optimiser", "run", "evaluation": the table is in this order */
  unsigned models; /* where it applies: bit 1 << index of limn_model_name */
  struct {
    unsigned models;
    const char *value;
  } defaults[4];         /* the first that the model is among counts: limn_setting_default */
  const char *reference; /* where the defaults come from: "Radford et al. 2015", "" for our own choice */
  const char *flag;      /* the flag without dashes when it has one of its own ("size"), else NULL (use --set) */
  limn_resume resume;
} limn_setting;

LIMN_API size_t limn_setting_count(void);
LIMN_API const limn_setting *limn_setting_at(size_t index);
/* NULL when there is none of that name. */
LIMN_API const limn_setting *limn_setting_find(const char *name);
/* As text; "" where a text is not set. */
LIMN_API const char *limn_setting_default(const limn_setting *setting, int model);

/* model: limn_model_name. *out is yours; free it with limn_config_destroy. */
LIMN_API limn_status limn_config_create(limn_config **out, const char *model);
LIMN_API void limn_config_destroy(limn_config *config);
LIMN_API const char *limn_config_model(const limn_config *config);

/* Where a value comes from; what is weaker never overwrites what is stronger; the last is the strongest. */
typedef enum limn_from {
  LIMN_FROM_DEFAULT,
  LIMN_FROM_PRESET,
  LIMN_FROM_FILE,
  LIMN_FROM_SET,
  LIMN_FROM_FLAG,
} limn_from;

/* `value` is text as in config.yaml. A value from a weaker place than the present one's is checked and then ignored.
 * steps, epochs and time are limits of a run, which ends by the first that is reached: naming one of them drops those
 * that came from weaker places, and 0 is no limit. LIMN_USAGE for an unknown name (the message suggests the nearest),
 * a value of the wrong type or out of range, or a setting that this model does not have. */
LIMN_API limn_status limn_config_set(limn_config *config, const char *name, const char *value, limn_from from);
/* The value as it is written in config.yaml, into `buffer` (truncated to size); returns `buffer`. */
LIMN_API const char *limn_config_get(const limn_config *config, const char *name, char *buffer, size_t size);
/* "default", "preset demo", "my.yaml", "--set", "--lr". Borrowed from the config. */
LIMN_API const char *limn_config_origin(const limn_config *config, const char *name);

/* A named group of settings of one model; docs/reproduce.md says where each comes from. Several models have a "demo".
 * Texts are static. */
typedef struct limn_preset {
  const char *name; /* "demo", "sngan-cifar10" */
  const char *help; /* one line */
  int model;        /* index of limn_model_name */
} limn_preset;
/* NULL: there is no such index. */
LIMN_API const limn_preset *limn_preset_at(size_t index);

/* Sets what that preset of the config's model says. LIMN_USAGE: the model has none of that name; the message lists what
 * it has, or names the model that has it. */
LIMN_API limn_status limn_config_preset(limn_config *config, const char *preset);
/* A YAML file of `name: value` lines; a key `model` must agree with the config's model. */
LIMN_API limn_status limn_config_load(limn_config *config, const char *path);
/* Reads config.yaml of a run: creates the config with the model named there. */
LIMN_API limn_status limn_config_create_from_file(limn_config **out, const char *path);

/* Makes `config` one that a run of the settings `run` can go on with: what it leaves at its defaults, or to be chosen
 * from the data, becomes the run's, the limits that a stronger one dropped too. LIMN_USAGE names every setting that it
 * sets otherwise and that cannot change. */
LIMN_API limn_status limn_config_resume(limn_config *config, const limn_config *run);

/* The candidate that `word` is most likely a mistyping of, NULL when none is near. Borrowed from `candidates`. */
LIMN_API const char *limn_nearest(const char *word, const char *const *candidates, size_t count);

#ifdef __cplusplus
}
#endif
#endif
