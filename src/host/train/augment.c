#include "train/augment.h"

#define SHARE_MOVED 0.125 /* of a side */
#define SHARE_CUT   0.5
#define INTERVAL    4 /* steps between two adjustments of p */

/* Colours take the gates COLOR ... COLOR + 2, windows one each. */
enum { GATE_COLOR = 0, GATE_FLIP = 3, GATE_TRANSLATION, GATE_CUTOUT, GATES };
enum { BRIGHTNESS, SATURATION, CONTRAST, COLORS };

struct augmentation {
  limn_graph *graph;
  limn_value x;
  limn_value gates; /* (N, GATES, 1, 1), 1 or 0; LIMN_NONE: all are 1 */
  limn_look look;
};

static limn_value gate_of(const struct augmentation *a, int which) {
  return limn_graph_slice(a->graph, a->gates, which, 1);
}

/* amount (N, 1, 1, 1), 0 where the gate is shut. */
static limn_value gated(const struct augmentation *a, limn_value amount, int gate) {
  return a->gates == LIMN_NONE ? amount : limn_graph_mul(a->graph, amount, gate_of(a, gate));
}

/* mean + (1 + amount) (x - mean) as x + amount (x - mean), the mean taken to `sums`. */
static limn_value stretch(const struct augmentation *a, limn_shape sums, limn_value amount) {
  limn_graph *graph = a->graph;
  const double part = (double)limn_shape_count(sums) / (double)limn_shape_count(limn_graph_shape(graph, a->x));
  limn_value mean = limn_graph_affine(graph, limn_graph_sum(graph, a->x, sums), (float)part, 0);
  return limn_graph_add(graph, a->x, limn_graph_mul(graph, limn_graph_sub(graph, a->x, mean), amount));
}

static void change_colors(struct augmentation *a) {
  limn_graph *graph = a->graph;
  const limn_shape shape = limn_graph_shape(graph, a->x);
  limn_value u =
      limn_graph_uniform(graph, (limn_shape){shape.n, COLORS, 1, 1}, limn_view_stream(a->look, LIMN_VIEW_COLORS));
  limn_value shifted = limn_graph_affine(graph, u, 1, -0.5f); /* U - 1/2 */
  a->x =
      limn_graph_add(graph, a->x, gated(a, limn_graph_slice(graph, shifted, BRIGHTNESS, 1), GATE_COLOR + BRIGHTNESS));
  if (shape.c > 1) {
    limn_value amount = limn_graph_affine(graph, limn_graph_slice(graph, shifted, SATURATION, 1), 2, 0);
    a->x = stretch(a, (limn_shape){shape.n, 1, shape.h, shape.w}, gated(a, amount, GATE_COLOR + SATURATION));
  }
  a->x = stretch(a, (limn_shape){shape.n, 1, 1, 1},
                 gated(a, limn_graph_slice(graph, shifted, CONTRAST, 1), GATE_COLOR + CONTRAST));
}

static int32_t share(int32_t side, double part) { return (int32_t)(side * part + 0.5); }

/* The windows of all kinds at once. */
static limn_window window_of(unsigned kinds, limn_shape shape) {
  limn_window w = {.flip = kinds & LIMN_AUGMENT_FLIP};
  if (kinds & LIMN_AUGMENT_TRANSLATION) {
    w.moved = true;
    w.reach_h = share(shape.h, SHARE_MOVED);
    w.reach_w = share(shape.w, SHARE_MOVED);
  }
  if (kinds & LIMN_AUGMENT_CUTOUT) {
    w.cut_h = share(shape.h, SHARE_CUT);
    w.cut_w = share(shape.w, SHARE_CUT);
  }
  return w;
}

static void change_window(struct augmentation *a, unsigned kinds) {
  if (kinds)
    a->x = limn_graph_window(a->graph, a->x, window_of(kinds, limn_graph_shape(a->graph, a->x)),
                             limn_view_stream(a->look, LIMN_VIEW_WINDOW));
}

/* Each kind by itself, to pictures whose gate is open. */
static void change_windows(struct augmentation *a, unsigned kinds) {
  static const struct {
    unsigned kind;
    int gate, what;
  } windows[] = {{LIMN_AUGMENT_FLIP, GATE_FLIP, LIMN_VIEW_WINDOW},
                 {LIMN_AUGMENT_TRANSLATION, GATE_TRANSLATION, LIMN_VIEW_TRANSLATION},
                 {LIMN_AUGMENT_CUTOUT, GATE_CUTOUT, LIMN_VIEW_CUTOUT}};
  limn_graph *graph = a->graph;
  for (size_t i = 0; i < sizeof windows / sizeof *windows; ++i) {
    if (!(kinds & windows[i].kind))
      continue;
    limn_value y = limn_graph_window(graph, a->x, window_of(windows[i].kind, limn_graph_shape(graph, a->x)),
                                     limn_view_stream(a->look, windows[i].what));
    y = limn_graph_mul(graph, limn_graph_sub(graph, y, a->x), gate_of(a, windows[i].gate));
    a->x = limn_graph_add(graph, a->x, y);
  }
}

static limn_value state(limn_graph *graph, const char *name) {
  return limn_graph_leaf(graph, LIMN_ROLE_OPTIMIZER, name, LIMN_SCALAR);
}

static limn_value part_augmented(limn_graph *graph) { return state(graph, "optimizer.ada.p"); }

/* 1 where U < p. */
static limn_value open_gates(limn_graph *graph, limn_look look, int32_t pictures) {
  limn_value u =
      limn_graph_uniform(graph, (limn_shape){pictures, GATES, 1, 1}, limn_view_stream(look, LIMN_VIEW_GATES));
  return limn_graph_unary(graph, LIMN_PW_STEP, limn_graph_sub(graph, part_augmented(graph), u), 0, 0);
}

limn_value limn_augment(limn_graph *graph, const limn_config *config, limn_value pictures, limn_look look) {
  struct augmentation a = {.graph = graph, .x = pictures, .gates = LIMN_NONE, .look = look};
  const unsigned kinds = limn_config_augment_kinds(config), windows = kinds & ~(unsigned)LIMN_AUGMENT_COLOR;
  if (config->augment == LIMN_AUGMENT_ADA)
    a.gates = open_gates(graph, look, limn_graph_shape(graph, pictures).n);
  if (kinds & LIMN_AUGMENT_COLOR)
    change_colors(&a);
  if (config->augment == LIMN_AUGMENT_ADA)
    change_windows(&a, windows);
  else
    change_window(&a, windows);
  return a.x;
}

/* How far real pictures are on their side of the line between real and generated ones. */
static limn_value margin(limn_graph *graph, const limn_config *config, limn_value real, limn_value fake) {
  if (config->loss == LIMN_GAN_RELATIVISTIC)
    return limn_graph_sub(graph, real, fake);
  if (config->loss == LIMN_GAN_LEAST_SQUARES)
    return limn_graph_affine(graph, real, 1, -0.5f * (1 - (float)config->label_smoothing));
  return real;
}

limn_value limn_augment_sign(limn_graph *graph, const limn_config *config, limn_value real_scores,
                             limn_value fake_scores) {
  limn_value sign = limn_graph_unary(graph, LIMN_PW_SIGN, margin(graph, config, real_scores, fake_scores), 0, 0);
  return limn_graph_mean_all(graph, sign);
}

limn_value limn_augment_adapt(limn_graph *graph, const limn_config *config, limn_value sign, limn_value gate) {
  limn_value p = part_augmented(graph), signs = state(graph, "optimizer.ada.signs"),
             steps = state(graph, "optimizer.ada.steps");
  limn_value sum = limn_graph_add(graph, signs, sign);
  limn_value count = limn_graph_affine(graph, steps, 1, 1);
  limn_value full = limn_graph_unary(graph, LIMN_PW_STEP, limn_graph_affine(graph, count, 1, 0.5f - INTERVAL), 0, 0);
  limn_value over = limn_graph_affine(graph, sum, 1.0f / INTERVAL, (float)-config->ada_target);
  limn_value direction = limn_graph_mul(graph, full, limn_graph_unary(graph, LIMN_PW_SIGN, over, 0, 0));
  const float stride = (float)(INTERVAL * (double)config->batch / config->ada_pictures);
  limn_value moved = limn_graph_add(graph, p, limn_graph_affine(graph, direction, stride, 0));
  limn_value rest = limn_graph_affine(graph, full, -1, 1);
  sum = limn_graph_mul(graph, sum, rest);
  count = limn_graph_mul(graph, count, rest);
  limn_graph_assign_gated(graph, p, limn_graph_unary(graph, LIMN_PW_CLAMP, moved, 0, 1), gate);
  limn_graph_assign_gated(graph, signs, sum, gate);
  limn_graph_assign_gated(graph, steps, count, gate);
  return p;
}
