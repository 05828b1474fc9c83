/* The numbers of VAEs, against a model whose likelihood has a closed form, and against an integral. */
#include "support/vaes.h"

#include "train/training_data.h"

static char data[TEST_PATH_SIZE];

static void begin(void) { test_begin_with_data(data, 48); }

TestSuite(vae_measures, .init = begin, .fini = test_folder_remove, .timeout = 240);

/* --- a model that is made --- */

/* 8x8 pictures and two latents. The decoder is linear: its hidden layer is over 0 for all codes that matter. */
enum { SIDE = 8, DIMENSIONS = SIDE * SIDE, LATENT = 2, PICTURES = 12 };
#define SIGMA 0.05
static const char *const linear[] = {"size", "8",          "filters",  "4",     "latent", "2", "steps",
                                     "2",    "likelihood", "gaussian", "sigma", "0.05",   NULL};

typedef struct made {
  float mean[LATENT], log_variance[LATENT]; /* of q for every picture */
  float slopes[LATENT];                     /* of the means, by the pictures' hidden layer */
} made;

static void make_tensor(const void *context, const char *name, float *values, size_t count) {
  const made *m = context;
  float size = 0, base = 0;
  if (strcmp(name, "decoder.main.0.weight") == 0)
    size = 0.1f;
  else if (strcmp(name, "decoder.main.0.bias") == 0)
    base = 1;
  else if (strcmp(name, "decoder.main.2.weight") == 0)
    size = 0.05f;
  else if (strcmp(name, "decoder.main.2.bias") == 0)
    base = 0.5f;
  else if (strcmp(name, "encoder.main.0.weight") == 0)
    base = 1 / 16.0f;
  const size_t inputs = count / LATENT; /* of a head */
  for (size_t i = 0; i < count; ++i) {
    float u;
    limn_philox_uniform(3, 3000, size < 0.07f, i, &u, 1);
    values[i] = base + size * (2 * u - 1);
    if (strcmp(name, "encoder.mu.bias") == 0)
      values[i] = m->mean[i];
    if (strcmp(name, "encoder.logvar.bias") == 0)
      values[i] = m->log_variance[i];
    if (strcmp(name, "encoder.mu.weight") == 0)
      values[i] = m->slopes[i / inputs] / (float)inputs;
  }
}

static const char *make_model(const made *m, const char *name) {
  return test_edit_checkpoint("run", 2, name, make_tensor, m);
}

/* The decoder as x = b + W z, seen from three codes. */
typedef struct line {
  double b[DIMENSIONS], w[DIMENSIONS][LATENT];
} line;

static line see_line(const char *path) {
  static const float codes[3 * LATENT] = {0, 0, 2, 0, 0, 2};
  float pixels[3 * DIMENSIONS];
  line l;
  limn_codec *codec = test_open_codec(path, 0);
  cr_assert_eq(limn_codec_decode(codec, codes, 3, pixels), LIMN_OK);
  for (int i = 0; i < DIMENSIONS; ++i) {
    l.b[i] = (double)pixels[i];
    for (int j = 0; j < LATENT; ++j)
      l.w[i][j] = ((double)pixels[(j + 1) * DIMENSIONS + i] - l.b[i]) / 2;
  }
  limn_codec_close(codec);
  return l;
}

/* Pictures that the model might have drawn. */
static void draw_pictures(const line *l, uint8_t *bytes) {
  for (uint32_t n = 0; n < PICTURES; ++n) {
    float e[LATENT + DIMENSIONS];
    limn_philox_normal(4, 3001, n, 0, e, LATENT + DIMENSIONS);
    for (int i = 0; i < DIMENSIONS; ++i) {
      double x = l->b[i] + SIGMA * (double)e[LATENT + i];
      for (int j = 0; j < LATENT; ++j)
        x += l->w[i][j] * (double)e[j];
      bytes[n * DIMENSIONS + (uint32_t)i] = (uint8_t)lrint(255 * fmin(1, fmax(0, x)));
    }
  }
}

/* -log N(x; b, W W' + sigma^2 I), by the determinant and the inverse of I + W'W / sigma^2. */
static double exact_nll(const line *l, const uint8_t *bytes) {
  double a = 1, b = 0, c = 1, u = 0, v = 0, squares = 0;
  const double s = SIGMA * SIGMA;
  for (int i = 0; i < DIMENSIONS; ++i) {
    const double r = bytes[i] / 255.0 - l->b[i], *w = l->w[i];
    a += w[0] * w[0] / s;
    b += w[0] * w[1] / s;
    c += w[1] * w[1] / s;
    u += w[0] * r / s;
    v += w[1] * r / s;
    squares += r * r / s;
  }
  const double determinant = a * c - b * b, along = (c * u * u - 2 * b * u * v + a * v * v) / determinant;
  return (DIMENSIONS * log(2 * M_PI * s) + log(determinant) + squares - along) / 2;
}

typedef struct linear_case {
  char path[TEST_PATH_SIZE];
  line line;
  uint8_t bytes[PICTURES * DIMENSIONS];
  test_memory_set set;
} linear_case;

static void make_linear(linear_case *c) {
  const made m = {.mean = {0.2f, -0.3f}, .log_variance = {0.2f, -0.1f}};
  test_train_well("vae", linear, data, "run");
  snprintf(c->path, sizeof c->path, "%s", make_model(&m, "linear"));
  c->line = see_line(c->path);
  draw_pictures(&c->line, c->bytes);
  c->set = test_make_set(c->bytes, PICTURES, 1, SIDE, SIDE);
}

/* An importance-weighted likelihood comes to the likelihood. It does not where q, or the prior, is forgotten. */
Test(vae_measures, many_samples_come_to_the_likelihood) {
  linear_case c;
  double exact[PICTURES], mean = 0, squares = 0;
  make_linear(&c);
  for (int n = 0; n < PICTURES; ++n) {
    exact[n] = exact_nll(&c.line, c.bytes + n * DIMENSIONS);
    mean += exact[n] / PICTURES;
  }
  for (int n = 0; n < PICTURES; ++n)
    squares += (exact[n] - mean) * (exact[n] - mean);
  limn_vae_measures m = test_take(c.path, &c.set, &(limn_vae_measure_options){.samples = 20000, .seed = 5});
  cr_expect_float_eq(m.nll, mean, 0.01, "%.6f nats, not %.6f", m.nll, mean);
  cr_expect_float_eq(m.nll_error, sqrt(squares / (PICTURES - 1) / PICTURES), 0.01, "%.6f", m.nll_error);
  cr_expect_float_eq(m.bits, m.nll / DIMENSIONS * 1.4426950408889634, 1e-9, "%g bits", m.bits);
  cr_expect_gt(-m.elbo, m.nll + 0.3, "a poor q: ELBO %g, NLL %g", m.elbo, m.nll);
  cr_expect_eq(m.samples, 20000);
  cr_expect(!m.comparable, "%s", m.likelihood);
  cr_expect(isnan(m.ssim) && isfinite(m.psnr), "8x8 is smaller than the window of SSIM");
}

/* -log p(x) of one sample, from what docs/randomness.md says and the decoder's own word. */
static double one_sample(limn_codec *codec, const linear_case *c, uint32_t n, uint64_t seed) {
  float mean[LATENT], log_variance[LATENT], target[DIMENSIONS], z[LATENT], e[LATENT], nats;
  double sum = 0;
  cr_assert_eq(limn_codec_encode(codec, c->bytes + n * DIMENSIONS, 0, 1, &(limn_codes){mean, log_variance, target}),
               LIMN_OK);
  limn_philox_normal(seed, LIMN_STREAM_IMPORTANCE, n, 0, e, LATENT);
  for (int j = 0; j < LATENT; ++j) {
    double deviation = exp((double)log_variance[j] / 2);
    z[j] = (float)((double)mean[j] + deviation * (double)e[j]);
    double t = ((double)z[j] - (double)mean[j]) / deviation;
    sum += log(exp(-t * t / 2) / deviation) + (double)z[j] * (double)z[j] / 2; /* log q - log p */
  }
  cr_assert_eq(limn_codec_explain(codec, target, z, 1, &nats), LIMN_OK);
  return (double)nats + sum;
}

Test(vae_measures, one_sample_is_the_bound_of_its_noise) {
  linear_case c;
  double want = 0;
  make_linear(&c);
  limn_codec *codec = test_open_codec(c.path, 0);
  for (uint32_t n = 0; n < PICTURES; ++n)
    want += one_sample(codec, &c, n, 9) / PICTURES;
  limn_codec_close(codec);
  limn_vae_measures m = test_take(c.path, &c.set, &(limn_vae_measure_options){.samples = 1, .seed = 9});
  cr_expect_float_eq(m.nll, want, 1e-5 * fabs(want), "%.9g, not %.9g", m.nll, want);
  /* The ELBO is the same with its KL in closed form: alike over many. Its own noise is the run's. */
  double kl = 0;
  for (int j = 0; j < LATENT; ++j) {
    const double mu[] = {0.2, -0.3}, s[] = {0.2, -0.1};
    kl += (mu[j] * mu[j] + exp(s[j]) - 1 - s[j]) / 2;
  }
  cr_expect_float_eq(m.kl, kl, 1e-6, "%g, not %g", m.kl, kl);
  cr_expect_float_eq(m.elbo, -(m.reconstruction + m.kl), 1e-9);
}

Test(vae_measures, more_samples_bound_tighter) {
  static const int samples[] = {1, 8, 64, 512};
  linear_case c;
  double before = INFINITY;
  make_linear(&c);
  for (size_t k = 0; k < sizeof samples / sizeof *samples; ++k) {
    double mean = 0; /* over seeds, so that it is no chance */
    for (uint64_t seed = 0; seed < 4; ++seed)
      mean += test_take(c.path, &c.set, &(limn_vae_measure_options){.samples = samples[k], .seed = seed}).nll / 4;
    cr_expect_lt(mean, before, "%d samples: %g, and fewer %g", samples[k], mean, before);
    before = mean;
  }
}

Test(vae_measures, blocks_change_nothing) {
  static const int blocks[] = {1, 7, 64, 256, 1000};
  linear_case c;
  make_linear(&c);
  double want = test_take(c.path, &c.set, &(limn_vae_measure_options){.samples = 100, .seed = 2}).nll;
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; ++i) {
    limn_vae_measures m =
        test_take(c.path, &c.set, &(limn_vae_measure_options){.samples = 100, .seed = 2, .block = blocks[i]});
    cr_expect_float_eq(m.nll, want, 1e-6 * fabs(want), "blocks of %d: %.9g, not %.9g", blocks[i], m.nll, want);
  }
  double other = test_take(c.path, &c.set, &(limn_vae_measure_options){.samples = 100, .seed = 3}).nll;
  cr_expect_neq(other, want, "another seed, other samples");
}

/* --- an integral --- */

static double normal_density(double z) { return exp(-z * z / 2) / sqrt(2 * M_PI); }

/* A trained q may miss a part of the posterior, and then no number of samples finds it. This one is as wide as can be.
 */
static void widen(const void *context, const char *name, float *values, size_t count) {
  const bool mean = strstr(name, "encoder.mu.") != NULL;
  (void)context;
  if (!mean && !strstr(name, "encoder.logvar."))
    return;
  for (size_t i = 0; i < count; ++i)
    values[i] = strstr(name, "weight") ? 0 : mean ? 0.5f : 0.8f;
}

/* -log of the integral of p(x | z) p(z), by the decoder's own p(x | z) on a fine grid. */
static double integrate(limn_codec *codec, const float *target) {
  enum { POINTS = 2001 };
  static float z[POINTS], nats[POINTS];
  const double step = 12.0 / (POINTS - 1);
  double least = INFINITY, sum = 0;
  for (int i = 0; i < POINTS; ++i)
    z[i] = (float)(-6 + i * step);
  cr_assert_eq(limn_codec_explain_one(codec, target, z, POINTS, nats), LIMN_OK, "%s", limn_error_message());
  for (int i = 0; i < POINTS; ++i)
    least = fmin(least, (double)nats[i]);
  for (int i = 0; i < POINTS; ++i)
    sum += exp(least - (double)nats[i]) * normal_density((double)z[i]) * step;
  return least - log(sum);
}

Test(vae_measures, a_trained_decoder_gives_the_likelihood_of_the_integral) {
  static const char *const settings[] = {"latent", "1",        "steps",      "60",      "lr", "0.01", "batch",
                                         "12",     "binarize", "stochastic", "filters", "8",  NULL};
  enum { COUNT = 8, SIZE = 16 * 16 };
  limn_config *config = test_config("vae", settings);
  limn_training_data held;
  float targets[COUNT * SIZE];
  double want = 0;
  test_train_well("vae", settings, data, "run");
  test_set(config, "data", data);
  test_set(config, "validation", "0.25");
  cr_assert_eq(limn_training_data_open(&held, config, NULL, NULL), LIMN_OK);
  const char *path = test_edit_checkpoint("run", 60, "wide", widen, NULL);
  limn_codec *codec = test_open_codec(path, 500);
  cr_assert_eq(limn_codec_encode(codec, held.held_out, 0, COUNT, &(limn_codes){.targets = targets}), LIMN_OK);
  for (int i = 0; i < COUNT; ++i)
    want += integrate(codec, targets + i * SIZE) / COUNT;
  limn_codec_close(codec);
  test_memory_set set = test_make_set(held.held_out, COUNT, 1, 16, 16);
  limn_vae_measures m = test_take(path, &set, &(limn_vae_measure_options){.samples = 10000, .seed = 1});
  cr_expect_float_eq(m.nll, want, 0.05, "%.6f nats, not %.6f", m.nll, want);
  cr_expect_gt(-m.elbo, m.nll);
  cr_expect(m.comparable, "%s", m.likelihood);
  limn_training_data_close(&held);
  limn_config_destroy(config);
}

/* --- active units --- */

/* Two latents whose means vary by 0.0099 and 0.0101 over two pictures: N in the place of N - 1, and one is active. */
Test(vae_measures, active_units_are_counted_by_their_variance) {
  uint8_t bytes[2 * DIMENSIONS];
  float mean[2 * LATENT];
  made m = {.slopes = {1, 1}};
  test_train_well("vae", linear, data, "run");
  memset(bytes, 50, DIMENSIONS);
  memset(bytes + DIMENSIONS, 180, DIMENSIONS);
  limn_codec *codec = test_open_codec(make_model(&m, "unit"), 0);
  cr_assert_eq(limn_codec_encode(codec, bytes, 0, 2, &(limn_codes){.mean = mean}), LIMN_OK);
  limn_codec_close(codec);
  const double half = fabs((double)mean[0] - (double)mean[LATENT]) / 2; /* the deviation of two */
  cr_assert_gt(half, 0.01);
  m.slopes[0] = (float)(sqrt(0.0099) / half);
  m.slopes[1] = (float)(sqrt(0.0101) / half);
  test_memory_set set = test_make_set(bytes, 2, 1, SIDE, SIDE);
  const char *path = make_model(&m, "made");
  cr_expect_eq(test_take(path, &set, &(limn_vae_measure_options){0}).active_units, 1);
  m.slopes[1] = m.slopes[0];
  cr_expect_eq(test_take(make_model(&m, "made"), &set, &(limn_vae_measure_options){0}).active_units, 0);
  m.slopes[0] = m.slopes[1] = (float)(sqrt(0.0101) / half);
  cr_expect_eq(test_take(make_model(&m, "made"), &set, &(limn_vae_measure_options){0}).active_units, 2);
}
