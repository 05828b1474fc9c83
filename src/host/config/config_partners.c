/* Settings that do nothing without another. Taken in silence, they would be looked for in what a run has become. */
#include <string.h>

#include "base/error.h"
#include "config/settings.h"

static bool penalises(const limn_config *c) { return c->r1 > 0 || c->r2 > 0 || c->gradient_penalty > 0; }
static bool augments(const limn_config *c) { return c->augment != LIMN_AUGMENT_NONE; }
static bool adapts(const limn_config *c) { return c->augment == LIMN_AUGMENT_ADA; }
static bool adds_noise(const limn_config *c) { return c->instance_noise > 0; }
static bool regularizes(const limn_config *c) { return c->regularizer != LIMN_REGULARIZER_NONE; }
static bool decays(const limn_config *c) { return c->regularizer == LIMN_REGULARIZER_L2; }
static bool perceives(const limn_config *c) { return c->perceptual > 0; }
static bool has_encoder(const limn_config *c) { return limn_config_has_pretrained_encoder(c); }
static bool has_network(const limn_config *c) { return has_encoder(c) || limn_config_has_projector(c); }
static bool has_sigma(const limn_config *c) { return c->likelihood == LIMN_LIKELIHOOD_GAUSSIAN; }
static bool has_momentum(const limn_config *c) { return c->optimizer == LIMN_OPTIMIZER_SGD; }
static bool has_moments(const limn_config *c) { return c->optimizer != LIMN_OPTIMIZER_SGD; }
static bool has_course(const limn_config *c) { return c->schedule != LIMN_SCHEDULE_CONSTANT; }
static bool counts_steps(const limn_config *c) { return c->ema_half_life <= 0; }
static bool has_labels(const limn_config *c) { return c->labels && c->labels[0]; }
static bool watches(const limn_config *c) { return c->watch_every > 0; }
static bool restores(const limn_config *c) { return c->on_collapse == LIMN_COLLAPSE_RESTORE; }
static bool seeks_equilibrium(const limn_config *c) { return c->until == LIMN_UNTIL_EQUILIBRIUM; }
static bool evaluates(const limn_config *c) { return c->evaluate_every > 0 || c->evaluate_time > 0; }

static const struct {
  const char *name;
  bool (*has_partner)(const limn_config *config);
  const char *way_out;
} table[] = {
    {"penalty_every", penalises, "set r1, r2 or gradient_penalty over 0"},
    {"penalty_end", penalises, "set r1, r2 or gradient_penalty over 0"},
    {"augment_kinds", augments, "set augment to diffaugment or ada"},
    {"ada_target", adapts, "set augment to ada"},
    {"ada_pictures", adapts, "set augment to ada"},
    {"instance_noise_steps", adds_noise, "set instance_noise over 0"},
    {"regularizer_weight", regularizes, "set regularizer to mmd or l2"},
    {"decoder_decay", decays, "set regularizer to l2"},
    {"perceptual_network", perceives, "set perceptual over 0"},
    {"perceptual_tap", perceives, "set perceptual over 0"},
    {"perceptual_size", perceives, "set perceptual over 0"},
    {"encoder_tap", has_encoder, "set encoder to a network that limn features lists"},
    {"encoder_lr", has_encoder, "set encoder to a network that limn features lists"},
    {"pretrained_file", has_network, "set encoder to the network that it is of"},
    {"sigma", has_sigma, "set likelihood to gaussian"},
    {"momentum", has_momentum, "set optimizer to sgd"},
    {"beta1", has_moments, "set optimizer to adam or adamw"},
    {"beta2", has_moments, "set optimizer to adam or adamw"},
    {"eps", has_moments, "set optimizer to adam or adamw"},
    {"beta2_end", has_moments, "set optimizer to adam or adamw"},
    {"ema", counts_steps, "set ema_half_life to 0"},
    {"lr_end", has_course, "set schedule to linear or cosine"},
    {"watch_count", watches, "set watch_every over 0"},
    {"on_collapse", watches, "set watch_every over 0"},
    {"restore_rate", restores, "set on_collapse to restore"},
    {"restore_limit", restores, "set on_collapse to restore"},
    {"until_gain", seeks_equilibrium, "set until to equilibrium"},
    {"until_separation", seeks_equilibrium, "set until to equilibrium"},
    {"label_column", has_labels, "set labels"},
    {"evaluate_metrics", evaluates, "set evaluate_every or evaluate_time over 0"},
    {"evaluate_count", evaluates, "set evaluate_every or evaluate_time over 0"},
    {"evaluate_share", evaluates, "set evaluate_every or evaluate_time over 0"},
    {"features", evaluates, "set evaluate_every or evaluate_time over 0"},
    {"feature_size", evaluates, "set evaluate_every or evaluate_time over 0"},
};

#define SHOWN 200 /* characters of a value in a message */

/* Refuses row `row`, unless its value is that of `usual`, a config of defaults. */
static limn_status check_row(const limn_config *config, const limn_config *usual, size_t row, size_t index) {
  char value[SHOWN], standard[SHOWN];
  limn_setting_format(limn_setting_row_at(index), config, value, sizeof value);
  limn_setting_format(limn_setting_row_at(index), usual, standard, sizeof standard);
  return strcmp(value, standard) == 0
             ? LIMN_OK
             : limn_fail(LIMN_USAGE, "%s %s (%s) does nothing here: %s, or %s to %s", table[row].name, value,
                         limn_config_origin(config, table[row].name), table[row].way_out, table[row].name, standard);
}

/* A preset may hold more than what is then asked for takes, and so may a run's file, which has every setting: there a
 * value that is the default says nothing. */
limn_status limn_config_check_partners(const limn_config *config) {
  limn_config *usual = NULL;
  limn_status status = limn_config_create(&usual, limn_config_model(config));
  for (size_t i = 0; i < sizeof table / sizeof *table && status == LIMN_OK; ++i) {
    size_t index = 0;
    status = limn_setting_look_up(table[i].name, &index);
    if (status == LIMN_OK && config->sources[index] >= LIMN_FROM_FILE && !table[i].has_partner(config))
      status = check_row(config, usual, i, index);
  }
  limn_config_destroy(usual);
  return status;
}
