/* How much memory a training takes, and the largest batch that fits. */
#ifndef LIMN_TRAIN_MEMORY_H
#define LIMN_TRAIN_MEMORY_H

#include "limn/tools.h"
#include "train/session.h"

limn_step_memory limn_session_memory(const limn_session *session);
/* The same with the judge of its evaluations, on that card or (NULL) the session's device. */
limn_status limn_training_memory(const limn_session *session, const limn_card *card, limn_step_memory *memory);

/* A session whose programs are planned and cannot run: for a card that need not be there, or (NULL) for the config's
 * device. */
limn_status limn_session_plan(limn_session *session, const limn_config *config, const limn_card *card);

/* The largest batch whose training fits into `capacity` bytes: estimated, then planned to see, up to 5% short of it.
 * What is looked for is its micro-batch, which is a multiple of 8 where it is 8 or more and not the config's own; 0:
 * none fits. The config's batch is where the search
 * starts; it comes back changed. */
limn_status limn_largest_batch(limn_config *config, const limn_card *card, double capacity, int *batch);

/* What a search for a batch may fill of what a device says is free. */
double limn_usable_memory(double bytes);
/* Whether a session's training fits into what its device had to give when it was made. */
bool limn_session_fits(const limn_session *session);
/* The largest batch that does, with a reserve; 0: none. */
limn_status limn_fitting_batch(const limn_session *session, int *batch);
/* Into how many parts (the setting `accumulate`) the session's batch has to go to fit, with a reserve, where `batch` is
 * what fits as it is; 0: it cannot be had by parts. */
limn_status limn_fitting_parts(const limn_session *session, int batch, int *parts);
/* LIMN_DEVICE where it does not, naming the batch that does, and the parts. On a CUDA device that is told of plans
 * alone: memory is taken there when programs are made, and on the CPU not before they run. */
limn_status limn_session_check_memory(const limn_session *session);
/* limn_session_init, and that check; where the device had no more memory to give, the message names the batch that
 * fits. */
limn_status limn_session_open(limn_session *session, const limn_config *config, uint64_t horizon,
                              const limn_session_data *data);

/* Gives a batch that is "auto" its number: on a CUDA device the largest that fits, at most `pictures`; on the CPU,
 * where a larger batch is no faster, the model's own default where that fits, else the largest, as far as there are
 * pictures. card as above. */
limn_status limn_choose_batch(limn_config *config, const limn_card *card, uint32_t pictures);

#endif
