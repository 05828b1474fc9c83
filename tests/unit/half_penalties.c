/* Penalties in half precision, which only the CUDA device has: their gradients of gradients are as large as in fp32,
 * also through fp16's loss scale, and a slope that overflows costs a step and half the scale, nothing else. */
#include "support/against_pytorch.h"

#define SCALE "optimizer.loss_scale.discriminator."
/* Of a slope's squared norm and of the gradient's norm, relative: 2 to the -11 and -8 a rounding, of which a layer has
 * one forward and one back. */
#define FP16_TOLERANCE 0.01
#define BF16_TOLERANCE 0.06

TestSuite(half_penalties, .timeout = 240);

static const char *const network[] = {"filters",  "8", "latent", "8",      "channels",  "3",
                                      "batch",    "8", "norm_d", "none",   "optimizer", "sgd",
                                      "momentum", "0", "lr",     "0.0001", NULL};
static const char *const penalties[][8] = {{"r1", "10", NULL},
                                           {"r1", "10", "r2", "10", "loss", "relativistic", NULL},
                                           {"gradient_penalty", "10", "loss", "wasserstein", NULL}};

typedef struct training {
  limn_config *config;
  limn_session session;
  test_batches batches;
} training;

static training begin(const char *precision, const char *const *settings) {
  training t = {.config = test_config("dcgan", network)};
  test_set_all(t.config, settings);
  test_set(t.config, "precision", precision);
  cr_assert_eq(limn_config_check(t.config), LIMN_OK, "%s", limn_error_message());
  cr_assert_eq(limn_session_init(&t.session, t.config, 8, &(limn_session_data){0}), LIMN_OK, "%s",
               limn_error_message());
  t.batches = test_batches_of(t.config);
  return t;
}

static void end(training *t) {
  limn_session_release(&t->session);
  test_batches_release(&t->batches);
  limn_config_destroy(t->config);
}

static void set_scalar(training *t, const char *name, float value) {
  cr_assert_eq(limn_session_upload(&t->session, name, &value), LIMN_OK, "%s", limn_error_message());
}

static float scalar(const training *t, const char *name) {
  size_t count;
  float *values = download(t->session.store, name, &count), value = values[0];
  free(values);
  return value;
}

static void step(training *t, uint64_t number) {
  cr_assert_eq(test_step(&t->session, &t->batches, number), LIMN_OK, "%s", limn_error_message());
}

/* The measure of that name of a step. */
static double measure(training *t, uint64_t number, const char *name) {
  float values[LIMN_MAX_MEASURES];
  cr_assert_eq(limn_session_measures(&t->session, number, 1, values), LIMN_OK);
  for (int i = 0; i < t->session.measure_count; ++i)
    if (strcmp(t->session.measures[i], name) == 0)
      return (double)values[i];
  cr_assert(false, "there is no measure %s", name);
  return 0;
}

static void expect_near(training *half, training *whole, const char *name, double tolerance) {
  const double x = measure(half, 0, name), y = measure(whole, 0, name);
  cr_expect(fabs(x - y) <= tolerance * fabs(y) && y > 0, "%s, %s: %g, in fp32 %g", half->config->precision, name, x, y);
  fprintf(stderr, "%s, %s: %g off\n", half->config->precision, name, fabs(x - y) / y);
}

Test(half_penalties, are_those_of_fp32) {
  static const char *const precisions[] = {"fp16", "bf16"};
  if (strcmp(test_device(), "cpu") == 0)
    return;
  for (size_t i = 0; i < sizeof penalties / sizeof *penalties; ++i) {
    training whole = begin("fp32", penalties[i]);
    step(&whole, 0);
    for (int k = 0; k < 2; ++k) {
      const double tolerance = k ? BF16_TOLERANCE : FP16_TOLERANCE;
      training half = begin(precisions[k], penalties[i]);
      if (k == 0)
        set_scalar(&half, SCALE, 1024); /* the first one overflows, and is found by halving */
      step(&half, 0);
      expect_near(&half, &whole, penalties[i][0], tolerance);
      expect_near(&half, &whole, "grad_norm_d", tolerance);
      end(&half);
    }
    end(&whole);
  }
}

/* The discriminator's weights; the caller's. */
static float *weight(const training *t, size_t *count) {
  return download(t->session.store, "discriminator.main.2.weight", count);
}

/* In the step itself, and in a penalty's own. */
Test(half_penalties, an_overflow_halves_the_scale_and_loses_nothing) {
  static const char *const cases[][6] = {{"r1", "10", NULL}, {"r1", "10", "penalty_every", "2", NULL}};
  if (strcmp(test_device(), "cpu") == 0)
    return;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    const int steps = i ? 2 : 1; /* of the discriminator in step 0, each with the scale */
    training t = begin("fp16", cases[i]);
    size_t count;
    float *before = weight(&t, &count);
    set_scalar(&t, SCALE, 0x1p100f);
    step(&t, 0);
    float *after = weight(&t, &count);
    cr_expect_arr_eq(before, after, count * sizeof *before, "a step that overflowed is not taken");
    cr_expect_eq(scalar(&t, SCALE), ldexpf(1, 100 - steps), "scale %g", (double)scalar(&t, SCALE));
    cr_expect_eq(scalar(&t, "gate"), 0, "the run goes on");
    set_scalar(&t, SCALE, 1024);
    step(&t, 1);
    free(after);
    after = weight(&t, &count);
    cr_expect_neq(memcmp(before, after, count * sizeof *before), 0, "and the next step is taken");
    cr_expect_eq(scalar(&t, SCALE), 1024);
    cr_expect(isfinite(measure(&t, 1, "loss_d")) && measure(&t, 1, "grad_norm_d") > 0);
    free(before);
    free(after);
    end(&t);
  }
}
