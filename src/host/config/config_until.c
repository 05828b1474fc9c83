/* What `until equilibrium` takes, and what it brings along where nobody said otherwise. */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "config/settings.h"

#define ORIGIN "until equilibrium"

static const struct {
  const char *name, *value;
} implied[] = {{"patience", "5"}, {"evaluate_every", "500"}, {"evaluate_share", "0.2"}, {"validation", "0.05"}};

static bool is_likelihood(const limn_config *config) {
  return limn_setting_find("likelihood")->models >> config->model & 1;
}

/* Whether it is needed, and off. A likelihood has a held-out part, and is measured by it. */
static bool is_missing(const limn_config *config, const char *name) {
  if (strcmp(name, "patience") == 0)
    return config->patience == 0;
  if (is_likelihood(config))
    return false;
  if (strcmp(name, "evaluate_share") ==
      0) /* they are what the run is for, and small networks would wait long for one */
    return config->evaluate_share > 0 && config->evaluate_share < 0.2;
  return strcmp(name, "validation") == 0 ? config->validation == 0
                                         : config->evaluate_every == 0 && config->evaluate_time == 0;
}

/* Whether it may be set here. What a file says is taken for what was off when nobody thought of an equilibrium, as in
 * the settings of a run that goes on; but which pictures are held out is not changed behind a file. */
static bool may_imply(const limn_config *config, size_t index) {
  const limn_setting *setting = limn_setting_at(index);
  const int source = config->sources[index];
  return setting->models >> config->model & 1 &&
         (setting->resume == LIMN_RESUME_FREE ? source <= LIMN_FROM_FILE
                                              : source == LIMN_FROM_DEFAULT && !config->resumed);
}

limn_status limn_config_imply_until(limn_config *config) {
  if (config->until != LIMN_UNTIL_EQUILIBRIUM)
    return LIMN_OK;
  for (size_t i = 0; i < sizeof implied / sizeof *implied; ++i) {
    size_t index = 0;
    LIMN_TRY(limn_setting_look_up(implied[i].name, &index));
    if (may_imply(config, index) && is_missing(config, implied[i].name))
      LIMN_TRY(limn_config_assign(config, index, implied[i].value, config->sources[index], ORIGIN));
  }
  return LIMN_OK;
}

/* A run that is to end by a measure has to have one. */
limn_status limn_config_check_end(const limn_config *config) {
  const bool until = config->until == LIMN_UNTIL_EQUILIBRIUM, likelihood = is_likelihood(config);
  const bool evaluates = config->evaluate_every > 0 || config->evaluate_time > 0;
  if (until && config->patience == 0)
    return limn_fail(LIMN_USAGE, "until equilibrium takes as many measurements as patience says without a better one: "
                                 "set patience over 0");
  if (until && !likelihood && config->validation == 0)
    return limn_fail(LIMN_USAGE,
                     "until equilibrium asks the discriminator about held-out pictures, and there are none: "
                     "set validation over 0, in a new run");
  if (config->patience == 0 || evaluates || (likelihood && config->validation > 0))
    return LIMN_OK;
  if (likelihood)
    return limn_fail(LIMN_USAGE,
                     "patience %" PRId64 " needs held-out pictures: set validation over 0, or patience to 0",
                     config->patience);
  return limn_fail(LIMN_USAGE,
                   "patience %" PRId64 " needs a measure: set evaluate_every or evaluate_time over 0, or patience to 0",
                   config->patience);
}
