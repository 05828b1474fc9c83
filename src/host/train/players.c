#include "train/players.h"

enum { GENERATOR, DISCRIMINATOR }; /* networks of the model */

limn_players limn_players_begin(limn_session *s, limn_graph *graph) {
  const limn_value gate = limn_session_gate(graph);
  return (limn_players){.graph = graph,
                        .session = s,
                        .config = s->config,
                        .gate = gate,
                        .generator_gate = gate,
                        .real = LIMN_NONE,
                        .fake = LIMN_NONE,
                        .scores = LIMN_NONE,
                        .real_scores = LIMN_NONE,
                        .fake_scores = LIMN_NONE,
                        .seen = LIMN_NONE,
                        .fake_view = LIMN_NONE,
                        .projection = {.pictures = LIMN_NONE}};
}

void limn_players_take_real(limn_players *p, const limn_player_streams *streams) {
  p->real = limn_session_training_pictures(p->session, p->graph, "real", streams->augment);
}

void limn_players_generate(limn_players *p, const limn_player_streams *streams) {
  const limn_model *model = &p->session->model;
  const limn_network_mode mode = {.training = true, .gate = p->generator_gate};
  limn_shape codes = limn_model_input(model, GENERATOR, p->session->batch.n);
  p->fake = limn_model_apply(p->graph, model, GENERATOR, limn_graph_normal(p->graph, codes, streams->latent), mode);
}

static limn_value score(const limn_players *p, limn_value view, int groups, limn_projection *projection) {
  const limn_network_mode mode = {.training = true, .gate = p->gate, .groups = groups, .projection = projection};
  return limn_model_apply(p->graph, &p->session->model, DISCRIMINATOR, view, mode);
}

limn_value limn_players_judge(const limn_players *p, limn_value pictures, limn_look look, int groups) {
  return score(p, limn_view_of(p->graph, p->config, pictures, look, groups), groups, NULL);
}

static bool projects(const limn_players *p) { return limn_config_has_projector(p->config); }

/* The view of fake pictures that both players are judged by, with what the pretrained network makes of it. */
static limn_value score_projected(limn_players *p, limn_look look) {
  if (p->fake_view == LIMN_NONE)
    p->fake_view = limn_view_of(p->graph, p->config, p->fake, look, 1);
  return score(p, p->fake_view, 1, &p->projection);
}

limn_value limn_players_judge_fake(limn_players *p) {
  return projects(p) ? score_projected(p, LIMN_LOOK_DISCRIMINATOR_FAKE)
                     : limn_players_judge(p, p->fake, LIMN_LOOK_GENERATOR, 1);
}

void limn_players_score(limn_players *p, limn_look look, bool apart) {
  limn_graph *graph = p->graph;
  if (apart || projects(p)) {
    p->real_scores = limn_players_judge(p, p->real, look, 1);
    p->fake_scores = projects(p) ? score_projected(p, look + 1) : limn_players_judge(p, p->fake, look + 1, 1);
    p->scores = limn_graph_stack(graph, p->real_scores, p->fake_scores);
    return;
  }
  p->seen = limn_graph_stack(graph, p->real, p->fake);
  p->scores = limn_players_judge(p, p->seen, look, 2);
  const int32_t each = limn_graph_shape(graph, p->scores).n / 2;
  p->real_scores = limn_graph_rows(graph, p->scores, 0, each);
  p->fake_scores = limn_graph_rows(graph, p->scores, each, each);
}
