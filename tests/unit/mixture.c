/* Mixtures of Gaussians: the fit against scikit-learn's, tests/fixtures/metrics/mixture.safetensors; draws against what
 * they are drawn from; the file beside a checkpoint; and pictures of runs. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/philox.h"
#include "infer/mixture_file.h"
#include "limn/generator.h"
#include "limn/prior.h"
#include "metrics/mixture_fit.h"
#include "support/data.h"
#include "support/metrics_fixture.h"
#include "support/run_files.h"

#define FIXTURE LIMN_SOURCE_DIR "/tests/fixtures/metrics/mixture.safetensors"

static char data[TEST_PATH_SIZE];

static void begin(void) {
  test_begin_with_data(data, 64);
  OK(limn_linear_algebra_open(&algebra, 2));
  OK(limn_safetensors_open(&fixture, FIXTURE));
}

static void end(void) {
  close_fixture();
  test_folder_remove();
}

TestSuite(mixture, .init = begin, .fini = end, .timeout = 120);

/* L L' of component k, element (i, j). */
static double covariance(const limn_mixture *m, size_t k, size_t i, size_t j) {
  const size_t width = (size_t)m->width;
  const double *factor = m->factors + k * width * width;
  double sum = 0;
  for (size_t l = 0; l < width; ++l)
    sum += factor[i * width + l] * factor[j * width + l];
  return sum;
}

Test(mixture, fit_is_scikit_learns) {
  const limn_feature_set codes = features_of("codes");
  const size_t components = 3, width = (size_t)codes.width;
  limn_mixture m;
  limn_mixture_fit fit = {.algebra = &algebra, .codes = &codes};
  OK(limn_mixture_init(&m, (int)components, codes.width));
  for (size_t k = 0; k < components; ++k) {
    m.weights[k] = number("start.weights", k);
    for (size_t j = 0; j < width; ++j)
      m.means[k * width + j] = number("start.means", k * width + j);
    for (size_t j = 0; j < width * width; ++j)
      m.factors[k * width * width + j] = number("start.covariances", k * width * width + j);
    cr_assert(limn_matrix_cholesky(&algebra, m.factors + k * width * width, m.width));
  }
  OK(limn_mixture_improve(&m, &fit));
  cr_expect_eq(fit.iterations, (int)number("fitted.iterations", 0));
  NEAR(fit.log_likelihood, number("fitted.log_likelihood", 0), 1e-9, "the log-likelihood");
  for (size_t k = 0; k < components; ++k) {
    NEAR(m.weights[k], number("fitted.weights", k), 1e-8, "a weight");
    for (size_t j = 0; j < width; ++j)
      NEAR(m.means[k * width + j], number("fitted.means", k * width + j), 1e-7, "a mean");
    for (size_t i = 0; i < width; ++i)
      for (size_t j = 0; j < width; ++j)
        cr_expect_float_eq(covariance(&m, k, i, j), number("fitted.covariances", (k * width + i) * width + j), 1e-8);
  }
  limn_mixture_release(&m);
}

/* From one start of its own or another it finds as good a one. */
Test(mixture, starts_by_itself) {
  const limn_feature_set codes = features_of("codes");
  double best = -INFINITY;
  for (uint64_t seed = 1; seed < 4; ++seed) {
    limn_mixture m, again;
    limn_mixture_fit fit = {.algebra = &algebra, .codes = &codes};
    OK(limn_mixture_start(&m, &fit, 3, seed));
    OK(limn_mixture_start(&again, &fit, 3, seed));
    cr_assert_arr_eq(m.factors, again.factors, 3 * 36 * sizeof *m.factors, "the same seed begins alike");
    OK(limn_mixture_improve(&m, &fit));
    best = fmax(best, fit.log_likelihood);
    limn_mixture_release(&m);
    limn_mixture_release(&again);
  }
  cr_expect(best > number("fitted.log_likelihood", 0) - 0.05, "%g, and from a start by hand %g", best,
            number("fitted.log_likelihood", 0));
}

Test(mixture, refuses_codes_that_make_none) {
  float rows[40 * 2] = {0};
  const limn_feature_set codes = {.rows = rows, .count = 40, .width = 2, .name = "the codes"};
  limn_mixture m;
  limn_mixture_fit fit = {.algebra = &algebra, .codes = &codes};
  FAILS(limn_mixture_start(&m, &fit, 21, 1), LIMN_DATA, "40 codes are too few for 21 components in 2 dimensions");
  limn_mixture_release(&m);
  FAILS(limn_mixture_start(&m, &fit, 2, 1), LIMN_DATA, "of 40 codes 1 are different");
  limn_mixture_release(&m);
  for (int i = 0; i < 40; ++i) /* a line so long that what is added to the variances is nothing */
    rows[2 * i] = rows[2 * i + 1] = (float)(i * 1e8);
  FAILS(limn_mixture_start(&m, &fit, 1, 1), LIMN_DATA, "has not full rank");
  limn_mixture_release(&m);
  rows[7] = NAN;
  FAILS(limn_mixture_start(&m, &fit, 2, 1), LIMN_DATA, "the codes: the features of picture 3 are not finite");
  limn_mixture_release(&m);
}

/* Draws have the moments of the mixture, and each is a function of its number alone. */
Test(mixture, draws_follow_it) {
  enum { COUNT = 40000 };
  static float codes[COUNT * 2], one[2];
  limn_mixture m;
  OK(limn_mixture_init(&m, 2, 2));
  const double weights[2] = {0.25, 0.75}, means[4] = {-2, 1, 3, 0}, factors[8] = {1, 0, 0.5, 2, 0.3, 0, -1, 0.4};
  memcpy(m.weights, weights, sizeof weights);
  memcpy(m.means, means, sizeof means);
  memcpy(m.factors, factors, sizeof factors);
  limn_mixture_codes(&m, 5, 0, COUNT, codes);
  limn_mixture_codes(&m, 5, 1234, 1, one);
  cr_expect_arr_eq(one, codes + 2 * 1234, sizeof one);
  double mean[2] = {0}, squares[3] = {0}; /* xx, xy, yy */
  for (int i = 0; i < COUNT; ++i)
    for (int j = 0; j < 2; ++j)
      mean[j] += (double)codes[2 * i + j] / COUNT;
  for (int i = 0; i < COUNT; ++i) {
    const double x = (double)codes[2 * i] - mean[0], y = (double)codes[2 * i + 1] - mean[1];
    squares[0] += x * x / COUNT;
    squares[1] += x * y / COUNT;
    squares[2] += y * y / COUNT;
  }
  cr_expect_float_eq(mean[0], 1.75, 0.04);
  cr_expect_float_eq(mean[1], 0.25, 0.04);
  cr_expect_float_eq(squares[0], 0.25 * 1 + 0.75 * 0.09 + 0.1875 * 25, 0.1);
  cr_expect_float_eq(squares[1], 0.25 * 0.5 - 0.75 * 0.3 - 0.1875 * 5, 0.1);
  cr_expect_float_eq(squares[2], 0.25 * 4.25 + 0.75 * 1.16 + 0.1875 * 1, 0.1);
  limn_mixture_release(&m);
}

/* --- of runs --- */

static const char *const settings[] = {"steps", "6", "latent", "4", "validation", "0.25", "lr", "0.01", NULL};

static const limn_prior_options two = {.components = 2, .device = "cpu", .threads = 2};

Test(mixture, of_an_autoencoder_draws_pictures) {
  test_train_well("autoencoder", settings, data, "run");
  const char *run = test_path("run");
  limn_generator *generator = NULL;
  limn_generator_options options = {.device = "cpu", .threads = 2, .prior = LIMN_PRIOR_MIXTURE, .components = 2};
  limn_prior_info info;
  FAILS(limn_generator_open(&generator, run, &(limn_generator_options){.device = "cpu"}), LIMN_USAGE, "--prior gmm");
  FAILS(limn_generator_open(&generator, run, &options), LIMN_DATA, "--prior gmm --components 2");
  OK(limn_prior_fit(run, &two, &info));
  cr_expect(!info.found && info.components == 2 && info.latent == 4 && isfinite(info.log_likelihood));
  cr_expect_eq(info.count, 48, "of %u pictures", info.count);
  cr_expect_not_null(strstr(info.file, "run/checkpoints/000006-gmm2.safetensors"), "%s", info.file);

  /* From now on the data is not needed: neither to draw nor to fit what is there. */
  char moved[TEST_PATH_SIZE + 8];
  snprintf(moved, sizeof moved, "%s.moved", data);
  cr_assert_eq(rename(data, moved), 0);
  OK(limn_prior_fit(run, &two, &info));
  cr_expect(info.found);
  cr_expect_eq(info.latent, 4);
  OK(limn_generator_open(&generator, run, &options));
  float codes[3 * 4], two_codes[2 * 4], pixels[3 * 64 * 64 * 3];
  limn_generator_info about;
  limn_generator_get_info(generator, &about);
  OK(limn_generator_latents(generator, 9, 0, 3, codes));
  OK(limn_generator_latents(generator, 9, 1, 2, two_codes));
  cr_expect_arr_eq(two_codes, codes + 4, sizeof two_codes);
  cr_assert(about.channels * about.height * about.width <= 64 * 64 * 3);
  OK(limn_generator_run(generator, codes, 3, pixels));
  limn_generator_close(generator);

  limn_prior_options three = two;
  three.components = 3;
  FAILS(limn_prior_fit(run, &three, NULL), LIMN_DATA, "--prior gmm --data PATH");
  three.data = moved;
  OK(limn_prior_fit(run, &three, &info));
  cr_expect(!info.found);
  OK(limn_prior_fit(run, &three, &info));
  cr_expect(info.found, "pictures that have moved are the same");
  three.components = 13;
  FAILS(limn_prior_fit(run, &three, NULL), LIMN_DATA, "48 codes are too few for 13 components in 4 dimensions");
}

/* A mixture of another checkpoint does not serve, and a new fit puts it right. */
Test(mixture, belongs_to_its_checkpoint) {
  test_train_well("vae", settings, data, "run");
  const char *run = test_path("run");
  limn_generator *generator = NULL;
  limn_prior_info info;
  const limn_generator_options options = {.device = "cpu", .threads = 2, .prior = LIMN_PRIOR_MIXTURE, .components = 2};
  OK(limn_prior_fit(run, &two, &info));
  limn_mixture mixture;
  limn_mixture_origin origin;
  char hash[LIMN_SHA256_SIZE];
  OK(limn_sha256_file(test_path("run/checkpoints/000006.safetensors"), hash));
  OK(limn_mixture_read(&mixture, &origin, info.file, hash));
  cr_expect(origin.step == 6 && origin.seed == 7 && origin.count == 48 && origin.data != 0);
  memset(origin.checkpoint, '0', 64);
  OK(limn_mixture_write(info.file, &mixture, &origin));
  limn_mixture_release(&mixture);
  FAILS(limn_generator_open(&generator, run, &options), LIMN_DATA, "it was fitted on another checkpoint's codes");
  OK(limn_prior_fit(run, &two, &info));
  cr_expect(!info.found);
  OK(limn_generator_open(&generator, run, &options));
  limn_generator_close(generator);
}

Test(mixture, is_refused_where_there_are_no_codes) {
  static const char *const gan[] = {"steps", "1", "latent", "4", "filters", "4", NULL};
  test_train_well("dcgan", gan, data, "gan");
  FAILS(limn_prior_fit(test_path("gan"), &two, NULL), LIMN_USAGE, "has no encoder");
  FAILS(limn_prior_fit(test_path("gan"), &(limn_prior_options){.components = 1001}, NULL), LIMN_USAGE, "it takes 1 to");
  limn_generator *generator = NULL;
  FAILS(limn_generator_open(&generator, test_path("gan"), &(limn_generator_options){.prior = LIMN_PRIOR_MIXTURE}),
        LIMN_USAGE, "has no encoder");
}

/* A checkpoint that goes takes its mixture along. */
Test(mixture, goes_with_its_checkpoint) {
  static const char *const more[] = {"steps", "6", "latent", "4", "checkpoint_every", "2", "keep", "1", NULL};
  test_train_well("autoencoder", settings, data, "run");
  limn_prior_info info;
  OK(limn_prior_fit(test_path("run"), &two, &info));
  test_run run = {0};
  limn_config *config = test_config("autoencoder", more);
  test_set(config, "data", data);
  test_set(config, "steps", "12");
  test_train(&run, config, "run", true);
  cr_assert_eq(run.status, LIMN_OK, "%s", run.message);
  limn_config_destroy(config);
  cr_expect(access(test_path("run/checkpoints/000012.safetensors"), F_OK) == 0);
  cr_expect(access(test_path("run/checkpoints/000006.safetensors"), F_OK) != 0);
  cr_expect(access(info.file, F_OK) != 0, "%s is left over", info.file);
}
