/* How well a GAN's discriminator tells pictures that it was not trained on from generated ones. */
#ifndef LIMN_TRAIN_SEPARATION_H
#define LIMN_TRAIN_SEPARATION_H

#include "train/session.h"

/* The program: held-out pictures and as many generated ones, with the weights as they are and running statistics, seen
 * as in training (view.h). LIMN_DATA where they are fewer than the discriminator takes at a time (pack). */
limn_status limn_separation_build(limn_session *session, limn_graph *graph);

/* The share of pairs of a held-out and a generated picture in which the discriminator scores the held-out one higher,
 * ties by half: the area under its ROC curve. 0.5: it cannot tell them apart; 1: it errs in no pair. The same codes
 * each time. Ends early, with nothing said, once *session->stop is set. */
limn_status limn_separation_take(limn_session *session, double *separation);

/* That share for scores, which it sorts. NAN where one is not finite. */
double limn_separation_of(float *real, size_t real_count, float *fake, size_t fake_count);

#endif
