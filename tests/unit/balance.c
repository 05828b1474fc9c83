/* When a discriminator counts as one that has won. */
#include "train/balance.h"

#include "support/run_files.h"

static char data[TEST_PATH_SIZE];

static void begin(void) { test_begin_with_data(data, 40); }

TestSuite(balance, .init = begin, .fini = test_folder_remove, .timeout = 120);

/* `windows` windows of that loss, from `step` on, which goes along. How often it is told. */
static int add_windows(limn_balance *balance, limn_gan_loss loss, uint64_t *step, int windows, double value) {
  int told = 0;
  for (int i = 0; i < windows * LIMN_BALANCE_WINDOW; ++i)
    told += limn_balance_add(balance, loss, 0, ++*step, value);
  return told;
}

Test(balance, is_lost_once_until_it_is_regained) {
  limn_balance balance = {0};
  uint64_t step = 0;
  cr_expect_eq(add_windows(&balance, LIMN_GAN_NON_SATURATING, &step, 2, 1.3), 0);
  cr_expect_eq(add_windows(&balance, LIMN_GAN_NON_SATURATING, &step, 3, 0.003), 1);
  cr_expect_float_eq(balance.mean, 0.003, 1e-9);
  cr_expect_eq(add_windows(&balance, LIMN_GAN_NON_SATURATING, &step, 2, 0.03), 0);
  cr_expect_eq(add_windows(&balance, LIMN_GAN_NON_SATURATING, &step, 2, 0.003), 0, "it has not been regained");
  cr_expect_eq(add_windows(&balance, LIMN_GAN_NON_SATURATING, &step, 1, 0.5), 0);
  cr_expect_eq(add_windows(&balance, LIMN_GAN_NON_SATURATING, &step, 2, 0.003), 1);
}

Test(balance, needs_a_whole_window) {
  limn_balance balance = {0};
  uint64_t step = 100; /* a run that goes on from there */
  cr_expect_eq(add_windows(&balance, LIMN_GAN_HINGE, &step, 1, 0), 0);
  cr_expect_eq(add_windows(&balance, LIMN_GAN_HINGE, &step, 1, 0), 1);
  balance = (limn_balance){0};
  for (step = 1; step <= 10 * LIMN_BALANCE_WINDOW; ++step) /* near to nothing but for one step in fifty */
    cr_expect(!limn_balance_add(&balance, LIMN_GAN_MINIMAX, 0, step, step % 50 ? 0.001 : 2));
}

/* The target's entropy is no sign of anything: 0.325 for 0.1. */
Test(balance, a_smoothed_target_costs_something) {
  limn_balance balance = {0};
  for (uint64_t step = 1; step <= LIMN_BALANCE_WINDOW; ++step)
    cr_expect_eq(limn_balance_add(&balance, LIMN_GAN_NON_SATURATING, 0.1, step, 0.33), step == LIMN_BALANCE_WINDOW);
}

static void count_notices(void *context, const limn_event *event) {
  if (event->kind == LIMN_EVENT_NOTICE && strstr(event->text, "the discriminator has won"))
    ++*(int *)context;
}

/* Notices of a run with these rates. */
static int train(const char *loss, const char *lr, const char *lr_d, const char *name) {
  const char *const settings[] = {"loss", loss, "lr", lr, "lr_d", lr_d, "steps", "1600", "threads", "1", NULL};
  int told = 0;
  limn_train_result result;
  limn_config *config = test_config("dcgan", settings);
  test_set(config, "data", data);
  test_set(config, "out", test_path("%s-%s", loss, name));
  limn_train_options options = {.config = config, .on_event = count_notices, .context = &told};
  cr_assert_eq(limn_train(&options, &result), LIMN_OK, "%s", limn_error_message());
  limn_config_destroy(config);
  return told;
}

/* A generator that stands still is seen through, whatever the loss; two of one strength go on playing. */
Test(balance, is_told_of_in_a_run) {
  static const char *const losses[] = {"non_saturating", "minimax", "least_squares", "hinge"};
  for (int i = 0; i < 4; ++i) {
    cr_expect_eq(train(losses[i], "1e-9", "0.002", "won"), 1, "%s", losses[i]);
    cr_expect_eq(train(losses[i], "0.0002", "0", "even"), 0, "%s", losses[i]);
  }
}

static void find_default(void *context, const limn_event *event) {
  if (event->kind == LIMN_EVENT_NOTICE && strstr(event->text, "its default"))
    ++*(int *)context;
}

/* Who names a rate of the generator below the discriminator's own is told; who names both, or a higher one, is not. */
Test(balance, a_lone_rate_is_told_of) {
  static const char *const tiny[] = {"filters", "4", "latent", "8", "batch", "4", "steps", "1", NULL};
  static const struct {
    const char *settings[5];
    int told;
    bool resumed; /* the case before, whose lr_d is a setting of the run */
  } cases[] = {
      {{"lr", "0.0001"}, 1},     {{"lr", "0.0001", "lr_d", "0.0003"}, 0},
      {{"steps", "2"}, 0, true}, {{"lr", "0.0001", "lr_d", "0"}, 0},
      {{"lr", "0.0002"}, 0},     {{NULL}, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    limn_config *config;
    int told = 0;
    limn_train_result result;
    cr_assert_eq(limn_config_create(&config, "dcgan"), LIMN_OK); /* with its own defaults */
    limn_train_options options = {.config = config, .on_event = find_default, .context = &told};
    if (cases[i].resumed)
      options.resume = test_path("lone-%zu", i - 1);
    else {
      test_set_all(config, tiny);
      test_set(config, "data", data);
      test_set(config, "out", test_path("lone-%zu", i));
    }
    test_set_all(config, cases[i].settings);
    test_set(config, "device", test_device());
    cr_assert_eq(limn_train(&options, &result), LIMN_OK, "%s", limn_error_message());
    cr_expect_eq(told, cases[i].told, "case %zu", i);
    limn_config_destroy(config);
  }
}
