/* The GAN's losses against their papers' formulas, term by term, where real and fake scores stand in one batch. */
#include "train/losses.h"

#include <criterion/criterion.h>
#include <math.h>

#include "devices/device.h"

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

static limn_graph *make_graph(limn_gan_loss kind) {
  limn_graph *graph = NULL;
  limn_shape half = {EACH, 1, 1, 1};
  cr_assert_eq(limn_graph_create(&graph), LIMN_OK);
  limn_value scores = limn_graph_stack(graph, upload(graph, "real", half), upload(graph, "fake", half)), gradient;
  limn_value sides = limn_graph_stack(graph, limn_graph_fill(graph, half, 1), limn_graph_fill(graph, half, -1));
  limn_value loss = limn_loss_discriminator(graph, kind, scores, sides);
  cr_assert_eq(limn_graph_gradient(graph, loss, &scores, 1, &gradient), LIMN_OK, "%s", limn_error_message());
  keep(graph, "loss", loss);
  keep(graph, "d_real", limn_mean_score(graph, kind, scores, sides, 1));
  keep(graph, "d_fake", limn_mean_score(graph, kind, scores, sides, -1));
  keep(graph, "gradients", gradient);
  return graph;
}

static results compute(limn_gan_loss kind) {
  limn_device *device = NULL;
  limn_store *store = NULL;
  limn_program *program = NULL;
  limn_graph *graph = make_graph(kind);
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

/* One picture's term of what D minimises, and its derivative. */
static double term(limn_gan_loss kind, double x, bool is_real, double *slope) {
  double s = is_real ? 1 : -1, d = sigmoid(x);
  switch (kind) {
  case LIMN_GAN_LEAST_SQUARES:
    *slope = x - is_real;
    return (x - is_real) * (x - is_real) / 2;
  case LIMN_GAN_HINGE:
    *slope = 1 - s * x > 0 ? -s : 0;
    return fmax(0, 1 - s * x);
  default:
    *slope = is_real ? d - 1 : d;
    return is_real ? -log(d) : -log(1 - d);
  }
}

Test(losses, discriminators_are_the_papers, .timeout = 60) {
  static const limn_gan_loss kinds[] = {LIMN_GAN_NON_SATURATING, LIMN_GAN_MINIMAX, LIMN_GAN_LEAST_SQUARES,
                                        LIMN_GAN_HINGE};
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; ++k) {
    limn_gan_loss kind = kinds[k];
    bool probability = kind == LIMN_GAN_NON_SATURATING || kind == LIMN_GAN_MINIMAX;
    results r = compute(kind);
    double loss = 0, mean[2] = {0, 0};
    for (int i = 0; i < 2 * EACH; ++i) {
      bool is_real = i < EACH;
      double x = (double)(is_real ? real[i] : fake[i - EACH]), slope;
      loss += term(kind, x, is_real, &slope) / EACH;
      mean[!is_real] += (probability ? sigmoid(x) : x) / EACH;
      cr_expect_float_eq((double)r.gradients[i], slope / EACH, 1e-6, "loss %d: gradient %d is %g, not %g", (int)kind, i,
                         (double)r.gradients[i], slope / EACH);
    }
    cr_expect_float_eq((double)r.loss, loss, 1e-6, "loss %d is %g, not %g", (int)kind, (double)r.loss, loss);
    cr_expect_float_eq((double)r.d_real, mean[0], 1e-6, "loss %d: D(x) is %g", (int)kind, (double)r.d_real);
    cr_expect_float_eq((double)r.d_fake, mean[1], 1e-6, "loss %d: D(G(z)) is %g", (int)kind, (double)r.d_fake);
  }
}
