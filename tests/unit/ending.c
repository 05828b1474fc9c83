/* When a run by `until equilibrium` is done, and what that takes of the settings. */
#include "train/ending.h"

#include <math.h>
#include <string.h>

#include "config/settings.h"
#include "support/training.h"
#include "train/separation.h"

#include <criterion/criterion.h>

static limn_config *config_of(const char *model, const char *patience) {
  const char *const settings[] = {"until", "equilibrium", "patience", patience, "until_gain", "0.1", NULL};
  return test_config(model, settings);
}

/* One more measurement, `every` steps on. */
static limn_ending_reason add(limn_ending *e, const limn_config *config, double objective, bool separates) {
  limn_ending_add(e, config, 100 * (e->count + 1), objective);
  return limn_ending_of(e, config, separates);
}

TestSuite(ending, .timeout = 60);

/* Means of three: 90, 63, 46.7, then no better by a tenth. */
Test(ending, a_mean_has_to_get_better_by_more_than_a_little) {
  static const double objectives[] = {100, 90, 80, 20, 40, 41, 70, 42};
  limn_config *config = config_of("vae", "2");
  limn_ending e = {0};
  for (size_t i = 0; i < 5; ++i)
    cr_expect_eq(add(&e, config, objectives[i], false), LIMN_ENDING_NONE, "measurement %zu", i);
  cr_expect_float_eq(e.best, (80 + 20 + 40) / 3.0, 1e-12);
  cr_expect_eq(add(&e, config, 41, false), LIMN_ENDING_NONE, "(20 + 40 + 41) / 3 is better");
  cr_expect_eq(e.best_step, 600);
  cr_expect_eq(add(&e, config, 25, false), LIMN_ENDING_NONE, "35.3 is worse than 33.7");
  cr_expect_eq(add(&e, config, 27, false), LIMN_ENDING_CONVERGED, "31 is better, but not by a tenth");
  cr_expect_eq(e.without, 2);
  limn_config_destroy(config);
}

/* Where more is better, the objective is negative. */
Test(ending, negative_objectives_count_alike) {
  limn_config *config = config_of("vae", "1");
  limn_ending e = {0};
  for (int i = 0; i < 3; ++i)
    cr_expect_eq(add(&e, config, -1, false), LIMN_ENDING_NONE);
  cr_expect_eq(add(&e, config, -1.6, false), LIMN_ENDING_NONE, "-1.2 is better than -1 by a fifth");
  cr_expect_eq(add(&e, config, -1, false), LIMN_ENDING_CONVERGED);
  limn_config_destroy(config);
}

Test(ending, a_discriminator_has_a_say) {
  limn_config *config = config_of("dcgan", "2");
  limn_ending e = {0};
  char text[1024];
  for (int i = 0; i < 5; ++i)
    cr_expect_eq(add(&e, config, 7, true), LIMN_ENDING_NONE, "nothing is known of the discriminator");
  limn_ending_add_separation(&e, 0.8);
  cr_expect_eq(limn_ending_of(&e, config, true), LIMN_ENDING_EQUILIBRIUM);
  limn_ending_tell(&e, config, true, "fd", 500, text, sizeof text);
  cr_expect(strstr(text, "equilibrium at step 500: ") == text && strstr(text, "fd is 7 and was 7 at step 300"), "%s",
            text);
  cr_expect_not_null(strstr(text, "in 80 % of pairs, no more than 80 %"), "%s", text);
  limn_ending_add_separation(&e, 0.81);
  cr_expect_eq(limn_ending_of(&e, config, true), LIMN_ENDING_NONE);
  limn_ending_tell(&e, config, true, "fd", 500, text, sizeof text);
  cr_expect(strstr(text, "no equilibrium by step 500: ") == text && strstr(text, "over 80 %"), "%s", text);
  for (int i = 0; i < 3; ++i)
    cr_expect_eq(add(&e, config, 7, true), LIMN_ENDING_NONE);
  cr_expect_eq(add(&e, config, 7, true), LIMN_ENDING_STANDSTILL, "three times the patience");
  limn_ending_tell(&e, config, true, "fd", 900, text, sizeof text);
  cr_expect(strstr(text, "a standstill") == text && strstr(text, "lr_d"), "%s", text);
  test_set(config, "until", "length");
  cr_expect_eq(limn_ending_of(&e, config, true), LIMN_ENDING_NONE);
  limn_config_destroy(config);
}

Test(ending, its_state_comes_back_from_a_checkpoint) {
  limn_config *config = config_of("dcgan", "3");
  limn_ending e = {0}, back = {.count = 9};
  char text[512], again[512];
  cr_expect_str_eq(limn_ending_write(&e, text, sizeof text), "", "nothing was measured");
  limn_ending_read(&back, text);
  cr_expect_eq(back.count, 0);
  for (int i = 0; i < 4; ++i)
    add(&e, config, 1.0 / (3 + i), true);
  limn_ending_add_separation(&e, 0.7);
  limn_ending_write(&e, text, sizeof text);
  limn_ending_read(&back, text);
  cr_expect_str_eq(limn_ending_write(&back, again, sizeof again), text);
  cr_expect_float_eq(back.mean, e.mean, 0);
  limn_ending_read(&back, "4 0.1 what");
  cr_expect_eq(back.count, 0, "what cannot be read is a new one");
  limn_config_destroy(config);
}

Test(ending, the_separation_is_the_area_under_the_roc_curve) {
  float real[] = {3, 1, 2}, fake[] = {0, 2, 1, 1}; /* 4; 1 + 2 / 2; 3 + 1 / 2 of 4 pairs each */
  cr_expect_float_eq(limn_separation_of(real, 3, fake, 4), (4 + 2 + 3.5) / 12, 1e-15);
  float same[] = {1, 1}, one[] = {1};
  cr_expect_float_eq(limn_separation_of(same, 2, one, 1), 0.5, 0);
  float low[] = {-1, -2}, high[] = {1};
  cr_expect_float_eq(limn_separation_of(low, 2, high, 1), 0, 0);
  cr_expect_float_eq(limn_separation_of(high, 1, low, 2), 1, 0);
  float odd[] = {NAN};
  cr_expect(isnan(limn_separation_of(odd, 1, low, 2)));
}

/* --- settings --- */

static void expect_value(const limn_config *config, const char *name, const char *value) {
  char text[64];
  cr_expect_str_eq(limn_config_get(config, name, text, sizeof text), value, "%s is %s", name, text);
}

static limn_config *fresh(const char *model) {
  limn_config *config = NULL;
  cr_assert_eq(limn_config_create(&config, model), LIMN_OK);
  return config;
}

Test(ending, it_brings_what_it_needs_and_drops_the_default_length) {
  limn_config *config = fresh("dcgan");
  test_set(config, "validation", "0.2");
  test_set(config, "until", "equilibrium");
  expect_value(config, "epochs", "0");
  expect_value(config, "validation", "0.2");
  expect_value(config, "patience", "5");
  expect_value(config, "evaluate_every", "500");
  expect_value(config, "evaluate_share", "0.2");
  cr_expect_str_eq(limn_config_origin(config, "patience"), "until equilibrium");
  test_set(config, "patience", "7");
  expect_value(config, "patience", "7");
  cr_expect_eq(limn_config_check(config), LIMN_OK, "%s", limn_error_message());
  limn_config_destroy(config);
  config = fresh("dcgan"); /* the settings of an old run */
  cr_assert_eq(limn_config_set(config, "patience", "0", LIMN_FROM_FILE), LIMN_OK);
  cr_assert_eq(limn_config_set(config, "evaluate_share", "0.5", LIMN_FROM_FILE), LIMN_OK);
  cr_assert_eq(limn_config_set(config, "validation", "0", LIMN_FROM_FILE), LIMN_OK);
  test_set(config, "until", "equilibrium");
  expect_value(config, "patience", "5");
  expect_value(config, "evaluate_share", "0.5");
  expect_value(config, "validation", "0");
  limn_config_destroy(config);
  config = fresh("vae");
  test_set(config, "steps", "50");
  test_set(config, "until", "equilibrium");
  expect_value(config, "evaluate_every", "0");
  expect_value(config, "steps", "50");
  cr_expect_eq(limn_config_check(config), LIMN_OK, "%s", limn_error_message());
  limn_config_destroy(config);
}

Test(ending, what_it_cannot_do_without_is_named) {
  static const struct {
    const char *model, *name, *value, *piece;
  } cases[] = {{"dcgan", "patience", "0", "set patience over 0"},
               {"dcgan", "validation", "0", "set validation over 0"},
               {"dcgan", "evaluate_every", "0", "needs a measure"},
               {"vae", "validation", "0", "needs held-out pictures"},
               {"dcgan", "schedule", "linear", "or until an equilibrium"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    limn_config *config = fresh(cases[i].model);
    test_set(config, "until", "equilibrium");
    test_set(config, cases[i].name, cases[i].value);
    cr_expect_eq(limn_config_check(config), LIMN_USAGE, "%s %s", cases[i].name, cases[i].value);
    cr_expect_not_null(strstr(limn_error_message(), cases[i].piece), "%s", limn_error_message());
    limn_config_destroy(config);
  }
}
