/* A look, every so many steps, at pictures that a GAN's generator draws from fixed codes: how much they differ from
 * each other, beside as many training pictures. A GAN's losses do not show when all pictures become one. */
#ifndef LIMN_TRAIN_WATCH_H
#define LIMN_TRAIN_WATCH_H

#include "limn/train.h"
#include "train/session.h"
#include "train/training_data.h"

typedef struct limn_watch limn_watch;

/* What a look sees; each is 1 where samples are like the data. */
typedef struct limn_sight {
  double variety;  /* median distance of a picture to the nearest other one, over the data's: 0: they are all one */
  double spread;   /* mean distance of two pictures, over the data's: 0: they are all one, or grey */
  double distance; /* median distance of a sample to the nearest training picture, over the data's among themselves */
} limn_sight;

/* *out is NULL where the watch is off, as it is for models that are no GANs. Draws with the session's weights, of which
 * those of the average, if there is one; the session is borrowed, the data is read and no longer needed.
 * Of fewer than LIMN_WATCH_LEAST pictures, and of those that are mostly there twice, nothing can be said: then *out is
 * NULL and *blind true. */
#define LIMN_WATCH_LEAST 8
limn_status limn_watch_open(limn_watch **out, bool *blind, limn_session *session, const limn_training_data *data);
void limn_watch_close(limn_watch *watch);

/* Steps between two looks: watch_every, or as many times it as keep them under 1 % of the run's arithmetic. A pure
 * function of the settings and the networks. */
uint64_t limn_watch_every(const limn_watch *watch);
int limn_watch_count(const limn_watch *watch); /* pictures */

/* LIMN_DIVERGED where pictures are not finite. */
limn_status limn_watch_take(limn_watch *watch, limn_sight *out);

#endif
