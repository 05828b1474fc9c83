/* Gradient accumulation: a batch is worked through in `accumulate` equal parts, micro-batches, of which one at a time
 * is on the device. A program gathers a micro-batch's gradients into sums (optimizer.h), and behind the last of them
 * another one applies the sums, so that an update is that of the whole batch: clipping and the loss scale see nothing
 * else. What works on pictures together does so within a micro-batch: batch normalisation (whose running statistics
 * then move as often), minibatch_stddev, pack, mmd. */
#ifndef LIMN_TRAIN_ACCUMULATION_H
#define LIMN_TRAIN_ACCUMULATION_H

#include "train/session.h"

/* The step number that a gathering program runs with, so that each micro-batch has random numbers of its own: index is
 * that of the update, from 0. Without accumulation it is the index. */
static inline uint64_t limn_accumulation_index(const limn_config *config, uint64_t index, int micro) {
  return index * (uint64_t)config->accumulate + (uint64_t)micro;
}

/* A scalar of each micro-batch, noted by the gathering program (which runs with limn_accumulation_index), and their
 * mean in a program that runs behind it. */
void limn_accumulation_note(limn_graph *graph, const limn_config *config, const char *name, limn_value scalar);
limn_value limn_accumulation_mean(limn_graph *graph, const limn_config *config, const char *name);

/* The same of measures, for limn_session_measure: noted by a gathering program, and then all that were noted since the
 * last time taken by the program behind it. */
void limn_accumulation_measure(limn_session *session, limn_graph *graph, const char *name, limn_value scalar);
void limn_accumulation_take_measures(limn_session *session, limn_graph *graph);

#endif
