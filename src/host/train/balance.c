#include "train/balance.h"

#include <math.h>

#define REGAINED 4 /* times what counts as lost */

/* The loss of a discriminator that errs nowhere. Probabilities of 0.99 and 0.01 make -2 log 0.99 = 0.02; with hinge so
 * much is missing of the margins; with least squares the scores are 0.045 off their targets (root mean square). */
static double least_loss(limn_gan_loss loss) {
  if (loss == LIMN_GAN_WASSERSTEIN) /* a distance, which has no least */
    return -INFINITY;
  return loss == LIMN_GAN_LEAST_SQUARES ? 0.002 : 0.02;
}

/* What a smoothed target always costs: its entropy. */
static double lost_to(limn_gan_loss loss, double smoothing) {
  const bool logits = loss == LIMN_GAN_NON_SATURATING || loss == LIMN_GAN_MINIMAX;
  return logits && smoothing > 0 ? -smoothing * log(smoothing) - (1 - smoothing) * log(1 - smoothing) : 0;
}

bool limn_balance_add(limn_balance *balance, limn_gan_loss loss, double smoothing, uint64_t step, double loss_d) {
  balance->sum += loss_d;
  ++balance->count;
  if (step % LIMN_BALANCE_WINDOW != 0)
    return false;
  bool whole = balance->count == LIMN_BALANCE_WINDOW, before = balance->lost;
  double mean = balance->sum / LIMN_BALANCE_WINDOW;
  balance->sum = 0;
  balance->count = 0;
  if (!whole)
    return false;
  balance->mean = mean;
  balance->lost = mean - lost_to(loss, smoothing) < least_loss(loss) * (before ? REGAINED : 1);
  return balance->lost && !before;
}
