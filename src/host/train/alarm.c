#include "train/alarm.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Measured on runs that went well and on runs that were made to fail: docs/runs.md has the table. */
#define LEAST       0.3   /* of variety and spread alike */
#define BACK        1.2   /* times it: no longer collapsed */
#define GROWTH      0.05  /* over LIMN_ALARM_LOOKS looks: of samples that are only becoming pictures */
#define CALM        0.6   /* of the most so far: what a restore may go back to */
#define GRACE       400   /* steps in which what was never varied is no collapse yet */
#define SMOOTHING   0.3   /* of what is usual: one look is noisy */
#define EXPLODED    100   /* times the largest mean of a gradient's norm in the first looks, */
#define SMALL       1     /* or times this, where that is less */
#define VANISHED    0.005 /* of the largest so far */
#define FOOLED      1.5   /* times the loss of a discriminator that says nothing */
#define AHEAD_LOOKS 3     /* in a row: nothing follows from it */
#define AHEAD       2.75  /* mean -log D(G(z)): samples count as real with a probability of 0.064 */

void limn_alarm_init(limn_alarm *a) { *a = (limn_alarm){.rate_factor = 1}; }

void limn_alarm_restart(limn_alarm *a, uint64_t step) {
  *a = (limn_alarm){.since = step,
                    .restores = a->restores,
                    .healthy = a->healthy,
                    .has_healthy = a->has_healthy,
                    .rate_factor = a->rate_factor};
}

/* Of a discriminator that gives every picture the same score, between its targets. 0: there is no such. */
static double idle_loss(const limn_config *c) {
  switch ((limn_gan_loss)c->loss) {
  case LIMN_GAN_WASSERSTEIN:
    return 0;
  case LIMN_GAN_LEAST_SQUARES:
    return 0.25;
  case LIMN_GAN_HINGE:
    return 2;
  case LIMN_GAN_RELATIVISTIC:
    return log(2);
  default:
    return 2 * log(2);
  }
}

/* Adds the measure to the signal of its name; false: there is none. */
static bool add_signal(limn_signals *s, const char *name, double value) {
  const struct {
    const char *name;
    double *field;
  } all[] = {{"loss_d", &s->loss_d}, {"loss_g", &s->loss_g},           {"d_real", &s->d_real},
             {"d_fake", &s->d_fake}, {"grad_norm_d", &s->grad_norm_d}, {"grad_norm_g", &s->grad_norm_g}};
  for (size_t i = 0; i < sizeof all / sizeof *all; ++i)
    if (strcmp(all[i].name, name) == 0) {
      *all[i].field += value;
      return true;
    }
  return false;
}

limn_verdict limn_alarm_add_step(limn_alarm *a, const limn_config *c, uint64_t step, const limn_measure *measures,
                                 int count) {
  bool won = false, known = false;
  for (int i = 0; i < count; ++i) {
    known = add_signal(&a->sums, measures[i].name, measures[i].value) || known;
    if (strcmp(measures[i].name, "loss_d") == 0)
      won = limn_balance_add(&a->balance, (limn_gan_loss)c->loss, c->label_smoothing, step, measures[i].value);
  }
  a->steps += known;
  return won ? LIMN_VERDICT_DISCRIMINATOR_WON : LIMN_VERDICT_NONE;
}

static void take_means(limn_alarm *a) {
  const double n = a->steps ? (double)a->steps : 1;
  a->means = (limn_signals){a->sums.loss_d / n, a->sums.loss_g / n,      a->sums.d_real / n,
                            a->sums.d_fake / n, a->sums.grad_norm_d / n, a->sums.grad_norm_g / n};
  a->sums = (limn_signals){0};
  a->steps = 0;
}

/* The lesser of the two: pictures may be near to each other one by one, or all in one place. */
static double difference(const limn_sight *s) { return fmin(s->variety, s->spread); }

static bool is_poor(const limn_sight *s) { return difference(s) < LEAST; }

/* Whether samples are on their way from grey to pictures. */
static bool grows(const limn_alarm *a) {
  const uint64_t oldest = a->looks < LIMN_ALARM_LOOKS ? 0 : a->looks % LIMN_ALARM_LOOKS;
  return a->looks == 0 || difference(&a->sight) > a->before[oldest] + GROWTH;
}

/* Samples differ too little: after they did, or when they have had time to and no longer come nearer to it. */
static bool speaks_for_collapse(const limn_alarm *a, uint64_t step) {
  const bool differed = a->most >= BACK * LEAST;
  return is_poor(&a->sight) && (differed || (step - a->since >= GRACE && !grows(a)));
}

/* Whether this look speaks for each of the verdicts. */
static void judge(const limn_alarm *a, const limn_config *c, uint64_t step, bool speaks[LIMN_VERDICTS]) {
  const double idle = idle_loss(c);
  const bool known = a->looks >= LIMN_ALARM_LOOKS;
  speaks[LIMN_VERDICT_COLLAPSED] = speaks_for_collapse(a, step);
  speaks[LIMN_VERDICT_DIVERGING] = known && (a->means.grad_norm_d > EXPLODED * fmax(SMALL, a->early_d) ||
                                             a->means.grad_norm_g > EXPLODED * fmax(SMALL, a->early_g));
  speaks[LIMN_VERDICT_SATURATED] = known && a->means.grad_norm_g < VANISHED * a->most_g;
  speaks[LIMN_VERDICT_GENERATOR_WON] = idle > 0 && a->means.loss_d > FOOLED * idle;
  speaks[LIMN_VERDICT_DISCRIMINATOR_AHEAD] =
      c->loss == LIMN_GAN_NON_SATURATING && a->means.loss_g > AHEAD && !a->balance.lost && !is_poor(&a->sight);
}

static void remember(limn_alarm *a) {
  const double now = difference(&a->sight);
  a->before[a->looks % LIMN_ALARM_LOOKS] = now;
  a->usual = a->looks ? a->usual + SMOOTHING * (now - a->usual) : now;
  a->most = fmax(a->most, a->usual);
  if (a->looks < LIMN_ALARM_LOOKS) {
    a->early_d = fmax(a->early_d, a->means.grad_norm_d);
    a->early_g = fmax(a->early_g, a->means.grad_norm_g);
  }
  a->most_g = fmax(a->most_g, a->means.grad_norm_g);
  ++a->looks;
}

/* Whether a verdict that stands is over. */
static bool is_over(const limn_alarm *a, limn_verdict verdict, bool speaks) {
  if (verdict == LIMN_VERDICT_COLLAPSED)
    return difference(&a->sight) > BACK * LEAST;
  return !speaks;
}

limn_verdict limn_alarm_add_look(limn_alarm *a, const limn_config *c, uint64_t step, const limn_sight *sight) {
  bool speaks[LIMN_VERDICTS] = {false};
  limn_verdict news = LIMN_VERDICT_NONE;
  a->sight = *sight;
  take_means(a);
  judge(a, c, step, speaks);
  remember(a);
  for (int v = LIMN_VERDICTS - 1; v > LIMN_VERDICT_NONE; --v) { /* the first ones count most */
    const uint64_t bit = UINT64_C(1) << v;
    a->in_a_row[v] = speaks[v] ? a->in_a_row[v] + 1 : 0;
    if ((a->told & bit) && is_over(a, (limn_verdict)v, speaks[v]))
      a->told &= ~bit;
    const uint64_t needed = v == LIMN_VERDICT_DISCRIMINATOR_AHEAD ? AHEAD_LOOKS : LIMN_ALARM_LOOKS;
    if (a->in_a_row[v] < needed || (a->told & bit))
      continue;
    a->told |= bit;
    news = (limn_verdict)v;
  }
  return news;
}

bool limn_alarm_is_new(const limn_alarm *a) {
  return a->steps == 0 && a->looks == 0 && a->restores == 0 && !a->has_healthy;
}

bool limn_alarm_is_calm(const limn_alarm *a) {
  const uint64_t bad = UINT64_C(1) << LIMN_VERDICT_COLLAPSED | UINT64_C(1) << LIMN_VERDICT_DIVERGING |
                       UINT64_C(1) << LIMN_VERDICT_SATURATED | UINT64_C(1) << LIMN_VERDICT_GENERATOR_WON;
  return a->looks > 0 && !(a->told & bad) && !is_poor(&a->sight) && difference(&a->sight) >= CALM * fmin(a->most, 1);
}
