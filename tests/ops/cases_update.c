/* Ops that write leaves: optimisers, assignments, the gate and the ring of metrics; and the order that they stand in.
 */
#include <math.h>

#include "cases.h"

typedef enum optimizer { SGD_PLAIN, SGD_MOMENTUM, ADAM, ADAMW } optimizer;
typedef enum guard { GUARD_NONE, GUARD_SCALE, GUARD_OPEN, GUARD_SHUT } guard;

/* Adam's third step: (lr, 1 - beta1^3, 1 - beta2^3, what is added to beta2). The rate is large, so that an update shows
 * beside its weight; beta2 is far from its attribute, for the same reason. */
static const float hyper_values[4] = {0.5f, 1 - 0.125f, 1 - 0.997002999f, -0.25f};

static limn_value state(case_graph *g, limn_role role, const char *name, limn_shape shape, case_range range) {
  return case_leaf_of(g, role, name, shape, range, false);
}

static void add_optimizer(case_graph *g, const op_case *c, limn_value w, limn_value gradient, guard guarded) {
  limn_graph *graph = g->graph;
  limn_shape s = limn_graph_shape(graph, w);
  limn_optimizer_inputs inputs = {gradient, case_fixed(g, LIMN_ROLE_INPUT, "hyper", LIMN_CHANNELS(4), hyper_values),
                                  LIMN_NONE, LIMN_NONE};
  if (guarded != GUARD_NONE)
    inputs.scale = case_fixed(g, LIMN_ROLE_INPUT, "scale", LIMN_SCALAR, (const float[4]){0.25f});
  if (guarded == GUARD_OPEN || guarded == GUARD_SHUT)
    inputs.gate = case_fixed(g, LIMN_ROLE_OPTIMIZER, "gate", LIMN_SCALAR, (const float[4]){guarded == GUARD_SHUT});
  if (c->variant == SGD_PLAIN) {
    limn_graph_sgd(graph, w, LIMN_NONE, inputs, 0, c->alpha);
  } else if (c->variant == SGD_MOMENTUM) {
    limn_value buffer = state(g, LIMN_ROLE_OPTIMIZER, "buffer", s, RANGE_SIGNED);
    limn_graph_sgd(graph, w, buffer, inputs, 0.9f, c->alpha);
  } else {
    limn_value m = state(g, LIMN_ROLE_OPTIMIZER, "m", s, RANGE_SIGNED);
    limn_value v = state(g, LIMN_ROLE_OPTIMIZER, "v", s, RANGE_POSITIVE);
    limn_adam_attrs attrs = {
        .beta1 = 0.5f, .beta2 = 0.999f, .weight_decay = c->alpha, .decoupled = c->variant == ADAMW};
    attrs.eps = c->alpha == 0 ? 0.25f : 1e-8f; /* a large one shows where it stands in the formula */
    limn_graph_adam(graph, w, m, v, inputs, attrs);
  }
}

static void build_optimizer(case_graph *g, const op_case *c) {
  limn_value w = state(g, LIMN_ROLE_PARAMETER, "w", c->w, RANGE_SIGNED);
  add_optimizer(g, c, w, state(g, LIMN_ROLE_INPUT, "gradient", c->w, RANGE_SIGNED), (guard)c->beta);
}

/* Adam's first step from moments of 0, on gradients down to 0: 0 / (0 + eps) is 0. */
static void build_first_step(case_graph *g, const op_case *c) {
  static const float first[4] = {0.01f, 0.5f, 0.001f, 0}, zeros[4] = {0};
  static const float gradients[4] = {1e-3f, -2, 0, 1e-12f};
  limn_optimizer_inputs inputs = {case_fixed(g, LIMN_ROLE_INPUT, "gradient", c->w, gradients),
                                  case_fixed(g, LIMN_ROLE_INPUT, "hyper", LIMN_CHANNELS(4), first), LIMN_NONE,
                                  LIMN_NONE};
  limn_value w = state(g, LIMN_ROLE_PARAMETER, "w", c->w, RANGE_SIGNED);
  limn_value m = case_fixed(g, LIMN_ROLE_OPTIMIZER, "m", c->w, zeros);
  limn_value v = case_fixed(g, LIMN_ROLE_OPTIMIZER, "v", c->w, zeros);
  limn_adam_attrs attrs = {.beta1 = 0.5f, .beta2 = 0.999f, .eps = 1e-8f};
  limn_graph_adam(g->graph, w, m, v, inputs, attrs);
}

/* Forward, backward, update, and forward again with the weights that the update left. */
static void build_train_step(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_value x = state(g, LIMN_ROLE_INPUT, "x", c->x, RANGE_SIGNED), gradient;
  limn_value w = state(g, LIMN_ROLE_PARAMETER, "w", c->w, RANGE_SIGNED);
  limn_value before = limn_graph_conv(graph, x, w, LIMN_NONE, c->conv);
  limn_value loss = limn_graph_mean_all(graph, limn_graph_unary(graph, LIMN_PW_SQUARE, before, 0, 0));
  g->status = limn_graph_gradient(graph, loss, &w, 1, &gradient);
  if (g->status != LIMN_OK)
    return;
  add_optimizer(g, c, w, gradient, GUARD_OPEN);
  case_output(g, before);
  case_output(g, limn_graph_conv(graph, x, w, LIMN_NONE, c->conv));
}

/* Both values of one leaf are read: around an update that sits between them. */
static void build_around(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_value w = state(g, LIMN_ROLE_PARAMETER, "w", c->w, RANGE_SIGNED);
  limn_value before = limn_graph_affine(graph, w, 2, 0);
  add_optimizer(g, c, w, before, GUARD_SCALE);
  case_output(g, before);
  case_output(g, limn_graph_affine(graph, w, 2, 0));
  case_output(g, w);
}

static void build_stale(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_value x = state(g, LIMN_ROLE_INPUT, "x", c->x, RANGE_SIGNED), gradient;
  limn_value w = state(g, LIMN_ROLE_PARAMETER, "w", c->w, RANGE_SIGNED);
  limn_value y = limn_graph_sum_all(graph, limn_graph_conv(graph, x, w, LIMN_NONE, c->conv));
  limn_graph_assign(graph, w, limn_graph_fill(graph, c->w, 1));
  g->status = limn_graph_gradient(graph, y, &x, 1, &gradient);
}

static void build_assign(case_graph *g, const op_case *c) {
  limn_value value = state(g, c->role, "value", c->w, RANGE_SIGNED);
  limn_value target = state(g, (limn_role)c->variant, "target", c->w, RANGE_SIGNED);
  limn_graph_assign(g->graph, target, value);
}

/* average += (1 - gate) rate (w - average), as a training adds it, for a value in each leaf's own layout. alpha: the
 * rate, which the host gives; beta: the gate. */
static void build_average(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_value w = state(g, LIMN_ROLE_PARAMETER, "w", c->w, RANGE_SIGNED);
  limn_value average = state(g, LIMN_ROLE_OPTIMIZER, "average", c->w, RANGE_SIGNED);
  limn_value rate = case_fixed(g, LIMN_ROLE_INPUT, "rate", LIMN_SCALAR, (const float[4]){c->alpha});
  limn_value gate = case_fixed(g, LIMN_ROLE_OUTPUT, "gate", LIMN_SCALAR, (const float[4]){c->beta});
  rate = limn_graph_mul(graph, limn_graph_affine(graph, gate, -1, 1), rate);
  limn_value moved = limn_graph_mul(graph, limn_graph_sub(graph, w, average), rate);
  limn_graph_assign(graph, average, limn_graph_add(graph, average, moved));
}

/* Two leaves exchange their contents: values are taken when their node runs, not when they are written. */
static void build_swap(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_value a = state(g, LIMN_ROLE_BUFFER, "a", c->w, RANGE_SIGNED);
  limn_value b = state(g, LIMN_ROLE_BUFFER, "b", c->w, RANGE_SIGNED);
  limn_value copy = limn_graph_affine(graph, a, 1, 0);
  limn_graph_assign(graph, a, b);
  limn_graph_assign(graph, b, copy);
}

/* alpha: the scalar that is looked at; beta: what the gate was before. The optimiser behind it must obey. */
/* Updates side by side of which one reads what the next one writes: a device that makes one launch of them has to see
 * that. Variant 0: the gradient of a is b itself; 1: both share their momentum. Large, so that many blocks take part.
 */
static void build_neighbours(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_value a = state(g, LIMN_ROLE_PARAMETER, "a", c->w, RANGE_SIGNED);
  limn_value b = state(g, LIMN_ROLE_PARAMETER, "b", c->w, RANGE_SIGNED);
  limn_value gradient = state(g, LIMN_ROLE_INPUT, "gradient", c->w, RANGE_SIGNED);
  limn_value shared = c->variant ? state(g, LIMN_ROLE_OPTIMIZER, "shared", c->w, RANGE_SIGNED) : LIMN_NONE;
  limn_optimizer_inputs inputs = {c->variant ? gradient : b,
                                  case_fixed(g, LIMN_ROLE_INPUT, "hyper", LIMN_CHANNELS(4), hyper_values), LIMN_NONE,
                                  LIMN_NONE};
  limn_graph_sgd(graph, a, shared, inputs, c->variant ? 0.9f : 0, 0);
  inputs.gradient = gradient;
  limn_graph_sgd(graph, b, shared, inputs, c->variant ? 0.9f : 0, 0);
}

/* The second record reads what the first has written; the third writes over the second. */
static void build_record_chain(case_graph *g, const op_case *c) {
  limn_value first = limn_graph_leaf(g->graph, LIMN_ROLE_OUTPUT, "first", LIMN_SCALAR);
  limn_value second = limn_graph_leaf(g->graph, LIMN_ROLE_OUTPUT, "second", LIMN_SCALAR);
  limn_value x = case_leaf_of(g, LIMN_ROLE_INPUT, "x", LIMN_SCALAR, RANGE_SIGNED, false);
  limn_value y = case_leaf_of(g, LIMN_ROLE_INPUT, "y", LIMN_SCALAR, RANGE_SIGNED, false);
  limn_graph_record(g->graph, first, 0, x);
  limn_graph_record(g->graph, second, 0, first);
  if (c->variant)
    limn_graph_record(g->graph, second, 0, y);
}

static void build_latch(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_value scalar = case_fixed(g, LIMN_ROLE_INPUT, "scalar", LIMN_SCALAR, (const float[4]){c->alpha});
  limn_value gate = case_fixed(g, LIMN_ROLE_OPTIMIZER, "gate", LIMN_SCALAR, (const float[4]){c->beta});
  limn_value hyper = case_fixed(g, LIMN_ROLE_INPUT, "hyper", LIMN_CHANNELS(4), hyper_values);
  limn_value w = state(g, LIMN_ROLE_PARAMETER, "w", c->w, RANGE_SIGNED);
  limn_value gradient = state(g, LIMN_ROLE_INPUT, "gradient", c->w, RANGE_SIGNED);
  limn_graph_latch(graph, gate, scalar);
  limn_optimizer_inputs inputs = {gradient, hyper, limn_graph_fill(graph, LIMN_SCALAR, 1), gate};
  limn_graph_sgd(graph, w, LIMN_NONE, inputs, 0, 0);
}

static void build_record(case_graph *g, const op_case *c) {
  limn_graph *graph = g->graph;
  limn_value ring = state(g, LIMN_ROLE_OUTPUT, "ring", c->x, RANGE_SIGNED);
  limn_value x = state(g, LIMN_ROLE_INPUT, "x", (limn_shape){2, 3, 5, 7}, RANGE_SIGNED);
  limn_graph_record(graph, ring, 0, limn_graph_mean_all(graph, limn_graph_unary(graph, LIMN_PW_SQUARE, x, 0, 0)));
  limn_graph_record(graph, ring, c->x.c - 1, limn_graph_fill(graph, LIMN_SCALAR, 4.5f));
}

static void add_optimizers(case_table *table) {
  static const char *const names[] = {"sgd", "sgd-momentum", "adam", "adamw"};
  static const char *const guards[] = {"", "-scaled", "-open", "-shut"};
  static const limn_shape weights[] = {{20, 16, 3, 3}, {1, 20, 1, 1}, {64, 3, 4, 4}, {1, 1, 1, 1}, {16, 100, 1, 1}};
  for (int kind = SGD_PLAIN; kind <= ADAMW; ++kind)
    for (int decays = 0; decays < 2; ++decays) {
      float decay = decays ? 0.1f : 0;
      for (size_t i = 0; i < sizeof weights / sizeof *weights; ++i)
        for (int guarded = GUARD_NONE; guarded <= GUARD_SHUT; ++guarded) {
          limn_shape w = weights[i];
          op_case row = {.build = build_optimizer, .w = w, .variant = kind, .alpha = decay, .beta = (float)guarded};
          case_add(table, row, "%s/%dx%dx%dx%d%s%s", names[kind], w.n, w.c, w.h, w.w, decays ? "-decay" : "",
                   guards[guarded]);
        }
      op_case step = {.build = build_train_step,
                      .x = {2, 3, 8, 8},
                      .w = {16, 3, 4, 4},
                      .conv = {2, 2, 1, 1},
                      .variant = kind,
                      .alpha = decay};
      case_add(table, step, "%s/train-step%s", names[kind], decays ? "-decay" : "");
      op_case around = {.build = build_around, .w = {20, 16, 3, 3}, .variant = kind, .alpha = decay};
      case_add(table, around, "%s/around%s", names[kind], decays ? "-decay" : "");
    }
}

static void add_first_steps(case_table *table) {
  static const limn_shape weights[] = {{20, 16, 3, 3}, {1, 20, 1, 1}};
  for (int i = 0; i < 2; ++i)
    case_add(table, (op_case){.build = build_first_step, .w = weights[i]}, "adam/first-step-%dx%dx%dx%d", weights[i].n,
             weights[i].c, weights[i].h, weights[i].w);
}

static void add_assignments(case_table *table) {
  static const char *const roles[] = {"input", "output", "parameter", "buffer", "optimizer"};
  static const limn_shape shapes[] = {{20, 16, 3, 3}, {2, 3, 5, 7}, {1, 20, 1, 1}};
  for (int from = LIMN_ROLE_INPUT; from <= LIMN_ROLE_OPTIMIZER; ++from)
    for (int to = LIMN_ROLE_OUTPUT; to <= LIMN_ROLE_OPTIMIZER; ++to)
      for (int i = 0; i < 3; ++i)
        case_add(
            table,
            (op_case){
                .build = build_assign, .w = shapes[i], .role = (limn_role)from, .variant = to, .flags = CASE_ROUNDED},
            "assign/%s-to-%s-%dx%dx%dx%d", roles[from], roles[to], shapes[i].n, shapes[i].c, shapes[i].h, shapes[i].w);
  for (int i = 0; i < 3; ++i) {
    limn_shape s = shapes[i];
    case_add(table, (op_case){.build = build_average, .w = s, .alpha = 0.9f}, "assign/average-%dx%dx%dx%d", s.n, s.c,
             s.h, s.w);
    case_add(table, (op_case){.build = build_average, .w = s, .alpha = 0.9f, .beta = 1, .flags = CASE_ROUNDED},
             "assign/average-%dx%dx%dx%d-shut", s.n, s.c, s.h, s.w);
    case_add(table, (op_case){.build = build_swap, .w = s, .flags = CASE_ROUNDED}, "assign/swap-%dx%dx%dx%d", s.n, s.c,
             s.h, s.w);
  }
}

void cases_add_update(case_table *table) {
  add_optimizers(table);
  add_first_steps(table);
  add_assignments(table);
  const struct {
    const char *name;
    float value;
  } scalars[] = {{"finite", -3.5f}, {"nan", NAN}, {"infinity", INFINITY}, {"minus-infinity", -INFINITY}};
  for (int i = 0; i < 4; ++i)
    for (int before = 0; before < 2; ++before)
      case_add(table,
               (op_case){.build = build_latch, .w = {16, 3, 4, 4}, .alpha = scalars[i].value, .beta = (float)before},
               "latch/%s-%s", scalars[i].name, before ? "set-before" : "clear-before");
  for (int32_t rows = 1; rows <= 4; ++rows) {
    op_case row = {.build = build_record, .x = {rows, 1 + rows, 1, 1}, .step = 5};
    case_add(table, row, "record/%d-rows", rows);
    row.step = 0xFFFFFFFFFu;
    case_add(table, row, "record/%d-rows-late", rows);
  }
  op_case stale = {.build = build_stale,
                   .x = {2, 3, 8, 8},
                   .w = {16, 3, 4, 4},
                   .conv = {2, 2, 1, 1},
                   .flags = CASE_REFUSED,
                   .refusal = "w was updated after conv used it"};
  case_add(table, stale, "refused/gradient-after-update");
  for (int variant = 0; variant < 2; ++variant) {
    op_case neighbours = {.build = build_neighbours, .w = {40, 16, 8, 4}, .variant = variant};
    case_add(table, neighbours, "sgd/neighbours-%s", variant ? "share-momentum" : "read-the-next");
    case_add(table, (op_case){.build = build_record_chain, .variant = variant}, "record/chain-%d", variant);
  }
}
