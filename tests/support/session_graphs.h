/* The very graphs that a training session compiles. */
#ifndef LIMN_TESTS_SUPPORT_SESSION_GRAPHS_H
#define LIMN_TESTS_SUPPORT_SESSION_GRAPHS_H

#include <string.h>

#include "support/spy_device.h"
#include "support/training.h"

/* Shows each graph of a session of that model, on pictures in colour, to `see` (spy_device.h). Returns the config,
 * which is the caller's; NULL after an error. */
static inline limn_config *test_session_graphs(const char *model, const char *const *settings,
                                               void (*see)(void *, int, const limn_graph *), void *context) {
  limn_config *config = test_config(model, settings);
  test_set(config, "channels", "3");
  spy_device spy = {.base = {.ops = spy_ops()}, .see = see, .context = context};
  limn_session session = {.config = config,
                          .algorithm = limn_algorithm_of(config),
                          .batch = {config->batch, 3, config->height, config->width},
                          .device = &spy.base};
  limn_status status = limn_model_init(&session.model, config);
  if (status == LIMN_OK)
    status = limn_store_create(&session.store, &spy.base);
  if (status == LIMN_OK)
    status = session.algorithm->build(&session);
  limn_session_release(&session);
  if (status == LIMN_OK)
    return config;
  limn_config_destroy(config);
  return NULL;
}

#endif
