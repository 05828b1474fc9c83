/* The losses of train/code_losses.h as training differentiates them. What they come to is held to PyTorch in
 * tests/unit/pytorch_codes.c. */
#include "train/code_losses.h"

#include "cases.h"
#include "models/likelihood.h"

/* `variant` samples of each of x's codes, with what a decoder would say of them. */
static void build_importance(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_shape all = c->x;
  all.n *= c->variant;
  limn_value mu = case_input(g, "mu", c->x, RANGE_SIGNED), s = case_input(g, "log_variance", c->x, RANGE_SIGNED);
  limn_value explained = case_input(g, "explained", (limn_shape){all.n, 1, 1, 1}, RANGE_SIGNED);
  limn_value epsilon = limn_graph_normal(graph, all, 1);
  limn_value z =
      limn_reparameterize(graph, limn_repeat(graph, mu, c->variant), limn_repeat(graph, s, c->variant), epsilon);
  limn_value weights = limn_graph_add(graph, explained, limn_log_prior_ratio(graph, z, epsilon, s));
  case_output(g, limn_loss_importance(graph, weights, c->variant));
}

static void build_mmd(case_graph *g, const op_case *c) {
  limn_value codes = case_input(g, "codes", c->x, RANGE_SIGNED);
  case_output(g, limn_loss_mmd(g->graph, codes, limn_graph_normal(g->graph, c->x, 1)));
}

static void build_norms(case_graph *g, const op_case *c) {
  limn_value codes = case_input(g, "codes", c->x, RANGE_SIGNED);
  case_parameter(g, "decoder.weight", (limn_shape){3, 5, 2, 2}, RANGE_SIGNED);
  case_parameter(g, "decoder.bias", LIMN_CHANNELS(5), RANGE_SIGNED);
  case_parameter(g, "decoder.logvar", LIMN_SCALAR, RANGE_SIGNED);
  limn_value weights = limn_loss_weight_norm(g->graph, "decoder.", "decoder.logvar");
  case_output(g, limn_graph_add(g->graph, limn_loss_code_norm(g->graph, codes), weights));
}

void cases_add_codes(case_table *table) {
  static const int samples[] = {1, 2, 5, 8, 11};
  static const limn_shape shapes[] = {{2, 3, 1, 1}, {4, 16, 1, 1}, {7, 20, 1, 1}};
  for (int i = 0; i < 3; ++i) {
    const limn_shape s = shapes[i];
    for (size_t k = 0; k < sizeof samples / sizeof *samples; ++k)
      case_add(table, (op_case){.build = build_importance, .x = s, .step = 3, .variant = samples[k]},
               "codes/importance-%d-of-%dx%d", samples[k], s.n, s.c);
    case_add(table, (op_case){.build = build_mmd, .x = s, .step = 3}, "codes/mmd-%dx%d", s.n, s.c);
    case_add(table, (op_case){.build = build_norms, .x = s, .step = 3}, "codes/norms-%dx%d", s.n, s.c);
  }
}
