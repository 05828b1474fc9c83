/* Evaluations while a run trains: what it draws is held against what it trains on, as by `limn evaluate`. */
#ifndef LIMN_TRAIN_EVALUATION_H
#define LIMN_TRAIN_EVALUATION_H

#include "checkpoint/checkpoint.h"
#include "limn/train.h"
#include "train/session.h"
#include "train/training_data.h"

#define LIMN_EVALUATION_MEASURES 16

typedef struct limn_training_evaluation limn_training_evaluation;

/* Opens the judge, so that what the settings name and is not there is said before anything is done. *out is NULL where
 * evaluate_every and evaluate_time are 0. */
limn_status limn_training_evaluation_open(limn_training_evaluation **out, const limn_config *config);
/* What the judge takes of the memory of the config's device, or of a card (NULL: none): by planning alone, for which a
 * network that is named needs no weights. 0 where nothing is evaluated. */
limn_status limn_training_evaluation_bytes(const limn_config *config, const limn_card *card, size_t *bytes);
void limn_training_evaluation_close(limn_training_evaluation *evaluation);

/* Sees the training's pictures. The session and the data are borrowed until it is closed. LIMN_FAILED once the
 * session's *stop is set. */
limn_status limn_training_evaluation_begin(limn_training_evaluation *evaluation, limn_session *session,
                                           const limn_training_data *data);

/* Steps between two: evaluate_every, or as many times it as keep to evaluate_share. A pure function of the settings and
 * the networks, so that a run that goes on evaluates where it would have. 0: by
 * time alone. */
uint64_t limn_training_evaluation_every(const limn_training_evaluation *evaluation);
/* Seconds that have to lie between two: evaluate_time, or more to keep to evaluate_share; infinite: not by time. */
double limn_training_evaluation_wait(const limn_training_evaluation *evaluation);
/* The measure that decides which is the best: "fd". */
const char *limn_training_evaluation_measure(const limn_training_evaluation *evaluation);
/* The same with how it is taken: "fd of efficientnet_lite0 57934424 pool at 96, 2000 against 10000". */
const char *limn_training_evaluation_by(const limn_training_evaluation *evaluation);
/* A line on what it does and takes, into buffer, returned. */
const char *limn_training_evaluation_tell(const limn_training_evaluation *evaluation, char *buffer, size_t size);

/* Draws and measures with the weights of now. The names are borrowed until the next call. What decides in *objective,
 * lower is better. LIMN_DIVERGED where pictures are not finite; where the session's *stop is set meanwhile, *count is
 * 0.
 */
limn_status limn_training_evaluation_take(limn_training_evaluation *evaluation,
                                          limn_measure measures[LIMN_EVALUATION_MEASURES], size_t *count,
                                          double *objective);

/* Seconds that evaluations have taken, and how many there were. */
double limn_training_evaluation_seconds(const limn_training_evaluation *evaluation, int *times);

#endif
