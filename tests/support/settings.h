/* Small helpers for tests of settings. */
#ifndef LIMN_TESTS_SUPPORT_SETTINGS_H
#define LIMN_TESTS_SUPPORT_SETTINGS_H

#include <criterion/criterion.h>
#include <string.h>

#include "config/settings.h"

/* The caller's. */
static inline limn_config *settings_of(const char *model) {
  limn_config *config = NULL;
  cr_assert_eq(limn_config_create(&config, model), LIMN_OK, "%s", limn_error_message());
  return config;
}

static inline void set(limn_config *config, const char *name, const char *value, limn_from source) {
  cr_expect_eq(limn_config_set(config, name, value, source), LIMN_OK, "%s", limn_error_message());
}

/* Its value; until the next call. */
static inline const char *get(const limn_config *config, const char *name) {
  static char buffer[512];
  return limn_config_get(config, name, buffer, sizeof buffer);
}

static inline void expect_message(const char *piece) {
  cr_expect_not_null(strstr(limn_error_message(), piece), "\"%s\" is not in: %s", piece, limn_error_message());
}

/* Piece NULL: the settings go together; else they are refused in a line with that in it. */
static inline void expect_check(const limn_config *config, const char *piece) {
  cr_expect_eq(limn_config_check(config), piece ? LIMN_USAGE : LIMN_OK, "%s", piece ? piece : limn_error_message());
  if (piece)
    expect_message(piece);
}

#endif
