#include "train/code_losses.h"

#include <math.h>
#include <string.h>

static limn_value squared_norms(limn_graph *graph, limn_value x) {
  return limn_graph_sum(graph, limn_graph_unary(graph, LIMN_PW_SQUARE, x, 0, 0),
                        (limn_shape){limn_graph_shape(graph, x).n, 1, 1, 1});
}

/* By doubling: as many stacks as `times` has binary digits and ones. */
limn_value limn_repeat(limn_graph *graph, limn_value x, int times) {
  limn_value out = LIMN_NONE, power = x;
  for (int left = times; left > 0; left >>= 1) {
    if (left & 1)
      out = out == LIMN_NONE ? power : limn_graph_stack(graph, out, power);
    if (left > 1)
      power = limn_graph_stack(graph, power, power);
  }
  return out;
}

limn_value limn_log_prior_ratio(limn_graph *graph, limn_value z, limn_value epsilon, limn_value log_variance) {
  const int samples = limn_graph_shape(graph, z).n / limn_graph_shape(graph, log_variance).n;
  const limn_shape each = {limn_graph_shape(graph, log_variance).n, 1, 1, 1};
  limn_value squares = limn_graph_sub(graph, squared_norms(graph, epsilon), squared_norms(graph, z));
  limn_value deviations = limn_repeat(graph, limn_graph_sum(graph, log_variance, each), samples);
  return limn_graph_affine(graph, limn_graph_add(graph, squares, deviations), 0.5f, 0);
}

/* log(exp(x) + exp(y)), without overflow. */
static limn_value log_add(limn_graph *graph, limn_value x, limn_value y) {
  limn_value more = limn_graph_unary(graph, LIMN_PW_SOFTPLUS, limn_graph_sub(graph, y, x), 0, 0);
  return limn_graph_add(graph, x, more);
}

/* Halves are added to each other, so that there are log2 k rounds of pointwise ops and no sample is moved into a
 * channel of its own. */
limn_value limn_loss_importance(limn_graph *graph, limn_value log_weights, int samples) {
  const int pictures = limn_graph_shape(graph, log_weights).n / samples;
  limn_value odd = LIMN_NONE, sum = log_weights;
  for (int left = samples; left > 1; left /= 2) {
    const int half = left / 2 * pictures;
    if (left % 2) {
      limn_value last = limn_graph_rows(graph, sum, 2 * half, pictures);
      odd = odd == LIMN_NONE ? last : log_add(graph, odd, last);
    }
    sum = log_add(graph, limn_graph_rows(graph, sum, 0, half), limn_graph_rows(graph, sum, half, half));
  }
  if (odd != LIMN_NONE)
    sum = log_add(graph, sum, odd);
  return limn_graph_affine(graph, limn_graph_mean_all(graph, sum), -1, (float)log(samples));
}

/* The sum of k(a_i, b_j) over all i and j. */
static limn_value kernel_sum(limn_graph *graph, limn_value a, limn_value b) {
  static const float scales[] = {0.1f, 0.2f, 0.5f, 1, 2, 5, 10};
  const limn_shape shape = limn_graph_shape(graph, b);
  /* |b|^2 as a row: a product with ones does what a transpose would. */
  limn_value ones = limn_graph_fill(graph, (limn_shape){1, shape.c, 1, 1}, 1);
  limn_value columns = limn_graph_dense(graph, ones, limn_graph_unary(graph, LIMN_PW_SQUARE, b, 0, 0), LIMN_NONE);
  limn_value products = limn_graph_dense(graph, a, b, LIMN_NONE); /* (N, M, 1, 1) */
  limn_value distances = limn_graph_add(graph, limn_graph_affine(graph, products, -2, 0), squared_norms(graph, a));
  distances = limn_graph_add(graph, distances, columns);
  limn_value sum = LIMN_NONE;
  for (size_t i = 0; i < sizeof scales / sizeof *scales; ++i) { /* C / (C + d) = 1 / (1 + d / C) */
    const float over = 1 / (2 * scales[i] * (float)shape.c);
    limn_value kernel = limn_graph_unary(graph, LIMN_PW_RECIPROCAL, limn_graph_affine(graph, distances, over, 1), 0, 0);
    sum = sum == LIMN_NONE ? kernel : limn_graph_add(graph, sum, kernel);
  }
  return limn_graph_sum_all(graph, sum);
}

/* A code and itself are as alike as can be, 1 by each scale: N times that is left out of the sums within a set. */
limn_value limn_loss_mmd(limn_graph *graph, limn_value codes, limn_value prior) {
  const double n = limn_graph_shape(graph, codes).n, pairs = n * (n - 1), alike = 7 * n;
  limn_value within = limn_graph_add(graph, kernel_sum(graph, codes, codes), kernel_sum(graph, prior, prior));
  limn_value between = limn_graph_affine(graph, kernel_sum(graph, codes, prior), (float)(2 / (n * n)), 0);
  return limn_graph_sub(graph, limn_graph_affine(graph, within, (float)(1 / pairs), (float)(-2 * alike / pairs)),
                        between);
}

limn_value limn_loss_code_norm(limn_graph *graph, limn_value codes) {
  limn_value sum = limn_graph_sum_all(graph, limn_graph_unary(graph, LIMN_PW_SQUARE, codes, 0, 0));
  return limn_graph_affine(graph, sum, 0.5f / (float)limn_graph_shape(graph, codes).n, 0);
}

limn_value limn_loss_weight_norm(limn_graph *graph, const char *prefix, const char *but) {
  const size_t length = strlen(prefix);
  limn_value sum = LIMN_NONE;
  for (limn_value v = 0, count = limn_graph_count(graph); v < count; ++v) {
    const limn_node *n = limn_graph_node(graph, v);
    if (n->op != LIMN_OP_LEAF || n->role != LIMN_ROLE_PARAMETER || strncmp(n->name, prefix, length) != 0 ||
        strcmp(n->name, but) == 0)
      continue;
    limn_value squares = limn_graph_sum_all(graph, limn_graph_unary(graph, LIMN_PW_SQUARE, v, 0, 0));
    sum = sum == LIMN_NONE ? squares : limn_graph_add(graph, sum, squares);
  }
  return sum == LIMN_NONE ? limn_graph_fill(graph, LIMN_SCALAR, 0) : limn_graph_affine(graph, sum, 0.5f, 0);
}
