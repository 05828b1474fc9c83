#include "train/penalties.h"

#include "base/error.h"
#include "train/optimizer.h"

/* What is added under the root, whose slope at 0 is infinite. */
#define LEAST_SQUARE 1e-12f

limn_status limn_slope_squares(limn_graph *graph, limn_value scores, limn_value pictures, limn_value scale,
                               limn_value *squares) {
  const float inputs = (float)limn_graph_shape(graph, scores).n;
  limn_value sum = limn_graph_sum_all(graph, scores), slope;
  if (scale != LIMN_NONE) /* of the mean, as the loss's own gradient is */
    sum = limn_graph_mul(graph, limn_graph_affine(graph, sum, 1 / inputs, 0), scale);
  LIMN_TRY(limn_graph_gradient(graph, sum, &pictures, 1, &slope));
  if (scale != LIMN_NONE) {
    limn_value unscale = limn_graph_unary(graph, LIMN_PW_RECIPROCAL, scale, 0, 0);
    slope = limn_graph_mul(graph, slope, limn_graph_affine(graph, unscale, inputs, 0));
  }
  *squares = limn_graph_sum(graph, limn_graph_unary(graph, LIMN_PW_SQUARE, slope, 0, 0),
                            (limn_shape){limn_graph_shape(graph, pictures).n, 1, 1, 1});
  return limn_graph_status(graph);
}

limn_value limn_penalty_zero(limn_graph *graph, limn_value squares, int32_t row, int32_t count, int pack) {
  if (count < limn_graph_shape(graph, squares).n)
    squares = limn_graph_rows(graph, squares, row, count);
  return limn_graph_affine(graph, limn_graph_sum_all(graph, squares), (float)pack / (float)count, 0);
}

limn_value limn_penalty_one(limn_graph *graph, limn_value squares, int pack) {
  const limn_shape each = {limn_graph_shape(graph, squares).n / pack, 1, 1, 1};
  limn_value sums = limn_graph_sum(graph, limn_view_pack(graph, squares, pack, 1), each);
  limn_value norms = limn_graph_unary(graph, LIMN_PW_SQRT, limn_graph_affine(graph, sums, 1, LEAST_SQUARE), 0, 0);
  limn_value beyond = limn_graph_unary(graph, LIMN_PW_SQUARE, limn_graph_affine(graph, norms, 1, -1), 0, 0);
  return limn_graph_mean_all(graph, beyond);
}

limn_value limn_pictures_between(limn_graph *graph, limn_value x, limn_value y, int pack, uint32_t stream) {
  const int32_t inputs = limn_graph_shape(graph, x).n / pack;
  limn_value each = limn_graph_uniform(graph, (limn_shape){inputs, 1, 1, 1}, stream), alpha = each;
  for (int i = 1; i < pack; ++i) /* row k inputs + i is the k-th picture of input i */
    alpha = limn_graph_stack(graph, alpha, each);
  return limn_graph_add(graph, y, limn_graph_mul(graph, limn_graph_sub(graph, x, y), alpha));
}

/* Its value; LIMN_NONE where it has no weight. */
static limn_value weigh(limn_penalties *all, limn_graph *graph, double weight, limn_value penalty) {
  limn_value term = limn_graph_affine(graph, penalty, (float)weight, 0);
  all->sum = all->sum == LIMN_NONE ? term : limn_graph_add(graph, all->sum, term);
  return penalty;
}

static limn_status take_zero(limn_penalties *all, limn_players *p, limn_value scale) {
  const limn_config *c = p->config;
  const int32_t count = p->session->batch.n;
  limn_value squares;
  if (c->r1 <= 0 && c->r2 <= 0)
    return LIMN_OK;
  if (!limn_penalties_apart(c))
    LIMN_TRY(limn_slope_squares(p->graph, p->scores, p->seen, scale, &squares));
  else if (c->r1 > 0)
    LIMN_TRY(limn_slope_squares(p->graph, p->real_scores, p->real, scale, &squares));
  else
    LIMN_TRY(limn_slope_squares(p->graph, p->fake_scores, p->fake, scale, &squares));
  if (c->r1 > 0)
    all->r1 = weigh(all, p->graph, c->r1 / 2, limn_penalty_zero(p->graph, squares, 0, count, c->pack));
  if (c->r2 > 0)
    all->r2 =
        weigh(all, p->graph, c->r2 / 2, limn_penalty_zero(p->graph, squares, c->r1 > 0 ? count : 0, count, c->pack));
  return LIMN_OK;
}

static limn_status take_one(limn_penalties *all, limn_players *p, limn_look look, limn_value scale) {
  const limn_config *c = p->config;
  if (c->gradient_penalty <= 0)
    return LIMN_OK;
  limn_value between =
      limn_pictures_between(p->graph, p->real, p->fake, c->pack, limn_view_stream(look, LIMN_VIEW_ALPHA));
  limn_value squares, scores = limn_players_judge(p, between, look, 1);
  LIMN_TRY(limn_slope_squares(p->graph, scores, between, scale, &squares));
  all->gradient = weigh(all, p->graph, c->gradient_penalty, limn_penalty_one(p->graph, squares, c->pack));
  return LIMN_OK;
}

/* A measure is 0 in a step whose scaled gradient overflowed, as the gradient's norm is. */
static void hide_overflow(limn_graph *graph, limn_value *measure) {
  if (*measure != LIMN_NONE)
    *measure = limn_graph_binary(graph, LIMN_PW_RELU_GRAD, *measure, limn_optimizer_finite(graph, *measure));
}

limn_status limn_penalties_take(limn_penalties *all, limn_players *p, limn_look look) {
  const limn_value scale = limn_optimizer_loss_scale(p->graph, p->config, "discriminator.");
  *all = (limn_penalties){LIMN_NONE, LIMN_NONE, LIMN_NONE, LIMN_NONE};
  LIMN_TRY(take_zero(all, p, scale));
  LIMN_TRY(take_one(all, p, look + 2, scale));
  if (scale != LIMN_NONE) {
    hide_overflow(p->graph, &all->r1);
    hide_overflow(p->graph, &all->r2);
    hide_overflow(p->graph, &all->gradient);
  }
  if (p->config->penalty_end < 1)
    all->sum = limn_graph_mul(p->graph, all->sum, limn_view_course(p->graph, LIMN_COURSE_PENALTY));
  return limn_graph_status(p->graph);
}

limn_status limn_penalties_take_alone(limn_penalties *all, limn_players *p, const limn_player_streams *streams) {
  const limn_config *c = p->config;
  limn_players_take_real(p, streams);
  if (c->r2 > 0 || c->gradient_penalty > 0)
    limn_players_generate(p, streams);
  if (c->r1 > 0 && c->r2 > 0)
    limn_players_score(p, streams->look, false);
  else if (c->r1 > 0)
    p->real_scores = limn_players_judge(p, p->real, streams->look, 1);
  else if (c->r2 > 0)
    p->fake_scores = limn_players_judge(p, p->fake, streams->look + 1, 1);
  return limn_penalties_take(all, p, streams->look);
}
