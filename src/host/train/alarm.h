/* What is wrong with a GAN's training, told from its measures and from looks at what it draws (watch.h). A pure
 * function of them: the state is small, lies in checkpoints, and a run that goes on tells what it would have told. */
#ifndef LIMN_TRAIN_ALARM_H
#define LIMN_TRAIN_ALARM_H

#include "limn/train.h"
#include "train/balance.h"
#include "train/watch.h"

typedef enum limn_verdict {
  LIMN_VERDICT_NONE,
  LIMN_VERDICT_COLLAPSED,           /* all samples are nearly the same few */
  LIMN_VERDICT_DIVERGING,           /* gradients or losses grow without end */
  LIMN_VERDICT_SATURATED,           /* hardly any gradient reaches the generator */
  LIMN_VERDICT_GENERATOR_WON,       /* the discriminator takes samples for real, and real pictures for samples */
  LIMN_VERDICT_DISCRIMINATOR_WON,   /* it errs on no picture */
  LIMN_VERDICT_DISCRIMINATOR_AHEAD, /* it errs on few, and is hard to please */
  LIMN_VERDICTS
} limn_verdict;

#define LIMN_ALARM_LOOKS 5 /* in a row that a verdict takes */

/* Measures that count, of each step; means over the steps since the last look. */
typedef struct limn_signals {
  double loss_d, loss_g, d_real, d_fake, grad_norm_d, grad_norm_g;
} limn_signals;

typedef struct limn_alarm {
  limn_balance balance;
  uint64_t steps;     /* since the last look */
  limn_signals sums;  /* over them */
  limn_signals means; /* over those before the last look */
  limn_sight sight;   /* of the last look */
  uint64_t since;     /* step from which looks count: 0, or that of the last restore */
  uint64_t looks;     /* since then */
  /* The lesser of variety and spread: of the last looks, of look n in n % LIMN_ALARM_LOOKS; smoothed; the most of that.
   */
  double before[LIMN_ALARM_LOOKS], usual, most;
  double early_d, early_g, most_g;  /* largest means of gradient norms: in the first looks, and so far */
  uint64_t in_a_row[LIMN_VERDICTS]; /* looks that speak for a verdict */
  uint64_t told;                    /* bits: verdicts that stand */
  uint64_t restores;
  uint64_t healthy, has_healthy; /* step of the newest good checkpoint; whether there is one */
  double rate_factor;
} limn_alarm;

/* The state of a run that begins. */
void limn_alarm_init(limn_alarm *alarm);
/* That behind a restore at this step: what was seen is of a course that was given up. */
void limn_alarm_restart(limn_alarm *alarm, uint64_t step);

/* The measures of one step, in order. A verdict that is new, or none: of a discriminator that has won, by whole windows
 * of steps. */
limn_verdict limn_alarm_add_step(limn_alarm *alarm, const limn_config *config, uint64_t step,
                                 const limn_measure *measures, int count);
/* A look behind this step, whose measures have been added. A verdict that is new, or none; again only once it was over.
 */
limn_verdict limn_alarm_add_look(limn_alarm *alarm, const limn_config *config, uint64_t step, const limn_sight *sight);
/* Whether what is drawn is in order: of a checkpoint that a restore may go back to. */
bool limn_alarm_is_calm(const limn_alarm *alarm);

/* Whether there is nothing in it yet, as of models that are no GANs. */
bool limn_alarm_is_new(const limn_alarm *alarm);

/* The verdict in words, with figures and the way out, into buffer, returned. */
const char *limn_alarm_tell(const limn_alarm *alarm, const limn_config *config, limn_verdict verdict, uint64_t step,
                            char *buffer, size_t size);

/* The state as text for a checkpoint, and back; what cannot be read is a state that begins. */
const char *limn_alarm_write(const limn_alarm *alarm, char *buffer, size_t size);
void limn_alarm_read(limn_alarm *alarm, const char *text);

#endif
