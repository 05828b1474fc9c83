/* Five steps of a GAN with each loss, penalty and regulariser against PyTorch's, alone and all together
 * (tests/fixtures/stabilisers/make_stabilisers.py says what is in the fixture, and has the same table). */
#include "support/against_pytorch.h"

#define STEPS 5
/* Largest norm of the difference over the norm of PyTorch's, of each tensor, and of the five steps' change alone. Adam
 * makes the sign of a gradient near zero count in full. */
#define TOLERANCE     1e-4
#define SGD_CHANGE    5e-4
#define ADAM_CHANGE   5e-3
#define MOST_SETTINGS 32

TestSuite(stabilisers, .timeout = 240);

static const char *const network[] = {"filters", "4",      "latent", "8",         "channels", "3",        "batch",
                                      "8",       "norm_d", "none",   "optimizer", "sgd",      "momentum", "0",
                                      "lr",      "0.2",    "beta1",  "0.5",       NULL};
#define ADAM      "optimizer", "adam", "momentum", "0.9", "lr", "0.002"
#define ALL_KINDS "augment_kinds", "color,flip,translation,cutout"

static const struct {
  const char *name;
  bool adam;
  const char *settings[MOST_SETTINGS];
} cases[] = {
    {"relativistic", false, {"loss", "relativistic", "r1", "2", "r2", "3"}},
    {"r1", false, {"r1", "5", "label_smoothing", "0.1"}},
    {"r2", true, {"loss", "hinge", "r2", "5", ADAM}},
    {"lazy", true, {"r1", "1", "r2", "2", "penalty_every", "2", ADAM}},
    {"wasserstein", false, {"loss", "wasserstein", "gradient_penalty", "10", "d_steps", "2", "lr", "0.02"}},
    {"diffaugment", false, {"loss", "hinge", "augment", "diffaugment", ALL_KINDS}},
    {"ada",
     false,
     {"loss", "least_squares", "augment", "ada", ALL_KINDS, "ada_target", "0", "ada_pictures", "40", "lr", "0.5",
      "label_smoothing", "0.6"}},
    {"ada_pairs",
     false,
     {"loss", "relativistic", "augment", "ada", "ada_target", "0.1", "ada_pictures", "64", "d_steps", "2", "lr",
      "0.1"}},
    {"lazy_gradient", true, {"loss", "hinge", "gradient_penalty", "3", "penalty_every", "3", "d_steps", "2", ADAM}},
    {"lazy_real",
     false,
     {"r1", "2", "penalty_every", "2", "augment", "ada", "ada_target", "0", "ada_pictures", "64", "lr", "0.3"}},
    {"pack", false, {"pack", "2", "r1", "1", "gradient_penalty", "2"}},
    {"noise", false, {"loss", "least_squares", "instance_noise", "0.3", "label_smoothing", "0.2"}},
    {"course",
     false,
     {"r1", "4", "penalty_end", "0.1", "schedule", "cosine", "lr_end", "0.25", "lr_d", "0.1", "steps", "5"}},
    {"moments", true, {"r1", "1", "penalty_every", "2", "beta2_end", "0.75", "steps", "5", ADAM}},
    {"spectral", false, {"loss", "hinge", "spectral_norm", "true", "minibatch_stddev", "true"}},
    {"everything",
     true,
     {"loss",
      "relativistic",
      "r1",
      "2",
      "r2",
      "1",
      "gradient_penalty",
      "3",
      "pack",
      "2",
      "augment",
      "diffaugment",
      "instance_noise",
      "0.1",
      "spectral_norm",
      "true",
      "minibatch_stddev",
      "true",
      "penalty_end",
      "0.5",
      "d_steps",
      "2",
      ADAM}},
};

static void check(size_t index, bool reference) {
  fixture f = open_fixture("stabilisers/stabilisers", "dcgan", reference, network);
  char from[64], to[64];
  test_set_all(f.config, cases[index].settings);
  cr_assert_eq(limn_config_check(f.config), LIMN_OK, "%s", limn_error_message());
  test_batches batches = test_batches_of(f.config);
  limn_session session;
  open_session(&session, &f, STEPS);
  snprintf(from, sizeof from, "%s.init", cases[index].name);
  snprintf(to, sizeof to, "%s.after", cases[index].name);
  load_initial(&f, session.store, from);
  for (uint64_t step = 0; step < STEPS; ++step)
    cr_assert_eq(test_step(&session, &batches, step), LIMN_OK, "%s", limn_error_message());
  compare_weights(&f, session.store, from, to, TOLERANCE, cases[index].adam ? ADAM_CHANGE : SGD_CHANGE);
  limn_session_release(&session);
  test_batches_release(&batches);
  close_fixture(&f);
}

/* On a CUDA device cuDNN plans for each: all of them with LIMN_TEST_WHOLE, else those that have most in them. */
static bool takes(size_t index) {
  static const char *const few[] = {"lazy", "ada", "everything"};
  bool taken = strcmp(test_device(), "cpu") == 0 || getenv("LIMN_TEST_WHOLE");
  for (size_t i = 0; i < sizeof few / sizeof *few; ++i)
    taken = taken || strcmp(cases[index].name, few[i]) == 0;
  return taken;
}

Test(stabilisers, five_steps_are_pytorchs) {
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i)
    if (takes(i))
      check(i, false);
}

/* In double: where the device is off and this is not, an engine is wrong. */
Test(stabilisers, five_steps_are_pytorchs_on_the_reference) {
  for (size_t i = 0; strcmp(test_device(), "cpu") == 0 && i < sizeof cases / sizeof *cases; ++i)
    check(i, true);
}

/* ---- what a step computes ---- */

typedef struct products {
  int forward, backward_data, backward_weights;
} products;

static bool begins(const char *text, const char *word) { return strncmp(text, word, strlen(word)) == 0; }

/* The convolutions, dense layers among them, of a program. */
static products count_products(const limn_program *program) {
  products p = {0};
  limn_program_info info;
  limn_program_get_info(program, &info);
  for (int i = 0; i < info.row_count; ++i) {
    limn_program_row row;
    limn_program_get_row(program, i, &row);
    if (!begins(row.name, "convolution") && !begins(row.name, "dense"))
      continue;
    ++*(strstr(row.name, "backward data")      ? &p.backward_data
        : strstr(row.name, "backward weights") ? &p.backward_weights
                                               : &p.forward);
  }
  return p;
}

static void expect_products(const char *const *settings, bool lazy, products want) {
  limn_config *config = test_config("dcgan", network);
  limn_session s;
  test_set(config, "device", "cpu");
  test_set_all(config, settings);
  cr_assert_eq(limn_session_init(&s, config, STEPS, &(limn_session_data){0}), LIMN_OK, "%s", limn_error_message());
  products got = count_products(lazy ? s.penalty : s.train);
  cr_expect(got.forward == want.forward && got.backward_data == want.backward_data &&
                got.backward_weights == want.backward_weights,
            "%s %s: %d forward, %d backward data, %d backward weights", settings[0], settings[1], got.forward,
            got.backward_data, got.backward_weights);
  limn_session_release(&s);
  limn_config_destroy(config);
}

/* Both networks have three convolutions; the generator's go forward as "backward data". Without a penalty: forward, D
 * on both parts at once and on the fake ones again, and G's two on the way back; backward data, G's three forward, D's
 * two for its own step and three down to the picture; weights, three each. */
Test(stabilisers, a_penalty_computes_its_own_arithmetic_alone) {
  expect_products((const char *const[]){"r1", "0", NULL}, false, (products){3 + 3 + 2, 3 + 2 + 3, 3 + 3});
  /* The slope is three products down to the pictures; its own gradient goes forward through two of them, and has a part
   * in all three weights. Both parts of the batch are scored apart, since R1 is of real pictures. */
  expect_products((const char *const[]){"r1", "1", NULL}, false,
                  (products){3 + 3 + 3 + 2 + 2, 3 + 2 + 2 + 3 + 3, 3 + 3 + 3 + 3});
  /* One pass for all, as without. */
  expect_products((const char *const[]){"r1", "1", "r2", "1", NULL}, false,
                  (products){3 + 3 + 2 + 2, 3 + 2 + 3 + 3, 3 + 3 + 3});
  /* Alone: the slope does not depend on what the last layer puts out, and the generator is left out. */
  expect_products((const char *const[]){"r1", "1", "penalty_every", "4", NULL}, true, (products){2 + 2, 3, 3});
}

/* ---- what is refused ---- */

Test(stabilisers, contradictions_are_refused_and_name_the_way_out) {
  static const struct {
    const char *model, *piece; /* piece NULL: they go together */
    const char *settings[9];
  } refused[] = {
      {"dcgan", "set norm_d to none, or r1 to 0", {"r1", "1"}},
      {"dcgan", "set norm_d to none, or gradient_penalty to 0", {"gradient_penalty", "10"}},
      {"dcgan", NULL, {"r1", "1", "norm_d", "none"}},
      {"sngan", NULL, {"gradient_penalty", "10"}},
      {"dcgan", "set gradient_penalty (10, with d_steps 5), or spectral_norm", {"loss", "wasserstein"}},
      {"r3gan", NULL, {"loss", "wasserstein"}},
      {"dcgan", "label_smoothing needs a loss with targets", {"loss", "hinge", "label_smoothing", "0.1"}},
      {"dcgan", NULL, {"loss", "least_squares", "label_smoothing", "0.1"}},
      {"dcgan", "set batch to 66, or pack to 1", {"pack", "3", "batch", "64"}},
      {"dcgan", NULL, {"pack", "4", "batch", "64"}},
      {"dcgan", "knows no \"colour\"", {"augment_kinds", "flip, colour"}},
      {"dcgan", "did you mean color?", {"augment_kinds", "colour"}},
      {"dcgan", NULL, {"augment", "ada", "augment_kinds", "color, cutout"}},
      {"dcgan", "augment has nothing to do", {"augment", "ada", "augment_kinds", ","}},
      {"sngan", "set augment to diffaugment", {"augment", "ada", "loss", "wasserstein"}},
      {"r3gan", "minibatch_stddev compares pictures in groups", {"minibatch_stddev", "true", "batch", "25"}},
      {"r3gan", NULL, {"minibatch_stddev", "true", "batch", "27"}},
      {"r3gan", "set horizon, or penalty_end to 1", {"penalty_end", "0.1", "epochs", "0", "time", "10m"}},
      {"r3gan", "set horizon, or beta2_end to 0", {"beta2_end", "0.9", "epochs", "0", "time", "10m"}},
      {"r3gan", "set horizon, or ema_half_life to 0", {"ema_half_life", "1000", "epochs", "0", "time", "10m"}},
      {"r3gan", "set instance_noise_steps", {"instance_noise", "0.1", "epochs", "0", "time", "10m"}},
  };
  for (size_t i = 0; i < sizeof refused / sizeof *refused; ++i) {
    limn_config *config = NULL;
    cr_assert_eq(limn_config_create(&config, refused[i].model), LIMN_OK);
    test_set_all(config, refused[i].settings);
    const limn_status status = limn_config_check(config);
    cr_expect_eq(status, refused[i].piece ? LIMN_USAGE : LIMN_OK, "case %zu: %s", i,
                 status ? limn_error_message() : "");
    if (refused[i].piece)
      cr_expect_not_null(strstr(limn_error_message(), refused[i].piece), "%s", limn_error_message());
    limn_config_destroy(config);
  }
}
