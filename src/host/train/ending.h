/* When a training by `until equilibrium` is done: the quality of what it draws, or the held-out loss, no longer gets
 * better, and a GAN's discriminator tells held-out pictures from samples no better than it may (separation.h). A pure
 * function of the measures: the state is small, lies in checkpoints, and a run that goes on ends where it would have.
 */
#ifndef LIMN_TRAIN_ENDING_H
#define LIMN_TRAIN_ENDING_H

#include "config/config.h"

#define LIMN_ENDING_SMOOTH   3 /* measurements that are averaged before they are compared */
#define LIMN_ENDING_GIVEN_UP 3 /* times patience after which a run ends though its discriminator still separates */

typedef struct limn_ending {
  uint64_t count;                    /* measurements */
  double before[LIMN_ENDING_SMOOTH]; /* measurement n in n % LIMN_ENDING_SMOOTH; lower is better */
  double mean, best;                 /* of the last ones; the least such mean that was better by until_gain */
  uint64_t best_step, without;       /* step of that one; measurements since then */
  double separation;                 /* the last one */
  uint64_t has_separation;
} limn_ending;

typedef enum limn_ending_reason {
  LIMN_ENDING_NONE,
  LIMN_ENDING_EQUILIBRIUM, /* no better, and balanced */
  LIMN_ENDING_CONVERGED,   /* no better, and there is no discriminator */
  LIMN_ENDING_STANDSTILL   /* no better for long, and not balanced */
} limn_ending_reason;

/* What the run is measured by, in order. */
void limn_ending_add(limn_ending *ending, const limn_config *config, uint64_t step, double objective);
void limn_ending_add_separation(limn_ending *ending, double separation);

/* Whether the run is done, and why. separates: it has a discriminator. */
limn_ending_reason limn_ending_of(const limn_ending *ending, const limn_config *config, bool separates);

/* What was decided at this step, and why, into buffer, returned. measure: in words, "fd" or "the held-out loss". */
const char *limn_ending_tell(const limn_ending *ending, const limn_config *config, bool separates, const char *measure,
                             uint64_t step, char *buffer, size_t size);

/* The state as text for a checkpoint ("": nothing was measured yet), and back; what cannot be read is a new one. */
const char *limn_ending_write(const limn_ending *ending, char *buffer, size_t size);
void limn_ending_read(limn_ending *ending, const char *text);

#endif
