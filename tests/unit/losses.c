/* The losses against their papers' formulas in double. The gradients of all are checked in tests/ops/cases_loss.c,
 * those of the discriminator here too, term by term, where real and fake scores stand in one batch. */
#include "train/losses.h"

#include <criterion/criterion.h>
#include <math.h>

#include "devices/device.h"
#include "models/likelihood.h"

#define EACH 3

static const float real[EACH] = {0.5f, -2, 3}, fake[EACH] = {-0.25f, 1.5f, -4};

typedef struct results {
  float loss, d_real, d_fake, gradients[2 * EACH]; /* of the scores */
} results;

static limn_value upload(limn_graph *graph, const char *name, limn_shape shape) {
  return limn_graph_leaf(graph, LIMN_ROLE_INPUT, name, shape);
}

static void keep(limn_graph *graph, const char *name, limn_value value) {
  limn_graph_assign(graph, limn_graph_leaf(graph, LIMN_ROLE_OUTPUT, name, limn_graph_shape(graph, value)), value);
}

static limn_graph *make_graph(limn_gan_loss kind, double smoothing) {
  limn_graph *graph = NULL;
  limn_shape half = {EACH, 1, 1, 1};
  cr_assert_eq(limn_graph_create(&graph), LIMN_OK);
  limn_value scores = limn_graph_stack(graph, upload(graph, "real", half), upload(graph, "fake", half)), gradient;
  limn_value sides = limn_graph_stack(graph, limn_graph_fill(graph, half, 1), limn_graph_fill(graph, half, -1));
  limn_value loss = limn_loss_discriminator(graph, kind, scores, sides, smoothing);
  cr_assert_eq(limn_graph_gradient(graph, loss, &scores, 1, &gradient), LIMN_OK, "%s", limn_error_message());
  keep(graph, "loss", loss);
  keep(graph, "d_real", limn_mean_score(graph, kind, scores, sides, 1));
  keep(graph, "d_fake", limn_mean_score(graph, kind, scores, sides, -1));
  keep(graph, "gradients", gradient);
  return graph;
}

static results compute(limn_gan_loss kind, double smoothing) {
  limn_device *device = NULL;
  limn_store *store = NULL;
  limn_program *program = NULL;
  limn_graph *graph = make_graph(kind, smoothing);
  results r;
  cr_assert_eq(limn_device_create(&device, &(limn_device_options){.name = "cpu", .threads = 1}), LIMN_OK);
  cr_assert_eq(limn_store_create(&store, device), LIMN_OK);
  cr_assert_eq(limn_program_create(&program, store, graph, NULL), LIMN_OK, "%s", limn_error_message());
  limn_tensor_upload(limn_store_find(store, "real"), real);
  limn_tensor_upload(limn_store_find(store, "fake"), fake);
  cr_assert_eq(limn_program_run(program, 0), LIMN_OK, "%s", limn_error_message());
  limn_tensor_download(limn_store_find(store, "loss"), &r.loss);
  limn_tensor_download(limn_store_find(store, "d_real"), &r.d_real);
  limn_tensor_download(limn_store_find(store, "d_fake"), &r.d_fake);
  limn_tensor_download(limn_store_find(store, "gradients"), r.gradients);
  limn_program_destroy(program);
  limn_store_destroy(store);
  limn_device_destroy(device);
  limn_graph_destroy(graph);
  return r;
}

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

/* One picture's term of what D minimises, and its derivative. `to`: the target of real pictures. */
static double term(limn_gan_loss kind, double x, bool is_real, double to, double *slope) {
  double s = is_real ? 1 : -1, d = sigmoid(x), target = is_real ? to : 0;
  switch (kind) {
  case LIMN_GAN_LEAST_SQUARES:
    *slope = x - target;
    return (x - target) * (x - target) / 2;
  case LIMN_GAN_HINGE:
    *slope = 1 - s * x > 0 ? -s : 0;
    return fmax(0, 1 - s * x);
  case LIMN_GAN_WASSERSTEIN:
    *slope = -s;
    return -s * x;
  default:
    *slope = d - target;
    return -target * log(d) - (1 - target) * log(1 - d);
  }
}

/* The pairs' losses, and their derivatives by either score. */
static double paired(double *slopes) {
  double loss = 0;
  for (int i = 0; i < EACH; ++i) {
    double difference = (double)real[i] - (double)fake[i];
    loss -= log(sigmoid(difference)) / EACH;
    slopes[i] = (sigmoid(difference) - 1) / EACH;
    slopes[EACH + i] = -slopes[i];
  }
  return loss;
}

static void check_discriminator(limn_gan_loss kind, double smoothing) {
  const bool probability = kind == LIMN_GAN_NON_SATURATING || kind == LIMN_GAN_MINIMAX;
  results r = compute(kind, smoothing);
  double loss = 0, mean[2] = {0, 0}, slopes[2 * EACH];
  for (int i = 0; i < 2 * EACH; ++i) {
    bool is_real = i < EACH;
    double x = (double)(is_real ? real[i] : fake[i - EACH]);
    loss += term(kind, x, is_real, 1 - smoothing, &slopes[i]) / EACH;
    slopes[i] /= EACH;
    mean[!is_real] += (probability ? sigmoid(x) : x) / EACH;
  }
  if (kind == LIMN_GAN_RELATIVISTIC)
    loss = paired(slopes);
  for (int i = 0; i < 2 * EACH; ++i)
    cr_expect_float_eq((double)r.gradients[i], slopes[i], 1e-6, "loss %d: gradient %d is %g, not %g", (int)kind, i,
                       (double)r.gradients[i], slopes[i]);
  cr_expect_float_eq((double)r.loss, loss, 1e-6, "loss %d is %g, not %g", (int)kind, (double)r.loss, loss);
  cr_expect_float_eq((double)r.d_real, mean[0], 1e-6, "loss %d: D(x) is %g", (int)kind, (double)r.d_real);
  cr_expect_float_eq((double)r.d_fake, mean[1], 1e-6, "loss %d: D(G(z)) is %g", (int)kind, (double)r.d_fake);
}

Test(losses, discriminators_are_the_papers, .timeout = 60) {
  static const limn_gan_loss kinds[] = {LIMN_GAN_NON_SATURATING, LIMN_GAN_MINIMAX,     LIMN_GAN_LEAST_SQUARES,
                                        LIMN_GAN_HINGE,          LIMN_GAN_WASSERSTEIN, LIMN_GAN_RELATIVISTIC};
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; ++k)
    check_discriminator(kinds[k], 0);
}

Test(losses, smoothing_moves_the_target_of_real_pictures_alone, .timeout = 60) {
  check_discriminator(LIMN_GAN_NON_SATURATING, 0.1);
  check_discriminator(LIMN_GAN_LEAST_SQUARES, 0.25);
}

/* ---- values ---- */

enum { PICTURES = 3, CHANNELS = 2, PIXELS = 5 }; /* (3, 2, 1, 5) */
#define COUNT (PICTURES * CHANNELS * PIXELS)
static const limn_shape values_shape = {PICTURES, CHANNELS, 1, PIXELS};

typedef struct values {
  limn_graph *graph;
  float a[COUNT], b[COUNT]; /* two inputs */
  limn_value va, vb;
} values;

/* a: -3 to 3; b: 0 to 1. */
static values make_values(void) {
  values v = {.graph = NULL};
  cr_assert_eq(limn_graph_create(&v.graph), LIMN_OK);
  for (int i = 0; i < COUNT; ++i) {
    v.a[i] = 3 * sinf(1.7f * (float)i + 0.3f);
    v.b[i] = 0.5f + 0.5f * cosf(2.3f * (float)i);
  }
  v.va = upload(v.graph, "a", values_shape);
  v.vb = upload(v.graph, "b", values_shape);
  return v;
}

/* What the value comes to on the CPU: `count` elements. Ends the graph. */
static void evaluate(values *v, limn_value value, float *out, size_t count) {
  limn_device *device = NULL;
  limn_store *store = NULL;
  limn_program *program = NULL;
  keep(v->graph, "out", value);
  cr_assert_eq(limn_graph_status(v->graph), LIMN_OK, "%s", limn_error_message());
  cr_assert_eq((size_t)limn_shape_count(limn_graph_shape(v->graph, value)), count);
  cr_assert_eq(limn_device_create(&device, &(limn_device_options){.name = "cpu", .threads = 1}), LIMN_OK);
  cr_assert_eq(limn_store_create(&store, device), LIMN_OK);
  cr_assert_eq(limn_program_create(&program, store, v->graph, NULL), LIMN_OK, "%s", limn_error_message());
  if (limn_store_find(store, "a"))
    limn_tensor_upload(limn_store_find(store, "a"), v->a);
  if (limn_store_find(store, "b"))
    limn_tensor_upload(limn_store_find(store, "b"), v->b);
  cr_assert_eq(limn_program_run(program, 0), LIMN_OK, "%s", limn_error_message());
  limn_tensor_download(limn_store_find(store, "out"), out);
  limn_program_destroy(program);
  limn_store_destroy(store);
  limn_device_destroy(device);
  limn_graph_destroy(v->graph);
}

#define NEAR(got, want, what)                                                                                          \
  cr_expect_float_eq((double)(got), (want), 2e-6 * fmax(1, fabs(want)), "%s is %.9g, not %.9g", what, (double)(got),   \
                     want)

Test(losses, generators_are_the_papers, .timeout = 60) {
  static const char *const names[] = {
      [LIMN_GAN_NON_SATURATING] = "non-saturating", [LIMN_GAN_MINIMAX] = "minimax",
      [LIMN_GAN_LEAST_SQUARES] = "least squares",   [LIMN_GAN_HINGE] = "hinge",
      [LIMN_GAN_WASSERSTEIN] = "Wasserstein",       [LIMN_GAN_RELATIVISTIC] = "relativistic"};
  for (int kind = 0; kind <= LIMN_GAN_RELATIVISTIC; ++kind) {
    values v = make_values();
    double want = 0;
    float got = NAN;
    for (int i = 0; i < COUNT; ++i) {
      double x = (double)v.a[i], d = sigmoid(x);
      want += (kind == LIMN_GAN_NON_SATURATING  ? -log(d)
               : kind == LIMN_GAN_MINIMAX       ? log(1 - d)
               : kind == LIMN_GAN_LEAST_SQUARES ? (x - 1) * (x - 1) / 2
               : kind == LIMN_GAN_RELATIVISTIC  ? -log(sigmoid(x - (double)v.b[i]))
                                                : -x) /
              COUNT;
    }
    evaluate(&v, limn_loss_generator(v.graph, (limn_gan_loss)kind, v.va, v.vb), &got, 1);
    NEAR(got, want, names[kind]);
  }
}

/* -log p(x | y) of b under a decoder's output a. */
Test(losses, likelihoods_are_densities, .timeout = 60) {
  static const char *const names[] = {[LIMN_LIKELIHOOD_BERNOULLI] = "Bernoulli",
                                      [LIMN_LIKELIHOOD_GAUSSIAN] = "Gaussian",
                                      [LIMN_LIKELIHOOD_GAUSSIAN_LEARNED] = "learned Gaussian",
                                      [LIMN_LIKELIHOOD_L1] = "L1"};
  const double sigma = 0.3, log_variance = -0.8, pi = 3.14159265358979323846;
  for (int kind = 0; kind < 4; ++kind) {
    values v = make_values();
    double want = 0, each[PICTURES] = {0};
    float got = NAN, got_each[PICTURES];
    for (int i = 0; i < COUNT; ++i) {
      double y = (double)v.a[i], x = (double)v.b[i], p = sigmoid(y),
             variance = kind == LIMN_LIKELIHOOD_GAUSSIAN ? sigma * sigma : exp(log_variance);
      double density = kind == LIMN_LIKELIHOOD_BERNOULLI ? x * log(p) + (1 - x) * log(1 - p)
                       : kind == LIMN_LIKELIHOOD_L1      ? -fabs(x - y)
                                                    : -(x - y) * (x - y) / (2 * variance) - log(2 * pi * variance) / 2;
      want -= density / PICTURES;
      each[i / (COUNT / PICTURES)] -= density;
    }
    limn_value s = kind == LIMN_LIKELIHOOD_GAUSSIAN_LEARNED ? limn_graph_fill(v.graph, LIMN_SCALAR, (float)log_variance)
                                                            : LIMN_NONE;
    evaluate(&v, limn_loss_reconstruction(v.graph, (limn_likelihood)kind, v.va, v.vb, sigma, s), &got, 1);
    NEAR(got, want, names[kind]);
    v = make_values(); /* evaluate has ended the other's graph */
    s = kind == LIMN_LIKELIHOOD_GAUSSIAN_LEARNED ? limn_graph_fill(v.graph, LIMN_SCALAR, (float)log_variance)
                                                 : LIMN_NONE;
    evaluate(&v, limn_loss_reconstruction_each(v.graph, (limn_likelihood)kind, v.va, v.vb, sigma, s), got_each,
             PICTURES);
    for (int i = 0; i < PICTURES; ++i)
      NEAR(got_each[i], each[i], names[kind]);
  }
}

/* Against the integral of N(x; mu, sigma^2) (log N(x; mu, sigma^2) - log N(x; 0, 1)) itself. */
static double divergence(double mu, double sigma) {
  double sum = 0;
  const double step = 1e-3;
  for (double t = -9; t < 9; t += step) {
    double x = mu + sigma * t, density = exp(-t * t / 2) / sqrt(2 * 3.14159265358979323846);
    sum += density * (-t * t / 2 - log(sigma) + x * x / 2) * step;
  }
  return sum;
}

Test(losses, kl_is_the_integral, .timeout = 60) {
  values v = make_values();
  float got[COUNT];
  evaluate(&v, limn_kl_elements(v.graph, v.va, v.vb), got, COUNT);
  for (int i = 0; i < COUNT; ++i)
    NEAR(got[i], divergence((double)v.a[i], exp((double)v.b[i] / 2)), "KL");
}

Test(losses, a_sample_is_mean_and_deviation, .timeout = 60) {
  values v = make_values();
  float got[COUNT];
  limn_value epsilon = limn_graph_fill(v.graph, values_shape, -1.5f);
  evaluate(&v, limn_reparameterize(v.graph, v.va, v.vb, epsilon), got, COUNT);
  for (int i = 0; i < COUNT; ++i)
    NEAR(got[i], (double)v.a[i] - 1.5 * exp((double)v.b[i] / 2), "z");
}

/* Each channel is a latent: one above what is free, one below. */
Test(losses, free_bits_are_free_by_latent, .timeout = 60) {
  values v = make_values();
  double want = 0, mean[CHANNELS] = {0}, most;
  float got = NAN;
  for (int i = 0; i < COUNT; ++i)
    mean[i / PIXELS % CHANNELS] += fabs((double)v.a[i]) / PICTURES;
  most = (mean[0] + mean[1]) / 2;
  cr_assert_neq(mean[0] < most, mean[1] < most);
  for (int c = 0; c < CHANNELS; ++c)
    want += fmax(most, mean[c]);
  limn_value kl = limn_graph_unary(v.graph, LIMN_PW_ABS, v.va, 0, 0);
  kl = limn_graph_sum(v.graph, kl, (limn_shape){PICTURES, CHANNELS, 1, 1});
  evaluate(&v, limn_free_bits(v.graph, kl, most), &got, 1);
  NEAR(got, want, "free bits");
}
