/* Penalties on the slope of the discriminator: how much its scores change with a picture. They are gradients of a
 * gradient, which shares the forward pass and the first backward pass with whatever else reads them. Scores must be of
 * one picture each: a discriminator that normalises over the batch has none (limn_config_check refuses it). */
#ifndef LIMN_TRAIN_PENALTIES_H
#define LIMN_TRAIN_PENALTIES_H

#include "train/players.h"

/* Squared norm of the gradient of each picture's score with respect to the picture, (N, 1, 1, 1). scores are D's of
 * `pictures` (N, C, H, W); of `pack` pictures each where D sees several at a time. scale: a scalar that the gradient is
 * taken times and divided by again, so that it survives in fp16 (LIMN_NONE: none). */
limn_status limn_slope_squares(limn_graph *graph, limn_value scores, limn_value pictures, limn_value scale,
                               limn_value *squares);

/* Mean over D's inputs of the squared norm, of the pictures row ... row + count - 1: R1 of real pictures (Mescheder et
 * al. 2018, equation 9, without gamma / 2), R2 of generated ones. pack: pictures of one input of D. */
limn_value limn_penalty_zero(limn_graph *graph, limn_value squares, int32_t row, int32_t count, int pack);
/* Mean over D's inputs of (norm - 1)^2 (Gulrajani et al. 2017, equation 3, without lambda); squares are of pictures
 * between real and generated ones. */
limn_value limn_penalty_one(limn_graph *graph, limn_value squares, int pack);

/* alpha x + (1 - alpha) y, alpha uniform in [0, 1) for each picture, or each `pack` of them that D sees at once: what
 * Gulrajani et al. 2017 call x-hat. */
limn_value limn_pictures_between(limn_graph *graph, limn_value x, limn_value y, int pack, uint32_t stream);

/* Whether the settings ask for any; whether they have a step of their own, every penalty_every-th (Karras et al. 2020,
 * StyleGAN2, section 3.2); and whether real and fake pictures are to be scored apart for them, so that no slope is
 * taken where none is asked for. */
static inline bool limn_penalties_wanted(const limn_config *c) {
  return c->r1 > 0 || c->r2 > 0 || c->gradient_penalty > 0;
}
static inline bool limn_penalties_lazy(const limn_config *c) {
  return limn_penalties_wanted(c) && c->penalty_every > 1;
}
/* Of a lazy penalty: the discriminator's steps from one to the next, and how many times as strong it is. */
static inline int limn_penalties_period(const limn_config *c) { return c->penalty_every * c->d_steps; }
static inline bool limn_penalties_apart(const limn_config *c) { return (c->r1 > 0) != (c->r2 > 0); }

/* The penalties of the settings: each without its weight, for people (LIMN_NONE: not asked for), and their weighted
 * sum. */
typedef struct limn_penalties {
  limn_value r1, r2, gradient; /* gradient: of gradient_penalty */
  limn_value sum;
} limn_penalties;

/* At pictures that have been scored. look: the first of the step's three. */
limn_status limn_penalties_take(limn_penalties *penalties, limn_players *p, limn_look look);
/* The same where nothing has been scored: for a lazy penalty's step. */
limn_status limn_penalties_take_alone(limn_penalties *penalties, limn_players *p, const limn_player_streams *streams);

#endif
