/* The two networks of a GAN within one step: what each is given and what it makes of it. gan.c says in which order. */
#ifndef LIMN_TRAIN_PLAYERS_H
#define LIMN_TRAIN_PLAYERS_H

#include "train/session.h"
#include "train/view.h"

/* Where the random numbers of a discriminator's step come from: its further steps have streams of their own, and so has
 * a penalty's step, which looks at the pictures of the step behind it. */
typedef struct limn_player_streams {
  uint32_t latent, augment;
  limn_look look; /* the first of three: all pictures or the real ones, the generated ones, those between */
} limn_player_streams;

typedef struct limn_players {
  limn_graph *graph;
  limn_session *session;
  const limn_config *config;
  limn_value gate;
  limn_value generator_gate; /* of its running statistics */
  limn_value real, fake;     /* pictures */
  /* The discriminator's scores: real ones first, and each part. */
  limn_value scores, real_scores, fake_scores;
  /* Where the discriminator looks through a frozen network, both players are judged by one view of the fake pictures,
   * so that it is passed through once. */
  limn_value fake_view;
  limn_projection projection;
  limn_value seen; /* the pictures of `scores`, where one pass took all of them; else LIMN_NONE */
} limn_players;

limn_players limn_players_begin(limn_session *session, limn_graph *graph);

/* A training batch, flipped, moved and cut as the settings of the data say, and as many generated pictures. */
void limn_players_take_real(limn_players *p, const limn_player_streams *streams);
void limn_players_generate(limn_players *p, const limn_player_streams *streams);

/* The discriminator's scores of pictures as it sees them (view.h). `groups` batches one behind the other go in one
 * pass; each has its own batch statistics, as if it were passed alone. */
limn_value limn_players_judge(const limn_players *p, limn_value pictures, limn_look look, int groups);
/* The scores of the generated pictures that the generator is taught by. */
limn_value limn_players_judge_fake(limn_players *p);
/* Scores real and fake pictures: together, which takes half the launches of two passes, or each by itself. */
void limn_players_score(limn_players *p, limn_look look, bool apart);

#endif
