/* What follows from a verdict: a line, the end of the run, or a checkpoint that is taken again. */
#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "train/trainer.h"

#define MESSAGE_SIZE 1024

/* Whether a verdict is one that ends a run or takes it back: of the others pictures may still come. */
static bool is_failure(limn_verdict verdict) {
  return verdict == LIMN_VERDICT_COLLAPSED || verdict == LIMN_VERDICT_DIVERGING || verdict == LIMN_VERDICT_SATURATED ||
         verdict == LIMN_VERDICT_GENERATOR_WON;
}

/* The checkpoint to go back to: the best, where evaluations choose one, else the newest that was in order. */
static bool find_target(const limn_trainer *t, uint64_t *step) {
  uint64_t marked;
  if (t->evaluation && t->state.best_step > 0 && limn_run_marked(t->run, "best", &marked) == LIMN_OK &&
      marked == t->state.best_step) {
    *step = marked;
    return true;
  }
  *step = t->alarm.healthy;
  return t->alarm.has_healthy && limn_run_marked(t->run, LIMN_HEALTHY, &marked) == LIMN_OK && marked == *step;
}

/* Weights, averages and moments of that step; the count of steps, the data and all random numbers go on. */
static limn_status restore(limn_trainer *t, uint64_t target, const char *why) {
  char path[LIMN_PATH_SIZE];
  limn_progress_state old;
  LIMN_TRY(limn_checkpoint_load(t->session.store, &old, limn_run_checkpoint_path(t->run, target, path, sizeof path)));
  t->session.settled = old.settled;
  t->state.worse = 0; /* patience begins anew */
  t->ending = (limn_ending){0};
  limn_alarm_restart(&t->alarm, t->state.step);
  ++t->alarm.restores;
  t->alarm.rate_factor *= t->config->restore_rate;
  t->session.rate_factor = t->alarm.rate_factor;
  const limn_measure measures[] = {{"restored_from", (double)target}, {"rate_factor", t->alarm.rate_factor}};
  LIMN_TRY(limn_trainer_log(t, t->state.step, measures, sizeof measures / sizeof *measures));
  limn_trainer_notice(t, "%s", why);
  limn_trainer_notice(t,
                      "restored the weights of step %" PRIu64 " at step %" PRIu64
                      ", and the learning rates are %.3g of what the settings say: restore %" PRIu64 " of %d",
                      target, t->state.step, t->alarm.rate_factor, t->alarm.restores, t->config->restore_limit);
  return LIMN_OK;
}

limn_status limn_trainer_act(limn_trainer *t, limn_verdict verdict, bool *restored) {
  char why[MESSAGE_SIZE];
  uint64_t target;
  *restored = false;
  if (verdict == LIMN_VERDICT_NONE)
    return LIMN_OK;
  limn_alarm_tell(&t->alarm, t->config, verdict, t->state.step, why, sizeof why);
  if (!is_failure(verdict) || t->config->on_collapse == LIMN_COLLAPSE_WARN) {
    limn_trainer_notice(t, "%s", why);
    return LIMN_OK;
  }
  const bool restoring = t->config->on_collapse == LIMN_COLLAPSE_RESTORE;
  const bool left = t->alarm.restores < (uint64_t)t->config->restore_limit;
  if (restoring && left && find_target(t, &target)) {
    *restored = true;
    return restore(t, target, why);
  }
  if (restoring && left)
    return limn_fail(LIMN_DIVERGED, "%s; there is no checkpoint to restore that was in order", why);
  if (restoring)
    return limn_fail(LIMN_DIVERGED, "%s; it has been restored %" PRIu64 " times already (restore_limit)", why,
                     t->alarm.restores);
  return limn_fail(LIMN_DIVERGED, "%s", why);
}

limn_status limn_trainer_save_start(limn_trainer *t) {
  if (!t->watch || t->config->on_collapse != LIMN_COLLAPSE_RESTORE || t->state.step > 0)
    return LIMN_OK;
  t->alarm.has_healthy = 1;
  t->alarm.healthy = 0;
  return limn_trainer_save(t, false);
}
