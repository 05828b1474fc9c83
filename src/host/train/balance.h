/* Whether a GAN's discriminator has won: then its loss is next to nothing for long, and so is what the generator could
 * learn by. Judged by whole windows of steps, so by the steps alone: not by when measures are read. The
 * alarm (alarm.h) keeps the state in checkpoints. */
#ifndef LIMN_TRAIN_BALANCE_H
#define LIMN_TRAIN_BALANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"

#define LIMN_BALANCE_WINDOW 500 /* steps; early on a healthy discriminator may be ahead for a hundred or two */

typedef struct limn_balance {
  double sum; /* of loss_d in this window */
  uint64_t count;
  double mean;   /* of the last whole window */
  uint64_t lost; /* 1: it is */
} limn_balance;

/* smoothing: of the target of real pictures. Takes the loss of the discriminator in that step (1: the first), in order.
 * Whether the balance has just been lost: once, until it has been regained. */
bool limn_balance_add(limn_balance *balance, limn_gan_loss loss, double smoothing, uint64_t step, double loss_d);

#endif
