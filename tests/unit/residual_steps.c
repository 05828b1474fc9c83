/* Five whole steps of an SNGAN and of an R3GAN, by SGD and by Adam, against PyTorch's: every weight, statistic and
 * vector of spectral norm (tests/fixtures/networks/make_steps.py says what is in the fixture, and has the same
 * settings). */
#include "support/against_pytorch.h"

#define STEPS 5
/* As in stabilisers.c. Some tensors move by 1e-4 of themselves, which fp32 keeps to three digits. */
#define TOLERANCE 1e-4
#define CHANGE    2e-3

TestSuite(residual_steps, .timeout = 1200);

#define COMMON "channels", "3", "batch", "8", "ema", "0"
#define SNGAN  COMMON, "filters", "3", "d_steps", "2"
#define R3GAN  COMMON, "filters", "2", "r1", "10", "r2", "20"
#define SGD    "optimizer", "sgd", "momentum", "0"
#define ADAM   "eps", "0.01", "lr", "0.002"

static const struct {
  const char *name, *model;
  const char *settings[24];
} cases[] = {
    {"sngan", "sngan", {SNGAN, SGD, "lr", "0.1", "lr_d", "0.001"}},
    {"sngan_adam", "sngan", {SNGAN, ADAM}},
    {"r3gan", "r3gan", {R3GAN, SGD, "lr", "1"}},
    {"r3gan_adam", "r3gan", {R3GAN, ADAM, "eps", "0.001"}},
};

static void check(size_t index, bool reference) {
  fixture f = open_fixture("networks/steps", cases[index].model, reference, cases[index].settings);
  char from[64], to[64];
  limn_session session;
  cr_assert_eq(limn_config_check(f.config), LIMN_OK, "%s", limn_error_message());
  test_batches batches = test_batches_of(f.config);
  open_session(&session, &f, STEPS);
  snprintf(from, sizeof from, "%s.init", cases[index].model);
  snprintf(to, sizeof to, "%s.after", cases[index].name);
  load_initial(&f, session.store, from);
  for (uint64_t step = 0; step < STEPS; ++step)
    cr_assert_eq(test_step(&session, &batches, step), LIMN_OK, "%s", limn_error_message());
  compare_weights(&f, session.store, from, to, TOLERANCE, CHANGE);
  limn_session_release(&session);
  test_batches_release(&batches);
  close_fixture(&f);
}

/* On a CUDA device by Adam alone unless LIMN_TEST_WHOLE is set. */
Test(residual_steps, are_pytorchs) {
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i)
    if (test_takes(i + 1, 2))
      check(i, false);
}

/* In double: where the device is off and this is not, an engine is wrong. */
Test(residual_steps, are_pytorchs_on_the_reference) {
  for (size_t i = 0; strcmp(test_device(), "cpu") == 0 && i < sizeof cases / sizeof *cases; ++i)
    check(i, true);
}
