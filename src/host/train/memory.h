/* How much memory a training takes, and the largest batch that fits. */
#ifndef LIMN_TRAIN_MEMORY_H
#define LIMN_TRAIN_MEMORY_H

#include "limn/tools.h"
#include "train/session.h"

limn_step_memory limn_session_memory(const limn_session *session);

/* A session whose programs are planned and cannot run: for a card that need not be there, or (NULL) for the config's
 * device. */
limn_status limn_session_plan(limn_session *session, const limn_config *config, const limn_card *card);

/* The largest batch whose training fits into `capacity` bytes: estimated, then planned to see, up to 5% short of it. A
 * multiple of 8 where it is 8 or more and not the config's own; 0: none fits. The config's batch is where the search
 * starts; it comes back changed. */
limn_status limn_largest_batch(limn_config *config, const limn_card *card, double capacity, int *batch);

/* Of a session that had not enough memory: LIMN_DEVICE, with the message and, on a CUDA device, the batch that fits. */
limn_status limn_say_which_batch_fits(const limn_session *session);

/* Gives a batch that is "auto" its number: on a CUDA device the largest that fits, at most `pictures`; on the CPU,
 * where a larger batch is no faster, the model's own default, as far as there are pictures. card as above. */
limn_status limn_choose_batch(limn_config *config, const limn_card *card, uint32_t pictures);

#endif
