/* The least that a schedule moves, worked out by hand: a layer with batchnorm and ReLU, its gradients and its update.
 */
#include <criterion/criterion.h>

#include "graph/schedule.h"

#define PARAMETER LIMN_ROLE_PARAMETER

/* Every value in fp32 and, for 2 bytes an element, in half. */
static limn_value_bytes *bytes_of(const limn_schedule *schedule) {
  limn_value_bytes *bytes = calloc((size_t)schedule->buffer_count, sizeof *bytes);
  cr_assert_not_null(bytes);
  for (int v = 0; v < schedule->buffer_count; ++v) {
    double count = (double)limn_shape_count(schedule->shapes[v]);
    bytes[v] = (limn_value_bytes){.least = 2 * count, .master = 4 * count, .all = 6 * count};
  }
  return bytes;
}

static double least_of(const limn_graph *graph) {
  limn_schedule *schedule = NULL;
  limn_fusion fusion = {.conv_activation = true, .batchnorm_activation = true, .pointwise = true};
  cr_assert_eq(limn_schedule_create(&schedule, graph, fusion), LIMN_OK, "%s", limn_error_message());
  limn_value_bytes *bytes = bytes_of(schedule);
  double least = limn_schedule_least_bytes(schedule, bytes);
  free(bytes);
  limn_schedule_destroy(schedule);
  return least;
}

Test(least_bytes, a_layer_and_its_update) {
  limn_graph *graph = NULL;
  cr_assert_eq(limn_graph_create(&graph), LIMN_OK);
  limn_value x = limn_graph_leaf(graph, LIMN_ROLE_INPUT, "x", (limn_shape){8, 3, 10, 10}); /* 2400 */
  limn_value w = limn_graph_leaf(graph, PARAMETER, "w", (limn_shape){4, 3, 3, 3});         /* 108 */
  limn_value gamma = limn_graph_leaf(graph, PARAMETER, "gamma", LIMN_CHANNELS(4));         /* 4 */
  limn_value beta = limn_graph_leaf(graph, PARAMETER, "beta", LIMN_CHANNELS(4));           /* 4 */
  limn_value hyper = limn_graph_leaf(graph, LIMN_ROLE_INPUT, "hyper", LIMN_CHANNELS(4));   /* 4 */
  limn_value y = limn_graph_conv(graph, x, w, LIMN_NONE, (limn_conv_attrs){1, 1, 1, 1});   /* 3200 */
  limn_value z = limn_graph_batchnorm(graph, y, gamma, beta,
                                      (limn_batchnorm_attrs){.eps = 1e-5f, .groups = 1}); /* 3200, statistics 8 */
  limn_value relu = limn_graph_unary(graph, LIMN_PW_RELU, z, 0, 0), dw;
  limn_value loss = limn_graph_sum_all(graph, limn_graph_unary(graph, LIMN_PW_EXP, relu, 0, 0));
  cr_assert_eq(limn_graph_gradient(graph, loss, &w, 1, &dw), LIMN_OK, "%s", limn_error_message());
  limn_optimizer_inputs inputs = {.gradient = dw, .hyper = hyper, .scale = LIMN_NONE, .gate = LIMN_NONE};
  limn_graph_sgd(graph, w, LIMN_NONE, inputs, 0, 0);
  double forward = 2400 + 108 + 3200                  /* the convolution */
                   + 3200 + 4 + 4 + 3200 + 8;         /* batchnorm */
  double backward = 3200 + 8 + 4 + 3200 + 3200 + 3200 /* y, statistics, gamma, dz, relu; dy */
                    + 2400 + 3200 + 108;              /* the convolution's weights */
  double update = 2 * (108 + 4) + 4 * 108 + 6 * 108;  /* dw, hyper; w in; w and its copy out */
  cr_expect_float_eq(least_of(graph), 2 * (forward + backward) + update, 0.5, "%g, not %g", least_of(graph),
                     2 * (forward + backward) + update);
  limn_graph_destroy(graph);
}

/* A leaf that is assigned is written and not read; the function that makes the value is a neighbour's. */
Test(least_bytes, an_assigned_leaf) {
  limn_graph *graph = NULL;
  cr_assert_eq(limn_graph_create(&graph), LIMN_OK);
  limn_value x = limn_graph_leaf(graph, LIMN_ROLE_INPUT, "x", LIMN_CHANNELS(100));
  limn_value average = limn_graph_leaf(graph, LIMN_ROLE_OPTIMIZER, "average", LIMN_CHANNELS(100));
  limn_graph_assign(graph, average, limn_graph_affine(graph, x, 2, 1));
  cr_expect_float_eq(least_of(graph), 600, 0.5);
  limn_graph_destroy(graph);
}
