/* What the alarm makes of measures and looks. */
#include "train/alarm.h"

#include "checkpoint/checkpoint.h"
#include "support/training.h"

#include <criterion/criterion.h>

#define EVERY 100

/* A course of a run, look by look. */
typedef struct course {
  limn_alarm alarm;
  limn_config *config;
  uint64_t step;
  double loss_d, loss_g, d_real, d_fake, norm_d, norm_g; /* of each of the next steps */
} course;

static course begin_course(const char *model) {
  course c = {.config = test_config(model, NULL),
              .loss_d = 1,
              .loss_g = 1,
              .d_real = 0.6,
              .d_fake = 0.4,
              .norm_d = 10,
              .norm_g = 5};
  limn_alarm_init(&c.alarm);
  return c;
}

static void end_course(course *c) { limn_config_destroy(c->config); }

/* The steps up to the next look, and it. */
static limn_verdict look(course *c, double variety, double spread) {
  limn_verdict news = LIMN_VERDICT_NONE;
  for (int i = 0; i < EVERY; ++i) {
    const limn_measure measures[] = {{"loss_d", c->loss_d}, {"d_real", c->d_real},      {"d_fake", c->d_fake},
                                     {"loss_g", c->loss_g}, {"grad_norm_d", c->norm_d}, {"grad_norm_g", c->norm_g}};
    limn_verdict of_step = limn_alarm_add_step(&c->alarm, c->config, ++c->step, measures, 6);
    news = of_step ? of_step : news;
  }
  limn_verdict of_look = limn_alarm_add_look(&c->alarm, c->config, c->step, &(limn_sight){variety, spread, 1.5});
  return of_look ? of_look : news;
}

/* So many looks alike: the number of the one that brings the verdict, from 1; 0: none does. None may bring another. */
static int wait_for(course *c, limn_verdict verdict, int looks, double variety, double spread) {
  int found = 0;
  for (int i = 1; i <= looks; ++i) {
    limn_verdict news = look(c, variety, spread);
    cr_expect(news == LIMN_VERDICT_NONE || (news == verdict && !found), "verdict %d at step %u", (int)news,
              (unsigned)c->step);
    found = news == verdict ? i : found;
  }
  return found;
}

TestSuite(alarm, .timeout = 60);

Test(alarm, a_run_in_order_is_silent) {
  course c = begin_course("dcgan");
  for (int i = 0; i < 8; ++i) /* grey at first, then ever more varied: slowly */
    cr_expect_eq(look(&c, 0.04 * (i + 1), 0.03 * (i + 1)), LIMN_VERDICT_NONE);
  wait_for(&c, LIMN_VERDICT_NONE, 50, 1.1, 0.9);
  cr_expect(limn_alarm_is_calm(&c.alarm));
  end_course(&c);
}

Test(alarm, what_was_varied_collapses_by_five_looks) {
  course c = begin_course("dcgan");
  wait_for(&c, LIMN_VERDICT_NONE, 20, 1, 0.9);
  cr_expect_eq(wait_for(&c, LIMN_VERDICT_COLLAPSED, 4, 0.1, 0.9), 0);
  cr_expect_not(limn_alarm_is_calm(&c.alarm), "nothing to go back to");
  cr_expect_eq(look(&c, 0.9, 0.9), LIMN_VERDICT_NONE, "a spell");
  cr_expect_eq(wait_for(&c, LIMN_VERDICT_COLLAPSED, 12, 0.1, 0.9), 5, "and only once");
  cr_expect_eq(wait_for(&c, LIMN_VERDICT_COLLAPSED, 8, 0.34, 0.9), 0, "not over, not anew");
  cr_expect_eq(wait_for(&c, LIMN_VERDICT_COLLAPSED, 8, 0.1, 0.9), 0);
  wait_for(&c, LIMN_VERDICT_NONE, 3, 0.9, 0.9);
  cr_expect_eq(wait_for(&c, LIMN_VERDICT_COLLAPSED, 6, 0.1, 0.9), 5, "it was over");
  end_course(&c);
}

/* One mode of several: neighbours are as near as the data's, all of them in one place. */
Test(alarm, one_mode_is_a_collapse) {
  course c = begin_course("sngan");
  wait_for(&c, LIMN_VERDICT_NONE, 10, 1, 0.9);
  cr_expect_eq(wait_for(&c, LIMN_VERDICT_COLLAPSED, 8, 1.1, 0.15), 5);
  end_course(&c);
}

Test(alarm, what_never_varied_has_some_time) {
  course c = begin_course("r3gan");
  cr_expect_eq(wait_for(&c, LIMN_VERDICT_COLLAPSED, 12, 0.05, 0.05), 8, "400 steps, and five looks from there");
  end_course(&c);
  c = begin_course("dcgan");
  for (int i = 0; i < 16; ++i) /* slow, but growing */
    cr_expect_eq(look(&c, 0.02 * i, 0.02 * i), LIMN_VERDICT_NONE);
  end_course(&c);
}

Test(alarm, a_discriminator_that_wins) {
  course c = begin_course("dcgan");
  c.loss_d = 0.003;
  c.d_real = 0.999;
  c.d_fake = 0.002;
  bool won = false;
  for (int i = 0; i < 6; ++i)
    won = won || look(&c, 0.9, 0.9) == LIMN_VERDICT_DISCRIMINATOR_WON;
  cr_expect(won);
  end_course(&c);
}

/* Worse than a discriminator that says nothing: 1.386 by this loss. */
Test(alarm, a_generator_that_wins) {
  course c = begin_course("dcgan");
  c.loss_d = 1.45;
  cr_expect_eq(wait_for(&c, LIMN_VERDICT_GENERATOR_WON, 10, 0.9, 0.9), 0);
  c.loss_d = 2.5;
  cr_expect_eq(wait_for(&c, LIMN_VERDICT_GENERATOR_WON, 10, 0.9, 0.9), 5);
  end_course(&c);
  c = begin_course("dcgan");
  test_set(c.config, "loss", "wasserstein");
  c.loss_d = 2.5;
  cr_expect_eq(wait_for(&c, LIMN_VERDICT_GENERATOR_WON, 10, 0.9, 0.9), 0, "a distance says no such thing");
  end_course(&c);
}

Test(alarm, gradients_that_grow_or_vanish) {
  course c = begin_course("dcgan");
  wait_for(&c, LIMN_VERDICT_NONE, 10, 1, 0.9);
  c.norm_d = 5e4;
  cr_expect_eq(wait_for(&c, LIMN_VERDICT_DIVERGING, 8, 1, 0.9), 5);
  end_course(&c);
  c = begin_course("dcgan");
  wait_for(&c, LIMN_VERDICT_NONE, 10, 1, 0.9);
  c.norm_g = 1e-5;
  cr_expect_eq(wait_for(&c, LIMN_VERDICT_SATURATED, 8, 1, 0.9), 5);
  end_course(&c);
}

/* Measured on 3,926 emoji, look by look: variety, spread; means of loss_d, loss_g, d_real and d_fake. */
typedef double measured[6];

static limn_verdict play(const measured *looks, int count, uint64_t *step) {
  course c = begin_course("dcgan");
  limn_verdict found = LIMN_VERDICT_NONE;
  for (int i = 0; i < count; ++i) {
    c.loss_d = looks[i][2];
    c.loss_g = looks[i][3];
    c.d_real = looks[i][4];
    c.d_fake = looks[i][5];
    limn_verdict news = look(&c, looks[i][0], looks[i][1]);
    cr_expect(!news || !found, "one verdict: %d at step %u", (int)news, (unsigned)c.step);
    if (news) {
      found = news;
      *step = c.step;
    }
  }
  end_course(&c);
  return found;
}

/* lr 4e-4, lr_d 5e-5: what looks like an equilibrium. */
Test(alarm, balance_is_no_quality) {
  static const measured unequal[] = {
      {0.0293, 0.018, 2.31, 0.27, 0.529, 0.804},   {0.0222, 0.0138, 2.29, 0.313, 0.475, 0.778},
      {0.0168, 0.011, 2.11, 0.375, 0.466, 0.732},  {0.015, 0.00968, 1.85, 0.475, 0.484, 0.666},
      {0.0153, 0.01, 1.71, 0.58, 0.471, 0.602},    {0.0188, 0.0131, 1.44, 0.728, 0.51, 0.52},
      {0.0234, 0.0162, 1.49, 0.758, 0.465, 0.498}, {0.048, 0.0362, 1.39, 0.79, 0.489, 0.48},
      {0.0631, 0.0515, 1.4, 0.787, 0.48, 0.478},   {0.119, 0.284, 1.4, 0.716, 0.503, 0.502},
      {0.167, 0.333, 1.47, 0.695, 0.462, 0.501},   {0.186, 0.322, 1.42, 0.715, 0.478, 0.491},
      {0.174, 0.317, 1.41, 0.698, 0.504, 0.509},   {0.161, 0.29, 1.4, 0.7, 0.499, 0.504},
      {0.166, 0.395, 1.42, 0.704, 0.489, 0.504}};
  uint64_t step = 0;
  cr_expect_eq(play(unequal, 15, &step), LIMN_VERDICT_COLLAPSED);
  cr_expect_eq(step, 800);
}

/* Equal rates, at 32 and at 64 pixels: shapes are varied, but rough. */
Test(alarm, a_discriminator_that_is_winning_is_no_collapse) {
  static const measured at_32[] = {{0.295, 0.306, 0.548, 3.86, 0.91, 0.324},  {0.345, 0.313, 0.148, 3.94, 0.92, 0.0481},
                                   {0.577, 0.56, 0.42, 3.59, 0.885, 0.198},   {0.461, 0.481, 0.191, 4.8, 0.92, 0.0911},
                                   {0.801, 0.7, 0.433, 3.48, 0.897, 0.237},   {0.883, 0.697, 0.517, 2.29, 0.833, 0.244},
                                   {0.958, 0.774, 0.517, 3.11, 0.895, 0.295}, {0.982, 0.802, 0.533, 2.77, 0.819, 0.236},
                                   {1.09, 0.892, 0.652, 1.98, 0.687, 0.176}},
                        at_64[] = {{0.22, 0.279, 0.667, 8.02, 0.87, 0.313},
                                   {0.288, 0.329, 0.305, 4.93, 0.951, 0.2},
                                   {0.58, 0.504, 0.585, 3.43, 0.779, 0.191},
                                   {0.635, 0.573, 0.419, 3.29, 0.774, 0.0877},
                                   {0.724, 0.626, 0.478, 3.97, 0.941, 0.306}};
  uint64_t step = 0;
  cr_expect_eq(play(at_32, 9, &step), LIMN_VERDICT_DISCRIMINATOR_AHEAD);
  cr_expect_eq(play(at_64, 5, &step), LIMN_VERDICT_DISCRIMINATOR_AHEAD);
}

/* Through a checkpoint at any moment the verdicts are the same, and come at the same steps. */
Test(alarm, the_state_goes_through_a_checkpoint) {
  course whole = begin_course("dcgan");
  for (int cut = 0; cut < 30; ++cut) {
    course c = begin_course("dcgan");
    limn_alarm_init(&whole.alarm);
    whole.step = 0;
    for (int i = 0; i < 30; ++i) {
      const double variety = i < 10 ? 0.1 * i : i < 20 ? 0.123456789 / (i + 1) : 1.1 / 3;
      whole.loss_d = c.loss_d = i > 20 ? 0.001 / (i + 1) : 1.0 / 3;
      if (i == cut) {
        char text[LIMN_WATCH_TEXT];
        limn_alarm_write(&c.alarm, text, sizeof text);
        cr_expect_lt(strlen(text), sizeof text - 1);
        memset(&c.alarm, 0xEE, sizeof c.alarm);
        limn_alarm_read(&c.alarm, text);
      }
      cr_expect_eq(look(&c, variety, 0.9), look(&whole, variety, 0.9), "cut at %d, look %d", cut, i);
    }
    char a[LIMN_WATCH_TEXT], b[LIMN_WATCH_TEXT];
    cr_expect_str_eq(limn_alarm_write(&c.alarm, a, sizeof a), limn_alarm_write(&whole.alarm, b, sizeof b));
    end_course(&c);
  }
  end_course(&whole);
}

Test(alarm, what_is_no_state_begins_one) {
  static const char *const texts[] = {"", "1", "1 2 three", "-1", "1e999 4"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; ++i) {
    limn_alarm alarm;
    limn_alarm_read(&alarm, texts[i]);
    cr_expect(limn_alarm_is_new(&alarm), "\"%s\"", texts[i]);
    cr_expect_eq(alarm.rate_factor, 1);
  }
}

/* One line, with figures and settings that there are. */
Test(alarm, verdicts_have_words) {
  course c = begin_course("dcgan");
  char text[1024];
  look(&c, 0.1234, 0.2);
  for (int v = LIMN_VERDICT_NONE + 1; v < LIMN_VERDICTS; ++v) {
    limn_alarm_tell(&c.alarm, c.config, (limn_verdict)v, 100, text, sizeof text);
    cr_expect_gt(strlen(text), 80, "%d: %s", v, text);
    cr_expect_lt(strlen(text), sizeof text - 1);
    cr_expect_null(strchr(text, '\n'));
    cr_expect_not_null(strstr(text, "; try "), "%s", text);
    cr_expect_not_null(strstr(text, "100"), "%s", text);
  }
  cr_expect_not_null(strstr(limn_alarm_tell(&c.alarm, c.config, LIMN_VERDICT_COLLAPSED, 100, text, sizeof text),
                            "watch_variety 0.12, watch_spread 0.2"));
  end_course(&c);
}
