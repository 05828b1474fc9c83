/* Batch normalisation. */
#include "cases.h"
#include "graph/node.h"

#define EPS 1e-5f

typedef enum norm_tail { NORM_PLAIN, NORM_RELU, NORM_LEAKY } norm_tail;

static limn_value add_tail(limn_graph *graph, limn_value y, int tail) {
  if (tail == NORM_RELU)
    return limn_graph_unary(graph, LIMN_PW_RELU, y, 0, 0);
  if (tail == NORM_LEAKY)
    return limn_graph_unary(graph, LIMN_PW_LEAKY_RELU, y, 0.2f, 0);
  return y;
}

static limn_batchnorm_attrs attrs_of(const op_case *c) {
  return (limn_batchnorm_attrs){.eps = EPS, .momentum = 0.1f, .groups = c->groups};
}

static limn_value add_norm(case_graph *g, const op_case *c, limn_value x) {
  limn_shape channels = LIMN_CHANNELS(limn_graph_shape(g->graph, x).c);
  limn_value gamma = case_parameter(g, "gamma", channels, RANGE_POSITIVE);
  limn_value beta = case_parameter(g, "beta", channels, RANGE_SIGNED);
  return limn_graph_batchnorm(g->graph, x, gamma, beta, attrs_of(c));
}

static void build_train(case_graph *g, const op_case *c) {
  limn_value x = case_input(g, "x", c->x, RANGE_SIGNED);
  case_output(g, add_tail(g->graph, add_norm(g, c, x), c->variant));
}

/* A mean far from 0: a one-pass variance would lose its digits here. */
static void build_shifted(case_graph *g, const op_case *c) {
  limn_value x = limn_graph_affine(g->graph, case_input(g, "x", c->x, RANGE_SIGNED), 1, 8);
  case_output(g, add_norm(g, c, x));
}

/* The same input normalised twice, one result times the other: gradients add up in x. */
static void build_pair(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_value x = case_input(g, "x", c->x, RANGE_SIGNED), y = add_norm(g, c, x);
  limn_value gamma = case_parameter(g, "gamma2", LIMN_CHANNELS(c->x.c), RANGE_POSITIVE);
  limn_value beta = case_parameter(g, "beta2", LIMN_CHANNELS(c->x.c), RANGE_SIGNED);
  limn_value scaled = limn_graph_mul(graph, x, y);
  case_output(g, limn_graph_mul(graph, y, limn_graph_batchnorm(graph, scaled, gamma, beta, attrs_of(c))));
}

/* Two normalisations of one input, added: the activation's gradient is summed over channels for both betas, and one
 * gamma and the input want no gradient. */
static void build_sum_of_two(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_shape channels = LIMN_CHANNELS(c->x.c);
  limn_value x = case_leaf_of(g, LIMN_ROLE_INPUT, "x", c->x, RANGE_SIGNED, false);
  limn_value gamma1 = case_leaf_of(g, LIMN_ROLE_BUFFER, "gamma1", channels, RANGE_POSITIVE, false);
  limn_value beta1 = case_parameter(g, "beta1", channels, RANGE_SIGNED);
  limn_value gamma2 = case_parameter(g, "gamma2", channels, RANGE_POSITIVE);
  limn_value beta2 = case_parameter(g, "beta2", channels, RANGE_SIGNED);
  limn_value first = limn_graph_batchnorm(graph, x, gamma1, beta1, attrs_of(c));
  limn_value second = limn_graph_batchnorm(graph, x, gamma2, beta2, attrs_of(c));
  case_output(g, limn_graph_unary(graph, LIMN_PW_RELU, limn_graph_add(graph, first, second), 0, 0));
}

/* One input normalised as a whole and in groups, each with running statistics: none may have the other's. */
static void build_two_groupings(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_shape channels = LIMN_CHANNELS(c->x.c);
  op_case whole = *c;
  whole.groups = 1;
  limn_value x = case_input(g, "x", c->x, RANGE_SIGNED), y = add_norm(g, c, x);
  limn_value mean = case_leaf_of(g, LIMN_ROLE_BUFFER, "mean", channels, RANGE_SIGNED, false);
  limn_value variance = case_leaf_of(g, LIMN_ROLE_BUFFER, "variance", channels, RANGE_POSITIVE, false);
  limn_graph_update_running(graph, x, mean, variance, LIMN_NONE, attrs_of(&whole));
  limn_value gamma = case_parameter(g, "gamma2", channels, RANGE_POSITIVE);
  limn_value beta = case_parameter(g, "beta2", channels, RANGE_SIGNED);
  limn_value z = limn_graph_batchnorm(graph, x, gamma, beta, attrs_of(&whole));
  limn_graph_update_running(graph, x, mean, variance, LIMN_NONE, attrs_of(c));
  case_output(g, limn_graph_unary(graph, LIMN_PW_RELU, limn_graph_add(graph, y, z), 0, 0));
}

/* D's way: two batches put together, a convolution, a normalisation of each half. */
static void build_joint(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_shape half = c->x;
  half.n /= 2;
  limn_value a = case_input(g, "a", half, RANGE_SIGNED);
  limn_value b = limn_graph_unary(graph, LIMN_PW_TANH, case_input(g, "b", half, RANGE_SIGNED), 0, 0);
  limn_value w = case_parameter(g, "w", c->w, RANGE_SIGNED);
  limn_value features = limn_graph_conv(graph, limn_graph_stack(graph, a, b), w, LIMN_NONE, c->conv);
  case_output(g, add_tail(graph, add_norm(g, c, features), c->variant));
}

/* A leaf that is written between its normalisation and its running statistics, which are of the new values. */
static void build_rewritten(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_shape channels = LIMN_CHANNELS(c->x.c);
  limn_value x = case_leaf_of(g, LIMN_ROLE_BUFFER, "x", c->x, RANGE_SIGNED, false);
  limn_value gamma = case_leaf_of(g, LIMN_ROLE_BUFFER, "gamma", channels, RANGE_SIGNED, false);
  limn_value beta = case_leaf_of(g, LIMN_ROLE_BUFFER, "beta", channels, RANGE_SIGNED, false);
  limn_value mean = case_leaf_of(g, LIMN_ROLE_BUFFER, "mean", channels, RANGE_SIGNED, false);
  limn_value variance = case_leaf_of(g, LIMN_ROLE_BUFFER, "variance", channels, RANGE_POSITIVE, false);
  case_output(g, limn_graph_batchnorm(graph, x, gamma, beta, attrs_of(c)));
  limn_graph_assign(graph, x, limn_graph_affine(graph, x, 2, 3));
  limn_graph_update_running(graph, x, mean, variance, LIMN_NONE, attrs_of(c));
}

/* A layer of DCGAN's discriminator, or of its generator with the transposed convolution. */
static void build_layer(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  bool up = c->variant == NORM_RELU;
  limn_value input = case_input(g, "input", up ? c->y : c->x, RANGE_SIGNED);
  limn_value w = case_parameter(g, "w", c->w, RANGE_SIGNED);
  limn_value features = up ? limn_graph_conv_dx(graph, input, w, LIMN_NONE, c->conv, c->x)
                           : limn_graph_conv(graph, input, w, LIMN_NONE, c->conv);
  case_output(g, add_tail(graph, add_norm(g, c, features), c->variant));
}

static void build_inference(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_shape channels = LIMN_CHANNELS(c->x.c);
  limn_value x = case_input(g, "x", c->x, RANGE_SIGNED);
  limn_value gamma = case_parameter(g, "gamma", channels, RANGE_SIGNED);
  limn_value beta = case_parameter(g, "beta", channels, RANGE_SIGNED);
  limn_value mean = case_leaf_of(g, LIMN_ROLE_BUFFER, "mean", channels, RANGE_SIGNED, false);
  limn_value variance = case_leaf_of(g, LIMN_ROLE_BUFFER, "variance", channels, RANGE_POSITIVE, false);
  limn_value y = limn_graph_batchnorm_inference(graph, x, gamma, beta, mean, variance, EPS);
  case_output(g, add_tail(graph, y, c->variant));
}

/* alpha is the gate's value, below 0 for none. */
static void build_running(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_shape channels = LIMN_CHANNELS(c->x.c);
  limn_value x = case_leaf_of(g, LIMN_ROLE_INPUT, "x", c->x, c->range, c->variant != 0), gate = LIMN_NONE;
  limn_value mean = case_leaf_of(g, LIMN_ROLE_BUFFER, "mean", channels, RANGE_SIGNED, false);
  limn_value variance = case_leaf_of(g, LIMN_ROLE_BUFFER, "variance", channels, RANGE_POSITIVE, false);
  if (c->alpha >= 0)
    gate = case_fixed(g, LIMN_ROLE_BUFFER, "gate", LIMN_SCALAR, (const float[4]){c->alpha});
  if (c->variant) /* together with the normalisation, which may have the same statistics at hand */
    case_output(g, add_norm(g, c, x));
  limn_graph_update_running(graph, x, mean, variance, gate, attrs_of(c));
  if (!c->variant) /* added later, so it reads the new value; no gradient flows through an update */
    case_output(g, limn_graph_affine(graph, mean, 1, 0));
}

/* With ReLU behind it, and running statistics of the same x. beta is small: no element comes near the kink at 0. */
static void build_with_running(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_shape channels = LIMN_CHANNELS(c->x.c);
  const bool finite = c->range != RANGE_NOT_FINITE;
  limn_value x = case_leaf_of(g, LIMN_ROLE_INPUT, "x", c->x, c->range, finite);
  limn_value gamma = case_leaf_of(g, LIMN_ROLE_PARAMETER, "gamma", channels, RANGE_POSITIVE, finite);
  limn_value beta = case_fixed(g, LIMN_ROLE_PARAMETER, "beta", channels, (const float[4]){0.1f, -0.05f, 0, -0.1f});
  limn_value mean = case_leaf_of(g, LIMN_ROLE_BUFFER, "mean", channels, RANGE_SIGNED, false);
  limn_value variance = case_leaf_of(g, LIMN_ROLE_BUFFER, "variance", channels, RANGE_POSITIVE, false);
  case_output(g, limn_graph_unary(graph, LIMN_PW_RELU, limn_graph_batchnorm(graph, x, gamma, beta, attrs_of(c)), 0, 0));
  limn_graph_update_running(graph, x, mean, variance, LIMN_NONE, attrs_of(c));
}

/* More rows than one launch of the CUDA device's own kernels takes: a plan of cuDNN's does them where it can (multiples
 * of 8 channels). A NaN or an infinity makes the whole channel NaN, and the ReLU leaves that. */
static void add_many_rows(case_table *table) {
  for (int32_t channels = 7; channels <= 8; ++channels) {
    op_case row = {
        .build = build_with_running, .x = {17, channels, 32, 32}, .range = RANGE_OFF_ZERO, .flags = CASE_NO_SECOND};
    case_add(table, row, "batchnorm/17x%dx32x32-relu-running", channels);
    row.range = RANGE_NOT_FINITE;
    case_add(table, row, "batchnorm/17x%dx32x32-relu-not-finite", channels);
  }
}

/* The gradient of batch normalisation at dy = x, as an op: one value is two of its inputs. */
static void build_backward_of_itself(case_graph *g, const op_case *c) {
  limn_value x = case_input(g, "x", c->x, RANGE_SIGNED),
             gamma = case_parameter(g, "gamma", LIMN_CHANNELS(c->x.c), RANGE_POSITIVE);
  case_output(g, limn_graph_append(g->graph, &(limn_node){.op = LIMN_OP_BATCHNORM_BACKWARD,
                                                          .input_count = 3,
                                                          .inputs = {x, gamma, x},
                                                          .alpha = 0.5F, /* else it nearly cancels */
                                                          .groups = 2}));
  case_output(g, limn_graph_append(g->graph, &(limn_node){.op = LIMN_OP_BATCHNORM_DGAMMA,
                                                          .input_count = 2,
                                                          .inputs = {x, x},
                                                          .alpha = 0.5F, /* else it nearly cancels */
                                                          .groups = 2}));
}

static void add_running(case_table *table) {
  static const limn_shape shapes[] = {{2, 3, 5, 7}, {4, 20, 1, 1}, {1, 16, 5, 7}};
  static const float gates[] = {-1, 0, 1};
  for (int i = 0; i < 3; ++i)
    for (int gate = 0; gate < 3; ++gate)
      for (int shared = 0; shared < 2; ++shared) {
        limn_shape s = shapes[i];
        op_case row = {.build = build_running, .x = s, .alpha = gates[gate], .variant = shared};
        case_add(table, row, "update_running/%dx%dx%dx%d-%s%s", s.n, s.c, s.h, s.w,
                 gate == 0   ? "no-gate"
                 : gate == 1 ? "open"
                             : "shut",
                 shared ? "-normalised" : "");
      }
  for (int32_t groups = 2; groups <= 3; ++groups)
    for (int shared = 0; shared < 2; ++shared) {
      limn_shape s = {6, groups == 2 ? 3 : 20, 3, 5};
      case_add(table, (op_case){.build = build_running, .x = s, .alpha = 0, .variant = shared, .groups = groups},
               "update_running/%dx%dx%dx%d-groups%d%s", s.n, s.c, s.h, s.w, groups, shared ? "-normalised" : "");
    }
  case_add(table,
           (op_case){.build = build_running, .x = {4, 3, 5, 7}, .alpha = 0, .range = RANGE_NOT_FINITE, .groups = 2},
           "update_running/not-finite-groups2");
  case_add(table,
           (op_case){.build = build_running, .x = {2, 3, 5, 7}, .alpha = 0, .range = RANGE_NOT_FINITE, .variant = 0},
           "update_running/not-finite");
}

static void add_groups(case_table *table) {
  static const struct {
    limn_shape x;
    int32_t groups;
  } rows[] = {{{4, 3, 5, 7}, 2}, {{2, 16, 5, 7}, 2}, {{12, 20, 1, 1}, 3},
              {{6, 1, 3, 3}, 3}, {{6, 32, 4, 4}, 2}, {{4, 1, 2, 2}, 2}};
  static const char *const tails[] = {"", "-relu", "-leaky"};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i) {
    limn_shape s = rows[i].x;
    op_case row = {.x = s, .groups = rows[i].groups};
    row.build = build_train;
    for (row.variant = NORM_PLAIN; row.variant <= NORM_LEAKY; ++row.variant)
      case_add(table, row, "batchnorm/%dx%dx%dx%d-groups%d%s", s.n, s.c, s.h, s.w, row.groups, tails[row.variant]);
    row.build = build_two_groupings;
    case_add(table, row, "batchnorm/%dx%dx%dx%d-groups%d-and-whole", s.n, s.c, s.h, s.w, row.groups);
    row.build = build_sum_of_two;
    case_add(table, row, "batchnorm/%dx%dx%dx%d-groups%d-sum-of-two", s.n, s.c, s.h, s.w, row.groups);
  }
  for (int tail = NORM_PLAIN; tail <= NORM_LEAKY; ++tail) {
    op_case row = {.build = build_joint,
                   .x = {4, 3, 8, 8},
                   .w = {16, 3, 4, 4},
                   .conv = {2, 2, 1, 1},
                   .variant = tail,
                   .groups = 2};
    case_add(table, row, "batchnorm/joint%s", tails[tail]);
  }
}

void cases_add_norm(case_table *table) {
  static const limn_shape shapes[] = {{2, 3, 5, 7},  {1, 16, 5, 7}, {4, 20, 1, 1},
                                      {2, 32, 4, 4}, {8, 1, 3, 3},  {3, 20, 5, 7}};
  static const char *const tails[] = {"", "-relu", "-leaky"};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; ++i) {
    limn_shape s = shapes[i];
    for (int tail = NORM_PLAIN; tail <= NORM_LEAKY; ++tail) {
      case_add(table, (op_case){.build = build_train, .x = s, .variant = tail}, "batchnorm/%dx%dx%dx%d%s", s.n, s.c,
               s.h, s.w, tails[tail]);
      case_add(table, (op_case){.build = build_inference, .x = s, .variant = tail}, "batchnorm_inference/%dx%dx%dx%d%s",
               s.n, s.c, s.h, s.w, tails[tail]);
    }
    case_add(table, (op_case){.build = build_shifted, .x = s}, "batchnorm/%dx%dx%dx%d-shifted", s.n, s.c, s.h, s.w);
    case_add(table, (op_case){.build = build_sum_of_two, .x = s}, "batchnorm/%dx%dx%dx%d-sum-of-two", s.n, s.c, s.h,
             s.w);
    case_add(table, (op_case){.build = build_rewritten, .x = s}, "batchnorm/%dx%dx%dx%d-rewritten", s.n, s.c, s.h, s.w);
    case_add(table, (op_case){.build = build_pair, .x = s}, "batchnorm/%dx%dx%dx%d-pair", s.n, s.c, s.h, s.w);
  }
  for (int32_t channels = 16; channels <= 20; channels += 4)
    for (int tail = NORM_PLAIN; tail <= NORM_LEAKY; ++tail) {
      op_case row = {.build = build_layer,
                     .x = {2, channels, 8, 8},
                     .w = {32, channels, 4, 4},
                     .y = {2, 32, 4, 4},
                     .conv = {2, 2, 1, 1},
                     .variant = tail};
      case_add(table, row, "batchnorm/layer-%d-channels%s", channels, tails[tail]);
    }
  case_add(table, (op_case){.build = build_backward_of_itself, .x = {4, 3, 5, 7}}, "batchnorm/backward-of-itself");
  add_running(table);
  add_groups(table);
  add_many_rows(table);
}
