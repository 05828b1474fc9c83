#include "tolerance.h"

#include <math.h>

/* What devices/cpu/winograd.c takes, and more; an upper bound does no harm to a small case. */
static bool may_be_winograd(const limn_graph *graph, const limn_node *node) {
  if (node->op != LIMN_OP_CONV && node->op != LIMN_OP_CONV_DX && node->op != LIMN_OP_CONV_DW)
    return false;
  limn_shape w = node->op == LIMN_OP_CONV_DW ? node->shape : limn_graph_shape(graph, node->inputs[1]);
  return w.h == 4 && w.w == 4 && node->conv.stride_h == 2 && w.n % 32 == 0 && w.c % 32 == 0;
}

/* What devices/cpu/unit_winograd.c takes, and more. */
static bool may_be_unit_winograd(const limn_graph *graph, const limn_node *node) {
  if (node->op != LIMN_OP_CONV)
    return false;
  const limn_shape w = limn_graph_shape(graph, node->inputs[1]);
  return w.h * w.w > 1 && node->conv.stride_h == 1 && node->conv.stride_w == 1 && w.n % 16 == 0 && w.c >= 32;
}

/* What the roundings of a convolution count for, where its device has engines for Winograd's way of that factor. Of
 * those of stride 1, 7x1 behind a sigmoid, which shows absolute errors, comes to 4.7, and 3x3 to less than 1. */
static double convolution_factor(const limn_graph *graph, const limn_node *node, double winograd) {
  return may_be_winograd(graph, node) ? winograd : may_be_unit_winograd(graph, node) ? fmin(winograd, 6) : 1;
}

/* K: how many terms make one element of the node's value. */
static double reduction_length(const limn_graph *graph, const limn_node *node) {
  limn_shape a = node->input_count > 0 ? limn_graph_shape(graph, node->inputs[0]) : LIMN_SCALAR;
  limn_shape b = node->input_count > 1 ? limn_graph_shape(graph, node->inputs[1]) : LIMN_SCALAR;
  switch (node->op) {
  case LIMN_OP_CONV:
    return (double)b.c * b.h * b.w;
  case LIMN_OP_CONV_DX:
    return (double)b.n / limn_conv_groups(node->conv) * b.h * b.w;
  case LIMN_OP_CONV_DW:
    return (double)b.n * b.h * b.w;
  case LIMN_OP_BATCHNORM:
  case LIMN_OP_BATCHNORM_BACKWARD:
  case LIMN_OP_BATCHNORM_DGAMMA:
  case LIMN_OP_UPDATE_RUNNING:
    return (double)a.n * a.h * a.w;
  case LIMN_OP_AVG_POOL:
  case LIMN_OP_AVG_POOL_DX:
    return (double)node->pool.window_h * node->pool.window_w;
  case LIMN_OP_RESAMPLE:
  case LIMN_OP_RESAMPLE_DX: /* four pixels make one; what one goes to is as many more as the picture is larger */
    return 4 * fmax((double)limn_shape_count(a) / (double)limn_shape_count(node->shape), 1);
  case LIMN_OP_LOG_SUM_EXP: /* what a score of 100 has lost behind the point, exp makes a relative error of */
    return 64.0 * a.c;
  case LIMN_OP_SUM:
    return (double)limn_shape_count(a) / (double)limn_shape_count(node->shape);
  default:
    return 1;
  }
}

void tolerance_advance(const limn_graph *graph, double winograd, double *units) {
  for (limn_value v = 0; v < limn_graph_count(graph); ++v) {
    const limn_node *node = limn_graph_node(graph, v);
    if (node->op == LIMN_OP_LEAF)
      continue;
    double worst = 0;
    for (int i = 0; i < node->input_count; ++i)
      worst = fmax(worst, units[node->inputs[i]]);
    for (int i = 0; i < node->target_count; ++i)
      worst = fmax(worst, units[node->targets[i]]);
    worst += convolution_factor(graph, node, winograd) * sqrt(reduction_length(graph, node));
    units[v] = worst;
    for (int i = 0; i < node->target_count; ++i)
      units[node->targets[i]] = worst;
  }
}

#define NOTHING 1e-35

static bool same_class(double d, double r) { return isnan(r) ? isnan(d) : isinf(r) ? d == r : isfinite(d); }

double tolerance_error(const float *device, const double *reference, int64_t count) {
  double error = 0, scale = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (!same_class(device[i], reference[i]))
      return INFINITY;
    if (!isfinite(reference[i]))
      continue;
    error = fmax(error, fabs((double)device[i] - reference[i]));
    scale = fmax(scale, fabs(reference[i]));
  }
  /* Devices flush denormals, and a fused ReLU may have the smallest float as its slope: so little is nothing. */
  return error < NOTHING ? 0 : error / scale;
}

double tolerance_rounding(const float *device, const double *reference, int64_t count) {
  double worst = 0;
  for (int64_t i = 0; i < count; ++i) {
    float nearest = fabsf((float)reference[i]);
    double unit = (double)nextafterf(nearest, INFINITY) - (double)nearest;
    if (!same_class(device[i], reference[i]))
      return INFINITY;
    if (isfinite(reference[i]))
      worst = fmax(worst, fabs((double)device[i] - reference[i]) / unit);
  }
  return worst;
}
